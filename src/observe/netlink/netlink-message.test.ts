import assert from "node:assert/strict";
import { test } from "node:test";
import { AttributeWalk, MessageWalk, readU32, writeAttribute, writeMessage } from "./netlink-message.ts";

const attributesOf = (bytes: Uint8Array, start = 0, end = bytes.length) => {
  const walk = new AttributeWalk();
  walk.open(bytes, start, end);
  const found: [type: number, payload: number[]][] = [];
  while (walk.next()) found.push([walk.type, [...bytes.subarray(walk.start, walk.end)]]);
  return { found, isTruncated: walk.isTruncated };
};

test("messages and attributes are read as they were written, padding left out", () => {
  const first = writeMessage({
    type: 0x0102,
    flags: 0x301,
    sequence: 7,
    payload: [Uint8Array.of(2, 0, 0, 0), writeAttribute(3, Uint8Array.of(1, 2, 3, 4, 5))],
  });
  const second = writeMessage({ type: 3, flags: 2, payload: [] });
  const bytes = Uint8Array.of(...first, ...second);
  const walk = new MessageWalk();
  walk.open(bytes);
  assert.ok(walk.next());
  assert.deepEqual([walk.type, walk.flags, walk.sequence, walk.end - walk.start], [0x0102, 0x301, 7, 16]);
  assert.deepEqual(attributesOf(bytes, walk.start + 4, walk.end).found, [[3, [1, 2, 3, 4, 5]]]);
  assert.ok(walk.next());
  assert.deepEqual([walk.type, walk.flags, walk.end - walk.start], [3, 2, 0]);
  assert.ok(!walk.next());
  assert.ok(!walk.isTruncated);
});

test("an attribute's flags for nesting and byte order are no part of its type", () => {
  const nested = writeAttribute(0x8001, writeAttribute(0x4002, Uint8Array.of(9)));
  assert.deepEqual(attributesOf(nested).found, [[1, [5, 0, 2, 0x40, 9, 0, 0, 0]]]);
  assert.deepEqual(attributesOf(nested, 4, nested.length).found, [[2, [9]]]);
});

test("the last attribute of a stretch may lack its padding", () => {
  const bytes = writeAttribute(1, Uint8Array.of(5)).subarray(0, 5);
  assert.deepEqual(attributesOf(bytes), { found: [[1, [5]]], isTruncated: false });
});

test("what is cut off is told, and what came before it is read", () => {
  const whole = Uint8Array.of(
    ...writeAttribute(1, Uint8Array.of(1, 2)),
    ...writeAttribute(2, Uint8Array.of(3)),
  );
  for (const length of [9, 11, 12]) {
    const expected = { found: [[1, [1, 2]]], isTruncated: true };
    assert.deepEqual(attributesOf(whole.subarray(0, length)), expected);
  }
  const message = writeMessage({ type: 1, flags: 0, payload: [new Uint8Array(8)] });
  for (let length = 1; length < message.length; length++) {
    const walk = new MessageWalk();
    walk.open(message.subarray(0, length));
    assert.ok(!walk.next() && walk.isTruncated, `${length} bytes`);
  }
});

test("lengths that lie neither loop nor lead outside the bytes", () => {
  const message = writeMessage({ type: 1, flags: 0, payload: [writeAttribute(1, new Uint8Array(4))] });
  for (const length of [0, 1, 15, 25, 0x7fffffff, 0x80000000, 0xffffffff]) {
    const walk = new MessageWalk();
    const lying = message.slice();
    new DataView(lying.buffer).setUint32(0, length, true);
    walk.open(lying);
    assert.ok(!walk.next() && walk.isTruncated, `message of ${length}`);
  }
  for (const length of [0, 1, 3, 9, 0xffff]) {
    const lying = message.slice();
    new DataView(lying.buffer).setUint16(16, length, true);
    assert.deepEqual(attributesOf(lying, 16), { found: [], isTruncated: true }, `attribute of ${length}`);
  }
});

test("random bytes: every step goes forward and stays inside", () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 0x7fffffff));
  console.log(`SEED=${seed}`);
  const random = mulberry(seed);
  const messages = new MessageWalk();
  const attributes = new AttributeWalk();
  for (let round = 0; round < 20_000; round++) {
    const bytes = new Uint8Array(Math.floor(random() * 120)).map(() => random() * 256);
    // Small lengths, so that some hold.
    for (let at = 0; at + 4 <= bytes.length; at += 4)
      if (random() < 0.5) new DataView(bytes.buffer).setUint32(at, Math.floor(random() * 40), true);
    messages.open(bytes);
    let before = 0;
    while (messages.next()) {
      assert.ok(
        messages.start >= before + 16 && messages.end >= messages.start && messages.end <= bytes.length,
      );
      before = messages.end;
      attributes.open(bytes, messages.start, messages.end);
      let inside = messages.start;
      while (attributes.next()) {
        assert.ok(attributes.start >= inside + 4 && attributes.end >= attributes.start);
        assert.ok(attributes.end <= messages.end);
        inside = attributes.end;
      }
    }
  }
});

test("a number with the highest bit is no negative one", () => {
  assert.equal(readU32(Uint8Array.of(1, 0, 0, 0x80), 0), 0x80000001);
});

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
