import assert from "node:assert/strict";
import { test } from "node:test";
import { readSnappy } from "../testdata/read-snappy.ts";
import { compressSnappy } from "./snappy.ts";

function isKept(input: Uint8Array): Uint8Array {
  const block = compressSnappy(input);
  assert.ok(Buffer.from(readSnappy(block)).equals(input), `${input.length} octets`);
  return block;
}

test("what is written can be read again, whatever its length", () => {
  for (let length = 0; length < 300; length++) {
    isKept(new Uint8Array(length).fill(7));
    isKept(Uint8Array.from({ length }, (_, i) => (i * 89) & 255));
  }
  for (const length of [65_535, 65_536, 65_537, 200_000]) isKept(new Uint8Array(length).fill(1));
});

test("random octets, words and runs, over several blocks", () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1e9);
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let round = 0; round < 150; round++) {
    const words = Array.from({ length: 1 + random(40) }, () =>
      Buffer.from(Array.from({ length: 1 + random(90) }, () => random(256))),
    );
    const parts = Array.from(
      { length: random(round % 10 === 0 ? 6000 : 200) },
      () => words[random(words.length)]!,
    );
    assert.doesNotThrow(() => isKept(Buffer.concat(parts)), `seed ${seed}, round ${round}`);
  }
});

test("texts that repeat become much smaller", () => {
  const text = Buffer.from(
    Array.from({ length: 5000 }, (_, i) => `flow_bytes_total{src_addr="10.0.0.${i % 256}"}`).join("\n"),
  );
  assert.ok(isKept(text).length < text.length / 4);
});
