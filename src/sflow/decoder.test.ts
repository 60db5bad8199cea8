import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, ethernet, fromHex, ipv4, ipv6, tcp, udp } from "../packet/testdata/frames.ts";
import { isSflow } from "./index.ts";
import {
  block,
  counterSample,
  datagram,
  discardedSample,
  expandedFlowSample,
  flowSample,
  gateway,
  genericCounters,
  portName,
  rawHeader,
  words,
} from "./testdata/datagrams.ts";
import { createTrial, type Row } from "./testdata/decode.ts";

const frame = concat(ethernet(0x0800), ipv4(6, { payloadLength: 1480 }), tcp(50_000, 443));
const header = rawHeader(frame, { frameLength: 1518, stripped: 4 });

/** The rows of one datagram with these samples. */
function rowsOf(...samples: readonly Uint8Array[]): Row[] {
  const trial = createTrial();
  trial.send(datagram({}, ...samples));
  return trial.rows;
}

function pick(rows: readonly Row[], ...names: readonly string[]): unknown[][] {
  return rows.map((row) => names.map((name) => row[name]));
}

test("trap 22, expanded and compact samples give the same rows", () => {
  const given = { sequence: 9, source: 7, rate: 1000, input: 7, output: 8 };
  const records = [block(1001, words(10, 0, 20, 0)), header];
  const [compact, expanded] = rowsOf(flowSample(given, ...records), expandedFlowSample(given, ...records));
  assert.deepEqual(compact, expanded);
  assert.equal(compact!.samplingInterval, 1000);
});

test("trap 22, ifIndex format bits: discarded, multiple and internal are no interfaces", () => {
  for (const sample of [flowSample, expandedFlowSample]) {
    const rows = rowsOf(
      sample({ output: 0x3ffffffe }, header),
      sample({ outputFormat: 1, output: 258 }, header),
      sample({ outputFormat: 2, output: 12 }, header),
      sample({ output: 0x3fffffff }, header),
      sample({ outputFormat: 3, output: 5 }, header),
      sample({ inputFormat: 2, input: 5 }, header),
    );
    const dropped = (2 << 6) | 1;
    const consumed = (3 << 6) | 3;
    assert.deepEqual(pick(rows, "ingressInterface", "egressInterface", "forwardingStatus"), [
      [7, 0x3ffffffe, undefined],
      [7, undefined, dropped],
      [7, undefined, undefined],
      [7, undefined, consumed],
      [7, undefined, undefined],
      [undefined, 8, undefined],
    ]);
  }
});

test("a compact data source has 24 bits behind its type", () => {
  const rows = rowsOf(flowSample({ source: 70_000, input: 70_000 }, header));
  assert.deepEqual(pick(rows, "observationPointId", "flowDirection"), [[70_000, 0]]);
});

test("trap 22, an expanded ifIndex has all its 32 bits", () => {
  const [row] = rowsOf(
    expandedFlowSample({ source: 0xfffffff0, input: 0xfffffff0, output: 0xc0000001 }, header),
  );
  assert.deepEqual(
    pick([row!], "ingressInterface", "egressInterface", "observationPointId", "flowDirection"),
    [[0xfffffff0, 0xc0000001, 0xfffffff0, 0]],
  );
});

test("trap 22, header protocols 1, 11 and 12, 7 and 14", () => {
  const v4 = concat(ipv4(6, { payloadLength: 20 }), tcp(1, 2));
  const v6 = concat(ipv6(17, { payloadLength: 8 }), udp(1, 2));
  const of = (protocol: number, bytes: Uint8Array) =>
    flowSample({}, rawHeader(bytes, { protocol, frameLength: bytes.length + 10, stripped: 0 }));
  const rows = rowsOf(
    of(1, concat(ethernet(0x0800), v4)),
    of(11, v4),
    of(12, v6),
    of(7, concat(fromHex("0057"), v6)),
    of(14, concat(fromHex("ff030057"), v6)),
  );
  assert.deepEqual(pick(rows, "sourceAddress", "octetDeltaCount"), [
    ["192.0.2.1", 40],
    ["192.0.2.1", 40],
    ["2001:db8::1", 48],
    ["2001:db8::1", 48],
    ["2001:db8::1", 48],
  ]);
});

