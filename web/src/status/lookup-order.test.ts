import assert from "node:assert/strict";
import { test } from "node:test";
import { isTroubled, worstFirst } from "./lookup-order.ts";

test("resolvers that time out come first, then the most asked", () => {
  const row = (address: string, queryCount: number, timedOutCount: number, failureCounts = {}) => ({
    ...{ address, queryCount, timedOutCount, failureCounts },
  });
  const [busy, slow, quiet] = [row("a", 90, 0, { NXDOMAIN: 50 }), row("b", 5, 2), row("c", 1, 0)];
  assert.deepEqual(worstFirst([quiet, busy, slow]), [slow, busy, quiet]);
  assert.deepEqual([busy, slow, quiet].map(isTroubled), [true, true, false]);
});
