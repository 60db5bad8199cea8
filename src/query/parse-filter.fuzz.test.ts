import assert from "node:assert/strict";
import test from "node:test";
import { compileFilter, filterLimits, parseFilter } from "./index.ts";
import { createRandom, randomSubject } from "./random-subject.ts";

/** Pieces that make nearly right filters far more often than random characters do. */
const pieces = [
  ...'()-,:*"\\<>= \t.',
  "name",
  "port",
  "address",
  "bytes",
  "rtt",
  "client.",
  "source.",
  "AND ",
  "OR ",
  "NOT ",
  "10.0.0.0/8",
  "2001:db8::/32",
  "80",
  "10MB",
  "☃",
  "\u0000",
  "\ud800",
];

test("no text makes the parser throw, and what it accepts can be evaluated", () => {
  const seed = Number(process.env.SEED ?? 20_261_121);
  const random = createRandom(seed);
  const subject = randomSubject(random);
  let acceptedCount = 0;
  for (let run = 0; run < 30_000; run++) {
    const length = 1 + Math.floor(random() * (run % 100 === 0 ? 600 : 14));
    const text = Array.from({ length }, () => pieces[Math.floor(random() * pieces.length)]).join("");
    const { filter, error } = parseFilter(text);
    if (error === undefined) {
      acceptedCount++;
      assert.equal(typeof compileFilter(filter)(subject), "boolean", `seed ${seed}: ${text}`);
      continue;
    }
    const isInside = error.position >= 0 && error.position + error.length <= text.length;
    assert.ok(isInside && error.message !== "", `seed ${seed}: ${JSON.stringify(text)}`);
  }
  assert.ok(acceptedCount > 1000, `only ${acceptedCount} texts were accepted`);
});

test("the longest texts of one kind are read without recursion or backtracking", () => {
  for (const piece of [
    "(",
    "-",
    "a ",
    '"',
    "\\",
    "*",
    "a*",
    "NOT ",
    "a:",
    "name:a OR ",
    "1.",
    ",",
    "a,",
    ":",
    "10.1.2.3 ",
  ]) {
    parseFilter(piece.repeat(filterLimits.textLength).slice(0, filterLimits.textLength));
  }
});
