import assert from "node:assert/strict";
import { test } from "node:test";
import { linkCounters } from "./link-counters.ts";
import { addTotals, emptyTotals } from "./link-totals.ts";

test("every counter there is begins at 0 and is summed by itself", () => {
  const empty = emptyTotals();
  for (const name of linkCounters) assert.equal(empty[name], 0, name);
  for (const [i, counted] of linkCounters.entries()) {
    const sum = emptyTotals();
    const part = { ...emptyTotals(), [counted]: i + 1 };
    addTotals(sum, part);
    addTotals(sum, part);
    for (const name of linkCounters) assert.equal(sum[name], name === counted ? 2 * (i + 1) : 0, name);
  }
});