test("trap 22, stripped bytes and layer 2 are no octets of the flow", () => {
  // The packet's own length is 1500; what cannot be in the frame counts as the frame has it.
  const lengths = [
    { frameLength: 1518, stripped: 4 },
    { frameLength: 1522, stripped: 8 },
    { frameLength: 1514, stripped: 0 },
    { frameLength: 1518, stripped: 0 },
    { frameLength: 1000, stripped: 4 },
    { frameLength: 0, stripped: 0 },
    { frameLength: 10, stripped: 200 },
  ];
  const rows = rowsOf(...lengths.map((given) => flowSample({}, rawHeader(frame, given))));
  assert.deepEqual(
    rows.map((row) => row.octetDeltaCount),
    [1500, 1500, 1500, 1500, 982, 1500, 1500],
  );
});

test("trap 22, a jumbogram is as large as its frame", () => {
  const jumbogram = concat(ethernet(0x86dd), ipv6(0, { payloadLength: 0 }));
  const [row] = rowsOf(flowSample({}, rawHeader(jumbogram, { frameLength: 90_018, stripped: 4 })));
  assert.equal(row!.octetDeltaCount, 90_000);
});

test("of two sampled headers the first is the packet", () => {
  const other = rawHeader(concat(ethernet(0x0800), ipv4(17, { source: "10.9.9.9" }), udp(1, 2)));
  assert.deepEqual(pick(rowsOf(flowSample({}, header, other)), "sourceAddress"), [["192.0.2.1"]]);
});

test("trap 22, labels of MPLS are octets behind layer 2", () => {
  const labelled = concat(ethernet(0x8847), words(0x3e800140), ipv4(6, { payloadLength: 1480 }));
  const [row] = rowsOf(flowSample({}, rawHeader(labelled, { frameLength: 1522, stripped: 4 })));
  assert.equal(row!.octetDeltaCount, 1504);
});

test("trap 22, sampling pool and drops are the agent's, and kept by data source", () => {
  const trial = createTrial();
  trial.send(datagram({}, flowSample({ source: 7, rate: 256, pool: 256_000, drops: 3 }, header)));
  trial.send(
    datagram({}, flowSample({ source: 7, sequence: 2, rate: 512, pool: 257_000, drops: 5 }, header)),
  );
  // A late one, and the counter's way round over 2^32.
  trial.send(
    datagram({}, flowSample({ source: 7, sequence: 1, rate: 512, pool: 257_000, drops: 4 }, header)),
  );
  trial.send(datagram({}, flowSample({ source: 8, rate: 64, drops: 0xffffffff }, header)));
  trial.send(datagram({}, flowSample({ source: 8, sequence: 2, rate: 64, drops: 1 }, header)));
  const [agent] = trial.decoder.describe("192.0.2.1")!.agents;
  assert.equal(agent!.address, "198.51.100.254");
  const { samplingInterval, samplePool, agentDropCount } = agent!.sources[0]!;
  assert.deepEqual([samplingInterval, samplePool, agentDropCount], [512, 257_000, 2]);
  assert.equal(agent!.sources[1]!.agentDropCount, 2);
  assert.deepEqual(pick(trial.rows, "samplingInterval"), [[256], [512], [512], [64], [64]]);
});

test("trap 22, an agent of IPv6, and one that does not say", () => {
  const trial = createTrial();
  trial.send(datagram({ agent: "2001:db8:ffff::1" }, flowSample({}, header)));
  trial.send(concat(words(5, 0, 0, 1, 1, 1), flowSample({}, header)), { addressText: "203.0.113.8" });
  trial.send(concat(words(5, 3, 0, 1, 1, 1), flowSample({}, header)));
  assert.deepEqual(pick(trial.rows, "exporterAddress"), [["2001:db8:ffff::1"], ["203.0.113.8"]]);
  assert.deepEqual(
    trial.messages.map(({ agent }) => agent),
    ["2001:db8:ffff::1", "203.0.113.8"],
  );
  assert.deepEqual(trial.drops, { message_truncated: 1 });
  trial.send(concat(words(5, 0, 0, 1, 1, 1), flowSample({}, header)), { addressText: "no address" });
  assert.equal(trial.messages.at(-1)!.agent, "::", "not the one before");
});

test("trap 22, vendors' records are stepped over, and samples are counted", () => {
  const trial = createTrial();
  const vendor = block(4413 * 4096 + 1, fromHex("010203"));
  trial.send(datagram({}, vendor, flowSample({}, vendor, header, vendor), block(99, words(1))));
  assert.equal(trial.rows.length, 1);
  assert.deepEqual(trial.drops, { sample_unknown: 2 });
  const { sampleCounts, recordCounts } = trial.decoder.describe("192.0.2.1")!.agents[0]!;
  assert.deepEqual([sampleCounts.unknown, sampleCounts.flow, recordCounts.flow], [2, 1, 3]);
});

