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

test("a peer that turns out to be another keeps its row and its key, and frees its identity", () => {
  const peers = new PeerTable(10, () => {});
  const row = peers.intern(peer("10.0.0.1"));
  const [key, generation] = [peers.key(row), peers.generation];
  const told: number[] = [];
  peers.onRename((renamed) => told.push(renamed));
  const pod: Peer = { ...peer("x"), id: "pod:u", kind: "pod" };
  peers.revise((known) => (known.id === "host:10.0.0.1" ? pod : known));
  assert.deepEqual([peers.get(row).id, peers.key(row), peerKey(peers.get(row))], ["pod:u", key, key]);
  assert.deepEqual(told, [row]);
  assert.notEqual(peers.generation, generation, "who kept the row by what it was asks again");
  assert.equal(peers.intern(pod), row);
  const anew = peers.intern(peer("10.0.0.1"));
  assert.notEqual(anew, row);
  peers.revise((known) => ({ ...known }));
  assert.deepEqual(told, [row], "the same facts are no news");
});

test("two rows that turn out to be one peer at one address both stand for it; freed, they take nothing with them", () => {
  const peers = new PeerTable(10, () => {});
  const pod: Peer = { ...peer("x"), id: "pod:u", kind: "pod" };
  const first = peers.intern(pod);
  const second = peers.intern(peer("10.0.0.1"));
  peers.revise((known) => (known.kind === "host" ? pod : known));
  assert.deepEqual([peers.get(first).id, peers.get(second).id, peers.intern(pod)], ["pod:u", "pod:u", first]);
  peers.sweep((mark) => mark(first));
  assert.equal(peers.intern(pod), first);
  assert.equal(peers.count, 3);
});

test("who knows better says which peer a new one is: one row for both, under either identity", () => {
  const peers = new PeerTable(10, () => {});
  let asked = 0;
  peers.identifyBy((seen) => {
    asked++;
    return seen.kind === "container" ? { ...seen, id: "pod:u", kind: "pod" } : seen;
  });
  const container: Peer = { ...peer("x"), id: "container:n/1", kind: "container" };
  const row = peers.intern(container);
  assert.equal(peers.get(row).id, "pod:u");
  assert.equal(peers.intern({ ...container, id: "container:n/2" }), row);
  assert.equal(peers.intern(container), row);
  assert.deepEqual([asked, peers.count], [2, 3]);
  peers.rename(container, "another name");
  assert.equal(peers.get(row).name, "x", "the pod is not called after its container");
  peers.sweep(() => {});
  assert.equal(peers.find(container), 0);
});

test("what is told of a container's pod later makes it that pod, once, and under either identity", () => {
  const peers = new PeerTable(10, () => {});
  peers.identifyBy((seen) =>
    seen.pod === undefined ? seen : { ...seen, id: "pod:u", kind: "pod", name: seen.pod },
  );
  const container: Peer = { ...peer("x"), id: "container:n/1", kind: "container" };
  const facts = { namespace: "shop", pod: "web-1", workload: "web", workloadKind: "Deployment" };
  peers.learnPod({ ...container, ...facts });
  assert.equal(peers.count, 2, "of one that is not in the table there is nothing to learn");
  const row = peers.intern(container);
  const key = peers.key(row);
  const told: number[] = [];
  peers.onRename((each) => told.push(each));
  peers.learnPod({ id: container.id, address: container.address, namespace: "shop", pod: "web-1" });
  assert.equal(peers.get(row).pod, undefined, "all of it or nothing");
  peers.learnPod({ ...container, ...facts });
  assert.deepEqual([peers.get(row).id, peers.get(row).name, peers.key(row)], ["pod:u", "web-1", key]);
  peers.learnPod({ ...container, ...facts, pod: "web-2" });
  assert.equal(peers.get(row).pod, "web-1", "a pod's name never changes");
  assert.deepEqual(told, [row]);
  assert.deepEqual(
    [peers.intern(container), peers.intern({ ...container, ...facts }), peers.count],
    [row, row, 3],
  );
  const sidecar = { ...container, id: "container:n/2" };
  const second = peers.intern(sidecar);
  assert.notEqual(second, row, "it may be any pod's");
  peers.learnPod({ ...sidecar, ...facts });
  assert.deepEqual([peers.get(second).id, peers.intern(sidecar)], ["pod:u", row]);
});

test("a peer that may turn out to be another has a key of its own, also beside one that may not", () => {
  const peers = new PeerTable(10, () => {});
  const certain = peers.intern(peer("a"));
  const open = peers.intern({ ...peer("a"), storedAs: "host:a@10.0.0.1 1" });
  assert.notEqual(open, certain);
  assert.equal(peers.intern({ ...peer("a"), storedAs: "host:a@10.0.0.1 2" }), open);
  assert.equal(peers.intern(peer("a")), open);
  assert.notEqual(peers.key(open), peers.key(certain));
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
