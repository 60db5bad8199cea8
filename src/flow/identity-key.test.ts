import assert from "node:assert/strict";
import { test } from "node:test";
import { identityKey } from "./identity-key.ts";

// The store keeps these numbers: another hash would cut every database's history off from its peers.
const golden: [string, number][] = [
  ["", 8579437396714968],
  ["a", 772466867839822],
  ["other@", 5102603306022718],
  ["host:192.0.2.1@192.0.2.1", 3749244651644534],
  ["process:vm/curl@10.0.0.5", 484255968078833],
  ["é✓", 1332291737999700],
];
for (const [text, key] of golden) {
  test(`the key of "${text}" is what it always was`, () => assert.equal(identityKey(text), key));
}

test("200,000 identities have as many keys, each a safe integer that is not negative", () => {
  const keys = new Set<number>();
  for (let i = 0; i < 50_000; i++) {
    const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
    for (const id of [
      `host:${address}@${address}`,
      `host:2001:db8::${i.toString(16)}@2001:db8::${i.toString(16)}`,
      `process:vm/worker-${i}@10.0.0.1`,
      `container:vm/${i.toString(16).padStart(64, "0")}@${address}`,
    ]) {
      const key = identityKey(id);
      assert.ok(Number.isSafeInteger(key) && key >= 0, id);
      keys.add(key);
    }
  }
  assert.equal(keys.size, 200_000);
});

test("all 53 bits are used: neither half of the keys repeats as if it were missing", () => {
  const count = 20_000;
  const high = new Set<number>();
  const low = new Set<number>();
  for (let i = 0; i < count; i++) {
    const key = identityKey(`host:${i}`);
    high.add(Math.floor(key / 2 ** 32));
    low.add(key % 2 ** 32);
  }
  // Of 20,000 draws about 95 meet in 2^21 and none in 2^32.
  assert.ok(high.size > count - 300, `${count - high.size} meet in the upper 21 bits`);
  assert.ok(low.size > count - 5, `${count - low.size} meet in the lower 32 bits`);
});
