import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch, ObserverTable } from "../../flow/index.ts";
import { otherPeer, PeerTable } from "../../topology/index.ts";
import { Newcomers } from "./newcomers.ts";

const host = (name: string) => ({ ...otherPeer, id: `host:${name}`, name, address: name });

function collectOne(newcomers: Newcomers, row: number): string[] {
  const batch = new FlowBatch(1);
  batch.append();
  batch.columns.sourcePeer[0] = row;
  batch.columns.destinationPeer[0] = row;
  newcomers.collect(batch, 1);
  return newcomers.take().peers.map(({ name }) => name);
}

test("a peer is collected once, and another that is given its row later is collected too", () => {
  const peers = new PeerTable(100, () => {});
  const newcomers = new Newcomers(peers, new ObserverTable());
  const first = peers.intern(host("10.0.0.1"));
  assert.deepEqual(collectOne(newcomers, first), ["10.0.0.1"]);
  assert.deepEqual(collectOne(newcomers, first), []);
  peers.sweep(() => {});
  const second = peers.intern(host("10.0.0.2"));
  assert.equal(second, first, "the row is used again");
  assert.deepEqual(collectOne(newcomers, second), ["10.0.0.2"]);
});

test("rows beyond those in use are known too", () => {
  const peers = new PeerTable(10_000, () => {});
  const newcomers = new Newcomers(peers, new ObserverTable());
  const rows = Array.from({ length: 3000 }, (_, i) => peers.intern(host(`10.1.${i >> 8}.${i & 255}`)));
  const last = rows.at(-1)!;
  peers.sweep((mark) => mark(last));
  assert.equal(collectOne(newcomers, last).length, 1);
});

test("a peer with a new name is collected again, to replace the old one", () => {
  const peers = new PeerTable(100, () => {});
  const newcomers = new Newcomers(peers, new ObserverTable());
  const row = peers.intern(host("10.0.0.1"));
  collectOne(newcomers, row);
  peers.renameAll(new Map([["host:10.0.0.1", "web"]]));
  const taken = newcomers.take();
  assert.deepEqual([taken.peers.map(({ name }) => name), [...taken.renamed]], [["web"], [peers.key(row)]]);
  assert.deepEqual(collectOne(newcomers, row), [], "once");
});

test("what could not be written does not undo a name that came meanwhile", () => {
  const peers = new PeerTable(100, () => {});
  const newcomers = new Newcomers(peers, new ObserverTable());
  peers.intern(host("10.0.0.1"));
  peers.renameAll(new Map([["host:10.0.0.1", "web"]]));
  const failed = newcomers.take();
  peers.renameAll(new Map([["host:10.0.0.1", "shop"]]));
  newcomers.giveBack(failed);
  const { peers: taken, renamed } = newcomers.take();
  assert.deepEqual([taken.map(({ name }) => name), renamed.size], [["shop"], 1]);
});
