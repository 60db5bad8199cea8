import assert from "node:assert/strict";
import { test } from "node:test";
import { type DropReason, FlowBatch, parseAddress } from "../flow/index.ts";
import { clientEnd, guessClientEnd } from "./client-end.ts";
import { observedEnd } from "./observed-end.ts";
import { createStitcher } from "./stitch.ts";
import { attemptControlBits, type Stitcher, stitchDefaults } from "./stitcher.ts";

interface Row {
  source: [string, number];
  destination: [string, number];
  observedEnd?: number;
  closed?: boolean;
  opened?: boolean;
  sourcePeer?: number;
  destinationPeer?: number;
  protocol?: number;
  icmp?: number;
  observer?: number;
  /** Unix seconds. */
  started?: number;
  /** Unix seconds. */
  ended?: number;
  /** A client that waits for an answer. */
  attempt?: boolean;
}

const client: [string, number] = ["10.0.0.9", 40000];
const server: [string, number] = ["10.0.0.1", 5432];

function batchOf(...rows: Row[]): FlowBatch {
  const batch = new FlowBatch(Math.max(1, rows.length));
  for (const r of rows) {
    const row = batch.append();
    const { columns } = batch;
    columns.sourceAddress.set(parseAddress(r.source[0])!, row * 16);
    columns.destinationAddress.set(parseAddress(r.destination[0])!, row * 16);
    columns.sourceTransportPort[row] = r.source[1];
    columns.destinationTransportPort[row] = r.destination[1];
    columns.protocolIdentifier[row] = r.protocol ?? 6;
    columns.icmpTypeCode[row] = r.icmp ?? 0;
    columns.tcpControlBits[row] = r.attempt ? attemptControlBits : 0;
    columns.observer[row] = r.observer ?? 3;
    columns.flowStartMilliseconds[row] = (r.started ?? 0) * 1000;
    columns.flowEndMilliseconds[row] = (r.ended ?? 0) * 1000;
    columns.observedEnd[row] = r.observedEnd ?? 0;
    columns.clientEnd[row] = r.observedEnd ? clientEnd.source : 0;
    columns.connectionCount[row] = r.opened ? 1 : 0;
    columns.flowEndReason[row] = r.closed ? 3 : 2;
    columns.sourcePeer[row] = r.sourcePeer ?? 90;
    columns.destinationPeer[row] = r.destinationPeer ?? 91;
  }
  return batch;
}

function createCounted(config = stitchDefaults) {
  const drops: DropReason[] = [];
  return { drops, stitcher: createStitcher(config, (reason) => drops.push(reason)) };
}

const fromClient: Row = {
  source: client,
  destination: server,
  observedEnd: observedEnd.client,
  sourcePeer: 7,
  opened: true,
};
const fromServer: Row = {
  source: client,
  destination: server,
  observedEnd: observedEnd.server,
  destinationPeer: 8,
  opened: true,
};
const exported: Row = { source: client, destination: server };
const exportedBack: Row = { source: server, destination: client };

for (const [name, order] of [
  ["client first", [fromClient, fromServer]],
  ["server first", [fromServer, fromClient]],
] as const) {
  test(`both ends of one connection are one, ${name}`, () => {
    const { stitcher } = createCounted();
    const batch = batchOf(...order);
    stitcher.stitch(batch, 1000);
    const { isDuplicate, sourcePeer, destinationPeer, observedEnd: end } = batch.columns;
    for (const row of [0, 1]) {
      assert.equal(isDuplicate[row], end[row] === observedEnd.server ? 1 : 0);
      assert.deepEqual([sourcePeer[row], destinationPeer[row]], [7, 8], "each learns the other's peer");
    }
  });
}

test("an exporter's record of a known connection is a duplicate, in both directions, with the agent's peers", () => {
  const { stitcher } = createCounted();
  stitcher.stitch(batchOf(fromClient), 1000);
  const batch = batchOf(exported, exportedBack);
  stitcher.stitch(batch, 1001);
  const { isDuplicate, clientEnd: ends, sourcePeer, destinationPeer } = batch.columns;
  assert.deepEqual([...isDuplicate], [1, 1]);
  assert.deepEqual([...ends], [clientEnd.source, clientEnd.destination]);
  assert.equal(sourcePeer[0], 7);
  assert.equal(destinationPeer[1], 7);
});

/** What is recorded of a poll's batch, with the rows that waited for it: addresses aside, all of it. */
function poll(stitcher: Stitcher, seconds: number, ...rows: Row[]) {
  const batch = batchOf(...rows);
  stitcher.stitch(batch, seconds);
  const waited = stitcher.takeWaited(seconds * 1000);
  return [batch, waited].flatMap(({ columns, count }) =>
    Array.from({ length: count }, (_, row) => ({
      end: columns.observedEnd[row],
      counts: columns.isDuplicate[row] === 0,
      peers: [columns.sourcePeer[row], columns.destinationPeer[row]],
    })),
  );
}

