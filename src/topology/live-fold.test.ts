import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch } from "../flow/index.ts";
import { clientEnd } from "./client-end.ts";
import { connectionCounters, type LinkCounter, linkCounters } from "./link-counters.ts";
import { LiveFold, liveFoldDefaults } from "./live-fold.ts";

const start = 1_700_000_040_000; // a whole minute
const nobodyOpen = () => {};
const noTotals = Object.fromEntries(linkCounters.map((name) => [name, 0])) as Record<LinkCounter, number>;

interface Row {
  client?: number;
  server?: number;
  sent?: number;
  received?: number;
  reversed?: boolean;
  sampling?: number;
  at?: number;
  observer?: number;
  duplicate?: boolean;
  isAgent?: boolean;
  /** In, out. */
  interfaces?: readonly [number, number];
}

function batchOf(...rows: Row[]): FlowBatch {
  const batch = new FlowBatch(rows.length);
  for (const {
    client = 5,
    server = 6,
    sent = 0,
    received = 0,
    reversed,
    sampling = 0,
    at = start,
    observer = 1,
    duplicate,
    isAgent = false,
    interfaces = [0, 0],
  } of rows) {
    const row = batch.append();
    const { columns } = batch;
    columns.clientEnd[row] = reversed ? clientEnd.destination : clientEnd.source;
    columns.sourcePeer[row] = reversed ? server : client;
    columns.destinationPeer[row] = reversed ? client : server;
    columns.sourceTransportPort[row] = reversed ? 443 : 50000;
    columns.destinationTransportPort[row] = reversed ? 50000 : 443;
    columns.protocolIdentifier[row] = 6;
    columns.octetDeltaCount[row] = reversed ? received : sent;
    columns.reverseOctetDeltaCount[row] = reversed ? sent : received;
    columns.packetDeltaCount[row] = 1;
    columns.samplingInterval[row] = sampling;
    columns.observer[row] = observer;
    columns.observedEnd[row] = isAgent ? 1 : 0;
    columns.isDuplicate[row] = duplicate ? 1 : 0;
    [columns.ingressInterface[row], columns.egressInterface[row]] = interfaces;
    columns.collectionTimeMilliseconds[row] = at;
  }
  return batch;
}

function createFold(entriesMax = 100) {
  const drops: string[] = [];
  const fold = new LiveFold({ ...liveFoldDefaults, entriesMax }, (reason) => drops.push(reason));
  fold.tick(start, nobodyOpen);
  return { fold, drops };
}

test("rows of one link add up, whichever way round they are written, corrected for sampling", () => {
  const { fold } = createFold();
  fold.fold(batchOf({ sent: 100, received: 20 }, { received: 7, reversed: true }, { sent: 3, sampling: 10 }));
  const [entry] = [...fold.entries()];
  assert.equal(fold.count, 1);
  assert.deepEqual([entry?.bytesSent, entry?.bytesReceived, entry?.packets], [130, 27, 12]);
  assert.equal(entry?.port, 443);
});

test("observers and duplicates are told apart", () => {
  const { fold } = createFold();
  fold.fold(batchOf({ sent: 1 }, { sent: 1, observer: 2, duplicate: true }, { sent: 1, observer: 2 }));
  assert.equal(fold.count, 3);
});

test("interfaces are the client's and the server's side's, whichever way a record goes", () => {
  const { fold } = createFold();
  const most = 2 ** 32 - 1;
  const both = batchOf(
    { interfaces: [3, most] },
    { interfaces: [most, 3], reversed: true },
    { interfaces: [4, most] },
  );
  fold.fold(both);
  assert.deepEqual(
    [...fold.entries()].map(({ clientInterface, serverInterface }) => [clientInterface, serverInterface]),
    [
      [3, most],
      [4, most],
    ],
  );
});

test("an exporter that names other interfaces in every record has a few of each link; the rest counts without", () => {
  const { fold, drops } = createFold();
  const named = (from: number, count: number, row: Row = {}) =>
    fold.fold(
      batchOf(
        ...Array.from({ length: count }, (_, i) => ({ sent: 1, ...row, interfaces: [from + i, 9] as const })),
      ),
    );
  const rows = (client = 5) => [...fold.entries()].filter(({ clientPeer }) => clientPeer === client);
  named(1, 40);
  assert.deepEqual(drops, Array(8).fill("interface_limit"));
  assert.equal(rows().length, 33);
  const [none] = rows().filter(({ clientInterface }) => clientInterface === 0);
  assert.deepEqual([none?.serverInterface, none?.bytesSent], [0, 8]);
  named(1, 32);
  assert.equal(drops.length, 8, "those that are kept go on");
  named(1, 32, { client: 7 });
  assert.deepEqual([rows(7).length, drops.length], [32, 8], "another link has its own");
  const later = start + 10 * 60_000;
  fold.tick(later, nobodyOpen);
  named(1, 2, { at: later });
  fold.tick(start + 16 * 60_000, nobodyOpen);
  assert.equal(rows().length, 2);
  named(100, 31, { at: later });
  assert.deepEqual([rows().length, drops.length], [33, 9], "who has left makes room: thirty, and none");
});

