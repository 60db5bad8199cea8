import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../flow/index.ts";
import { ConnectionTable, type ConnectionTuple, connectionState } from "./connection-table.ts";

function tuple(
  source: string,
  sourcePort: number,
  destination: string,
  destinationPort: number,
  scope = 0,
): ConnectionTuple {
  return {
    source: new Uint32Array(parseAddress(source)!.buffer),
    destination: new Uint32Array(parseAddress(destination)!.buffer),
    at: 0,
    sourcePort,
    destinationPort,
    protocol: 6,
    scope,
  };
}

/** As an agent does that reads the client's socket. */
const enter = (table: ConnectionTable, t: ConnectionTuple) => table.enter(t, connectionState.clientObserved);

test("a connection is found whichever way round its record is", () => {
  const table = new ConnectionTable(10, 10);
  const row = enter(table, tuple("10.0.0.2", 40000, "10.0.0.1", 443));
  table.setClient(row, true);
  assert.equal(table.find(tuple("10.0.0.2", 40000, "10.0.0.1", 443)), row);
  assert.ok(table.isClientSource(row));
  assert.equal(table.find(tuple("10.0.0.1", 443, "10.0.0.2", 40000)), row);
  assert.ok(!table.isClientSource(row));
});

test("another port, protocol, address or scope is another connection", () => {
  const table = new ConnectionTable(10, 10);
  enter(table, tuple("127.0.0.1", 40000, "127.0.0.1", 443, 1));
  assert.equal(table.find(tuple("127.0.0.1", 40000, "127.0.0.1", 443, 2)), -1);
  assert.equal(table.find(tuple("127.0.0.1", 40001, "127.0.0.1", 443, 1)), -1);
  assert.equal(table.find({ ...tuple("127.0.0.1", 40000, "127.0.0.1", 443, 1), protocol: 17 }), -1);
  assert.notEqual(table.find(tuple("127.0.0.1", 40000, "127.0.0.1", 443, 1)), -1);
});

test("the table grows to its bound and says when it is full", () => {
  const table = new ConnectionTable(5000, 10);
  for (let port = 0; port < 5000; port++) assert.equal(enter(table, tuple("::1", port, "::2", 80)), port);
  assert.equal(enter(table, tuple("::1", 5000, "::2", 80)), -1);
  for (let port = 0; port < 5000; port++) assert.equal(table.find(tuple("::2", 80, "::1", port)), port);
});

test("a sweep forgets old closed connections, keeps open and recent ones, and moves what is kept whole", () => {
  const table = new ConnectionTable(100, 10);
  const names = ["old closed", "old open", "recent"];
  names.forEach((_, i) => {
    const row = enter(table, tuple("10.0.0.1", 1000 + i, "10.0.0.2", 80));
    table.clientPeer[row] = 10 + i;
    table.lastSeenSeconds[row] = i === 2 ? 100 : 1;
    if (i === 1) table.state[row]! |= connectionState.clientOpen;
  });
  table.sweep(50, 50);
  assert.equal(table.count, 2);
  assert.equal(table.find(tuple("10.0.0.1", 1000, "10.0.0.2", 80)), -1);
  assert.equal(table.clientPeer[table.find(tuple("10.0.0.1", 1001, "10.0.0.2", 80))], 11);
  assert.equal(table.clientPeer[table.find(tuple("10.0.0.1", 1002, "10.0.0.2", 80))], 12);
});

test("it agrees with a plain map over many random connections", () => {
  const table = new ConnectionTable(100_000, 10);
  const oracle = new Map<string, number>();
  let seed = 42;
  const random = (n: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % n;
  };
  for (let i = 0; i < 20_000; i++) {
    const [a, b] = [`10.0.${random(4)}.${random(8)}`, `2001:db8::${random(16).toString(16)}`];
    const port = random(8);
    const t = tuple(a, port, b, 80);
    const key = `${a} ${port} ${b}`;
    const row = enter(table, t);
    if (!oracle.has(key)) oracle.set(key, row);
    assert.equal(row, oracle.get(key));
  }
  assert.equal(table.count, oracle.size);
});

