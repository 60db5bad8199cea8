import assert from "node:assert/strict";
import { test } from "node:test";
import { tcpState } from "./inet-diag.ts";
import { type PretendSocket, readSocket } from "./pretend-socket.ts";
import { FinSettlement, roleOf, settleOpening } from "./socket-ends.ts";
import { phase, SocketTable } from "./socket-table.ts";

const [client, server] = [1, 2];
const yes = () => true;
const no = () => false;

test("a live socket's role is told by its SYN, else by who listens", () => {
  const role = (socket: PretendSocket, isListenedOn: () => boolean) =>
    roleOf(readSocket(socket), isListenedOn);
  assert.equal(role({ sent: 100, sentAgain: 20, acked: 81 }, yes), client, "a listened port used to connect");
  assert.equal(role({ sent: 100, acked: 100 }, no), server, "its listener is gone");
  assert.equal(role({ state: tcpState.synSent, writeQueue: 1 }, yes), client);
  assert.equal(role({ sent: 100, acked: 60, writeQueue: 40 }, yes), server, "octets on their way");
  assert.equal(role({ sent: 100, acked: 60, writeQueue: 40 }, no), client);
  assert.equal(
    role({ state: tcpState.finWait2, sent: 5, acked: 6 }, yes),
    server,
    "its FIN was acknowledged",
  );
  assert.equal(role({ infoBytes: 192, acked: 1 }, yes), server, "a kernel that does not count octets sent");
});

/** A table with one freed row for each socket. */
function freed(...sockets: PretendSocket[]) {
  const table = new SocketTable(100);
  const rows = sockets.map((socket, i) => {
    const message = readSocket({ cookie: i, state: tcpState.close, ...socket });
    const row = table.findOrAdd(message, 1, 0);
    table.takeCounters(row, message, false, 0);
    table.columns.phase[row] = phase.freed;
    return row;
  });
  return { table, rows };
}

const openings: [string, PretendSocket, () => boolean, number, boolean, number][] = [
  ["refused: a RST came", { segmentsOut: 1, segmentsIn: 1, writeQueue: 1 }, no, client, true, 111],
  [
    "not answered: SYNs were sent again",
    { segmentsOut: 3, totalRetransmits: 2, writeQueue: 1 },
    no,
    client,
    true,
    110,
  ],
  ["given up at once", { segmentsOut: 1, writeQueue: 1 }, no, client, true, 0],
  ["a client that closed", { rtt: 50, sent: 10, acked: 12, received: 5 }, yes, client, false, 0],
  ["a server that closed", { rtt: 50, sent: 10, acked: 11, received: 5 }, yes, server, false, 0],
  ["a client that was reset", { rtt: 50, sent: 10, acked: 11 }, no, client, false, 0],
  ["a server that was reset", { rtt: 50, sent: 10, acked: 10 }, no, server, false, 0],
  ["a server that said nothing", { rtt: 50, segmentsIn: 2 }, yes, server, false, 0],
  ["a client that said nothing", { rtt: 50, acked: 2 }, no, client, false, 0],
];
for (const [name, socket, isListenedOn, role, isUnopened, error] of openings) {
  test(`freed, never in a dump: ${name}`, () => {
    const { table, rows } = freed(socket);
    settleOpening(table, rows[0]!, isListenedOn);
    const report = table.report(rows[0]!);
    assert.deepEqual([report.role, report.isUnopened, report.error], [role, isUnopened, error]);
  });
}

test("freed after a dump that had it open: it was opened, as that dump said", () => {
  const { table, rows } = freed({});
  table.setRole(rows[0]!, server);
  table.columns.isOpened[rows[0]!] = 1;
  settleOpening(table, rows[0]!, no);
  assert.equal(table.report(rows[0]!).isUnopened, false);
  assert.equal(table.role(rows[0]!), server);
});

