import assert from "node:assert/strict";
import { test } from "node:test";
import { RowIndex } from "./row-index.ts";

function createIndex(rowsMax: number) {
  const index = new RowIndex(2, rowsMax);
  const key = (a: number, b: number) => {
    index.probe[0] = a;
    index.probe[1] = b;
    return index;
  };
  return { index, key };
}

test("rows are numbered as they are added, and found again after growing", () => {
  const { index, key } = createIndex(10_000);
  for (let i = 0; i < 5000; i++) assert.equal(key(i, i * 7).findOrAdd(), i);
  for (let i = 0; i < 5000; i++) assert.equal(key(i, i * 7).find(), i);
  assert.equal(key(5000, 1).find(), -1);
  assert.equal(index.word(4999, 1), 4999 * 7);
});

test("beyond its bound it has no room, and known keys are still found", () => {
  const { key } = createIndex(2);
  key(1, 1).findOrAdd();
  key(2, 2).findOrAdd();
  assert.equal(key(3, 3).findOrAdd(), -1);
  assert.equal(key(2, 2).findOrAdd(), 1);
});

test("compacting keeps what is wanted in order, and says what moved", () => {
  const { index, key } = createIndex(100);
  for (let i = 0; i < 10; i++) key(i, 0).findOrAdd();
  const moves: number[][] = [];
  index.compact(
    (row) => row % 3 === 0,
    (...move) => moves.push(move),
  );
  assert.equal(index.count, 4);
  assert.deepEqual(moves, [
    [3, 1],
    [6, 2],
    [9, 3],
  ]);
  assert.equal(key(9, 0).find(), 3);
  assert.equal(key(1, 0).find(), -1);
  assert.equal(key(1, 0).findOrAdd(), 4);
});

test("it agrees with a plain map through random additions and compactions", () => {
  const { index, key } = createIndex(100_000);
  const oracle = new Map<string, number>();
  let seed = 7;
  const random = (n: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return (seed >>> 10) % n;
  };
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 2000; i++) {
      const [a, b] = [random(5000), random(2) * 0xffffffff];
      const row = key(a, b).findOrAdd();
      const known = oracle.get(`${a} ${b}`);
      assert.equal(row, known ?? oracle.size);
      if (known === undefined) oracle.set(`${a} ${b}`, row);
    }
    const kept = [...oracle.keys()].filter((_, row) => row % 5 !== round % 5);
    index.compact(
      (row) => row % 5 !== round % 5,
      () => {},
    );
    oracle.clear();
    for (const name of kept) oracle.set(name, oracle.size);
  }
  index.clear();
  assert.equal(key(1, 1).find(), -1);
});
