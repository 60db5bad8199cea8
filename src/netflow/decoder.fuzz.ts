import assert from "node:assert/strict";
import { FlowBatch, type InterfaceFact, type MessageReport } from "../flow/index.ts";
import { FlowDecoder } from "./decoder.ts";
import type { TemplateDump } from "./template-dump.ts";
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
  templateMilliseconds: 200_000,
  samplersPerExporterMax: 8,
  samplersMax: 32,
  interfacesPerExporterMax: 8,
  interfacesMax: 32,
  totalFlowsMax: 64,
};

/**
 * Feeds mutated fixtures and noise until `isOver(count)`. A decoder that throws, loops or keeps more than its limits fails;
 * so does a row beyond what the bytes can hold. Returns how many datagrams were read, and the slowest in milliseconds.
 */
export function fuzzDecoder(
  seed: number,
  isOver: (count: number) => boolean,
): { count: number; slowestMilliseconds: number } {
  const random = createRandom(seed);
  const corpus = readFixtures().flatMap(({ datagrams }) => datagrams);
  let batch = new FlowBatch(64);
  let rowCount = 0;
  let messageCount = 0;
  const sink = {
    get batch() {
      return batch;
    },
    flush() {
      rowCount += batch.count;
      batch.clear();
    },
    takeMessage({ recordCount, optionsRecordCount }: Readonly<MessageReport>) {
      messageCount++;
      assert.ok(Number.isNaN(recordCount) || recordCount >= optionsRecordCount, `${recordCount} records`);
    },
    takeInterface({ name, description }: Readonly<InterfaceFact>) {
      assert.ok(name.length <= 255 && description.length <= 255);
    },
  };
  let decoder = new FlowDecoder(() => {}, limits);
  let received = 1_760_000_000_000;
  let count = 0;
  let slowestMilliseconds = 0;
  for (; !isOver(count); count++) {
    const message = mutate(corpus, random);
    const source = { addressText: `192.0.2.${random(12)}`, port: random(6), observerRow: 1 };
    received += random(100);
    if (random(1000) === 0) batch = new FlowBatch(1 + random(64), { hasDetails: random(2) === 0 });
    if (random(5000) === 0) decoder = restart(decoder, received);
    rowCount = messageCount = 0;
    const waitingBefore = decoder.usage.waitingBytes;
    const start = performance.now();
    const summary = decoder.decode(message, source, received, sink);
    slowestMilliseconds = Math.max(slowestMilliseconds, performance.now() - start);
    sink.flush();
    assert.equal(rowCount, summary.recordCount, "the summary counts the rows");
    assert.ok(rowCount <= message.length + waitingBefore, "a record takes at least a byte");
    assert.ok(messageCount <= 1 + message.length / 16, "a message has a header");
    assertWithinLimits(decoder);
    if (random(500) === 0) decoder.describe(source.addressText);
  }
  for (let last = 0; last < 12; last++) decoder.forget(`192.0.2.${last}`);
  const { totalFlowCount: _, totalOverflowCount: __, ...kept } = decoder.usage;
  assert.deepEqual(
    kept,
    { exporterCount: 0, templateFieldCount: 0, waitingBytes: 0, samplerCount: 0, interfaceCount: 0 },
    "all is accounted for",
  );
  return { count, slowestMilliseconds };
}

/** Another decoder that knows what this one did, but for what waits. */
function restart(decoder: FlowDecoder, nowMilliseconds: number): FlowDecoder {
  const next = new FlowDecoder(() => {}, limits);
  const dump = decoder.dumpTemplates();
  next.restoreTemplates(JSON.parse(JSON.stringify(dump)), nowMilliseconds);
  const [after, before] = [next.dumpTemplates(), dump].map((value) => listTemplates(value, nowMilliseconds));
  assert.deepEqual(after, before, "a restart loses nothing");
  return next;
}

