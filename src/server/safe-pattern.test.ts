import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "./problem.ts";
import { compilePattern, filterPatiently } from "./safe-pattern.ts";

test("patterns are Go's, unanchored", () => {
  for (const [pattern, text, found] of [
    ["web", "shop/web-1", true],
    ["^web", "shop/web-1", false],
    ["(?i)WEB-\\d+$", "shop/web-1", true],
    ["a|10\\.0\\.0\\..*", "10.0.0.7", true],
    ["\\p{Greek}", "λ", true],
  ] as const)
    assert.equal(compilePattern("include", pattern)!.test(text), found, pattern);
  assert.equal(compilePattern("include", undefined), undefined);
  assert.equal(compilePattern("include", ""), undefined);
});

test("one that is none, is too long, or would be too large is a 400 that says which", () => {
  for (const pattern of [
    "(",
    "[a-",
    "a{1,9999}",
    "(((a{1000}){1000}){1000})",
    "\\",
    "(?<=a)b",
    "x".repeat(257),
  ]) {
    assert.throws(
      () => compilePattern("exclude", pattern),
      (error: Problem) =>
        error instanceof Problem && error.status === 400 && error.message.startsWith("exclude: "),
      pattern,
    );
  }
});

test("patterns that make other engines run for ever do not", () => {
  const text = `${"a".repeat(160)}!`;
  for (const pattern of ["(a+)+$", "(a|aa)+$", "(.*)*x", "^(a|a?)+$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
    assert.equal(compilePattern("include", pattern)!.test(text), false, pattern);
});

test("random patterns are refused or answered, and nothing else is thrown", () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1e9);
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const parts = [
    "a",
    "b",
    ".",
    "*",
    "+",
    "?",
    "{2}",
    "{3,}",
    "{,4}",
    "(",
    ")",
    "(?:",
    "(?i)",
    "[",
    "]",
    "^",
    "-",
    "|",
    "\\",
    "\\d",
    "\\pL",
    "\\x{41}",
    "$",
    "\0",
    "\ud800",
    "é",
  ];
  for (let round = 0; round < 5000; round++) {
    const pattern = Array.from({ length: random(12) }, () => parts[random(parts.length)]!).join("");
    try {
      compilePattern("include", pattern)?.test("aab10.0.0.1é");
    } catch (error) {
      assert.ok(
        error instanceof Problem && error.status === 400,
        `seed ${seed}: ${JSON.stringify(pattern)}: ${error}`,
      );
    }
  }
});

test("what takes too long altogether is a 400, and others get their turn before", async () => {
  let [milliseconds, turns, looked] = [0, 0, 0];
  const takesTurns = () => void setImmediate(() => ++turns < 1000 && takesTurns());
  takesTurns();
  const endless = filterPatiently(
    Array.from({ length: 100_000 }),
    () => {
      looked++;
      milliseconds += 5;
      return true;
    },
    () => milliseconds,
  );
  await assert.rejects(
    endless,
    (error: Problem) => error.status === 400 && error.code === "pattern_too_costly",
  );
  assert.equal(looked, 2020 / 5, "stretches of 20 ms, until 2 s are over");
  assert.ok(turns >= 100, `others had ${turns} turns, one between two stretches`);
  assert.deepEqual(await filterPatiently([1, 2, 3], (n) => n !== 2), [1, 3]);
});
