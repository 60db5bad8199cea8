import assert from "node:assert/strict";
import { test } from "node:test";
import type { Status } from "../data/answers.ts";
import { dropCount, lookAtRecords } from "./record-rate.ts";

const status = (...records: number[]) =>
  ({
    collector: {
      records: records.reduce((sum, count) => sum + count, 0),
      exporters: records.map(() => ({ drops: { template_missing: 2 } })),
    },
  }) as unknown as Status;

test("the rate needs two looks", () => {
  const first = lookAtRecords(status(100, 50), 1000, undefined);
  assert.equal(first.perSecond, undefined);
  assert.equal(lookAtRecords(status(200, 50), 3000, first).perSecond, 50);
});

test("a restarted server is not a negative rate", () => {
  const first = lookAtRecords(status(1000), 1000, undefined);
  assert.equal(lookAtRecords(status(10), 2000, first).perSecond, 0);
});

test("drops are added over exporters and reasons", () => {
  assert.equal(dropCount(status(1, 1)), 4);
});