test("only the server's end is seen: it counts, one poll later, and an exporter's record does not", () => {
  const { stitcher } = createCounted();
  assert.deepEqual(poll(stitcher, 1000, fromServer, exported), [{ end: 0, counts: false, peers: [90, 8] }]);
  assert.deepEqual(poll(stitcher, 1001), [{ end: 2, counts: true, peers: [90, 8] }]);
  assert.deepEqual(poll(stitcher, 1002, { ...fromServer, opened: false }), [
    { end: 2, counts: true, peers: [90, 8] },
  ]);
});

test("a server's end waits for the client's end, which may be reported by the next poll", () => {
  const { stitcher } = createCounted();
  assert.deepEqual(poll(stitcher, 1000, { ...fromServer, closed: true }), []);
  assert.deepEqual(poll(stitcher, 1001, { ...fromClient, closed: true }), [
    { end: 1, counts: true, peers: [7, 8] },
    { end: 2, counts: false, peers: [7, 8] },
  ]);
});

test("an end that is reported long after the other is not added", () => {
  const { stitcher } = createCounted();
  poll(stitcher, 1000, fromServer);
  poll(stitcher, 1001);
  assert.deepEqual(poll(stitcher, 1002, fromClient), [{ end: 1, counts: false, peers: [7, 8] }]);
});

test("a connection nobody knows counts, and the lower port is the server", () => {
  const { stitcher } = createCounted();
  const batch = batchOf(exportedBack);
  stitcher.stitch(batch, 1000);
  assert.equal(batch.columns.isDuplicate[0], 0);
  assert.equal(batch.columns.clientEnd[0], clientEnd.destination);
});

test("a short connection that is over within one batch is still one", () => {
  const { stitcher } = createCounted();
  const batch = batchOf({ ...fromServer, closed: true }, { ...fromClient, closed: true });
  stitcher.stitch(batch, 1000);
  assert.deepEqual([...batch.columns.isDuplicate], [1, 0]);
  assert.deepEqual([...batch.columns.sourcePeer], [7, 7]);
});

test("open connections are counted once, and no longer when both ends have closed", () => {
  const { stitcher } = createCounted();
  const open = () => {
    const seen: number[][] = [];
    stitcher.forEachOpen((...link) => seen.push(link));
    return seen;
  };
  stitcher.stitch(batchOf(fromClient, fromServer), 1000);
  assert.deepEqual(open(), [[7, 8, 5432, 6, 3]]);
  stitcher.stitch(batchOf({ ...fromClient, opened: false, closed: true }), 1001);
  assert.equal(open().length, 1);
  stitcher.stitch(batchOf({ ...fromServer, opened: false, closed: true }), 1002);
  assert.equal(open().length, 0);
});

test("the same addresses and ports used again, later, are a new connection with its own peers", () => {
  const { stitcher } = createCounted();
  stitcher.stitch(batchOf({ ...fromClient, closed: true }), 1000);
  assert.deepEqual(poll(stitcher, 1100, fromServer, exported), [{ end: 0, counts: false, peers: [90, 8] }]);
  const [waited] = poll(stitcher, 1101);
  assert.deepEqual(
    waited,
    { end: 2, counts: true, peers: [90, 8] },
    "the client of before takes nothing away",
  );
});

test("what is beyond the bound is counted, and judged as unknown", () => {
  const { stitcher, drops } = createCounted({ ...stitchDefaults, connectionsMax: 1, rememberSeconds: 10 });
  const batch = batchOf(fromClient, { ...fromClient, source: ["10.0.0.9", 40001] });
  stitcher.stitch(batch, 1000);
  assert.deepEqual(drops, ["connection_limit"]);
  assert.deepEqual([...batch.columns.isDuplicate], [0, 0]);
  stitcher.stitch(batchOf({ ...fromClient, opened: false, closed: true }), 1000);
  stitcher.sweep(1011);
  assert.equal(stitcher.connectionCount, 0);
});

test("the client of a record without ports: echo requests and their replies agree, others by address", () => {
  const guess = (row: Row) => guessClientEnd(batchOf(row), 0);
  const a: [string, number] = ["10.0.0.1", 0];
  const b: [string, number] = ["10.0.0.2", 0];
  assert.equal(guess({ source: b, destination: a, protocol: 1, icmp: 8 << 8 }), clientEnd.source);
  assert.equal(guess({ source: a, destination: b, protocol: 1, icmp: 0 }), clientEnd.destination);
  assert.equal(guess({ source: b, destination: a, protocol: 58, icmp: 129 << 8 }), clientEnd.destination);
  assert.equal(guess({ source: a, destination: b, protocol: 47 }), clientEnd.source);
  assert.equal(guess({ source: b, destination: a, protocol: 47 }), clientEnd.destination);
});

for (const [started, counts] of [
  [1000, false],
  [1010, false],
  [1011, true],
  [940, false],
] as const) {
  test(`ends whose openings lie ${started - 1000} s apart are ${counts ? "two connections" : "one"}, whenever they are reported`, () => {
    const { stitcher } = createCounted();
    poll(stitcher, 1001, { ...fromClient, closed: true, started: 1000 });
    const rows = [...poll(stitcher, 4600, { ...fromServer, closed: true, started }), ...poll(stitcher, 4601)];
    assert.deepEqual(
      rows.map(({ end, counts }) => [end, counts]),
      [[2, counts]],
    );
  });
}

