import assert from "node:assert/strict";
import { test } from "node:test";
import { otherPeer, PeerTable } from "../../topology/index.ts";
import { RenamedPeers } from "./renamed-peers.ts";

const host = (name: string) => ({ ...otherPeer, id: `host:${name}`, name, address: name });

function createTable() {
  const peers = new PeerTable(100, () => {});
  const renamed = new RenamedPeers(peers);
  const row = peers.intern(host("10.0.0.1"));
  const rename = (name: string) => peers.renameAll(new Map([["host:10.0.0.1", name]]));
  const taken = () => [...renamed.take()].map(([identity, { name }]) => [identity, name]);
  return { peers, renamed, row, rename, taken };
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
