import assert from "node:assert/strict";
import { test } from "node:test";
import { RecentCounter, RecentMaximum } from "./recent.ts";

const start = 1_800_000_000_000;
const second = 1000;

test("what was counted leaves after a minute, to within ten seconds; the total stays", () => {
  const counter = new RecentCounter();
  for (let i = 0; i < 60; i++) counter.add(2, start + i * second);
  assert.equal(counter.recent(start + 59 * second), 120);
  assert.equal(counter.recent(start + 65 * second), 100, "the first ten seconds have left");
  assert.equal(counter.recent(start + 119 * second), 0);
  assert.equal(counter.total, 120);
});

test("a pause of any length empties the minute", () => {
  for (const pause of [61, 70, 125, 10_000]) {
    const counter = new RecentCounter();
    counter.add(5, start);
    counter.add(1, start + pause * second);
    assert.equal(counter.recent(start + pause * second), 1, `${pause} s`);
  }
});

test("the rate of one that is young is over the time since it began", () => {
  const counter = new RecentCounter();
  counter.add(100, start);
  assert.equal(counter.rate(start), 100);
  counter.add(100, start + 4 * second);
  assert.equal(counter.rate(start + 4 * second), 50);
  for (let i = 5; i < 300; i++) counter.add(10, start + i * second);
  assert.ok(Math.abs(counter.rate(start + 299 * second) - 10) < 1);
});

test("a clock that goes back counts as now", () => {
  const counter = new RecentCounter();
  counter.add(1, start);
  counter.add(1, start - 3_600_000);
  assert.equal(counter.recent(start), 2);
});

test("the largest value of a minute, gone when the minute is", () => {
  const maximum = new RecentMaximum();
  assert.equal(maximum.value(start), undefined);
  maximum.take(-500, start);
  maximum.take(-20, start + second);
  maximum.take(-90, start + 30 * second);
  assert.equal(maximum.value(start + 30 * second), -20);
  assert.equal(maximum.value(start + 65 * second), -90);
  assert.equal(maximum.value(start + 200 * second), undefined);
});