const [icmp, gre, esp] = [1, 47, 50];
const [echo, echoReply] = [8 << 8, 0];
const here: [string, number] = ["10.0.0.9", 0];
const there: [string, number] = ["10.0.0.1", 0];
const ping: Row = {
  source: here,
  destination: there,
  protocol: icmp,
  icmp: echo,
  observedEnd: observedEnd.client,
};
const pingBack: Row = { ...ping, source: there, destination: here, observer: 4 };
const answered: Row = { ...ping, icmp: echoReply, observedEnd: observedEnd.server, observer: 4 };

function judged({ columns, count }: FlowBatch) {
  return Array.from({ length: count }, (_, row) => ({
    end: columns.observedEnd[row],
    counts: columns.isDuplicate[row] === 0,
    client: (columns.clientEnd[row] === clientEnd.source ? columns.sourcePeer : columns.destinationPeer)[row],
    server: (columns.clientEnd[row] === clientEnd.source ? columns.destinationPeer : columns.sourcePeer)[row],
  }));
}

test("two hosts that ping each other are two flows, each from who asks", () => {
  const { stitcher } = createCounted();
  const batch = batchOf(
    { ...ping, sourcePeer: 7, destinationPeer: 8 },
    { ...pingBack, sourcePeer: 8, destinationPeer: 7 },
    { ...answered, destinationPeer: 8, sourcePeer: 7 },
    { ...answered, ...{ source: there, destination: here, sourcePeer: 8, destinationPeer: 7, observer: 3 } },
  );
  stitcher.stitch(batch, 1000);
  assert.deepEqual(judged(batch), [
    { end: 1, counts: true, client: 7, server: 8 },
    { end: 1, counts: true, client: 8, server: 7 },
    { end: 2, counts: false, client: 7, server: 8 },
    { end: 2, counts: false, client: 8, server: 7 },
  ]);
});

test("two processes that ping one host have one flow, in which each keeps what is its own", () => {
  const { stitcher } = createCounted();
  const batch = batchOf(
    { ...ping, sourcePeer: 7 },
    { ...ping, sourcePeer: 6 },
    { ...answered, destinationPeer: 8 },
  );
  stitcher.stitch(batch, 1000);
  assert.deepEqual(
    judged(batch).map(({ client, counts }) => [client, counts]),
    [
      [7, true],
      [6, true],
      [6, false],
    ],
  );
  assert.equal(stitcher.connectionCount, 1);
});

test("protocols without ports between the same two hosts are flows of their own", () => {
  const { stitcher } = createCounted();
  const batch = batchOf(...[icmp, gre, esp].map((protocol, i) => ({ ...ping, protocol, sourcePeer: 5 + i })));
  stitcher.stitch(batch, 1000);
  assert.deepEqual(
    judged(batch).map(({ client, counts }) => [client, counts]),
    [
      [5, true],
      [6, true],
      [7, true],
    ],
  );
  assert.equal(stitcher.connectionCount, 3);
});

test("an exporter's records of a ping are the agent's, question and answer, whoever asked and whether the type is told", () => {
  for (const known of [ping, pingBack]) {
    const { stitcher } = createCounted();
    stitcher.stitch(batchOf(known), 1000);
    const told = { protocol: icmp, observedEnd: observedEnd.neither };
    const batch = batchOf(
      { ...told, source: here, destination: [there[0], echo], icmp: echo }, // its type as the port, as NetFlow v5 has it
      { ...told, source: here, destination: there },
      { ...told, source: there, destination: here, icmp: echoReply },
    );
    stitcher.stitch(batch, 1001);
    assert.deepEqual([...batch.columns.isDuplicate.subarray(0, 3)], [1, 1, 1]);
    const isHere = known === ping;
    const asker = isHere ? clientEnd.source : clientEnd.destination;
    const other = isHere ? clientEnd.destination : clientEnd.source;
    assert.deepEqual([...batch.columns.clientEnd.subarray(0, 3)], [asker, asker, other]);
  }
});

test("of a flow without ports where both ends say that they began, the first is believed, and it is counted once", () => {
  const { stitcher } = createCounted();
  const mine: Row = { ...ping, protocol: gre, sourcePeer: 7, destinationPeer: 90 };
  const theirs: Row = { ...pingBack, protocol: gre, sourcePeer: 8, destinationPeer: 91 };
  stitcher.setMachine(3, "one");
  stitcher.setMachine(4, "other");
  for (const seconds of [1000, 1001]) {
    const batch = batchOf(mine, theirs);
    batch.columns.octetDeltaCount.set([300, 20]);
    batch.columns.reverseOctetDeltaCount.set([20, 300]);
    stitcher.stitch(batch, seconds);
    assert.deepEqual(judged(batch), [
      { end: 1, counts: true, client: 7, server: 8 },
      { end: 2, counts: false, client: 7, server: 8 },
    ]);
    assert.deepEqual([...batch.columns.octetDeltaCount.subarray(0, 2)], [300, 300]);
    assert.deepEqual([...batch.columns.destinationPeer.subarray(0, 2)], [8, 8]);
  }
});

