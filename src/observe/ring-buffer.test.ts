import assert from "node:assert/strict";
import { test } from "node:test";
import { RingBuffer } from "./ring-buffer.ts";

const dataBytes = 64;
const windowBytes = 32;
const wrapBytes = 32;
const busy = 0x80000000;
const discarded = 0x40000000;

function createMemory() {
  const words = new Uint32Array((dataBytes + wrapBytes) / 4);
  const moves: number[] = [];
  const memory = {
    consumer: new ArrayBuffer(8),
    producer: new ArrayBuffer(8),
    data: new ArrayBuffer(windowBytes + wrapBytes),
    ...{ dataBytes, windowBytes },
    moveWindow(offset: number) {
      moves.push(offset);
      show();
    },
  };
  function show(): void {
    const start = (moves.at(-1) ?? 0) / 4;
    new Uint32Array(memory.data).set(words.subarray(start, start + (windowBytes + wrapBytes) / 4));
  }
  /** Writes a record's header at a position, and where the beginning is mapped again. */
  function put(position: number, header: number): void {
    const offset = position % dataBytes;
    words[offset >> 2] = header;
    if (offset < wrapBytes) words[(offset + dataBytes) >> 2] = header;
    show();
  }
  const produce = (position: number) => new BigUint64Array(memory.producer).fill(BigInt(position));
  const consumed = () => Number(new BigUint64Array(memory.consumer)[0]);
  return { memory, put, produce, consumed, moves };
}

test("records are read in order, and their room is given back", () => {
  const { memory, put, produce, consumed } = createMemory();
  put(0, 8);
  put(16, 5);
  produce(32);
  const ring = new RingBuffer(memory);
  const seen: [number, number][] = [];
  assert.equal(
    ring.consume((offset, length) => seen.push([offset, length])),
    2,
  );
  assert.deepEqual(seen, [
    [8, 8],
    [24, 5],
  ]);
  assert.equal(consumed(), 32);
  assert.equal(
    ring.consume(() => assert.fail("nothing is left")),
    0,
  );
});

test("a record that is still being written stops the reader; a discarded one is passed over", () => {
  const { memory, put, produce, consumed } = createMemory();
  put(0, 8 | discarded);
  put(16, (8 | busy) >>> 0);
  produce(32);
  const ring = new RingBuffer(memory);
  assert.equal(
    ring.consume(() => assert.fail("neither is a record")),
    0,
  );
  assert.equal(consumed(), 16);
  put(16, 8);
  assert.equal(
    ring.consume(() => {}),
    1,
  );
});

test("the window follows the records, and one that runs over the end is read in one piece", () => {
  const { memory, put, produce, consumed, moves } = createMemory();
  for (const position of [0, 16, 32]) put(position, 8);
  put(48, 24);
  produce(80);
  const ring = new RingBuffer(memory);
  const seen: [number, number][] = [];
  ring.consume((offset, length) => seen.push([offset, length]));
  assert.deepEqual(seen, [
    [8, 8],
    [24, 8],
    [8, 8], // of the window's second place
    [24, 24],
  ]);
  assert.deepEqual([consumed(), moves], [80, [32]]);
  put(80, 8);
  produce(96);
  ring.consume((offset, length) => seen.push([offset, length]));
  assert.deepEqual(
    [seen.at(-1), moves],
    [
      [24, 8],
      [32, 0],
    ],
  );
});
