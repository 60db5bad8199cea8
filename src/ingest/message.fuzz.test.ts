import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../packet/testdata/random.ts";
import { ingestLimits, readMessage, writeMessage } from "./index.ts";
import { sampleMessage, wholeMessage } from "./testdata/sample-message.ts";

/** SEED=n gives a run back; FUZZ_MESSAGES=n runs longer. */
test("no bytes make the reader throw, loop or take what is out of range", (context) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007);
  context.diagnostic(`SEED=${seed}`);
  const random = createRandom(seed);
  const corpus = [writeMessage(wholeMessage()), writeMessage(sampleMessage())];
  let readCount = 0;
  for (let i = Number(process.env.FUZZ_MESSAGES ?? 30_000); i > 0; i--) {
    const bytes = corpus[random(corpus.length)]!.slice();
    for (let changes = random(4); changes >= 0; changes--) {
      const at = 5 + random(bytes.length - 5); // behind the magic, else nothing is looked at
      if (random(10) < 3) bytes.copyWithin(at, random(bytes.length));
      else bytes[at] = random(2) === 0 ? random(256) : 0xff;
    }
    const message = readMessage(random(5) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes);
    if ("problem" in message) continue;
    readCount++;
    const { columns, count } = message.batch;
    assert.ok(count <= ingestLimits.rows && message.sequence >= 1);
    for (const { peer, name, ...counts } of message.asked) {
      assert.ok(peer >= 1 && peer <= message.peers.length && name !== "" && name.length <= 255);
      for (const count of Object.values(counts)) assert.ok(count >= 0 && count <= 2 ** 42);
    }
    for (let row = 0; row < count; row++) {
      assert.ok(columns.sourcePeer[row]! <= message.peers.length);
      assert.ok(columns.observedEnd[row]! <= 2 && columns.clientEnd[row]! <= 2);
      assert.ok(columns.octetDeltaCount[row]! >= 0 && columns.octetDeltaCount[row]! <= 2 ** 53);
    }
  }
  assert.ok(readCount > 0, "some are messages all the same");
});