test("a ping's tuple that turns out to be translated is begun anew, whoever asked", () => {
  for (const known of [ping, pingBack]) {
    const { stitcher } = createCounted();
    const batch = batchOf(known);
    stitcher.stitch(batch, 1000);
    const { sourceWords: source, destinationWords: destination } = batchOf(ping);
    stitcher.forgetTuple({
      source,
      destination,
      at: 0,
      sourcePort: 0,
      destinationPort: 0,
      protocol: icmp,
      scope: 0,
    });
    const again = batchOf({ ...known, observer: 9 });
    stitcher.stitch(again, 1001);
    assert.equal(judged(again)[0]!.counts, true, "another agent may report this end");
  }
});

test("an end that opens again is another connection", () => {
  for (const [started, peer] of [
    [1002, 8],
    [1003, 91],
  ] as const) {
    const { stitcher } = createCounted();
    poll(stitcher, 1000, { ...fromClient, closed: true, started: 1000 }, { ...fromServer, closed: true });
    const [row] = poll(stitcher, 1004, { ...fromClient, started });
    assert.deepEqual(row, { end: 1, counts: true, peers: [7, peer] });
  }
});

test("two machines may have the same private addresses: their connections are two, open and counted", () => {
  const { stitcher } = createCounted();
  stitcher.setMachine(4, "one");
  stitcher.setMachine(5, "two");
  const [first, second] = [
    { ...fromClient, observer: 4, sourcePeer: 7 },
    { ...fromClient, observer: 5, sourcePeer: 8 },
  ];
  const open = () => {
    const peers: number[] = [];
    stitcher.forEachOpen((client) => peers.push(client));
    return peers.sort();
  };
  const rows = poll(stitcher, 1000, first, second);
  assert.deepEqual(
    rows.map(({ counts, peers }) => [counts, peers[0]]),
    [
      [true, 7],
      [true, 8],
    ],
  );
  assert.deepEqual(open(), [7, 8]);
  poll(stitcher, 1001, { ...first, opened: false, closed: true });
  assert.deepEqual(open(), [8]);
  stitcher.forgetObserver(4);
  poll(stitcher, 1002, { ...second, opened: false, closed: true });
  assert.deepEqual(open(), [], "it is found again, though the other has gone");
  assert.equal(stitcher.connectionCount, 2);
});

test("two agents of one machine that report one end are counted once; when the first is gone the second counts", () => {
  const { stitcher } = createCounted();
  const first = { ...fromClient, observer: 4 };
  const second = { ...fromClient, observer: 5 };
  const counts = (seconds: number, ...rows: Row[]) =>
    poll(stitcher, seconds, ...rows).map(({ counts }) => counts);
  assert.deepEqual(counts(1000, first, second), [true, false]);
  assert.deepEqual(counts(1001, { ...second, opened: false }, { ...first, opened: false }), [false, true]);
  stitcher.forgetObserver(4);
  assert.deepEqual(counts(1002, { ...second, opened: false }), [true]);
});

test("what an agent held open is open no more when it is forgotten", () => {
  const { stitcher } = createCounted();
  const observers = () => {
    const seen: number[] = [];
    stitcher.forEachOpen((_client, _server, _port, _protocol, observer) => seen.push(observer));
    return seen;
  };
  stitcher.stitch(batchOf({ ...fromClient, observer: 4 }, { ...fromServer, observer: 5 }), 1000);
  assert.deepEqual(observers(), [4]);
  stitcher.forgetObserver(4);
  assert.equal(observers().length, 1, "the server's end is still open");
  stitcher.forgetObserver(5);
  assert.equal(observers().length, 0);
});

test("where the client's end may be reported by another machine's agent, a server's end waits longer", () => {
  const { stitcher } = createCounted();
  stitcher.stitch(batchOf({ ...fromServer, closed: true }), 1000);
  const other: Row = { ...fromServer, source: ["10.0.0.9", 40001] };
  for (const [now, count] of [
    [1_000_000, 0],
    [1_002_999, 0],
    [1_003_000, 1],
    [1_003_500, 0],
    [1_005_998, 0],
    [1_005_999, 1],
  ] as const) {
    if (now === 1_002_999) stitcher.stitch(batchOf(other), 1002);
    assert.equal(stitcher.takeWaited(now, 3000).count, count, `at ${now}`);
  }
});

/** The addresses of a row's ends are reported by the agent elsewhere that is row 3 of the ObserverTable. */
function noteElsewhere(stitcher: Stitcher, row: Row, seconds: number) {
  const { sourceWords, destinationWords } = batchOf(row);
  for (const words of [sourceWords, destinationWords]) stitcher.elsewhere.note(words, 0, 3, seconds);
}

