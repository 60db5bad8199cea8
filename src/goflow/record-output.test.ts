import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch } from "../flow/index.ts";
import { type OutputFormat, RecordOutput } from "./record-output.ts";
import { type PlainRecord, readPlainRecord } from "./testdata/plain-record.ts";
import { createRandom, createRandomBatch } from "./testdata/random-batch.ts";
import { expectedMessage, readMessages } from "./testdata/read-message.ts";

const seed = Number(process.env.SEED ?? Date.now() % 1e9);

function write(batch: FlowBatch, format: OutputFormat, separator = "\n", bufferBytes?: number): Buffer {
  const parts: Buffer[] = [];
  let recordCount = 0;
  const take = (bytes: Uint8Array, count: number) => {
    parts.push(Buffer.from(bytes));
    recordCount += count;
  };
  new RecordOutput(format, separator, take, bufferBytes).write(batch);
  assert.equal(recordCount, batch.count);
  return Buffer.concat(parts);
}

const plainRecords = (batch: FlowBatch) =>
  Array.from({ length: batch.count }, (_, row) => readPlainRecord(batch, row));

/** JSON.stringify, but for 64-bit numbers. */
const toJson = (record: PlainRecord) =>
  JSON.stringify(record, (_, value) => (typeof value === "bigint" ? `#${value}#` : value)).replaceAll(
    /"#|#"/g,
    "",
  );

const toText = (record: PlainRecord) =>
  Object.entries(record)
    .map(([name, value]) => `${name}=${Array.isArray(value) ? `[${value.join(",")}]` : value}`)
    .join(" ");

for (const [name, rows, bufferBytes] of [
  ["a buffer that holds all", 40, undefined],
  ["a buffer smaller than a record", 40, 64],
  ["one row", 1, undefined],
] as const) {
  test(`random rows are written as the plain writers write them: ${name} (SEED=${seed})`, () => {
    const random = createRandom(seed);
    for (let round = 0; round < 60; round++) {
      const batch = createRandomBatch(random, rows);
      const records = plainRecords(batch);
      assert.deepEqual(write(batch, "json", "\n", bufferBytes).toString().split("\n"), [
        ...records.map(toJson),
        "",
      ]);
      assert.deepEqual(write(batch, "text", "\n", bufferBytes).toString().split("\n"), [
        ...records.map(toText),
        "",
      ]);
      assert.deepEqual(
        readMessages(write(batch, "bin", "", bufferBytes)),
        records.map((_, row) => expectedMessage(batch, row)),
      );
    }
  });
}

test("an empty record has all fields in JSON, and none in protobuf", () => {
  const batch = new FlowBatch(1, { hasDetails: true });
  batch.append();
  const json = write(batch, "json").toString();
  assert.equal(json, `${toJson({ ...readPlainRecord(batch, 0), type: "FLOWUNKNOWN" })}\n`);
  assert.deepEqual([...write(batch, "bin", "")], [0]);
});

test("no rows are no bytes", () => {
  assert.equal(write(new FlowBatch(4, { hasDetails: true }), "json").length, 0);
});

test("the separator stands behind every record, in every format, whatever it is", () => {
  const batch = createRandomBatch(createRandom(1), 3);
  for (const format of ["json", "text", "bin"] as const) {
    const parts = write(batch, format, "").length;
    assert.equal(write(batch, format, "\u2028--").length, parts + 3 * 5);
  }
});

test("counters beyond 53 bits are written whole", () => {
  const batch = new FlowBatch(1, { hasDetails: true });
  batch.append();
  batch.columns.octetDeltaCount[0] = 2 ** 64 - 2048;
  assert.match(write(batch, "json").toString(), /"bytes":18446744073709549568,/);
  assert.deepEqual(readMessages(write(batch, "bin", ""))[0], { 9: 18446744073709549568n });
});

test("lists of every length up to a full batch's", () => {
  for (let length = 0; length < 300; length++) {
    const batch = new FlowBatch(20, { hasDetails: true });
    batch.append();
    const communities = Array.from({ length }, (_, i) => 0xffff_ffff - i);
    batch.columns.bgpCommunities[0] = batch.appendList(communities);
    const { bgp_communities } = JSON.parse(write(batch, "json", "\n", 64).toString());
    assert.deepEqual(bgp_communities, communities);
    assert.deepEqual(readMessages(write(batch, "bin", "", 64))[0]?.[101] ?? [], communities.map(BigInt));
  }
});

test("room is made for all lists of a record together", () => {
  const batch = new FlowBatch(100, { hasDetails: true });
  batch.append();
  const values = new Array<number>(400).fill(0xffff_ffff);
  const columns = ["bgpCommunities", "bgpAsPath", "mplsLabelStack", "layerStack", "layerSizes"] as const;
  for (const column of columns) batch.columns[column][0] = batch.appendList(values);
  const record = JSON.parse(write(batch, "json", "\n", 64).toString());
  assert.deepEqual([record.bgp_communities, record.as_path, record.layer_size], [values, values, values]);
});
