import assert from "node:assert/strict";
import { test } from "node:test";
import { stackSeries } from "./stack.ts";

const series = {
  ...{ from: 0, to: 120_000, step: 60_000, metric: "bytes", times: [0, 60_000] },
  series: [
    { group: ["small"], sent: [60, 0], received: [0, 120] },
    { group: ["large"], sent: [600, 600], received: [60, 60] },
  ],
};

test("the heaviest lies at the line, others upon it; sent goes up and received down, per second", () => {
  const { times, layers } = stackSeries(series);
  assert.deepEqual(times, [0, 60]);
  assert.deepEqual(
    layers.map(({ group, top, bottom, peak, total }) => ({ group, top, bottom, peak, total })),
    [
      { group: ["large"], top: [10, 10], bottom: [-1, -1], peak: 11, total: 1320 },
      { group: ["small"], top: [11, 10], bottom: [-1, -3], peak: 2, total: 180 },
    ],
  );
});

test("the last step is of the time it has had", () => {
  assert.deepEqual(stackSeries(series, 90_000).layers[0]!.sent, [10, 20]);
});

test("without a direction nothing goes down", () => {
  const { layers } = stackSeries({ ...series, series: [{ group: ["a"], sent: [60, 60] }] });
  assert.deepEqual(layers[0]!.bottom, [0, 0]);
});