test("an exporter's record about an address that an agent elsewhere reports waits for the agent's, once", () => {
  const { stitcher } = createCounted();
  noteElsewhere(stitcher, fromClient, 1000);
  const early = batchOf(
    { ...exported, ended: 1001 },
    { source: ["10.9.0.1", 1], destination: ["10.9.0.2", 2] },
  );
  stitcher.stitch(early, 1000);
  assert.deepEqual([early.count, early.columns.sourceTransportPort[0]], [1, 1], "of others nobody waits");
  assert.equal(stitcher.takeWaited(1_000_000, 3000).count, 0);
  const ofAgent = batchOf({ ...fromClient, closed: true, ended: 1001 });
  stitcher.stitch(ofAgent, 1001);
  assert.equal(ofAgent.columns.isDuplicate[0], 0);
  const waited = stitcher.takeWaited(1_003_000, 3000);
  assert.deepEqual([waited.count, waited.columns.isDuplicate[0], waited.columns.sourcePeer[0]], [1, 1, 7]);
  const late = batchOf(exportedBack);
  stitcher.stitch(late, 1004);
  assert.deepEqual([late.count, late.columns.isDuplicate[0]], [1, 1], "a known one waits no more");
});

test("nobody waits for an agent that is not heard any more, nor for one that says nothing of a flow", () => {
  const { stitcher } = createCounted();
  noteElsewhere(stitcher, fromClient, 1000);
  stitcher.stitch(batchOf(exported), 1000);
  stitcher.takeWaited(1_000_000, 3000);
  const waited = stitcher.takeWaited(1_003_000, 3000);
  assert.deepEqual([waited.count, waited.columns.isDuplicate[0]], [1, 0], "it counts");
  const again = batchOf(exported);
  stitcher.stitch(again, 1004);
  assert.equal(again.count, 1, "whose flow it is, is known by now");
  const next: Row = { ...exported, source: ["10.0.0.9", 40001] };
  stitcher.forgetObserver(3);
  const ofGone = batchOf(next);
  stitcher.stitch(ofGone, 1005);
  assert.equal(ofGone.count, 1);
  noteElsewhere(stitcher, fromClient, 1000);
  stitcher.sweep(1001 + stitchDefaults.rememberSeconds);
  assert.equal(stitcher.elsewhere.count, 0, "an address of which nothing is told any more is forgotten");
});

test("what an exporter counted before an agent told of it is not counted again, what came after is", () => {
  const { stitcher } = createCounted();
  const first = batchOf({ ...exported, observer: 9, started: 990, ended: 1000 });
  stitcher.stitch(first, 1001);
  assert.equal(first.columns.isDuplicate[0], 0);
  const rows: Row[] = [
    { ...fromClient, started: 990, ended: 999 },
    { ...fromClient, opened: false, started: 990, ended: 1001 },
    { ...fromClient, opened: false, started: 990, ended: 1002 },
  ];
  const late = batchOf(...rows);
  stitcher.stitch(late, 2000);
  assert.deepEqual([...late.columns.isDuplicate], [1, 1, 0]);
  const exportedLate = batchOf({ ...exported, observer: 9, started: 1000, ended: 1060 });
  stitcher.stitch(exportedLate, 2001);
  assert.equal(exportedLate.columns.isDuplicate[0], 1);
  const short = { source: ["10.0.0.9", 40002], destination: server } satisfies Row;
  stitcher.stitch(batchOf({ ...short, observer: 9, started: 1000, ended: 1001 }), 1002);
  const whole = batchOf({ ...fromClient, ...short, closed: true, started: 1000, ended: 1005 });
  stitcher.stitch(whole, 1006);
  assert.equal(whole.columns.isDuplicate[0], 1, "its end is one moment, by clocks that differ");
});

test("a batch that must stay whole is entered, and judged when the other end had its time", () => {
  const { stitcher } = createCounted();
  const ofServer = batchOf(exported, { ...fromServer, closed: true });
  stitcher.enter(ofServer, 1000);
  assert.equal(stitcher.mustWait(ofServer), true);
  const ofClient = batchOf({ ...fromClient, closed: true });
  stitcher.enter(ofClient, 1002);
  assert.equal(stitcher.mustWait(ofClient), false);
  assert.equal(stitcher.mustWait(ofServer), false, "the client's end is known");
  stitcher.judge(ofClient, 1002);
  stitcher.judge(ofServer, 1002);
  assert.equal(ofClient.columns.isDuplicate[0], 0);
  assert.deepEqual([...ofServer.columns.isDuplicate], [1, 1]);
  assert.equal(ofServer.columns.sourcePeer[1], 7);
});

test("a row that waited is seen when it is handed on", () => {
  const { stitcher } = createCounted();
  stitcher.stitch(batchOf(fromServer), 1000);
  assert.equal(stitcher.takeWaited(1_000_500).count, 0);
  const waited = stitcher.takeWaited(1_001_500);
  assert.deepEqual([waited.count, waited.columns.collectionTimeMilliseconds[0]], [1, 1_001_500]);
  assert.equal(stitcher.takeWaited(1_002_500).count, 0, "once");
});

