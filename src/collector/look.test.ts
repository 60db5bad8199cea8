import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createLook } from "./look.ts";

function createClocked(tookMilliseconds: number) {
  const clock = { now: 5000 };
  const taken = { count: 0, fail: false };
  const look = createLook(
    async () => {
      taken.count++;
      await turn();
      clock.now += tookMilliseconds;
      if (taken.fail) throw new Error("the worker is gone");
      return taken.count;
    },
    () => clock.now,
  );
  return { clock, taken, look };
}

test("all who ask at once, and within a second, share a look", async () => {
  const { clock, look } = createClocked(1);
  assert.deepEqual(await Promise.all([look(), look(), look()]), [1, 1, 1]);
  clock.now += 999;
  assert.equal(await look(), 1);
  clock.now += 1;
  assert.equal(await look(), 2);
});

test("a look that took long serves for twenty times as long", async () => {
  const { clock, look } = createClocked(3000);
  await look();
  clock.now += 59_999;
  assert.equal(await look(), 1);
  clock.now += 1;
  assert.equal(await look(), 2);
});

test("a look that failed is not shared with those who come later", async () => {
  const { taken, look } = createClocked(1);
  taken.fail = true;
  await assert.rejects(look(), /the worker is gone/);
  taken.fail = false;
  assert.equal(await look(), 2);
});
