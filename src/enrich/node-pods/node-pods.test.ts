import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Peer, PeerTable } from "../../topology/index.ts";
import { fail, PretendApiServer } from "../kubernetes/pretend-api-server.ts";
import { createNodePods, type NodePodsDependencies } from "./node-pods.ts";

const path = "/api/v1/pods";

async function createWorld(t: TestContext, given: Partial<NodePodsDependencies> = {}) {
  const api = new PretendApiServer();
  await api.start();
  const said: string[] = [];
  const drops: string[] = [];
  const clock = { now: 1_760_000_000_000 };
  const peers = new PeerTable(1000, () => {});
  const pods = createNodePods({
    ...{ peers, node: "node-a", now: () => clock.now, log: (message: string) => said.push(message) },
    drop: (reason, source) => drops.push(`${reason} ${source}`),
    access: {
      server: api.url,
      place: "a test",
      isUnverified: false,
      credentials: async () => ({ token: "t" }),
    },
    watch: { retryMilliseconds: 5, deniedMilliseconds: 10 },
    ...given,
  });
  t.after(async () => {
    pods.stop();
    await api.stop();
  });
  return { api, said, drops, clock, peers, pods };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!isSo()) {
    assert.ok(Date.now() < deadline, `not within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function pod(name: string, more: object = {}) {
  const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-5d4f8", uid: "rs", controller: true };
  const labels = { "pod-template-hash": "5d4f8" };
  return {
    metadata: { name, namespace: "shop", uid: `uid-${name}`, ownerReferences: [owner], labels, ...more },
  };
}

/** What the kubelet adds to a pod of a file when it shows it to the API server. */
const mirror = (hash: string) => ({
  annotations: { "kubernetes.io/config.hash": hash, "kubernetes.io/config.mirror": hash },
  ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "node-a", uid: "n", controller: true }],
});

function container(podUid: string, address = "10.50.0.7"): Peer {
  return {
    ...{ id: "container:node-a/abc", kind: "container", name: "nginx abc", address, node: "node-a" },
    ...{ network: "10.50.0.0/24", process: "nginx", container: "abc", podUid },
  };
}

const facts = ({ namespace, pod: name, workload, workloadKind }: Peer) => [
  namespace,
  name,
  workload,
  workloadKind,
];
const webFacts = ["shop", "web-1", "web", "Deployment"];

test("only the metadata of the node's own pods is asked for, list and watch, and nothing else", async (t) => {
  const { api, pods } = await createWorld(t);
  api.put(path, pod("web-1"));
  pods.start();
  await until("it watches", () => api.watchesOf(path).length === 1);
  assert.deepEqual(
    api.asked.map(({ query }) => query.get("resourceVersion")),
    ["0", String(api.version)],
    "what the API server remembers, and all that came after",
  );
  for (const { path: asked, query, accept, token } of api.asked) {
    assert.deepEqual([asked, query.get("fieldSelector"), token], [path, "spec.nodeName=node-a", "t"]);
    assert.match(accept, /as=PartialObjectMetadata/);
  }
  await until("it is on", () => pods.status().state === "on");
  assert.equal(pods.status().pods, 1);
});

test("a pod's containers have its names, whichever is known first; their identity stays, others are untouched", async (t) => {
  const { api, pods, peers } = await createWorld(t);
  const row = peers.intern(container("uid-web-1"));
  const other = peers.intern({
    ...container("uid-of-another-node", "10.50.0.9"),
    id: "container:node-a/def",
  });
  const bare = peers.intern({ ...container(""), id: "process:node-a/sshd", kind: "process" });
  const renamed: number[] = [];
  peers.onRename((each) => renamed.push(each));
  api.put(path, pod("web-1"));
  pods.start();
  await until("it is on", () => pods.status().state === "on");
  pods.tick();
  assert.deepEqual(facts(peers.get(row)), webFacts);
  assert.deepEqual(
    [peers.get(row).id, peers.get(row).kind, peers.get(row).name],
    ["container:node-a/abc", "container", "nginx abc"],
  );
  assert.deepEqual(renamed, [row], "whoever tells a server is told");
  for (const each of [other, bare]) assert.equal(peers.get(each).pod, undefined);
  const second = peers.intern(container("uid-web-1", "10.50.0.8"));
  assert.deepEqual(facts(peers.get(second)), webFacts);
  api.put(path, pod("web-1", { labels: { "pod-template-hash": "5d4f8", tier: "front" } }));
  await until("the change is known", () => pods.status().events === 1);
  pods.tick();
  assert.deepEqual(renamed, [row], "what is no change of the names is none");
});

test("a pod that has gone names its late flows for ten minutes, and a static pod goes by its hash", async (t) => {
  const { api, pods, peers, clock } = await createWorld(t);
  const etcd = pod("etcd-node-a", mirror("hash"));
  for (const each of [pod("web-1"), etcd]) api.put(path, each);
  pods.start();
  await until("both are known", () => pods.status().pods === 2);
  assert.deepEqual(facts(peers.get(peers.intern(container("hash", "10.50.0.2")))), [
    "shop",
    "etcd-node-a",
    "etcd",
    "StaticPod",
  ]);
  await until("it watches", () => api.watchesOf(path).length === 1);
  api.remove(path, pod("web-1"));
  await until("one has gone", () => pods.status().departedPods === 1);
  clock.now += 599_000;
  pods.tick();
  assert.deepEqual(facts(peers.get(peers.intern(container("uid-web-1")))), webFacts);
  clock.now += 61_000;
  pods.tick();
  assert.equal(pods.status().departedPods, 0);
  assert.equal(peers.get(peers.intern(container("uid-web-1", "10.50.0.99"))).pod, undefined);
});

test("a pod that calls itself a static pod does not take the names of the pod whose uid it says", async (t) => {
  const { api, pods, peers } = await createWorld(t);
  for (const each of [pod("a-thief", mirror("uid-web-1")), pod("web-1"), pod("z-thief", mirror("uid-web-1"))])
    api.put(path, each);
  pods.start();
  await until("all are known", () => pods.status().pods === 3);
  assert.deepEqual(facts(peers.get(peers.intern(container("uid-web-1")))), webFacts);
  const thief = peers.get(peers.intern(container("uid-a-thief", "10.50.0.8")));
  assert.equal(thief.pod, "a-thief");
});

test("pods are bounded, those that have gone as well, and what there is no room for is counted", async (t) => {
  const { api, pods, drops } = await createWorld(t, { podsMax: 2 });
  for (const name of ["a", "b", "c"]) api.put(path, pod(name));
  pods.start();
  await until("it watches", () => api.watchesOf(path).length === 1);
  assert.deepEqual([pods.status().pods, drops], [2, ["pod_limit node-a"]]);
  api.put(path, pod("a", { labels: {} }));
  for (const name of ["a", "b"]) api.remove(path, pod(name));
  api.put(path, pod("d"));
  await until("there is room again", () => pods.status().pods === 1);
  for (const name of ["e", "f", "g"]) {
    api.put(path, pod(name));
    api.remove(path, pod(name));
  }
  await until("all is told", () => pods.status().events === 10);
  assert.deepEqual([pods.status().departedPods, drops.length], [2, 1]);
});

test("denied: the verb and the rule are told and said once; asked again, and well when the rule is there", async (t) => {
  const { api, pods, said, clock } = await createWorld(t);
  const message =
    'pods is forbidden: User "agent" cannot list resource "pods" in API group "" at the cluster scope';
  api.instead = (_request, response) => {
    fail(response, 403, message);
    return true;
  };
  pods.start();
  await until("it is denied", () => pods.status().state === "denied");
  const { reason, remedy } = pods.status();
  assert.match(reason, /denies pods: .+cannot list resource "pods"/);
  assert.equal(remedy, 'add to its ClusterRole: {apiGroups: [""], resources: [pods], verbs: [list, watch]}');
  for (let seconds = 0; seconds < 10; seconds++) {
    pods.tick();
    clock.now += 1000;
  }
  assert.equal(said.length, 1);
  assert.match(said[0]!, /^pods: denied: .+ClusterRole/);
  api.instead = undefined;
  api.put(path, pod("web-1"));
  await until("it is on", () => pods.status().state === "on");
});

test("away: what is known stays known, and it is asked until it is back", async (t) => {
  const { api, pods, peers } = await createWorld(t);
  api.put(path, pod("web-1"));
  pods.start();
  await until("it watches", () => api.watchesOf(path).length === 1);
  await api.stop();
  await until("it is away", () => pods.status().state === "away");
  assert.match(pods.status().reason, /what is known stays/);
  assert.deepEqual(facts(peers.get(peers.intern(container("uid-web-1")))), webFacts);
  api.put(path, pod("web-2"));
  await api.start();
  await until("the second is known", () => pods.status().pods === 2 && pods.status().state === "on");
});

test("after 410 Gone there is a new list: who has gone meanwhile has gone", async (t) => {
  const { api, pods } = await createWorld(t);
  for (const name of ["a", "b"]) api.put(path, pod(name));
  pods.start();
  await until("it watches", () => api.watchesOf(path).length === 1);
  api.instead = (_request, response) => {
    response.destroy();
    return true;
  };
  api.cutWatches(path);
  api.remove(path, pod("a"));
  api.put(path, pod("c"));
  api.forgotten = api.version;
  api.instead = undefined;
  await until("it is listed anew", () => pods.status().relists === 1 && pods.status().state === "on");
  assert.deepEqual([pods.status().pods, pods.status().departedPods, pods.status().lists], [2, 1, 2]);
  const lists = api.asked.filter(({ query }) => !query.has("watch"));
  assert.deepEqual(
    lists.map(({ query }) => query.get("resourceVersion")),
    ["0", null],
    "not again what the API server remembers, which was too old",
  );
});

test("a node that the cluster does not know by this name is told: the agent's own pod at least would be on it", async (t) => {
  const { api, pods } = await createWorld(t);
  pods.start();
  await until("it is told", () => pods.status().state === "empty");
  assert.match(pods.status().reason, /has no pod on a node named node-a/);
  assert.match(pods.status().remedy ?? "", /NODE_NAME/);
  api.put(path, pod("web-1"));
  await until("it is on", () => pods.status().state === "on");
});
