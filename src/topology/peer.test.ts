import assert from "node:assert/strict";
import { test } from "node:test";
import { type Peer, PeerTable, peerKey } from "./peer.ts";

const peer = (name: string, address = "10.0.0.1"): Peer => ({
  id: `host:${name}`,
  kind: "host",
  name,
  address,
  node: "",
  network: "",
  process: "",
  container: "",
});

test("a peer at an address has one row; at another address, another", () => {
  const peers = new PeerTable(10, () => {});
  assert.equal(peers.intern(peer("a")), peers.intern(peer("a")));
  assert.notEqual(peers.intern(peer("a")), peers.intern(peer("a", "10.0.0.2")));
  assert.equal(peers.key(peers.intern(peer("a"))), peerKey(peer("a")));
});

test("beyond the bound a peer is ~other, counted; freed rows make room again", () => {
  const drops: string[] = [];
  const peers = new PeerTable(4, (reason) => drops.push(reason));
  const a = peers.intern(peer("a"));
  const b = peers.intern(peer("b"));
  assert.equal(peers.get(peers.intern(peer("c"))).name, "~other");
  assert.deepEqual(drops, ["peer_limit"]);
  const before = peers.generation;
  peers.sweep((mark) => mark(a));
  assert.notEqual(peers.generation, before);
  assert.equal(peers.count, 3);
  const c = peers.intern(peer("c"));
  assert.equal(c, b, "the freed row is used again");
  assert.equal(peers.get(c).name, "c");
  assert.equal(peers.get(a).name, "a");
});

test("a row that is used again has the new peer's key", () => {
  const peers = new PeerTable(10, () => {});
  const row = peers.intern(peer("a"));
  peers.sweep(() => {});
  assert.equal(peers.intern(peer("b")), row);
  assert.equal(peers.key(row), peerKey(peer("b")));
});

test("a new name is given to every address of a peer; rows, keys and other peers stay", () => {
  const peers = new PeerTable(10, () => {});
  const [one, two, b] = [
    peers.intern(peer("a")),
    peers.intern(peer("a", "10.0.0.2")),
    peers.intern(peer("b")),
  ];
  const key = peers.key(one);
  const told: number[] = [];
  peers.onRename((row) => told.push(row));
  peers.renameAll(new Map([["host:a", "web"]]));
  assert.deepEqual([peers.get(one).name, peers.get(two).name, peers.get(b).name], ["web", "web", "b"]);
  assert.deepEqual(told, [one, two]);
  assert.equal(peers.intern(peer("a")), one, "it is found by id and address still");
  assert.equal(peers.key(one), key);
  peers.renameAll(new Map([["host:a", "web"]]));
  assert.equal(told.length, 2, "the same name again is nothing new");
});

test("rows that were freed, and the row of all others, have no name to change", () => {
  const peers = new PeerTable(10, () => {});
  peers.intern(peer("a"));
  peers.sweep(() => {});
  peers.renameAll(
    new Map([
      ["host:a", "web"],
      ["other", "mine"],
    ]),
  );
  assert.equal(peers.get(1).name, "~other");
  assert.equal(peers.get(peers.intern(peer("a"))).name, "a");
});

test("a peer is shown by another name from then on; its row and key stay", () => {
  const peers = new PeerTable(10, () => {});
  const row = peers.intern(peer("a"));
  const key = peers.key(row);
  peers.rename({ id: "host:a", address: "10.0.0.1" }, "www.example");
  peers.rename({ id: "host:a", address: "10.0.0.2" }, "nobody is there");
  assert.equal(peers.get(row).name, "www.example");
  assert.deepEqual([peers.intern(peer("a")), peers.key(row), peers.count], [row, key, 3]);
});

test("long texts fill the table before its rows do, and make room when they go", () => {
  const drops: string[] = [];
  const peers = new PeerTable(10, (reason) => drops.push(reason));
  const long = (name: string) => ({ ...peer(name), process: "x".repeat(2000), container: "x".repeat(400) });
  const a = peers.intern(long("a"));
  peers.intern(long("b"));
  assert.ok(peers.takenShare > 0.9, String(peers.takenShare));
  assert.equal(peers.get(peers.intern(long("c"))).name, "~other");
  assert.deepEqual(drops, ["peer_limit"]);
  peers.sweep((mark) => mark(a));
  assert.equal(peers.get(peers.intern(long("c"))).name, "c");
  peers.rename(peer("a"), "n".repeat(2000));
  assert.equal(peers.get(peers.intern(peer("d"))).name, "~other", "names count as they are now");
  peers.sweep(() => {});
  assert.ok(peers.takenShare < 0.35, "nothing is left but what every table holds");
});
