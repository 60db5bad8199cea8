import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch, formatAddress } from "../flow/index.ts";
import { TcpReport, tcpReportBytes, tcpReportLayout } from "../observe/index.ts";
import { attemptControlBits, observedEnd } from "../topology/index.ts";
import { type Failure, failureOf, isWorthARow, type Poll, writeReportRow } from "./report-row.ts";

const flags = { first: 1, closed: 2, older: 4, unopened: 8, opened: 16 };
const client = 1;
const server = 2;
type Member = keyof typeof tcpReportLayout;

/** A report with these members; the rest is nought. */
function reportOf(members: Partial<Record<Member, number>>): TcpReport {
  const data = new ArrayBuffer(tcpReportBytes);
  const view = new DataView(data);
  for (const [name, value] of Object.entries(members) as [Member, number][]) {
    const at = tcpReportLayout[name];
    if (name === "role" || name === "flags") view.setUint8(at, value);
    else if (name.endsWith("_port") || name === "error") view.setUint16(at, value, true);
    else if (/^bytes|^opened|cgroup/.test(name)) view.setBigUint64(at, BigInt(value), true);
    else view.setUint32(at, value, true);
  }
  new Uint8Array(data).set([10, 0, 0, 9], tcpReportLayout.local_address + 12);
  new Uint8Array(data).set([10, 0, 0, 1], tcpReportLayout.remote_address + 12);
  for (const address of [tcpReportLayout.local_address, tcpReportLayout.remote_address])
    new Uint8Array(data).fill(0xff, address + 10, address + 12);
  return new TcpReport(data);
}

const poll: Poll = { seen: 10_000, since: 9000, bootTime: 1000, observerRow: 4 };

function rowOf(members: Partial<Record<Member, number>>) {
  const batch = new FlowBatch(1);
  writeReportRow(batch, reportOf(members), poll, 77);
  const { columns } = batch;
  return Object.assign((name: keyof typeof columns) => (columns[name] as unknown as ArrayLike<number>)[0], {
    columns,
  });
}

const unopened = (error: number, milliseconds = 0): Partial<Record<Member, number>> => ({
  role: client,
  flags: flags.closed | flags.unopened,
  error,
  opened_nanoseconds: 5e9,
  connect_microseconds: milliseconds * 1000,
});
const opened = (error: number): Partial<Record<Member, number>> => ({
  role: client,
  flags: flags.closed,
  error,
});

test("a connection with a loopback address at either end is its network namespace's", () => {
  const scopeWith = (...loopback: ("local_address" | "remote_address")[]) => {
    const report = reportOf({ role: client, network_namespace: 99 });
    for (const name of loopback) report.bytes.set([127, 0, 0, 1], tcpReportLayout[name] + 12);
    const batch = new FlowBatch(1);
    writeReportRow(batch, report, poll, 77);
    return batch.columns.connectionScope[0];
  };
  assert.deepEqual(
    [scopeWith(), scopeWith("local_address"), scopeWith("remote_address")],
    [0, 99, 99],
    "of two sockets that are one connection each has it at another end",
  );
});

const cases: readonly [
  what: string,
  members: Partial<Record<Member, number>>,
  failure: Failure | undefined,
][] = [
  ["ECONNREFUSED", unopened(111), "refused"],
  ["ETIMEDOUT", unopened(110), "timedOut"],
  ["ENETUNREACH", unopened(101), "unreachable"],
  ["EHOSTUNREACH", unopened(113), "unreachable"],
  ["EHOSTDOWN", unopened(112), "unreachable"],
  ["ENONET", unopened(64), "unreachable"],
  ["ENOPROTOOPT", unopened(92), "unreachable"],
  ["EACCES of ICMPv6", unopened(13), "unreachable"],
  ["ECONNABORTED of ss -K", unopened(103), "other"],
  ["given up after 0.9 s", unopened(0, 900), "timedOut"],
  ["given up before", unopened(0, 899), undefined],
  ["a good end", opened(0), undefined],
  ["ECONNRESET", opened(104), "reset"],
  ["EPIPE, a reset behind a FIN", opened(32), "reset"],
  ["ETIMEDOUT of an open one", opened(110), "lost"],
  ["EHOSTUNREACH of an open one", opened(113), "lost"],
  ["ECONNABORTED of an open one", opened(103), undefined],
  ["an attempt that goes on", { role: client, flags: flags.unopened }, undefined],
  ["a connection that goes on", { role: client, flags: 0, error: 104 }, undefined],
];

for (const [what, members, failure] of cases) {
  test(`how a connection failed: ${what}`, () => {
    assert.equal(failureOf(reportOf(members)), failure);
    const row = rowOf(members);
    const isUnopened = (members.flags! & flags.unopened) !== 0;
    assert.equal(row("failedConnectionCount"), failure !== undefined && isUnopened ? 1 : 0);
    const reasons = ["refused", "timedOut", "unreachable", "reset", "lost"] as const;
    for (const reason of reasons)
      assert.equal(row(`${reason}ConnectionCount`), reason === failure ? 1 : 0, reason);
  });
}

test("only a connection that was given up before anybody could answer makes no row", () => {
  assert.deepEqual(
    cases.filter(([, members]) => !isWorthARow(reportOf(members))).map(([what]) => what),
    ["given up before"],
  );
});

test("a connection is counted by the report that opens it, with the time it took", () => {
  const opening = rowOf({
    role: client,
    flags: flags.opened,
    connect_microseconds: 900,
    minimum_rtt_microseconds: 40,
  });
  assert.deepEqual(
    [opening("connectionCount"), opening("connectTimeMicroseconds"), opening("tcpControlBits")],
    [1, 900, 0],
  );
  assert.equal(opening("minimumRoundTripTimeMicroseconds"), 40);
  for (const other of [flags.first, flags.older, flags.closed, flags.first | flags.unopened])
    assert.equal(rowOf({ role: client, flags: other })("connectionCount"), 0);
});

test("an attempt says that it is one; its end does not", () => {
  const row = rowOf({ role: client, flags: flags.first | flags.unopened });
  assert.equal(row("tcpControlBits"), attemptControlBits);
  assert.equal(row("flowEndReason"), 2);
  assert.equal(rowOf(unopened(111))("tcpControlBits"), 0);
});

test("a record goes from client to server, whoever's socket was read", () => {
  const counters = { bytes_sent: 5, bytes_received: 6, segments_sent: 7, segments_received: 8 };
  const ports = { local_port: 40000, remote_port: 443 };
  const ours = rowOf({ role: client, ...counters, ...ports });
  const theirs = rowOf({ role: server, ...counters, ...ports });
  const figures = (row: typeof ours) =>
    (
      ["octetDeltaCount", "reverseOctetDeltaCount", "packetDeltaCount", "reversePacketDeltaCount"] as const
    ).map(row);
  assert.deepEqual(
    [figures(ours), figures(theirs)],
    [
      [5, 6, 7, 8],
      [6, 5, 8, 7],
    ],
  );
  assert.deepEqual([ours("sourceTransportPort"), ours("destinationTransportPort")], [40000, 443]);
  assert.deepEqual([theirs("sourceTransportPort"), theirs("destinationTransportPort")], [443, 40000]);
  assert.equal(formatAddress(ours.columns.sourceAddress, 0), "10.0.0.9");
  assert.equal(formatAddress(theirs.columns.sourceAddress, 0), "10.0.0.1");
  assert.deepEqual([ours("sourcePeer"), ours("observedEnd")], [77, observedEnd.client]);
  assert.deepEqual([theirs("destinationPeer"), theirs("observedEnd")], [77, observedEnd.server]);
});