test("the peers of rows that wait are in use, until they are handed on", () => {
  const { stitcher } = createCounted();
  const marked = () => {
    const rows = new Set<number>();
    stitcher.markPeers((row) => rows.add(row), 1000);
    return rows;
  };
  stitcher.stitch(batchOf({ ...fromServer, closed: true, sourcePeer: 93 }), 1000);
  assert.ok(marked().has(93) && marked().has(8));
  stitcher.takeWaited(1_000_000);
  assert.ok(marked().has(93), "it still waits");
});

test("when no more can wait, a server's end is judged at once", () => {
  const { stitcher } = createCounted();
  const rows = Array.from(
    { length: 20_000 },
    (_, i): Row => ({ ...fromServer, source: [`10.1.${i >> 8}.${i & 255}`, 40000] }),
  );
  const batch = batchOf(...rows);
  stitcher.stitch(batch, 1000);
  const judged = batch.count;
  assert.ok(judged > 0 && judged < 20_000);
  assert.ok(batch.columns.isDuplicate.subarray(0, judged).every((mark) => mark === 0));
  stitcher.takeWaited(1_000_000);
  assert.equal(judged + stitcher.takeWaited(1_001_000).count, 20_000);
});

test("closed connections are remembered for as long as is said", () => {
  const { stitcher } = createCounted({ ...stitchDefaults, connectionsMax: 10, rememberSeconds: 10 });
  stitcher.stitch(batchOf({ ...fromClient, closed: true }), 1000);
  stitcher.sweep(1010);
  assert.equal(stitcher.connectionCount, 1);
  stitcher.sweep(1011);
  assert.equal(stitcher.connectionCount, 0);
});

test("ICMP answers go to the client: timestamps, router and neighbour advertisements", () => {
  const guess = (protocol: number, type: number) =>
    guessClientEnd(
      batchOf({ source: ["10.0.0.1", 0], destination: ["10.0.0.2", 0], protocol, icmp: type << 8 }),
      0,
    );
  for (const [protocol, type] of [
    [1, 0],
    [1, 14],
    [58, 129],
    [58, 134],
    [58, 136],
  ] as const)
    assert.equal(guess(protocol, type), clientEnd.destination, `${protocol}/${type}`);
  for (const [protocol, type] of [
    [1, 8],
    [1, 13],
    [1, 3],
    [58, 128],
    [58, 133],
    [58, 135],
  ] as const)
    assert.equal(guess(protocol, type), clientEnd.source, `${protocol}/${type}`);
});

test("a full table forgets what ended first, and keeps what is open", () => {
  const { stitcher, drops } = createCounted({ ...stitchDefaults, connectionsMax: 4 });
  const connect = (port: number, seconds: number, closed = true) =>
    stitcher.stitch(batchOf({ ...fromClient, source: ["10.0.0.9", port], closed }), seconds);
  connect(1, 1000, false);
  for (const port of [2, 3, 4]) connect(port, 1000);
  connect(5, 1400);
  assert.deepEqual(drops, []);
  assert.equal(stitcher.connectionCount, 2);
});

test("the peers of connections that ended long ago are free, and their late records keep their own", () => {
  const { stitcher } = createCounted();
  stitcher.stitch(batchOf({ ...fromClient, closed: true }), 1000);
  const rows = new Set<number>();
  stitcher.markPeers((row) => rows.add(row), 1001);
  assert.ok(!rows.has(7));
  const late = batchOf(exported);
  stitcher.stitch(late, 1002);
  assert.deepEqual([late.columns.isDuplicate[0], late.columns.sourcePeer[0]], [1, 90]);
});

test("an exporter's record of a loopback connection is found in our own namespace", () => {
  const { stitcher } = createCounted({ ...stitchDefaults, loopbackScope: 77 });
  const loopback = { source: ["127.0.0.1", 40000], destination: ["127.0.0.1", 5432] } satisfies Partial<Row>;
  const own = batchOf({ ...fromClient, ...loopback });
  own.columns.connectionScope[0] = 77;
  stitcher.stitch(own, 1000);
  const seen = batchOf(loopback);
  stitcher.stitch(seen, 1001);
  assert.equal(seen.columns.isDuplicate[0], 1);
});

/** Records of a flow no agent knows, with who saw them and where: [observer, direction, interface in, interface out]. */
function sighted(
  stitcher: Stitcher,
  seconds: number,
  ...sightings: (readonly [observer: number, direction: number, into: number, outOf: number, row?: Row])[]
): number[] {
  const batch = batchOf(...sightings.map(([, , , , row = exported]) => row));
  sightings.forEach(([observer, direction, into, outOf], row) => {
    batch.columns.observer[row] = observer;
    batch.columns.flowDirection[row] = direction;
    batch.columns.ingressInterface[row] = into;
    batch.columns.egressInterface[row] = outOf;
  });
  stitcher.stitch(batch, seconds);
  return [...batch.columns.isDuplicate.subarray(0, sightings.length)];
}

