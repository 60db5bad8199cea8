import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch } from "../flow/index.ts";
import { LiveFold, liveFoldDefaults } from "./live-fold.ts";
import { clientEnd } from "./stitch.ts";

const start = 1_700_000_040_000; // a whole minute
const nobodyOpen = () => {};

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
    columns.isDuplicate[row] = duplicate ? 1 : 0;
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
  const totals = { bytesSent: 9, bytesReceived: 1, packets: 2, connections: 1, failed: 0, retransmits: 0 };
  const part = {
    clientPeer: 5,
    serverPeer: 6,
    port: 443,
    protocol: 6,
    observer: 1,
    isDuplicate: false,
    totals,
  };
  const minute = start / 60_000;
  fold.restore({ ...part, rttMicroseconds: 0, lastSeen: start - 60_000 }, minute - 1);
  fold.restore({ ...part, rttMicroseconds: 0, lastSeen: start }, minute - 15);
  assert.equal([...fold.entries()][0]?.bytesSent, 9, "15 minutes ago is outside");
  fold.tick(start + 14 * 60_000, nobodyOpen);
  assert.equal([...fold.entries()][0]?.bytesSent ?? 0, 0);
});
