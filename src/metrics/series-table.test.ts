import assert from "node:assert/strict";
import { test } from "node:test";
import { SeriesTable } from "./series-table.ts";

const minute = 60_000;
const start = 1_700_000_000_000;

function createTable(limit: number, staleMinutes = 15) {
  const table = new SeriesTable({
    keyWords: 1,
    counters: 2,
    limit,
    staleMilliseconds: staleMinutes * minute,
  });
  return {
    table,
    add(key: number, value: number, now = start) {
      table.probe[0] = key;
      const at = table.enter(value, now);
      table.values[at]! += value;
      table.values[at + 1]!++;
    },
    /** Values by key, of those told by name; `other` is the rest. */
    told() {
      const named = new Map<number, number>();
      for (let row = 0; row < table.count; row++)
        if (table.isNamed(row)) named.set(table.word(row, 0), table.values[table.placeOf(row)]!);
      return { named, other: table.values[0]! };
    },
  };
}

test("up to the limit each key is told by name, the others as one, at once", () => {
  const { add, told, table } = createTable(2);
  for (const key of [1, 2, 3, 4, 1]) add(key, 10);
  assert.deepEqual(
    [...told().named],
    [
      [1, 20],
      [2, 10],
    ],
  );
  assert.equal(told().other, 20);
  assert.equal(table.hasOther, true);
});

test("a heavy newcomer gets a name, the lightest loses its own and goes on from where it was when it is back", () => {
  const { add, told, table } = createTable(2);
  add(1, 1000);
  add(2, 10);
  add(3, 5000);
  table.rank(start);
  add(3, 7);
  assert.deepEqual(
    [...told().named],
    [
      [1, 1000],
      [3, 7],
    ],
    "what came before it had a name stays in ~other",
  );
  assert.equal(told().other, 5000);
  add(2, 100_000);
  assert.equal(told().other, 105_000);
  table.rank(start);
  add(2, 1);
  assert.equal(told().named.get(2), 11, "its figures from before, and what came since it is back");
});

test("a full table has room again for a heavy newcomer: the lightest are forgotten", () => {
  const { add, told, table } = createTable(2);
  for (let key = 1; key <= 20; key++) add(key, key);
  assert.equal(table.count, 8, "four times the limit");
  table.rank(start);
  assert.equal(table.count, 6, "those with a name, and the four heaviest");
  add(99, 1e6);
  table.rank(start);
  add(99, 5);
  assert.equal(told().named.get(99), 5);
});

test("one that is a little heavier takes nobody's name", () => {
  const { add, told, table } = createTable(1);
  add(1, 100);
  add(2, 140);
  table.rank(start);
  assert.deepEqual([...told().named.keys()], [1]);
  add(2, 20);
  table.rank(start);
  assert.deepEqual([...told().named.keys()], [2]);
});

test("heavy is who is heavy now: an old one fades", () => {
  const { add, told, table } = createTable(1);
  add(1, 1e6);
  table.rank(start);
  add(2, 1e4, start + minute);
  table.rank(start + minute);
  assert.deepEqual([...told().named.keys()], [1]);
  table.rank(start + 61 * minute, () => true);
  add(2, 1e4, start + 61 * minute);
  table.rank(start + 61 * minute, () => true);
  assert.deepEqual([...told().named.keys()], [2]);
});

test("a series without news leaves, unless it is held, and its name is free", () => {
  const { add, told, table } = createTable(2, 15);
  add(1, 1);
  add(2, 1);
  add(3, 1, start + minute);
  table.rank(start + 15 * minute, (row) => table.word(row, 0) === 2);
  assert.deepEqual([...told().named.keys()], [2, 3]);
  table.rank(start + 16 * minute);
  assert.equal(told().named.size, 0);
});

test("whatever happens: nothing goes down while it is told, nothing is lost, memory is bounded", () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1e9);
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const limit = 20;
  const { add, told, table } = createTable(limit, 15);
  let now = start;
  let sum = 0;
  /** Of keys that were never idle for long: those that have gone may begin anew. */
  const lastTold = new Map<number, number>();
  const lastSeen = new Map<number, number>();
  let lastOther = 0;
  const retired = new Map<number, number>();
  for (let step = 0; step < 30_000; step++) {
    const key = random(4) === 0 ? random(1000) : random(30);
    const value = random(5) === 0 ? random(100_000) : random(100);
    add(key, value, now);
    sum += value;
    lastSeen.set(key, now);
    if (step % 50 !== 0) continue;
    now += 16_000;
    const before = told().named;
    table.rank(now);
    const { named, other } = told();
    // What a forgotten key had is no longer told.
    const rows = new Set(Array.from({ length: table.count }, (_, row) => table.word(row, 0)));
    for (const [known, had] of lastTold) {
      if (rows.has(known)) continue;
      retired.set(known, (retired.get(known) ?? 0) + had);
      lastTold.delete(known);
    }
    for (const [known, has] of before) lastTold.set(known, has);
    for (const known of [...lastTold.keys()]) {
      if (rows.has(known)) continue;
      retired.set(known, (retired.get(known) ?? 0) + lastTold.get(known)!);
      lastTold.delete(known);
    }
    for (const [known, has] of named) {
      assert.ok(has >= (lastTold.get(known) ?? 0), `seed ${seed}: ${known} went down`);
      lastTold.set(known, has);
    }
    assert.ok(other >= lastOther, `seed ${seed}: ~other went down`);
    lastOther = other;
    assert.ok(named.size <= limit && table.count <= limit * 4, `seed ${seed}: beyond the bound`);
    const told_ = [...lastTold.values(), ...retired.values()].reduce((all, one) => all + one, other);
    assert.equal(told_, sum, `seed ${seed}: everything is told once`);
  }
  assert.ok(lastSeen.size > limit * 4, "there were more keys than rows");
});
