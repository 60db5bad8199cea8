import assert from "node:assert/strict";
import { test } from "node:test";
import { epochsMax, Ingested, instanceEpochsMax } from "./ingested.ts";

const message = (sequence: number, epoch = "e", instance = "i") => ({
  ...{ instance, epoch, sequence, node: "n", agentVersion: "1", seen: sequence },
});

test("what a commit did not write is not had, nor told as had by the next one", async () => {
  const ingested = new Ingested();
  const first = ingested.add(message(1));
  const failing = ingested.take();
  const second = ingested.add(message(2)); // while the first is being written
  failing.settle(false);
  assert.equal(await first, false);
  const succeeding = ingested.take();
  assert.deepEqual(
    succeeding.epochs.map(({ window }) => [window.highest, window.bits]),
    [[2, 1n]],
  );
  assert.equal(ingested.has("e", 2), false);
  succeeding.settle(true);
  assert.equal(await second, true);
  assert.deepEqual([ingested.has("e", 1), ingested.has("e", 2)], [false, true]);
});

test("several messages of several epochs go into one commit", () => {
  const ingested = new Ingested();
  for (const [sequence, epoch] of [
    [3, "a"],
    [1, "a"],
    [9, "b"],
  ] as const)
    void ingested.add(message(sequence, epoch));
  const { epochs, settle } = ingested.take();
  assert.deepEqual(
    epochs.map(({ epoch, window }) => [epoch, window.highest, window.bits]),
    [
      ["a", 3, 0b101n],
      ["b", 9, 1n],
    ],
  );
  settle(true);
  assert.deepEqual(ingested.take().epochs, []);
});

test("beyond the bound, the epoch that was seen longest ago is forgotten", () => {
  const ingested = new Ingested();
  const commit = (...epochs: string[]) => {
    for (const epoch of epochs) void ingested.add(message(1, epoch, `instance of ${epoch}`));
    ingested.take().settle(true);
  };
  commit("old", "older");
  commit(...Array.from({ length: epochsMax - 2 }, (_, i) => `e${i}`));
  void ingested.add(message(2, "old", "instance of old"));
  ingested.take().settle(true);
  commit("new");
  assert.deepEqual(
    [ingested.has("old", 1), ingested.has("older", 1), ingested.has("new", 1)],
    [true, false, true],
  );
  assert.equal([...ingested.epochs()].length, epochsMax);
});

test("an agent that starts over and over forgets starts of its own, and of nobody else", () => {
  const ingested = new Ingested();
  void ingested.add(message(1, "victim", "another"));
  for (let i = 0; i < epochsMax + 10; i++) void ingested.add(message(1, `e${i}`));
  ingested.take().settle(true);
  assert.equal(ingested.has("victim", 1), true);
  const last = epochsMax + 9;
  assert.deepEqual(
    [last, last - instanceEpochsMax + 1, last - instanceEpochsMax].map((i) => ingested.has(`e${i}`, 1)),
    [true, true, false],
  );
  const again = new Ingested();
  again.load(ingested.epochs());
  assert.deepEqual([...again.epochs()], [...ingested.epochs()]);
  assert.equal([...again.epochs()].length, instanceEpochsMax + 1);
});
