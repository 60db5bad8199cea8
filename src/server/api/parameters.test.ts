import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../problem.ts";
import { Parameters, parseTime, windowOf } from "./parameters.ts";

const now = Date.parse("2026-03-01T12:00:00Z");

function read(query: Record<string, unknown>, accepted = Object.keys(query)): Parameters {
  return new Parameters(query, accepted, now);
}

function windowAsked(query: Record<string, string>) {
  const given = read(query);
  return windowOf({ from: given.time("from"), to: given.time("to") }, now);
}

function problemOf(ask: () => unknown): Problem {
  try {
    ask();
  } catch (error) {
    assert.ok(error instanceof Problem, String(error));
    return error;
  }
  return assert.fail("nothing was wrong");
}

const times: [string, number | undefined][] = [
  ["now", now],
  ["0", 0],
  ["1700000000000", 1_700_000_000_000],
  ["253402300799999", 253_402_300_799_999],
  ["253402300800000", undefined],
  ["2026-03-01T11:00:00Z", now - 3_600_000],
  ["2026-03-01T11:00Z", now - 3_600_000],
  ["2026-03-01T13:00:00+02:00", now - 3_600_000],
  ["2026-03-01T11:59:59.750Z", now - 250],
  ["-30s", now - 30_000],
  ["-15m", now - 900_000],
  ["-6h", now - 21_600_000],
  ["-7d", now - 604_800_000],
  ["-999999d", undefined],
  ["", undefined],
  ["15m", undefined],
  ["+15m", undefined],
  ["-15", undefined],
  ["-15w", undefined],
  ["-1.5h", undefined],
  ["-1", undefined],
  ["1e12", undefined],
  ["yesterday", undefined],
  ["2026-03-01", undefined],
  ["2026-13-01T00:00:00Z", undefined],
  ["2026-03-01T11:00:00 02:00", undefined],
  ["99999999999999999999", undefined],
];
for (const [text, time] of times) {
  test(`the time "${text}" is ${time ?? "none"}`, () => assert.equal(parseTime(text, now), time));
}

test("the window is the last 15 minutes, ends now, or is as said", () => {
  const minutes = (query: Record<string, string>) => {
    const { from, to } = windowAsked(query);
    return [(from - now) / 60_000, (to - now) / 60_000];
  };
  assert.deepEqual(minutes({}), [-15, 0]);
  assert.deepEqual(minutes({ from: "-60m" }), [-60, 0]);
  assert.deepEqual(minutes({ to: "-60m" }), [-75, -60]);
  assert.deepEqual(minutes({ from: "-2h", to: "-1h" }), [-120, -60]);
  assert.deepEqual(minutes({ from: "", to: "" }), [-15, 0], "an empty value is as good as none");
});

test("a window that is empty or no time is refused, with what is accepted", () => {
  for (const query of [{ from: "now" }, { from: "-1h", to: "-2h" }]) {
    const problem = problemOf(() => windowAsked(query));
    assert.deepEqual(
      [problem.status, problem.code, problem.extra.parameter],
      [400, "parameter_invalid", "from"],
    );
    assert.match(problem.message, /window is empty/);
  }
  const problem = problemOf(() => windowAsked({ to: "soon" }));
  assert.equal(
    problem.message,
    'to: "soon" is no time; accepted: RFC 3339, unix milliseconds, now, or relative such as -15m, -6h, -7d',
  );
  assert.deepEqual(problem.extra, { parameter: "to" });
});

test("an unknown name is refused, with the names there are", () => {
  const problem = problemOf(() => read({ form: "-15m" }, ["from", "to"]));
  assert.equal(problem.message, "form: no such parameter; accepted: from, to");
  assert.deepEqual([problem.status, problem.extra], [400, { parameter: "form" }]);
});

test("a name given twice is refused", () => {
  assert.equal(problemOf(() => read({ from: ["-1m", "-2m"] })).message, "from: given more than once");
});

test("whole numbers keep to their bounds", () => {
  const bounds = { fallback: 7, min: 1, max: 100 };
  const limit = (text: string) => read({ limit: text }).integer("limit", bounds);
  assert.equal(read({}).integer("limit", bounds), 7);
  assert.deepEqual(["1", "100", "042"].map(limit), [1, 100, 42]);
  for (const text of ["0", "101", "-1", "1.5", "1e1", "ten", " 5", "0x10", "9".repeat(400)]) {
    const problem = problemOf(() => limit(text));
    assert.match(problem.message, /^limit: ".*" is not a whole number from 1 to 100$/);
    assert.equal(problem.extra.parameter, "limit");
  }
});

test("a long value is not repeated whole", () => {
  const { message } = problemOf(() =>
    read({ limit: "x".repeat(5000) }).integer("limit", { fallback: 1, min: 1, max: 2 }),
  );
  assert.ok(message.length < 150);
});

test("one of several, and lists of several, name what is accepted", () => {
  const colours = ["red", "green", "blue"] as const;
  assert.equal(read({}).oneOf("c", colours), undefined);
  assert.equal(read({ c: "red" }).oneOf("c", colours), "red");
  assert.equal(
    problemOf(() => read({ c: "Red" }).oneOf("c", colours)).message,
    'c: "Red" is not known; accepted: red, green, blue',
  );
  assert.deepEqual(read({}).listOf("c", colours, 2), []);
  assert.deepEqual(read({ c: "blue, red" }).listOf("c", colours, 2), ["blue", "red"]);
  assert.equal(
    problemOf(() => read({ c: "red,green,blue" }).listOf("c", colours, 2)).message,
    "c: at most 2 of: red, green, blue",
  );
  assert.match(problemOf(() => read({ c: "red,,blue" }).listOf("c", colours, 3)).message, /"" is not known/);
});

test("a filter is parsed; a mistake in it is a 400 with its place", () => {
  assert.equal(read({}).filter(), undefined);
  assert.ok(read({ filter: "port:443" }).filter());
  const problem = problemOf(() => read({ filter: "port:443 nmae:curl" }).filter());
  assert.deepEqual([problem.status, problem.code], [400, "filter_invalid"]);
  assert.equal(problem.extra.position, 9);
  assert.equal(problem.extra.length, 4);
  assert.ok(problem.extra.found !== undefined && problem.extra.expected !== undefined);
});

test("flow records have a source and a destination, links have none", () => {
  assert.ok(read({ filter: "source.port:443" }).filter("flows"));
  assert.equal(problemOf(() => read({ filter: "source.port:443" }).filter("links")).code, "filter_invalid");
});