test("totals are those of the window: a minute leaves when the window has moved past it", () => {
  const { fold } = createFold();
  fold.fold(batchOf({ sent: 100 }));
  fold.tick(start + 60_000, nobodyOpen);
  fold.fold(batchOf({ sent: 10, at: start + 60_000 }));
  const total = () => [...fold.entries()][0]?.bytesSent;
  assert.equal(total(), 110);
  fold.tick(start + 14 * 60_000, nobodyOpen);
  assert.equal(total(), 110);
  fold.tick(start + 15 * 60_000, nobodyOpen);
  assert.equal(total(), 10);
  fold.tick(start + 17 * 60_000, nobodyOpen);
  assert.equal(fold.count, 0, "idle for the whole window");
});

test("a jump over the whole window leaves nothing behind", () => {
  const { fold } = createFold();
  fold.fold(batchOf({ sent: 100 }));
  fold.tick(start + 500 * 60_000, nobodyOpen);
  assert.equal(fold.count, 0);
});

test("an idle link with an open connection stays, and shows it", () => {
  const { fold } = createFold();
  fold.fold(batchOf({ sent: 100 }));
  const open = (visit: (c: number, s: number, port: number, protocol: number, observer: number) => void) => {
    visit(5, 6, 443, 6, 1);
    visit(5, 6, 443, 6, 1);
    visit(77, 78, 1, 6, 1);
  };
  fold.tick(start + 20 * 60_000, open);
  const [entry] = [...fold.entries()];
  assert.deepEqual([entry?.active, entry?.bytesSent], [2, 0]);
});

test("a steady rate is shown as it is, and fades when the traffic ends", () => {
  const { fold } = createFold();
  for (let second = 1; second <= 30; second++) {
    fold.fold(batchOf({ sent: 5000 }));
    fold.tick(start + second * 1000, nobodyOpen);
  }
  const rate = () => [...fold.entries()][0]!.sentRate;
  assert.ok(Math.abs(rate() - 5000) < 10);
  for (let second = 31; second <= 60; second++) fold.tick(start + second * 1000, nobodyOpen);
  assert.equal(rate(), 0);
});

test("links beyond the bound are counted drops", () => {
  const { fold, drops } = createFold(1);
  fold.fold(batchOf({ client: 1 }, { client: 2 }));
  assert.equal(fold.count, 1);
  assert.deepEqual(drops, ["link_limit"]);
});

test("history that comes back stands in its own minute", () => {
  const { fold } = createFold();
  const totals = { ...noTotals, bytesSent: 9, bytesReceived: 1, packets: 2, connections: 1 };
  const part = {
    clientPeer: 5,
    serverPeer: 6,
    calledPeer: 0,
    port: 443,
    protocol: 6,
    observer: 1,
    isDuplicate: false,
    clientInterface: 0,
    serverInterface: 0,
    totals,
    rttMinMicroseconds: 0,
  };
  const minute = start / 60_000;
  fold.restore({ ...part, rttMicroseconds: 0, lastSeen: start - 60_000 }, minute - 1);
  fold.restore({ ...part, rttMicroseconds: 0, lastSeen: start }, minute - 15);
  assert.equal([...fold.entries()][0]?.bytesSent, 9, "15 minutes ago is outside");
  fold.tick(start + 14 * 60_000, nobodyOpen);
  assert.equal([...fold.entries()][0]?.bytesSent ?? 0, 0);
});

/** The only entry after a row with these fields was folded into an empty fold. */
function entryOf(fill: (columns: FlowBatch["columns"]) => void, fold = createFold().fold) {
  const batch = batchOf({ isAgent: true });
  fill(batch.columns);
  fold.fold(batch);
  return [...fold.entries()][0]!;
}

test("failures, retransmits and connections are counted each for itself, and not multiplied by sampling", () => {
  const { connections, failed, retransmits } = entryOf((columns) => {
    columns.samplingInterval[0] = 10;
    columns.connectionCount[0] = 1;
    columns.failedConnectionCount[0] = 2;
    columns.retransmittedSegmentCount[0] = 3;
  });
  assert.deepEqual([connections, failed, retransmits], [1, 2, 3]);
});

