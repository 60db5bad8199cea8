import assert from "node:assert/strict";
import { test } from "node:test";
import { AddressHistory } from "./address-history.ts";
import { readPod } from "./objects.ts";
import { PodTable } from "./pod-table.ts";

const now = 1_760_000_000_000;

function pod(name: string, hash?: string) {
  const uid = `uid-${name}`;
  const node = { apiVersion: "v1", kind: "Node", name: "node-a", uid: "uid-node-a", controller: true };
  const annotations = { "kubernetes.io/config.hash": hash, "kubernetes.io/config.mirror": hash };
  const ofFile = hash === undefined ? {} : { annotations, ownerReferences: [node] };
  return readPod({ metadata: { name, namespace: "shop", uid, ...ofFile } })!;
}

function createWorld() {
  const pods = new PodTable(new AddressHistory());
  const nameOf = (uid: string) => pods.ofUid(uid)?.name;
  const put = (...each: ReturnType<typeof pod>[]) => each.forEach((one) => void pods.put(one, now));
  return { pods, nameOf, put };
}

test("no pod takes another's place by a hash that is the other's uid, whichever is told first", () => {
  const victim = pod("victim");
  const thief = pod("thief", victim.uid);
  for (const order of [
    [victim, thief],
    [thief, victim],
    [thief, victim, thief],
  ]) {
    const { pods, nameOf, put } = createWorld();
    put(...order);
    assert.deepEqual([nameOf("uid-victim"), nameOf("uid-thief"), pods.count], ["victim", "thief", 2]);
    assert.deepEqual(
      [...pods.values()].map(({ key, uid }) => key === uid),
      [true, true],
      "also in what its peers are called",
    );
    pods.remove(thief, now);
    assert.deepEqual([nameOf("uid-victim"), pods.has(victim), pods.has(thief)], ["victim", true, false]);
  }
});

test("nor when the other has gone, as long as it is known; a pod keeps what it goes by", () => {
  const { pods, nameOf, put } = createWorld();
  const victim = pod("victim");
  const thief = pod("thief", victim.uid);
  put(victim);
  pods.remove(victim, now);
  put(thief);
  assert.deepEqual([nameOf("uid-victim"), nameOf("uid-thief")], ["victim", "thief"]);
  pods.sweep(now + 2, 1);
  put(thief);
  assert.deepEqual([nameOf("uid-victim"), nameOf("uid-thief"), pods.count], [undefined, "thief", 1]);
  pods.remove(thief, now);
  assert.deepEqual([pods.count, pods.departedCount], [0, 1]);
});

test("a pod that gives way keeps its address and its containers", () => {
  const history = new AddressHistory<ReturnType<typeof pod>>();
  const pods = new PodTable(history);
  const thief = { ...pod("thief", "uid-victim"), addresses: ["10.50.0.7"], containerIds: ["c1"] };
  pods.put(thief, now);
  pods.put(pod("victim"), now + 1);
  assert.equal(pods.ofContainer("c1")?.name, "thief");
  assert.equal(history.at("10.50.0.7", now + 1000).holder?.key, "uid-thief");
});

test("a static pod whose mirror is made anew goes by its hash as before, and the old mirror's end is not its own", () => {
  const { pods, nameOf, put } = createWorld();
  const first = pod("etcd-node-a", "hash");
  put(first);
  assert.deepEqual([nameOf("hash"), nameOf(first.uid)], ["etcd-node-a", "etcd-node-a"]);
  const second = { ...first, uid: "uid-second" };
  put(second);
  pods.remove(first, now);
  assert.deepEqual([nameOf("hash"), nameOf("uid-second"), pods.count], ["etcd-node-a", "etcd-node-a", 1]);
  assert.deepEqual([pods.has(first), pods.has(second)], [false, true]);
  pods.remove(second, now);
  assert.equal(nameOf("hash"), "etcd-node-a", "for its late flows");
});
