import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "./turns.ts";

test("one at a time, each asker in turn; what fails does not stop the rest", async () => {
  const turns = new Turns();
  const order: string[] = [];
  let running = 0;
  const work = (name: string) => async () => {
    assert.equal(++running, 1, "never two at once");
    await new Promise(setImmediate);
    running--;
    order.push(name);
    if (name === "a2") throw new Error("a2 fails");
    return name;
  };
  const all = ["a1", "a2", "a3", "b1", "a4", "c1"].map((name) => turns.take(name[0]!, work(name)));
  const results = await Promise.allSettled(all);
  assert.deepEqual(order, ["a1", "a2", "b1", "c1", "a3", "a4"]);
  assert.deepEqual(
    results.map((result) => (result.status === "fulfilled" ? result.value : "failed")),
    ["a1", "failed", "a3", "b1", "a4", "c1"],
  );
  assert.equal(await turns.take("a", work("a5")), "a5", "it begins again after a pause");
});