test("every counter of connections is its field's sum, and leaves with its minute", () => {
  const { fold } = createFold();
  const fill = (columns: FlowBatch["columns"]) => {
    for (const [i, [, field]] of connectionCounters.entries()) columns[field][0] = i + 1;
  };
  entryOf(fill, fold);
  const entry = entryOf(fill, fold);
  assert.deepEqual(
    connectionCounters.map(([name]) => entry[name]),
    connectionCounters.map((_, i) => 2 * (i + 1)),
  );
  assert.equal(entry.connectCount, 2);
  const totals = { ...noTotals, lost: 4, connectMicroseconds: 50, connectCount: 5 };
  const { clientPeer, serverPeer, port, protocol, observer, isDuplicate, calledPeer } = entry;
  const interfaces = { clientInterface: 0, serverInterface: 0 };
  const key = { clientPeer, serverPeer, port, protocol, observer, isDuplicate, calledPeer, ...interfaces };
  const part = { ...key, totals, rttMicroseconds: 0, rttMinMicroseconds: 0, lastSeen: start };
  fold.restore(part, start / 60_000 - 14);
  const before = [...fold.entries()][0]!;
  assert.deepEqual([before.lost, before.connectCount], [2 * 7 + 4, 2 + 5]);
  fold.tick(start + 60_000, nobodyOpen);
  const [after] = [...fold.entries()];
  assert.deepEqual([after!.lost, after!.connectMicroseconds, after!.connectCount], [14, 18, 2]);
});

test("the least round trip time is that of the window's minutes, those before a restart included", () => {
  const { fold } = createFold();
  const least = (microseconds: number) =>
    entryOf((columns) => {
      columns.minimumRoundTripTimeMicroseconds[0] = microseconds;
      columns.roundTripTimeMicroseconds[0] = microseconds;
    }, fold);
  assert.deepEqual(
    [0, 800, 900, 0, 700].map((each) => least(each).rttMin),
    [0, 800, 800, 800, 700],
  );
  const { clientPeer, serverPeer, port, protocol, observer, isDuplicate, calledPeer } = least(0);
  const interfaces = { clientInterface: 0, serverInterface: 0 };
  const key = { clientPeer, serverPeer, port, protocol, observer, isDuplicate, calledPeer, ...interfaces };
  const part = { ...key, totals: noTotals, rttMicroseconds: 0, lastSeen: start };
  fold.restore({ ...part, rttMinMicroseconds: 50 }, start / 60_000 - 14);
  fold.restore({ ...part, rttMinMicroseconds: 0 }, start / 60_000 - 1);
  const now = () => [...fold.entries()].find((entry) => entry.clientPeer === clientPeer)?.rttMin;
  assert.equal(now(), 50);
  fold.tick(start + 60_000, nobodyOpen);
  assert.equal(now(), 700, "that minute has left the window");
  fold.fold(batchOf({ isAgent: true, at: start + 60_000 }));
  fold.tick(start + 15 * 60_000, nobodyOpen);
  assert.equal(now(), 0);
});

test("octets and packets of both directions are multiplied by the sampling", () => {
  const { bytesSent, bytesReceived, packets } = entryOf((columns) => {
    columns.samplingInterval[0] = 10;
    columns.octetDeltaCount[0] = 5;
    columns.reverseOctetDeltaCount[0] = 7;
    columns.packetDeltaCount[0] = 1;
    columns.reversePacketDeltaCount[0] = 2;
  });
  assert.deepEqual([bytesSent, bytesReceived, packets], [50, 70, 30]);
});

test("a round trip time is smoothed: the first counts whole, each later one an eighth; none measured changes nothing", () => {
  const { fold } = createFold();
  const after = (microseconds: number) =>
    entryOf((columns) => {
      columns.roundTripTimeMicroseconds[0] = microseconds;
    }, fold).rtt;
  assert.deepEqual([0, 800, 1600, 0].map(after), [0, 800, 900, 900]);
});

test("a link was last seen at its newest record, in whatever order records come", () => {
  const { fold } = createFold();
  fold.fold(batchOf({ at: start + 5 }, { at: start + 9 }, { at: start + 7 }));
  assert.equal([...fold.entries()][0]?.lastSeen, start + 9);
});

test("rates are those of each direction", () => {
  const { fold } = createFold();
  for (let second = 1; second <= 30; second++) {
    fold.fold(batchOf({ sent: 5000, received: 900 }));
    fold.tick(start + second * 1000, nobodyOpen);
  }
  const [entry] = [...fold.entries()];
  assert.deepEqual([Math.round(entry!.sentRate), Math.round(entry!.receivedRate)], [5000, 900]);
});

