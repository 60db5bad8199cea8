import assert from "node:assert/strict";
import { test } from "node:test";
import type { Series } from "../data/answers.ts";
import { directionSeries } from "./direction-series.ts";

const series = (times: number[], sent: number[], received: number[]): Series => ({
  from: 0,
  to: 0,
  step: 60_000,
  metric: "bytes",
  times,
  series: [{ group: [], sent, received }],
});

test("totals per step become bytes per second", () => {
  const { times, out, in: into } = directionSeries(series([0, 60_000], [600, 0], [60, 6000]));
  assert.deepEqual(
    [times, out, into],
    [
      [0, 60],
      [10, 0],
      [1, 100],
    ],
  );
});

test("a server sends what its links received", () => {
  const asClient = series([0], [600], [60]);
  const { out, in: into } = directionSeries(asClient, series([0, 60_000], [60, 60], [600, 600]));
  assert.deepEqual(
    [out, into],
    [
      [20, 10],
      [2, 1],
    ],
  );
});

test("no series at all is a flat nothing", () => {
  assert.deepEqual(directionSeries({ ...series([0], [], []), series: [] }).out, [0]);
});

test("a step that is not over has the rate of its time so far", () => {
  const { out } = directionSeries(series([0, 60_000], [600, 200], [0, 0]), undefined, 80_000);
  assert.deepEqual(out, [10, 10]);
});
