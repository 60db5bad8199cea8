import assert from "node:assert/strict";
import { test } from "node:test";
import { otherPeer, PeerTable } from "../../topology/index.ts";
import { RenamedPeers } from "./renamed-peers.ts";

const host = (name: string) => ({ ...otherPeer, id: `host:${name}`, name, address: name });

function createTable(rowsMax = 100) {
  const peers = new PeerTable(rowsMax, () => {});
  const drops: [string, string, number][] = [];
  const renamed = new RenamedPeers(peers, (reason, source, count = 1) => drops.push([reason, source, count]));
  const row = peers.intern(host("10.0.0.1"));
  const rename = (name: string) => peers.renameAll(new Map([["host:10.0.0.1", name]]));
  const taken = () => [...renamed.take()].map(([identity, { name }]) => [identity, name]);
  return { peers, renamed, row, rename, taken, drops };
}

/** Peers that come, are called otherwise and go, numbered: while the table has room for few of them at a time. */
function renameEach(peers: PeerTable, from: number, to: number): void {
  for (let number = from; number < to; number++) {
    peers.intern(host(`10.0.1.${number}`));
    peers.renameAll(new Map([[`host:10.0.1.${number}`, `web-${number}`]]));
    peers.sweep(() => {});
  }
}

test("a peer with a new name is told once, with the newest", () => {
  const { peers, renamed, row, rename, taken } = createTable();
  assert.equal(renamed.count, 0);
  rename("web");
  rename("shop");
  assert.equal(renamed.count, 1);
  assert.deepEqual([taken(), taken()], [[[peers.key(row), "shop"]], []]);
});

test("what could not be written does not undo a name that came meanwhile", () => {
  const { renamed, rename, taken } = createTable();
  rename("web");
  const failed = renamed.take();
  rename("shop");
  renamed.giveBack(failed);
  assert.deepEqual(
    taken().map(([, name]) => name),
    ["shop"],
  );
  renamed.giveBack(failed);
  assert.equal(renamed.count, 1);
});

test("while nothing can be written as many wait as the table has rows: the oldest are given up, and counted", () => {
  const { peers, renamed, taken, drops } = createTable(8);
  for (let second = 0; second < 20; second++) {
    const failed = renamed.take();
    renameEach(peers, second * 5, second * 5 + 5);
    renamed.giveBack(failed);
    assert.ok(renamed.count <= 8, `${renamed.count} wait`);
  }
  assert.deepEqual(
    taken().map(([, name]) => name),
    [92, 93, 94, 95, 96, 97, 98, 99].map((number) => `web-${number}`),
  );
  assert.ok(drops.every(([reason, source]) => reason === "rename_limit" && source === "store"));
  assert.equal(
    drops.reduce((sum, [, , count]) => sum + count, 0),
    92,
  );
});

test("while a commit takes long no more wait than an eighth beyond that", () => {
  const { peers, renamed, drops } = createTable(16);
  renameEach(peers, 0, 100);
  assert.ok(renamed.count <= 18, `${renamed.count} wait`);
  assert.equal(
    drops.reduce((sum, [, , count]) => sum + count, 0),
    100 - renamed.count,
  );
});
