import assert from "node:assert/strict";
import { test } from "node:test";
import { SequenceWindow } from "./sequence-window.ts";

test("agrees with a set of all that came, as long as nothing comes later than the window", () => {
  let state = 7;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let run = 0; run < 200; run++) {
    const window = new SequenceWindow();
    const had = new Set<number>();
    let base = 1;
    for (let step = 0; step < 300; step++) {
      base += random(run % 5 === 0 ? 40 : 3);
      const sequence = Math.max(1, base - random(60));
      const isTooOld = window.highest - sequence >= 64;
      assert.equal(
        window.has(sequence),
        had.has(sequence) || isTooOld,
        `run ${run} step ${step}: ${sequence}`,
      );
      window.add(sequence);
      had.add(sequence);
      base = Math.max(base, window.highest);
    }
  }
});

test("what lies further back than the window counts as had", () => {
  const window = new SequenceWindow();
  window.add(100);
  assert.deepEqual(
    [window.has(36), window.has(37), window.has(100), window.has(101)],
    [true, false, true, false],
  );
  window.add(36);
  assert.deepEqual([window.highest, window.bits], [100, 1n]);
  window.add(1000);
  assert.deepEqual([window.has(936), window.has(937)], [true, false]);
});
