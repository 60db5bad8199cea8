import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMilliseconds,
  formatRate,
  shorten,
} from "./units.ts";

test("bytes are decimal, with three digits", () => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [0.5, "0.5 B"],
    [999, "999 B"],
    [999.6, "1.00 kB"],
    [1000, "1.00 kB"],
    [12_345, "12.3 kB"],
    [999_950, "1.00 MB"],
    [123_456_789, "123 MB"],
    [2 ** 53, "9.01 PB"],
    [5e18, "5000 PB"],
  ];
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text, String(bytes));
  assert.equal(formatRate(1500), "1.50 kB/s");
});

test("counts stay whole while they are short", () => {
  assert.equal(formatCount(9999), "9999");
  assert.equal(formatCount(12_000), "12.0k");
});

test("times and durations", () => {
  assert.equal(formatMilliseconds(null), "–");
  assert.equal(formatMilliseconds(0.25), "0.25 ms");
  assert.equal(formatMilliseconds(1234), "1.23 s");
  assert.equal(formatDuration(900_000), "15 min");
  assert.equal(formatDuration(-5), "0 s");
});

test("a long name keeps both ends", () => {
  assert.equal(shorten("short", 10), "short");
  assert.equal(shorten("abcdefghijklmnop", 10), "abcdef…nop");
  assert.equal(shorten("x".repeat(253), 24).length, 24);
});