/** Exporters, and for each the definitions it has that are not too old, in no order. */
function listTemplates({ exporters }: TemplateDump, nowMilliseconds: number): unknown {
  const oldest = nowMilliseconds - limits.templateMilliseconds;
  return exporters
    .map(({ address, domains }) => [
      address,
      domains
        .flatMap(({ version, observationDomainId, sessions }) =>
          sessions.flatMap(({ port, templates }) =>
            templates
              .filter(({ announcedMilliseconds }) => announcedMilliseconds >= oldest)
              .map(({ definition }) => `${version} ${observationDomainId} ${port} ${definition}`),
          ),
        )
        .sort(),
    ])
    .filter(([, definitions]) => definitions!.length > 0)
    .sort();
}

function assertWithinLimits(decoder: FlowDecoder): void {
  const { usage } = decoder;
  const bounds: readonly (readonly [number, number])[] = [
    [usage.exporterCount, limits.exportersMax],
    [usage.templateFieldCount, limits.templateFieldsMax],
    [usage.waitingBytes, limits.waitingBytesMax],
    [usage.samplerCount, limits.samplersMax],
    [usage.interfaceCount, limits.interfacesMax],
    [usage.totalFlowCount, limits.totalFlowsMax],
  ];
  for (const [value, max] of bounds) assert.ok(value >= 0 && value <= max, JSON.stringify(usage));
}

type Random = (below: number) => number;

function mutate(corpus: readonly Uint8Array[], random: Random): Uint8Array {
  const pick = () => corpus[random(corpus.length)]!;
  if (random(50) === 0) {
    const noise = Uint8Array.from({ length: random(300) }, () => random(256));
    if (noise.length > 1) noise.set([0, [5, 9, 10][random(3)]!]);
    return noise;
  }
  if (random(3) === 0) return mutateStructure(pick(), pick(), random);
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

const setLengths = [0, 1, 3, 4, 5, 7, 8, 20, 255, 256, 1400, 65_535];
const setIds = [0, 1, 2, 3, 4, 255, 256, 300, 400, 1024, 65_535];

/** Sets of two messages under one header: some repeated, some with another id, length, or count in them. */
function mutateStructure(message: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const version = message[1]!;
  if (message.length < 20 || version === 5) {
    const cut = Uint8Array.from(message);
    if (cut.length > 3) new DataView(cut.buffer).setUint16(2, [0, 1, 30, 31, 65_535][random(5)]!);
    return cut;
  }
  const headerLength = version === 9 ? 20 : 16;
  const sets = [...setsOf(message, headerLength), ...setsOf(other, other[1] === 9 ? 20 : 16)];
  const chosen: Uint8Array[] = [];
  for (let i = random(12); i >= 0 && sets.length > 0; i--)
    chosen.push(spoil(sets[random(sets.length)]!, random));
  if (random(200) === 0) for (let i = 0; i < 12; i++) chosen.push(...chosen.slice(0, 40));
  if (random(10) === 0) chosen.push(new Uint8Array(random(40)));
  const whole = new Uint8Array(
    Buffer.concat([message.subarray(0, headerLength), ...chosen]).subarray(0, 65_507),
  );
  if (version === 10 && random(8) > 0) new DataView(whole.buffer).setUint16(2, whole.length);
  return whole;
}

function setsOf(message: Uint8Array, headerLength: number): Uint8Array[] {
  const sets: Uint8Array[] = [];
  let offset = headerLength;
  while (offset + 4 <= message.length) {
    const length = (message[offset + 2]! << 8) | message[offset + 3]!;
    if (length < 4 || offset + length > message.length) break;
    sets.push(message.subarray(offset, offset + length));
    offset += length;
  }
  return sets;
}

function spoil(set: Uint8Array, random: Random): Uint8Array {
  const spoiled = Uint8Array.from(set);
  const view = new DataView(spoiled.buffer);
  if (random(8) === 0) view.setUint16(0, setIds[random(setIds.length)]!);
  if (random(8) === 0) view.setUint16(2, setLengths[random(setLengths.length)]!);
  // A count, a length or an id within a template.
  if (random(3) === 0 && spoiled.length > 6)
    view.setUint16(
      4 + 2 * random((spoiled.length - 4) >> 1),
      [0, 1, 4, 8, 8, 16, 70, 85, 255, 301, 315, 65_535, random(600)][random(13)]!,
    );
  return spoiled;
}
