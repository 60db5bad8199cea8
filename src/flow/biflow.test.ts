import assert from "node:assert/strict";
import { test } from "node:test";
import { BiflowSplitter } from "./biflow.ts";
import { type Field, type FieldName, fields } from "./fields.ts";
import { FlowBatch } from "./flow-batch.ts";

const seed = Number(process.env.SEED ?? Date.now() % 1e9);

type Row = Record<string, number | readonly number[]>;

/** Every field of a row; addresses and lists as arrays. */
function readRow(batch: FlowBatch, row: number): Row {
  return Object.fromEntries(
    (fields as readonly Field[]).map(({ name, column }) => {
      const values = batch.columns[name as FieldName];
      if (column === "address") return [name, [...values.subarray(row * 16, row * 16 + 16)]];
      if (column === "list") return [name, [...batch.listAt(values[row]!)]];
      return [name, values[row]!];
    }),
  );
}

const readRows = (batch: FlowBatch) => Array.from({ length: batch.count }, (_, row) => readRow(batch, row));

const isFilled = (value: Row[string]) =>
  typeof value === "number" ? value > 0 : value.some((byte) => byte > 0);

/** The clear, slow counterpart, field by field. */
function splitRow(row: Row): Row[] {
  const empty = readRow(emptyRow(), 0);
  const noReverse = { reverseTcpControlBits: 0, reverseIpClassOfService: 0 };
  const first = { ...row, ...noReverse, reverseOctetDeltaCount: 0, reversePacketDeltaCount: 0 };
  const hasReverse = isFilled(row.reverseOctetDeltaCount!) || isFilled(row.reversePacketDeltaCount!);
  if (!hasReverse) return [first];
  const back1 = (name: "TcpControlBits" | "IpClassOfService", own: "tcpControlBits" | "ipClassOfService") =>
    row[`reverse${name}`] || (isAlone ? row[own]! : 0);
  const isTranslated = Object.entries(row).some(([name, value]) => /^postNA/.test(name) && isFilled(value));
  const isAlone = !isFilled(row.octetDeltaCount!) && !isFilled(row.packetDeltaCount!) && !isTranslated;
  const back: Row = {
    ...first,
    octetDeltaCount: row.reverseOctetDeltaCount!,
    packetDeltaCount: row.reversePacketDeltaCount!,
    tcpControlBits: back1("TcpControlBits", "tcpControlBits"),
    ipClassOfService: back1("IpClassOfService", "ipClassOfService"),
    sourceAddress: row.destinationAddress!,
    destinationAddress: row.sourceAddress!,
    sourceTransportPort: row.destinationTransportPort!,
    destinationTransportPort: row.sourceTransportPort!,
    sourcePrefixLength: row.destinationPrefixLength!,
    destinationPrefixLength: row.sourcePrefixLength!,
    sourceMacAddress: row.destinationMacAddress!,
    destinationMacAddress: row.sourceMacAddress!,
    ingressInterface: row.egressInterface!,
    egressInterface: row.ingressInterface!,
    vlanId: row.postVlanId!,
    postVlanId: row.vlanId!,
    bgpSourceAsNumber: row.bgpDestinationAsNumber!,
    bgpDestinationAsNumber: row.bgpSourceAsNumber!,
    ingressVRFID: row.egressVRFID!,
    egressVRFID: row.ingressVRFID!,
    sourcePeer: row.destinationPeer!,
    destinationPeer: row.sourcePeer!,
    clientEnd: row.clientEnd === 1 ? 2 : row.clientEnd === 2 ? 1 : row.clientEnd!,
    flowDirection: row.flowDirection === 1 ? 0 : row.flowDirection === 0 ? 1 : row.flowDirection!,
  };
  const clear = (pattern: RegExp) => {
    for (const name of Object.keys(back)) if (pattern.test(name)) back[name] = empty[name]!;
  };
  clear(/^postNA|NextHop|^bgp(NextAdjacent|AsPath|Communities)|^mpls/);
  if (!isAlone)
    clear(
      /^(ipTTL|flowLabelIPv6|forwardingStatus|fragment.*|layer.*|ipv6Routing.*|natEvent|firewallEvent|.*onnectionCount|retransmittedSegmentCount|connectTimeMicroseconds)$/,
    );
  return isAlone ? [back] : [first, back];
}

function emptyRow(): FlowBatch {
  const batch = new FlowBatch(1, { hasDetails: true });
  batch.append();
  return batch;
}