test("trap 22, XDR padding after a sample and after a record", () => {
  const cut = frame.subarray(0, 51);
  const vendor = block(4413 * 4096, fromHex("01"));
  // Neither the record's length nor the sample's says the filling.
  const head = words(1, 32 + 24 + 51, 2, 7, 512, 1, 0, 7, 8, 1, 1, 16 + 51, 1, 1518, 4, 51);
  const rows = rowsOf(
    flowSample({}, vendor, rawHeader(cut, { frameLength: 1518 })),
    concat(head, cut, new Uint8Array(1)),
    flowSample({ sequence: 3 }, header),
  );
  assert.deepEqual(pick(rows, "destinationTransportPort"), [[443], [443], [443]]);
});

test("trap 22, the AS path of an extended gateway has segments", () => {
  const [row] = rowsOf(flowSample({}, header, gateway("203.0.113.1", 1, 2, [[10, 11], [], [12, 13]], [7])));
  assert.deepEqual(
    pick(
      [row!],
      "bgpAsPath",
      "bgpSourceAsNumber",
      "bgpDestinationAsNumber",
      "bgpNextAdjacentAsNumber",
      "bgpCommunities",
    ),
    [[[10, 11, 12, 13], 2, 13, 10, [7]]],
  );
});

test("trap 22, discarded packets are rows of their own, each counted once", () => {
  const reasons = [0, 4, 9, 256, 257, 258, 260, 261, 279, 0xffffffff];
  const rows = rowsOf(...reasons.map((reason) => discardedSample({ reason }, header)));
  assert.deepEqual(
    rows.map((row) => Number(row.forwardingStatus) & 63),
    [3, 5, 1, 0, 9, 1, 11, 10, 4, 0],
  );
  assert.ok(rows.every((row) => Number(row.forwardingStatus) >> 6 === 2));
  assert.ok(rows.every((row) => row.samplingInterval === 1 && row.octetDeltaCount === 1500));
});

test("trap 22, a truncated datagram keeps its whole samples", () => {
  const trial = createTrial();
  const whole = datagram({}, flowSample({}, header), flowSample({ sequence: 2 }, header));
  trial.send(whole.subarray(0, whole.length - 4));
  assert.equal(trial.rows.length, 1);
  assert.deepEqual(trial.drops, { sample_truncated: 1 });
  assert.equal(trial.messages.length, 1, "its sequence number counts all the same");
});

test("a count of records beyond the sample ends with the sample", () => {
  const trial = createTrial();
  const [flow, counter] = [flowSample({ count: 0xffffffff }, header), counterSample({ count: 0xffffffff })];
  trial.send(
    datagram({}, flow, counter, flowSample({ count: 2 }, header), discardedSample({ count: 2 }, header)),
  );
  assert.deepEqual([trial.rows.length, trial.drops], [0, { sample_truncated: 4 }]);
});

test("sub-agents are told apart in rows, messages and counts", () => {
  const trial = createTrial();
  trial.send(
    datagram({ subAgent: 1, sequence: 10, uptime: 5 }, flowSample({}, header), discardedSample({}, header)),
  );
  trial.send(datagram({ subAgent: 2, sequence: 99, uptime: 6 }, counterSample({})));
  assert.deepEqual(pick(trial.rows, "observationDomainId", "messageSequenceNumber"), [
    [1, 10],
    [1, 10],
  ]);
  const common = { format: 1, agent: "198.51.100.254", optionsRecordCount: 0, exportMilliseconds: undefined };
  assert.deepEqual(trial.messages, [
    { ...common, observationDomainId: 1, sequenceNumber: 10, recordCount: 2, uptimeMilliseconds: 5 },
    { ...common, observationDomainId: 2, sequenceNumber: 99, recordCount: 0, uptimeMilliseconds: 6 },
  ]);
  const agents = trial.decoder.describe("192.0.2.1")!.agents;
  assert.deepEqual(
    agents.map(({ subAgentId, datagramCount }) => [subAgentId, datagramCount]),
    [
      [1, 1],
      [2, 1],
    ],
  );
});

test("trap 15, samples are numbered by source and kind: what is missing between them is lost", () => {
  const trial = createTrial();
  const send = (sequence: number, source = 7) =>
    trial.send(datagram({}, flowSample({ sequence, source }, header)));
  for (const sequence of [100, 101, 105, 103]) send(sequence);
  send(5000, 9);
  trial.send(
    datagram({}, counterSample({ sequence: 3, source: 7 }), discardedSample({ sequence: 80 }, header)),
  );
  trial.send(
    datagram({}, counterSample({ sequence: 5, source: 7 }), discardedSample({ sequence: 82 }, header)),
  );
  const [first, second] = trial.decoder.describe("192.0.2.1")!.agents[0]!.sources;
  assert.deepEqual([first!.flowSampleCount, first!.lostFlowSampleCount], [4, 2], "one of three came late");
  assert.deepEqual([first!.counterSampleCount, first!.lostCounterSampleCount], [2, 1]);
  assert.deepEqual([first!.discardedCount, first!.lostDiscardedCount], [2, 1]);
  assert.deepEqual([second!.flowSampleCount, second!.lostFlowSampleCount], [1, 0]);
});