/** What a freed client counts as received, whose other end is as given. */
function settled(socket: PretendSocket, other?: PretendSocket, lastState = 0): number {
  const ends: [string, number][] = [
    ["192.0.2.1", 40_000],
    ["192.0.2.2", 443],
  ];
  const sockets = [{ ...socket, local: ends[0]!, remote: ends[1]! }];
  if (other !== undefined) sockets.push({ ...other, local: ends[1]!, remote: ends[0]! });
  const { table, rows } = freed(...sockets);
  table.setRole(rows[0]!, client);
  table.columns.state[rows[0]!] = lastState;
  if (rows[1] !== undefined) table.columns.phase[rows[1]] = phase.live;
  const settlement = new FinSettlement(100);
  settlement.settle(table, [rows[0]!]);
  // Undecided, it waits for the other end to be told; then it is settled by itself.
  if (table.columns.phase[rows[0]!] === phase.freed) settlement.settle(table, [rows[0]!]);
  assert.equal(table.columns.phase[rows[0]!], phase.ended);
  return table.columns.received[rows[0]!]!;
}

const inOrder = { sent: 10, acked: 12 };
const reset = { sent: 10, acked: 11 };

test("the FIN among what was received: the other end says how much it sent", () => {
  assert.equal(settled({ ...inOrder, received: 101 }, { sent: 100 }), 100);
  assert.equal(settled({ ...inOrder, received: 100 }, { sent: 100 }), 100);
  assert.equal(settled({ ...reset, received: 101 }, { sent: 121, sentAgain: 21 }), 100);
  assert.equal(settled({ ...reset, received: 60 }, { sent: 100 }), 60, "not all had come");
});

test("the FIN among what was received: the last dump had it", () => {
  assert.equal(settled({ ...reset, received: 101 }, undefined, tcpState.closeWait), 100);
  assert.equal(settled({ ...reset, received: 0 }, undefined, tcpState.closeWait), 0);
});

test("the FIN among what was received: by the way it was closed", () => {
  assert.equal(settled({ ...inOrder, received: 101 }), 100);
  assert.equal(settled({ ...inOrder, received: 101, receiveQueue: 1 }), 100, "the FIN was not read");
  assert.equal(settled({ ...reset, received: 100 }), 100);
  assert.equal(
    settled({ ...inOrder, received: 101 }, { sent: 5 }),
    100,
    "another connection's end: not believed",
  );
});

test("an end whose other end is not told yet waits for it, for a tick at least", () => {
  const table = new SocketTable(100);
  const here: [string, number] = ["127.0.0.1", 1000];
  const there: [string, number] = ["127.0.0.1", 2000];
  const add = (socket: PretendSocket, cookie: number) => {
    const message = readSocket({ ...socket, cookie });
    const row = table.findOrAdd(message, 1, 0);
    table.takeCounters(row, message, false, 0);
    table.setRole(row, client);
    return row;
  };
  const row = add({ ...inOrder, local: here, remote: there, received: 500 }, 1);
  const settlement = new FinSettlement(100);
  for (const isTick of [true, false]) {
    settlement.settle(table, [row], isTick);
    assert.deepEqual([table.columns.phase[row], table.columns.received[row]], [phase.freed, 500]);
  }
  add({ local: there, remote: here, sent: 500 }, 2);
  settlement.settle(table, [row], false);
  assert.deepEqual(
    [table.columns.phase[row], table.columns.received[row]],
    [phase.ended, 500],
    "no FIN had come",
  );
});

test("the same loopback addresses in two namespaces are two connections", () => {
  const table = new SocketTable(100);
  const add = (socket: PretendSocket, namespace: number, cookie: number) => {
    const message = readSocket({ ...socket, cookie });
    const row = table.findOrAdd(message, namespace, 0);
    table.takeCounters(row, message, false, 0);
    table.setRole(row, client);
    return row;
  };
  const here: [string, number] = ["127.0.0.1", 1000];
  const there: [string, number] = ["127.0.0.1", 2000];
  const rows = [1, 2].map((namespace) => {
    add({ local: there, remote: here, sent: 100 + namespace }, namespace, 10 + namespace);
    return add({ local: here, remote: there, received: 102, ...reset }, namespace, namespace);
  });
  new FinSettlement(100).settle(table, rows);
  assert.deepEqual(
    rows.map((row) => table.columns.received[row]),
    [101, 102],
  );
});
