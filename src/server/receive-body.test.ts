import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import type { Problem } from "./problem.ts";
import { BodyReceiver, type ReceivingLimits } from "./receive-body.ts";

const limits: ReceivingLimits = {
  ...{ bodyBytes: 10_000, bytes: 40_000, senderBytes: 20_000 },
  ...{ idleMilliseconds: 60_000, bodyMilliseconds: 60_000 },
};

function receiving(receiver: BodyReceiver, sender = "a") {
  const payload = new PassThrough();
  const received = receiver.receive(payload, sender);
  received.catch(() => {});
  return { payload, received };
}

const statusOf = (received: Promise<unknown>) =>
  received.then(
    () => "received",
    (problem: Problem) => problem.status,
  );

test("a body is counted as it comes in, until it is let go", async () => {
  const receiver = new BodyReceiver(limits);
  const { payload, received } = receiving(receiver);
  const open = receiver.bytes;
  payload.write(Buffer.alloc(3000, 1));
  payload.end(Buffer.alloc(2000, 2));
  const body = await received;
  assert.deepEqual([body.bytes.length, body.bytes[2999], body.bytes[3000]], [5000, 1, 2]);
  assert.equal(receiver.bytes, open + 5000);
  body.release();
  body.release();
  assert.equal(receiver.bytes, 0);
});

test("a sender has a share, and another still has room; what is refused is let go", async () => {
  const receiver = new BodyReceiver(limits);
  const two = [receiving(receiver), receiving(receiver)];
  for (const { payload } of two) payload.write(Buffer.alloc(5500));
  await new Promise(setImmediate);
  const before = receiver.bytes;
  assert.equal(await statusOf(receiving(receiver).received), 503, "no more of this sender's");
  assert.equal(receiver.bytes, before);
  const other = receiving(receiver, "b");
  other.payload.end(Buffer.alloc(9000));
  assert.equal(await statusOf(other.received), "received");
  const third = receiving(receiver, "c");
  third.payload.write(Buffer.alloc(9000));
  assert.equal(await statusOf(third.received), 503, "nor of anybody's");
});

test("what is too long, cut off or never comes is given up", async () => {
  const receiver = new BodyReceiver({ ...limits, idleMilliseconds: 20 });
  const long = receiving(receiver);
  long.payload.write(Buffer.alloc(10_001));
  assert.equal(await statusOf(long.received), 413);
  const cut = receiving(receiver);
  cut.payload.write(Buffer.alloc(10));
  cut.payload.destroy();
  assert.equal(await statusOf(cut.received), 400);
  assert.equal(await statusOf(receiving(receiver).received), 408);
  const dripping = new BodyReceiver({ ...limits, bodyMilliseconds: 60 });
  const slow = receiving(dripping);
  const drip = setInterval(() => slow.payload.write(Buffer.alloc(1)), 5);
  assert.equal(await statusOf(slow.received), 408);
  clearInterval(drip);
  assert.deepEqual([receiver.bytes, dripping.bytes], [0, 0]);
});