test("trap 20: a router that reports at ingress and at egress is counted once", () => {
  const { stitcher } = createCounted();
  assert.deepEqual(sighted(stitcher, 1000, [5, 0, 1, 2], [5, 1, 1, 2], [5, 0, 1, 2]), [0, 1, 0]);
  assert.deepEqual(sighted(stitcher, 1060, [5, 1, 1, 2], [5, 0, 1, 2]), [1, 0]);
  assert.equal(stitcher.doubledCount(5), 2);
});

test("two routers on one path are counted once, each direction from the one that reported it first", () => {
  const { stitcher } = createCounted();
  assert.deepEqual(sighted(stitcher, 1000, [5, 255, 1, 2], [6, 255, 3, 4]), [0, 1]);
  assert.deepEqual(
    sighted(stitcher, 1001, [6, 255, 4, 3, exportedBack], [5, 255, 2, 1, exportedBack]),
    [0, 1],
  );
  assert.equal(
    stitcher.doubledCount(5) + stitcher.doubledCount(6),
    0,
    "neither reports anything twice itself",
  );
});

test("when the one that counted falls silent, another takes its place", () => {
  const { stitcher } = createCounted({ ...stitchDefaults, claimSeconds: 60 });
  assert.deepEqual(sighted(stitcher, 1000, [4, 255, 7, 8], [5, 255, 1, 2]), [0, 1]);
  assert.deepEqual(sighted(stitcher, 1060, [5, 255, 1, 2]), [1]);
  assert.deepEqual(sighted(stitcher, 1061, [5, 255, 1, 2], [4, 255, 7, 8]), [0, 1]);
});

test("flows beyond the bound are counted as they come, and that is counted", () => {
  const { stitcher, drops } = createCounted({ ...stitchDefaults, claimsMax: 1 });
  sighted(stitcher, 1000, [4, 255, 7, 8], [5, 255, 1, 2]);
  const other: Row = { source: ["10.0.0.9", 5], destination: server };
  assert.deepEqual(sighted(stitcher, 1001, [4, 255, 7, 8, other], [5, 255, 1, 2, other]), [0, 0]);
  assert.deepEqual(drops, ["claim_limit", "claim_limit"]);
  assert.deepEqual(
    sighted(stitcher, 1130, [4, 255, 7, 8, other], [5, 255, 1, 2, other]),
    [0, 1],
    "the first is over",
  );
});

test("an agent that comes to know a flow takes it over", () => {
  const { stitcher } = createCounted();
  sighted(stitcher, 1000, [4, 255, 7, 8], [5, 255, 1, 2]);
  stitcher.stitch(batchOf(fromClient), 1001);
  assert.deepEqual(sighted(stitcher, 1002, [4, 255, 7, 8], [5, 255, 1, 2]), [1, 1]);
  assert.equal(stitcher.connectionCount, 1);
});

/** An exporter's record of a flow over some seconds, counters as given; who, and on which interface. */
function report(
  stitcher: Stitcher,
  [observer, into]: readonly [number, number],
  [start, end]: readonly [number, number],
  row: Row = exported,
  counters: Partial<Record<"octetDeltaCount" | "reverseOctetDeltaCount" | "samplingInterval", number>> = {},
) {
  const batch = batchOf(row);
  const { columns } = batch;
  columns.observer[0] = observer;
  columns.flowDirection[0] = 255;
  columns.ingressInterface[0] = into;
  columns.flowStartMilliseconds[0] = start * 1000;
  columns.flowEndMilliseconds[0] = end * 1000;
  for (const [name, value] of Object.entries(counters)) columns[name as keyof typeof counters][0] = value;
  stitcher.stitch(batch, end);
  return { isDuplicate: columns.isDuplicate[0] === 1, columns };
}

test("a flow that takes another way is counted on", () => {
  const { stitcher } = createCounted();
  assert.equal(report(stitcher, [5, 1], [1000, 1060]).isDuplicate, false);
  assert.equal(report(stitcher, [5, 3], [1060, 1120]).isDuplicate, false, "another interface of the router");
  assert.equal(report(stitcher, [6, 1], [1120, 1180]).isDuplicate, false, "another router");
  assert.equal(report(stitcher, [5, 3], [1125, 1180]).isDuplicate, true, "of a time that was told");
});

test("two that report the same minutes by turns are counted once a minute, whoever comes first", () => {
  const { stitcher } = createCounted();
  const counted = [0, 1, 2, 3, 4].map((minute) => {
    const time = [1000 + minute * 60, 1060 + minute * 60] as const;
    const order = minute % 2 === 0 ? [5, 6] : [6, 5];
    return order.filter((observer) => !report(stitcher, [observer, 1], time).isDuplicate).length;
  });
  assert.deepEqual(counted, [1, 1, 1, 1, 1]);
});

test("clocks that differ by seconds make no second flow of a short one", () => {
  const { stitcher } = createCounted();
  assert.equal(report(stitcher, [5, 1], [1000, 1000]).isDuplicate, false);
  assert.equal(report(stitcher, [6, 1], [1008, 1008]).isDuplicate, true);
  assert.equal(report(stitcher, [5, 2], [1001, 1001]).isDuplicate, true, "at the router's other interface");
});

