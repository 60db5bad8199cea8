import assert from "node:assert/strict";
import { FlowBatch } from "../flow/index.ts";
import { FlowDecoder } from "./decoder.ts";
import { createRandom, readFixtures } from "./testdata/decode.ts";

/** Small bounds, so that a few seconds reach them. */
const limits = {
  exportersMax: 8,
  templatesPerExporterMax: 32,
  fieldsPerTemplateMax: 64,
  templateFieldsMax: 512,
  sessionsPerExporterMax: 4,
  waitingBytesPerExporterMax: 4096,
  waitingBytesMax: 16_384,
  waitingMilliseconds: 5000,
  idleMilliseconds: 2000,
};

/**
 * Feeds mutated fixtures and noise for a while. A decoder that throws, loops or keeps more than its limits fails;
 * so does a row beyond what the bytes can hold. Returns how many datagrams were read.
 */
export function fuzzDecoder(seed: number, milliseconds: number): number {
  const random = createRandom(seed);
  const corpus = readFixtures().flatMap(({ datagrams }) => datagrams);
  const batch = new FlowBatch(64);
  let rowCount = 0;
  const sink = {
    batch,
    flush() {
      rowCount += batch.count;
      batch.clear();
    },
  };
  const decoder = new FlowDecoder(() => {}, limits);
  const end = Date.now() + milliseconds;
  let received = 1_760_000_000_000;
  let count = 0;
  for (; Date.now() < end; count++) {
    const message = mutate(corpus, random);
    const source = { addressText: `192.0.2.${random(12)}`, port: random(6), observerRow: 1 };
    received += random(100);
    rowCount = 0;
    const waitingBefore = decoder.usage.waitingBytes;
    const summary = decoder.decode(message, source, received, sink);
    sink.flush();
    assert.equal(rowCount, summary.recordCount, "the summary counts the rows");
    assert.ok(rowCount <= message.length + waitingBefore, "a record takes at least a byte");
    const { exporterCount, templateFieldCount, waitingBytes } = decoder.usage;
    assert.ok(exporterCount <= limits.exportersMax, `${exporterCount} exporters`);
    assert.ok(
      templateFieldCount <= limits.templateFieldsMax && templateFieldCount >= 0,
      `${templateFieldCount} fields`,
    );
    assert.ok(waitingBytes <= limits.waitingBytesMax && waitingBytes >= 0, `${waitingBytes} bytes`);
  }
  for (let last = 0; last < 12; last++) decoder.forget(`192.0.2.${last}`);
  assert.deepEqual(
    decoder.usage,
    { exporterCount: 0, templateFieldCount: 0, waitingBytes: 0 },
    "all is accounted for",
  );
  return count;
}

function mutate(corpus: readonly Uint8Array[], random: (below: number) => number): Uint8Array {
  const pick = () => corpus[random(corpus.length)]!;
  if (random(50) === 0) {
    const noise = Uint8Array.from({ length: random(300) }, () => random(256));
    if (noise.length > 1) noise.set([0, [5, 9, 10][random(3)]!]);
    return noise;
  }
  const message = Uint8Array.from(pick());
  for (let i = random(6); i > 0; i--) {
    const at = random(message.length);
    const value = [0, 1, 255, random(256), message[at]! + 1, message[at]! - 1][random(6)]!;
    message[at] = value;
  }
  if (random(4) === 0) return message.subarray(0, random(message.length));
  if (random(4) === 0) return new Uint8Array(Buffer.concat([message, pick().subarray(random(24))]));
  return message;
}