/** mulberry32: the same numbers for the same seed, everywhere. */
function createRandom(from: number): (below: number) => number {
  let state = from >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

/** Rows of which every field is empty about as often as not. */
function randomBatch(random: (below: number) => number, rows: number): FlowBatch {
  const batch = new FlowBatch(rows, { hasDetails: true });
  batch.append(rows);
  for (const { name, column } of fields as readonly Field[]) {
    const values = batch.columns[name as FieldName];
    const isRare = name.startsWith("postNA");
    for (let row = 0; row < rows; row++) {
      if (random(isRare ? 8 : 2) > 0 === isRare) continue;
      if (column === "address")
        values.set(
          Uint8Array.from({ length: 16 }, () => random(256)),
          row * 16,
        );
      else if (column === "list")
        values[row] = batch.appendList(Array.from({ length: random(6) }, () => random(2 ** 32)));
      else if (name === "clientEnd" || name === "flowDirection") values[row] = random(3);
      else values[row] = random(2 ** 32);
    }
  }
  return batch;
}

test(`random rows are split as the plain splitter splits them (SEED=${seed})`, () => {
  const random = createRandom(seed);
  const splitter = new BiflowSplitter();
  for (let round = 0; round < 100; round++) {
    const batch = randomBatch(random, 1 + random(30));
    const rows = readRows(batch);
    assert.deepEqual(readRows(splitter.split(batch)), rows.flatMap(splitRow));
    assert.deepEqual(readRows(batch), rows, "the batch is as it was");
  }
});

test(`octets and packets of both directions are those of the records (SEED=${seed})`, () => {
  const random = createRandom(seed);
  const splitter = new BiflowSplitter();
  const sum = (rows: readonly Row[], ...names: FieldName[]) =>
    rows.reduce((total, row) => names.reduce((value, name) => value + (row[name] as number), total), 0);
  for (let round = 0; round < 100; round++) {
    const batch = randomBatch(random, 20);
    const before = readRows(batch);
    const after = readRows(splitter.split(batch));
    assert.equal(sum(after, "octetDeltaCount"), sum(before, "octetDeltaCount", "reverseOctetDeltaCount"));
    assert.equal(sum(after, "packetDeltaCount"), sum(before, "packetDeltaCount", "reversePacketDeltaCount"));
    assert.equal(sum(after, "reverseOctetDeltaCount", "reversePacketDeltaCount"), 0);
    assert.equal(sum(after, "connectionCount"), sum(before, "connectionCount"));
  }
});

test("a batch of one direction is handed back as it is", () => {
  const batch = new FlowBatch(4, { hasDetails: true });
  batch.columns.octetDeltaCount[batch.append()] = 1;
  assert.equal(new BiflowSplitter().split(batch), batch);
});

test("a full batch with full lists has room for both directions", () => {
  const batch = new FlowBatch(8, { hasDetails: true });
  const { columns } = batch;
  for (let row = batch.append(8); row < 8; row++) {
    columns.octetDeltaCount[row] = columns.reverseOctetDeltaCount[row] = 1 + row;
    columns.layerSizes[row] = batch.appendList(new Array<number>(31).fill(row));
  }
  const split = new BiflowSplitter().split(batch);
  assert.equal(split.count, 16);
  assert.deepEqual([...split.listAt(split.columns.layerSizes[14]!)], new Array(31).fill(7));
});

test("every field of an end has its counterpart: a new one has to be thought of", () => {
  const random = createRandom(1);
  const batch = randomBatch(random, 1);
  for (const { name, column } of fields as readonly Field[]) {
    const values = batch.columns[name as FieldName];
    if (column === "list") values[0] = batch.appendList([name.length]);
    else if (column === "address") values.set(Uint8Array.from({ length: 16 }, () => 1 + random(255)));
    else values[0] = name === "clientEnd" || name === "flowDirection" ? 1 : 1 + random(200);
  }
  const [first, back] = readRows(new BiflowSplitter().split(batch)) as [Row, Row];
  const same = Object.keys(first).filter(
    (name) => JSON.stringify(first[name]) === JSON.stringify(back[name]),
  );
  assert.deepEqual(same, [
    ...["protocolIdentifier", "reverseOctetDeltaCount", "reversePacketDeltaCount", "flowStartMilliseconds"],
    ...["flowEndMilliseconds", "collectionTimeMilliseconds", "icmpTypeCode", "flowEndReason"],
    ...["samplingInterval", "observationDomainId", "observer", "observedEnd", "connectionScope"],
    ...["isDuplicate", "roundTripTimeMicroseconds", "minimumRoundTripTimeMicroseconds"],
    ...["originalDestinationAddress", "originalDestinationTransportPort", "calledPeer"],
    ...["reverseTcpControlBits", "reverseIpClassOfService"],
    ...["exportFormat", "messageSequenceNumber"],
    ...["exporterAddress", "observationPointId", "ethernetType", "dot1qCustomerVlanId"],
  ]);
});