test("of sampled flows a later time says nothing", () => {
  const { stitcher } = createCounted();
  const sampled = { samplingInterval: 100 };
  assert.equal(report(stitcher, [5, 1], [1000, 1000], exported, sampled).isDuplicate, false);
  assert.equal(report(stitcher, [6, 1], [1060, 1060], exported, sampled).isDuplicate, true);
  assert.equal(
    report(stitcher, [6, 1], [1130, 1130], exported, sampled).isDuplicate,
    false,
    "it fell silent",
  );
});

test("two domains of a device are two viewpoints", () => {
  const { stitcher } = createCounted();
  const counted = [1, 2].map((domain) => {
    const batch = batchOf(exported);
    batch.columns.observationDomainId[0] = domain;
    stitcher.stitch(batch, 1000);
    return batch.columns.isDuplicate[0];
  });
  assert.deepEqual(counted, [0, 1]);
});

for (const [title, first, forward, reverse] of [
  ["way back", exportedBack, 500, 0],
  ["way there", exported, 0, 1000],
] as const) {
  test(`a record of both directions beside one of the ${title} counts what nobody else tells`, () => {
    const { stitcher } = createCounted();
    assert.equal(report(stitcher, [5, 1], [1000, 1060], first).isDuplicate, false);
    const both = { octetDeltaCount: 500, reverseOctetDeltaCount: 1000 };
    const { isDuplicate, columns } = report(stitcher, [6, 1], [1000, 1060], exported, both);
    assert.deepEqual(
      [isDuplicate, columns.octetDeltaCount[0], columns.reverseOctetDeltaCount[0]],
      [false, forward, reverse],
    );
    stitcher.takeWaited(1_060_000);
    const waited = stitcher.takeWaited(1_061_000);
    assert.equal(waited.count, 1);
    assert.deepEqual(
      [
        waited.columns.isDuplicate[0],
        waited.columns.octetDeltaCount[0],
        waited.columns.reverseOctetDeltaCount[0],
      ],
      [1, 500 - forward, 1000 - reverse],
    );
  });
}

test("a flow that is not TCP's is known, but never open: nobody says when it ends", () => {
  const { stitcher } = createCounted();
  const batch = batchOf({ ...fromClient, protocol: 17 });
  stitcher.stitch(batch, 1000);
  stitcher.forEachOpen(() => assert.fail("open"));
  assert.equal(stitcher.connectionCount, 1);
  const exported = batchOf({ source: client, destination: server, protocol: 17 });
  stitcher.stitch(exported, 1001);
  assert.equal(exported.columns.isDuplicate[0], 1, "an exporter's record of it is recognised");
});

const attempt: Row = { ...fromClient, opened: false, attempt: true };
const exportedAttempt = { end: 0, counts: false, peers: [7, 91] };

test("that a client waits for an answer is no record, and no open connection; others' records of it are its own", () => {
  const { stitcher } = createCounted();
  assert.deepEqual(poll(stitcher, 1000, exported, attempt), [exportedAttempt]);
  stitcher.forEachOpen(() => assert.fail("nothing is open yet"));
  assert.equal(stitcher.connectionCount, 1);
  assert.deepEqual(poll(stitcher, 1001, exportedBack), [{ end: 0, counts: false, peers: [90, 7] }]);
});

for (const seconds of [1001, 1030]) {
  test(`an attempt opens ${seconds - 1000} s later: its server's end, reported first, is that connection's`, () => {
    const { stitcher } = createCounted();
    poll(stitcher, 1000, attempt);
    assert.deepEqual(poll(stitcher, seconds, fromServer, exported).at(-1)?.counts, false);
    const rows = [...poll(stitcher, seconds + 1, fromClient), ...poll(stitcher, seconds + 2)];
    const counting = rows.filter(({ counts }) => counts);
    assert.deepEqual(counting, [{ end: observedEnd.client, counts: true, peers: [7, 8] }]);
    let open = 0;
    stitcher.forEachOpen(() => open++);
    assert.equal(open, 1);
  });
}

test("an attempt that fails is a record that counts, and then forgotten like any that ended", () => {
  const { stitcher } = createCounted();
  poll(stitcher, 1000, attempt);
  const failed = { ...fromClient, opened: false, closed: true };
  assert.deepEqual(poll(stitcher, 1003, failed), [{ end: observedEnd.client, counts: true, peers: [7, 91] }]);
  stitcher.sweep(1003 + stitchDefaults.rememberSeconds + 1);
  assert.equal(stitcher.connectionCount, 0);
});

test("a SYN that an exporter or a server's socket tells of is no attempt", () => {
  const { stitcher } = createCounted();
  assert.equal(poll(stitcher, 1000, { ...exported, attempt: true }).length, 1);
  poll(stitcher, 1001, { ...fromServer, attempt: true });
  assert.equal(poll(stitcher, 1002).length, 1, "the server's end that waited");
});