test("sample numbers wrap at 32 bits, and begin anew with the agent or far away", () => {
  const lost = (...datagrams: readonly (readonly [sequence: number, uptime: number])[]) => {
    const trial = createTrial();
    for (const [sequence, uptime] of datagrams)
      trial.send(datagram({ uptime }, flowSample({ sequence }, header)));
    return trial.decoder.describe("192.0.2.1")!.agents[0]!.sources[0]!.lostFlowSampleCount;
  };
  assert.equal(lost([0xfffffffe, 1], [1, 2]), 2);
  assert.equal(lost([500, 1e9], [505, 1e9 + 1], [1, 1000], [3, 2000]), 5, "restarted: 4 before, 1 after");
  assert.equal(lost([1, 1], [2e9, 2], [2e9 + 2, 3]), 1, "another count");
  assert.equal(lost([2e9, 1], [1, 2], [3, 3]), 1, "another count, further back");
  assert.equal(lost([1, 1], [5, 2], [5, 2]), 3, "a datagram that came twice has not come late");
  assert.equal(lost([5, 1], [5, 1], [6, 2]), 0, "a datagram that came twice");
});

test("every kind of sample begins anew with the agent", () => {
  const trial = createTrial();
  for (const [sequence, uptime] of [
    [500, 1e9],
    [2, 1000],
  ] as const)
    trial.send(datagram({ uptime }, counterSample({ sequence }), discardedSample({ sequence }, header)));
  trial.send(
    datagram({ uptime: 2000 }, counterSample({ sequence: 4 }), discardedSample({ sequence: 4 }, header)),
  );
  const [source] = trial.decoder.describe("192.0.2.1")!.agents[0]!.sources;
  assert.deepEqual([source!.lostCounterSampleCount, source!.lostDiscardedCount], [1, 1]);
});

test("what counters say of an interface is told, whichever record comes first", () => {
  const trial = createTrial();
  trial.send(datagram({}, counterSample({ source: 3 }, portName("eno1\0rest"), genericCounters(3, 1e10))));
  trial.send(datagram({}, counterSample({ source: 5 }, genericCounters(0, 1e9))));
  trial.send(datagram({}, counterSample({ source: 6 }, block(2001, words(1, 2)))));
  trial.send(datagram({}, counterSample({ source: 6, sourceType: 2 }, portName("blade"))));
  assert.deepEqual(trial.interfaces, [
    { index: 3, name: "eno1", description: "", speed: 1e10 },
    { index: 5, name: "", description: "", speed: 1e9 },
  ]);
});

test("a batch that fills up within a datagram is handed on", () => {
  const trial = createTrial({ batchRows: 2 });
  const samples = [1, 2, 3, 4, 5].map((sequence) => flowSample({ sequence }, header));
  assert.equal(trial.send(datagram({}, ...samples)).recordCount, 5);
  assert.equal(trial.rows.length, 5);
});

test("rows say when and by whom they were taken", () => {
  const trial = createTrial();
  const { decoder, batch } = trial;
  const source = { addressText: "192.0.2.1", port: 6343, observerRow: 42 };
  decoder.decode(datagram({}, flowSample({}, header)), source, 1_760_000_000_000, { batch, flush() {} });
  const { columns } = batch;
  const times = [
    columns.flowStartMilliseconds,
    columns.flowEndMilliseconds,
    columns.collectionTimeMilliseconds,
  ];
  assert.deepEqual(
    times.map((column) => column[0]),
    Array(3).fill(1_760_000_000_000),
  );
  assert.deepEqual([columns.observer[0], columns.exportFormat[0], columns.packetDeltaCount[0]], [42, 1, 1]);
});

test("a row that was given up leaves nothing in the one that takes its place", () => {
  const bad = flowSample({}, block(1001, words(10, 0, 20, 0)), header, block(1003, words(1, 2, 3, 4, 5)));
  const [first, second] = rowsOf(bad, flowSample({}, header));
  assert.equal(second, undefined);
  assert.deepEqual([first], rowsOf(flowSample({}, header)));
});

