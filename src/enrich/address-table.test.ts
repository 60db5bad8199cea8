import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, parseAddress } from "../flow/index.ts";
import { AddressTable, addressWords } from "./address-table.ts";

const seed = Number(process.env.PORTOLAN_TEST_SEED ?? 1);

test("an address that was not set has no value; setting it again replaces it", () => {
  const table = new AddressTable();
  const column = new Uint8Array([...parseAddress("::1")!, ...parseAddress("10.0.0.1")!]);
  assert.equal(table.get(addressWords(column, 16), 0), 0);
  table.set(addressWords(column, 16), 0, 5);
  table.set(addressWords(column, 16), 0, 6);
  assert.deepEqual(
    [table.get(addressWords(column, 0), 0), table.get(addressWords(column, 16), 0), table.count],
    [0, 6, 1],
  );
});

test("it keeps a copy: the column it was read from may be used again", () => {
  const table = new AddressTable();
  const words = Uint32Array.from(addressWords(parseAddress("10.0.0.1")!, 0));
  table.set(words, 0, 5);
  words.fill(0);
  assert.equal(table.get(addressWords(parseAddress("10.0.0.1")!, 0), 0), 5);
  assert.equal(table.get(words, 0), 0);
});

test(`it agrees with a plain map through growth and clearing (seed ${seed})`, () => {
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const table = new AddressTable();
  const oracle = new Map<string, number>();
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 10_000; i++) {
      // Addresses that differ in a single byte, anywhere, are the ones a weak hash would mix up.
      const bytes = new Uint8Array(32);
      bytes[16 + random(16)] = random(256);
      bytes[16 + random(16)] = random(256);
      const key = formatAddress(bytes, 16);
      assert.equal(table.get(addressWords(bytes, 16), 0), oracle.get(key) ?? 0, key);
      const value = 1 + random(0xffffffff);
      table.set(addressWords(bytes, 16), 0, value);
      oracle.set(key, value);
      assert.equal(table.count, oracle.size);
    }
    assert.ok(table.count > 5000, "it has grown several times");
    for (const [key, value] of oracle) assert.equal(table.get(addressWords(parseAddress(key)!, 0), 0), value);
    table.clear();
    for (const key of oracle.keys()) assert.equal(table.get(addressWords(parseAddress(key)!, 0), 0), 0);
    oracle.clear();
    assert.equal(table.count, 0);
  }
});
