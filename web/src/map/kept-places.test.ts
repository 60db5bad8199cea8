import assert from "node:assert/strict";
import { test } from "node:test";
import { keepHomes, keepPins, readPlaces } from "./kept-places.ts";

function storage(entries: Record<string, string> = {}): Storage {
  const kept = new Map(Object.entries(entries));
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, text: string) => kept.set(key, text),
  } as never;
}

test("homes and pins come back as they were kept", () => {
  const some = storage();
  keepHomes([["node:lab", { x: 1.5, y: -2 }]], some);
  keepPins(new Map([["host:10.0.0.1", { x: 0, y: 4 }]]), some);
  assert.deepEqual([...readPlaces(some).homes], [["node:lab", { x: 1.5, y: -2 }]]);
  assert.deepEqual([...readPlaces(some).pins], [["host:10.0.0.1", { x: 0, y: 4 }]]);
});

test("a visit that sees a few leaves the others where they are", () => {
  const some = storage();
  keepHomes(
    [
      ["a", { x: 1, y: 1 }],
      ["b", { x: 2, y: 2 }],
    ],
    some,
  );
  keepHomes([["a", { x: 3, y: 3 }]], some);
  assert.deepEqual(Object.fromEntries(readPlaces(some).homes), { a: { x: 3, y: 3 }, b: { x: 2, y: 2 } });
});

test("what makes no sense is left out", () => {
  for (const text of ["{", "7", "null", '[["a"]]', '[["a","x",1]]', "[[1,2,3]]", '[["a",null,1]]'])
    assert.equal(readPlaces(storage({ "portolan-homes": text })).homes.size, 0, text);
});