test("the summary says the last sampling rate, and that it was in the record", () => {
  const trial = createTrial();
  const summary = trial.send(
    datagram({}, flowSample({ rate: 64 }, header), flowSample({ rate: 128 }, header)),
  );
  assert.deepEqual([summary.format, summary.samplingInterval, summary.samplingOrigin], [1, 128, "record"]);
  assert.equal(trial.send(datagram({}, flowSample({ rate: 0 }, header))).samplingOrigin, "unknown");
});

test("sFlow is told from NetFlow by its first bytes", () => {
  assert.ok(isSflow(datagram({})));
  for (const text of ["0005001e", "00090001", "000a0040", "00000004", "00000005".slice(0, 6), ""])
    assert.ok(!isSflow(fromHex(text)), text);
  const trial = createTrial();
  assert.equal(trial.send(fromHex("0009000100000000")).format, 0);
  assert.equal(trial.send(fromHex("000000")).format, 0);
  assert.deepEqual(trial.drops, { version_unknown: 1, message_truncated: 1 });
});

test("counts have bounds, and what was silent longest goes", () => {
  const limits = { exportersMax: 2, agentsPerExporterMax: 2, sourcesPerExporterMax: 3, sourcesMax: 4 };
  const trial = createTrial({ limits });
  const send = (source: number, agent = "10.0.0.1", addressText = "192.0.2.1") =>
    trial.send(datagram({ agent }, flowSample({ source }, header)), { addressText });
  const indexes = (addressText = "192.0.2.1") =>
    trial.decoder.describe(addressText)?.agents.map(({ sources }) => sources.map(({ index }) => index));
  for (const source of [1, 2, 3, 1, 4]) send(source);
  assert.deepEqual(indexes(), [[1, 3, 4]], "2 was silent longest");
  for (const source of [1, 2]) send(source);
  assert.deepEqual(indexes(), [[1, 4, 2]], "3 was");
  for (const source of [4, 9, 8]) send(source);
  assert.deepEqual(indexes(), [[4, 9, 8]], "1 and 2 were");
  send(5, "10.0.0.2");
  send(8);
  send(6, "10.0.0.3");
  assert.deepEqual(indexes(), [[9, 8], [6]], "4 was silent longest, and then the second agent");
  assert.deepEqual(trial.decoder.usage, { exporterCount: 1, sourceCount: 3 });
  for (const source of [1, 2, 3]) send(source, "10.0.0.9", "192.0.2.2");
  assert.deepEqual(indexes("192.0.2.2"), [[3]], "4 sources in all");
  send(1, "10.0.0.9", "192.0.2.3");
  assert.equal(indexes("192.0.2.3"), undefined, "a third exporter is decoded, not counted");
  assert.equal(trial.rows.length, 17);
  trial.decoder.forget("192.0.2.1");
  trial.decoder.forget("192.0.2.2");
  assert.deepEqual(trial.decoder.usage, { exporterCount: 0, sourceCount: 0 });
});

test("headers without samples take no place, and who is silent for long makes room", () => {
  const trial = createTrial({ limits: { exportersMax: 2, idleMilliseconds: 60_000 } });
  const sample = flowSample({}, header);
  for (let i = 1; i < 20; i++) trial.send(datagram({}), { addressText: `198.51.100.${i}` });
  assert.equal(trial.decoder.usage.exporterCount, 0);
  for (const last of [1, 2, 3]) trial.send(datagram({}, sample), { addressText: `192.0.2.${last}` });
  const has = (last: number) => trial.decoder.describe(`192.0.2.${last}`) !== undefined;
  assert.deepEqual([1, 2, 3].map(has), [true, true, false]);
  trial.wait(60_000);
  trial.send(datagram({}), { addressText: "192.0.2.1" });
  trial.send(datagram({}, sample), { addressText: "192.0.2.3" });
  assert.deepEqual([1, 2, 3].map(has), [true, false, true], "a known one is heard by its headers too");
  trial.send(datagram({}, sample), { addressText: "192.0.2.2" });
  assert.deepEqual([1, 2, 3].map(has), [true, false, true]);
  assert.equal(trial.rows.length, 5, "all are decoded");
});

test("an interface's name has nothing in it that cannot be shown", () => {
  const trial = createTrial();
  const name = "et\u001b[2Jh\r\n\u202e0\u0085\u2028";
  trial.send(datagram({}, counterSample({}, genericCounters(7, 1000), portName(name))));
  trial.send(datagram({}, counterSample({}, genericCounters(8, 1000), portName("x".repeat(400)))));
  assert.deepEqual(
    trial.interfaces.map((fact) => fact.name),
    ["et[2Jh0", "x".repeat(255)],
  );
});
