import assert from "node:assert/strict";
import { FlowBatch } from "../flow/index.ts";
import { createRandom } from "../packet/testdata/random.ts";
import { SflowDecoder } from "./decoder.ts";
import { createMutator } from "./testdata/mutate.ts";

/** Small bounds, so that a few seconds reach them. */
const limits = { exportersMax: 8, agentsPerExporterMax: 4, sourcesPerExporterMax: 16, sourcesMax: 64 };
const smallestSample = 8;

/**
 * Feeds mutated fixtures and noise, until so many or so long. A decoder that throws, loops or keeps more than its limits
 * fails; so do more rows than the bytes can hold. Returns how many datagrams were read.
 */
export function fuzzDecoder(
  seed: number,
  milliseconds: number,
  inputsMax = Number.POSITIVE_INFINITY,
): number {
  const random = createRandom(seed);
  const next = createMutator(random);
  const batches = [new FlowBatch(16, { hasDetails: true }), new FlowBatch(3)];
  let rowCount = 0;
  const sinks = batches.map((batch) => ({
    batch,
    flush() {
      rowCount += batch.count;
      batch.clear();
    },
    takeMessage() {},
    takeInterface() {},
  }));
  const decoder = new SflowDecoder(() => {}, limits);
  const end = Date.now() + milliseconds;
  let received = 1_760_000_000_000;
  let count = 0;
  for (; count < inputsMax && ((count & 63) !== 0 || Date.now() < end); count++) {
    const message = next();
    const source = { addressText: `192.0.2.${random(12)}`, port: random(6), observerRow: 1 };
    const sink = sinks[count & 1]!;
    received += random(100);
    rowCount = 0;
    const summary = decoder.decode(message, source, received, sink);
    sink.flush();
    assert.equal(rowCount, summary.recordCount, "the summary counts the rows");
    assert.ok(rowCount * smallestSample <= message.length, "a row takes a sample");
    const { exporterCount, sourceCount } = decoder.usage;
    assert.ok(exporterCount <= limits.exportersMax, `${exporterCount} exporters`);
    assert.ok(sourceCount <= limits.sourcesMax && sourceCount >= 0, `${sourceCount} sources`);
    if (random(1000) === 0) decoder.forget(source.addressText);
  }
  for (let last = 0; last < 12; last++) decoder.forget(`192.0.2.${last}`);
  assert.deepEqual(decoder.usage, { exporterCount: 0, sourceCount: 0 }, "all is accounted for");
  return count;
}

/** node src/sflow/decoder.fuzz.ts [inputs] [seed] */
if (import.meta.main) {
  const [inputs = "2000000", seed = "1"] = process.argv.slice(2);
  const begin = Date.now();
  const count = fuzzDecoder(Number(seed), Number.POSITIVE_INFINITY, Number(inputs));
  console.log(`${count} datagrams in ${((Date.now() - begin) / 1000).toFixed(1)} s, seed ${seed}`);
}