test("between two ports of one address a record is found whichever way round it is", () => {
  const table = new ConnectionTable(10, 10);
  const row = enter(table, tuple("127.0.0.1", 40000, "127.0.0.1", 80));
  table.setClient(row, true);
  assert.equal(table.find(tuple("127.0.0.1", 80, "127.0.0.1", 40000)), row);
  assert.ok(!table.isClientSource(row));
});

test("who is client can be said again", () => {
  const table = new ConnectionTable(10, 10);
  const row = enter(table, tuple("10.0.0.1", 1, "10.0.0.2", 2));
  for (const isSource of [true, false, true]) {
    table.setClient(row, isSource);
    assert.equal(table.isClientSource(row), isSource);
  }
});

test("a sweep moves every column of a row, and a row used again is empty", () => {
  const table = new ConnectionTable(10, 10);
  const last = (port: number) => tuple("10.0.0.1", port, "10.0.0.2", 80);
  for (const port of [1, 2]) {
    const row = enter(table, last(port));
    table.clientPeer[row] = port * 10 + 1;
    table.serverPeer[row] = port * 10 + 2;
    table.clientObserver[row] = port * 10 + 3;
    table.serverPort[row] = port * 10 + 4;
    table.state[row] = connectionState.clientObserved;
    table.lastSeenSeconds[row] = port * 100;
  }
  const columnsOf = (row: number) => [
    table.clientPeer[row],
    table.serverPeer[row],
    table.clientObserver[row],
    table.serverPort[row],
    table.state[row],
    table.lastSeenSeconds[row],
  ];
  table.sweep(200, 200); // last seen at 200 is not before 200
  assert.equal(table.count, 1);
  assert.deepEqual(columnsOf(table.find(last(2))), [21, 22, 23, 24, 1, 200]);
  assert.deepEqual(columnsOf(enter(table, last(3))), [0, 0, 0, 0, connectionState.clientObserved, 0]);
});

test("flows and connections have bounds of their own, and an agent's end makes a flow a connection", () => {
  const table = new ConnectionTable(1, 2);
  const flow = (port: number) => tuple("10.0.0.1", port, "10.0.0.2", 80);
  assert.deepEqual(
    [table.findOrClaim(flow(1)), table.findOrClaim(flow(2)), table.findOrClaim(flow(3))],
    [0, 1, -1],
  );
  assert.deepEqual([table.claimCount, table.connectionCount], [2, 0]);
  assert.equal(enter(table, flow(2)), 1);
  assert.deepEqual([table.claimCount, table.connectionCount], [1, 1]);
  assert.equal(table.isConnection(1), true);
  assert.equal(enter(table, flow(1)), -1, "a flow, and there is no room for another connection");
  assert.equal(table.findOrClaim(flow(3)), 2);
  assert.equal(table.findOrClaim(flow(2)), 1, "known, though there is no room for more");
  table.lastSeenSeconds[1] = 5;
  table.sweep(5, 6);
  assert.deepEqual([table.claimCount, table.connectionCount], [0, 1]);
});

test("each direction of a flow is held by who claimed it first, as long as they report it", () => {
  const table = new ConnectionTable(1, 2);
  const there = tuple("10.0.0.1", 1, "10.0.0.2", 80);
  const back = tuple("10.0.0.2", 80, "10.0.0.1", 1);
  const report = (claimant: number, seconds: number) => ({
    claimant,
    seconds,
    startSeconds: 0,
    endSeconds: 5000,
    slackTo: () => 1,
  });
  const claim = (t: ConnectionTuple, claimant: number, seconds: number) =>
    table.claim(table.findOrClaim(t), report(claimant, seconds), 60);
  assert.equal(claim(there, 7, 1000), 7);
  assert.equal(claim(there, 8, 1000), 7);
  assert.equal(claim(back, 8, 1000), 8, "the way back is another matter");
  assert.equal(claim(there, 7, 1050), 7);
  assert.equal(claim(there, 8, 1110), 7, "60 seconds after its last report");
  assert.equal(claim(there, 8, 1111), 8);
  assert.equal(claim(there, 7, 1112), 8);
  const row = table.findOrClaim(back);
  assert.equal(table.claim(row, report(7, 1112), 60, true), 8, "the reverse of back is there");
});
