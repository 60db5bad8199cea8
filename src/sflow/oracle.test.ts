import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../packet/testdata/random.ts";
import { createTrial, type Row } from "./testdata/decode.ts";
import { createMutator } from "./testdata/mutate.ts";
import { readSlowly, type SlowRecord, type SlowSample } from "./testdata/slow-reader.ts";

/** The last record of a kind: what is written later stays. Of sampled headers the first. */
function recordsOf(sample: SlowSample): Map<number, SlowRecord> {
  return new Map(sample.records.map((record) => [record.format, record]));
}

const listMax = 64;

/** What a row has to say of its sample's header and extended records; undefined is "does not matter here". */
function expectedRow(sample: SlowSample, agent: string, subAgent: number): Row {
  const records = recordsOf(sample);
  const ifIndex = ([format, value]: readonly [number, number]) =>
    format === 0 && value !== 0x3fffffff ? value : 0;
  const [input, output] = [ifIndex(sample.input), ifIndex(sample.output)];
  const row: Record<string, unknown> = {
    packetDeltaCount: 1,
    samplingInterval: sample.rate,
    ingressInterface: input,
    egressInterface: output,
    observationDomainId: subAgent,
    observationPointId: sample.source,
    exporterAddress: agent,
  };
  const gateway = records.get(1003);
  if (gateway !== undefined) {
    const path = gateway.path as number[];
    row.bgpSourceAsNumber = gateway.source || gateway.own;
    row.bgpDestinationAsNumber = path.at(-1) ?? gateway.own;
    row.bgpNextAdjacentAsNumber = path[0] ?? 0;
    if (path.length <= listMax) row.bgpAsPath = path;
    row.bgpCommunities = (gateway.communities as number[]).slice(0, listMax);
  }
  const router = records.get(1002);
  if (router !== undefined) {
    const [source, destination] = router.lengths as [number, number];
    row.sourcePrefixLength = source % 256;
    row.destinationPrefixLength = destination % 256;
  }
  const ports = records.get(1020)?.ports as readonly number[] | undefined;
  if (ports !== undefined) row.postNAPTSourceTransportPort = ports[0]! % 65_536;
  if (sample.kind === 5 || sample.output[0] === 1) row.isDropped = true;
  return row as Row;
}

/** Whether the sample can give a row: a packet's record is there. What of it can be read is the packet room's business. */
function canHaveRow(sample: SlowSample): boolean {
  return sample.records.some(({ format }) => format >= 1 && format <= 4);
}

test("mutated datagrams are read as the slow reader reads them", (context) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007);
  context.diagnostic(`SEED=${seed}`);
  const next = createMutator(createRandom(seed));
  let [rowCount, dropCount] = [0, 0];
  for (let i = 0; i < 8000; i++) {
    const message = next();
    if (message.length < 4 || Buffer.from(message.subarray(0, 4)).toString("hex") !== "00000005") continue;
    const trial = createTrial({ batchRows: 64 });
    trial.send(message);
    const slow = readSlowly(message);
    const hint = `SEED=${seed} input ${i} ${Buffer.from(message).toString("hex")}`;
    if (slow === undefined) {
      assert.deepEqual([trial.rows, trial.drops], [[], { message_truncated: 1 }], hint);
      continue;
    }
    const agent = slow.agent || "192.0.2.1";
    assert.deepEqual(trial.messages[0]?.sequenceNumber, slow.sequence, hint);
    for (const reason of ["sample_truncated", "sample_unknown", "message_truncated"] as const)
      assert.equal(trial.drops[reason] ?? 0, slow.samples.filter((sample) => sample === reason).length, hint);
    const flows = slow.samples
      .filter((sample) => typeof sample === "object")
      .filter(({ kind }) => kind !== 2 && kind !== 4);
    assert.equal(trial.rows.length + (trial.drops.record_empty ?? 0), flows.length, hint);
    const possible = flows.filter(canHaveRow);
    if (possible.length === trial.rows.length) {
      for (const [at, sample] of possible.entries())
        compare(trial.rows[at]!, expectedRow(sample, agent, slow.subAgent), hint);
      rowCount += possible.length;
    }
    dropCount += slow.samples.length - flows.length;
  }
  assert.ok(rowCount > 5000 && dropCount > 1000, `${rowCount} rows compared, ${dropCount} samples without`);
});

function compare(row: Row, expected: Row, hint: string): void {
  for (const [name, value] of Object.entries(expected)) {
    if (name === "isDropped") assert.equal(Number(row.forwardingStatus) >> 6, 2, hint);
    else if (Array.isArray(value)) assert.deepEqual(row[name] ?? [], value, `${name} ${hint}`);
    else if (name === "exporterAddress" && value === "::") assert.equal(row[name], undefined, hint);
    else assert.equal(row[name] ?? 0, value, `${name} ${hint}`);
  }
}
