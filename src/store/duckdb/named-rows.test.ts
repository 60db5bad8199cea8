import assert from "node:assert/strict";
import { test } from "node:test";
import { otherPeer, PeerTable } from "../../topology/index.ts";
import { NamedRows } from "./named-rows.ts";

const host = (name: string) => ({ ...otherPeer, id: `host:${name}`, name, address: name });

function createTable(rowsMax = 100) {
  const peers = new PeerTable(rowsMax, () => {});
  const named = new NamedRows(peers);
  const intern = (name: string) => peers.intern(host(name));
  /** As a commit does; gives the names of those whom the file was asked for. */
  const commit = (keys: Readonly<Record<string, number>>) => {
    const taken = named.take();
    const names = taken.identities.map((each) => taken.newcomers.get(each)?.name ?? "");
    named.learn(
      taken,
      Float64Array.from(taken.keys, (key, i) => key || (keys[names[i]!] ?? 0)),
    );
    return names.filter((name) => name !== "");
  };
  return { peers, named, intern, commit };
}

test("whom the file told a key of it is not asked for again, until it is to be forgotten", () => {
  const { named, intern, commit } = createTable();
  const row = intern("10.0.0.1");
  assert.deepEqual([named.place(row), named.place(row), named.place(intern("10.0.0.2"))], [1, 1, 2]);
  assert.deepEqual(commit({ "10.0.0.1": 7, "10.0.0.2": 8 }), ["10.0.0.1", "10.0.0.2"]);
  assert.equal(named.place(row), 1, "places begin anew with each commit");
  assert.deepEqual([named.take().keys, named.take().keys], [[0, 7], [0]]);
  named.forget();
  named.place(row);
  assert.deepEqual(commit({ "10.0.0.1": 9 }), ["10.0.0.1"]);
  named.place(row);
  assert.deepEqual(named.take().keys, [0, 9]);
});

test("who waits while the file tells is not asked for once more", () => {
  const { named, intern, commit } = createTable();
  const row = intern("10.0.0.1");
  named.place(row);
  const first = named.take();
  named.place(row);
  named.learn(first, Float64Array.of(0, 7));
  assert.deepEqual(commit({}), []);
});

test("what was not carried out leaves nothing: the next commit asks", () => {
  const { named, intern, commit } = createTable();
  const row = intern("10.0.0.1");
  named.place(row);
  named.take();
  named.place(row);
  assert.deepEqual(commit({}), ["10.0.0.1"]);
});

test("a row that is given to another peer while it waits, or later, is that peer's from then on", () => {
  const { peers, named, intern, commit } = createTable();
  const row = intern("10.0.0.1");
  named.place(row);
  peers.sweep(() => {});
  assert.equal(intern("10.0.0.2"), row, "the row is used again");
  named.place(row);
  assert.deepEqual(commit({ "10.0.0.1": 7, "10.0.0.2": 8 }), ["10.0.0.1", "10.0.0.2"]);
  peers.sweep(() => {});
  assert.equal(intern("10.0.0.3"), row);
  named.place(row);
  assert.deepEqual(commit({ "10.0.0.3": 9 }), ["10.0.0.3"]);
  named.place(row);
  assert.deepEqual(named.take().keys, [0, 9]);
});

test("two rows of one identity are one newcomer", () => {
  const { peers, named, intern, commit } = createTable();
  const row = intern("10.0.0.1");
  peers.revise((peer) => (peer.id === "host:10.0.0.1" ? { ...peer, id: "pod:u" } : peer));
  const again = intern("10.0.0.1");
  assert.ok(again !== row && peers.key(again) === peers.key(row));
  named.place(row);
  named.place(again);
  assert.equal(commit({ "10.0.0.1": 7 }).length, 2);
  assert.equal(named.take().newcomers.size, 0);
  for (const each of [row, again]) named.place(each);
  assert.deepEqual(named.take().keys, [0, 7, 7]);
});

test("rows beyond those in use are known too", () => {
  const { peers, named, intern, commit } = createTable(10_000);
  const rows = Array.from({ length: 3000 }, (_, i) => intern(`10.1.${i >> 8}.${i & 255}`));
  const last = rows.at(-1)!;
  peers.sweep((mark) => mark(last));
  named.place(last);
  assert.deepEqual(commit({ "10.1.11.183": 7 }), ["10.1.11.183"]);
  named.place(last);
  assert.deepEqual(named.take().keys, [0, 7]);
});

test("who is named again has the same place, whatever became of other rows; a row that is another's has another", () => {
  const keys = [0, 11, 12];
  const named = new NamedRows({ get: (row) => row, key: (row) => keys[row]! });
  const [first, second] = [named.place(1), named.place(2)];
  for (let i = 0; i < 1000; i++) {
    keys[2] = 100 + i;
    assert.equal(named.place(1), first);
  }
  assert.notEqual(named.place(2), second);
  assert.deepEqual(named.take().identities, [0, 11, 12, 1099]);
});