test("connections that are open are counted anew each tick, and not on entries of duplicates", () => {
  const { fold } = createFold();
  fold.fold(batchOf({ sent: 1 }, { sent: 1, duplicate: true }));
  const active = () => [...fold.entries()].map((entry) => entry.active);
  for (let second = 1; second <= 3; second++) {
    fold.tick(start + second * 1000, (visit) => visit(5, 6, 443, 6, 1));
    assert.deepEqual(active(), [1, 0]);
  }
  fold.tick(start + 4000, nobodyOpen);
  assert.deepEqual(active(), [0, 0]);
});

test("history of minutes that are still to come is not taken", () => {
  const { fold } = createFold();
  const totals = { ...noTotals, bytesSent: 9, bytesReceived: 1, packets: 2, connections: 1 };
  const link = {
    clientPeer: 5,
    serverPeer: 6,
    calledPeer: 0,
    port: 443,
    protocol: 6,
    observer: 1,
    isDuplicate: false,
    clientInterface: 0,
    serverInterface: 0,
    totals,
    rttMinMicroseconds: 0,
  };
  fold.restore({ ...link, rttMicroseconds: 700, lastSeen: start }, start / 60_000 + 1);
  assert.equal(fold.count, 0);
  fold.restore({ ...link, rttMicroseconds: 700, lastSeen: start }, start / 60_000);
  fold.restore({ ...link, rttMicroseconds: 0, lastSeen: start - 1 }, start / 60_000);
  const [entry] = [...fold.entries()];
  assert.deepEqual([entry?.rtt, entry?.lastSeen, entry?.bytesSent], [700, start, 18]);
});

/** A fold whose entries each have figures of their own, told by the client. */
function foldOf(clients: readonly number[]): LiveFold {
  const { fold } = createFold(10_000);
  const batch = batchOf(
    ...clients.map((client) => ({ client, sent: client * 1000, received: client, at: start + client })),
  );
  for (const [row, client] of clients.entries()) batch.columns.roundTripTimeMicroseconds[row] = client;
  fold.fold(batch);
  return fold;
}

function assertEntriesAreTheirOwn(fold: LiveFold, count: number): void {
  const entries = [...fold.entries()];
  assert.equal(entries.length, count);
  for (const entry of entries) {
    const { clientPeer: client } = entry;
    assert.deepEqual([entry.bytesSent, entry.rtt, entry.lastSeen], [client * 1000, client, start + client]);
    assert.equal(entry.sentRate > 0, true);
  }
}

test("entries keep their own figures while the fold grows", () => {
  const fold = foldOf(Array.from({ length: 5000 }, (_, i) => i + 1));
  fold.tick(start + 1000, nobodyOpen);
  assertEntriesAreTheirOwn(fold, 5000);
});

test("entries keep their own figures when others leave, and a newcomer starts from nothing", () => {
  const fold = foldOf(Array.from({ length: 20 }, (_, i) => i + 1));
  fold.tick(start + 1000, nobodyOpen);
  fold.tick(start + 16 * 60_000, (visit) => {
    for (const client of [5, 9, 20]) visit(client, 6, 443, 6, 1);
  });
  const entries = [...fold.entries()];
  assert.deepEqual(
    entries.map(({ clientPeer, rtt, lastSeen, active }) => [clientPeer, rtt, lastSeen - start, active]),
    [5, 9, 20].map((client) => [client, client, client, 1]),
  );
  fold.fold(batchOf({ client: 77, at: start }));
  const newcomer = [...fold.entries()][3]!;
  assert.deepEqual(
    [newcomer.clientPeer, newcomer.rtt, newcomer.sentRate, newcomer.bytesSent, newcomer.active],
    [77, 0, 0, 0, 0],
  );
});

test("rates move with their entry", () => {
  const { fold } = createFold();
  fold.fold(batchOf({ client: 1 }, { client: 2 }));
  const late = start + 14 * 60_000 + 59_000;
  fold.tick(late, nobodyOpen);
  fold.fold(batchOf({ client: 2, sent: 1e9, at: late }));
  fold.tick(late + 1000, nobodyOpen); // the minute in which client 1 leaves
  const entries = [...fold.entries()];
  assert.deepEqual(
    entries.map(({ clientPeer }) => clientPeer),
    [2],
  );
  assert.ok(entries[0]!.sentRate > 1e8);
});

test("exporters leave room for agents: anybody can send their records", () => {
  const { fold, drops } = createFold(10);
  fold.fold(batchOf(...Array.from({ length: 12 }, (_, i) => ({ client: 10 + i, sent: 1 }))));
  assert.deepEqual([fold.count, drops.length], [8, 4]);
  fold.fold(batchOf({ client: 50, sent: 1, isAgent: true }, { client: 10, sent: 1 }));
  assert.deepEqual([fold.count, drops.length], [9, 4]);
});
