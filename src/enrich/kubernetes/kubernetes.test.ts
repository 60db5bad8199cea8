import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { PeerTable } from "../../topology/index.ts";
import { createKubernetes } from "./kubernetes.ts";
import { fail, PretendApiServer } from "./pretend-api-server.ts";

async function createWorld(t: TestContext, isStarted = true) {
  const folder = mkdtempSync(join(tmpdir(), "portolan-kubernetes-"));
  const server = new PretendApiServer();
  await server.start();
  const kubeconfig = join(folder, "config");
  const write = () =>
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        "current-context": "here",
        clusters: [{ name: "c", cluster: { server: server.url } }],
        contexts: [{ name: "here", context: { cluster: "c", user: "u" } }],
        users: [],
      }),
    );
  if (isStarted) write();
  const said: string[] = [];
  const clock = { now: 1_760_000_000_000 };
  const peers = new PeerTable(1000, () => {});
  const kubernetes = createKubernetes(
    { enabled: "auto", kubeconfig, context: "" },
    {
      ...{ peers, now: () => clock.now, log: (message: string) => said.push(message) },
      surroundings: { environment: {}, home: "/nowhere" },
      ...{ watch: { retryMilliseconds: 5, deniedMilliseconds: 10 }, roundMilliseconds: 5 },
    },
  );
  t.after(async () => {
    kubernetes.stop();
    await server.stop();
    rmSync(folder, { recursive: true });
  });
  kubernetes.start();
  return { server, said, clock, peers, kubernetes, write };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!isSo()) {
    assert.ok(Date.now() < deadline, `not within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "api-1", uid: "rs" };
const pod = (name: string, ownerReferences: object[] = []) => ({
  metadata: { name, namespace: "shop", uid: `uid-${name}`, ownerReferences },
  status: { phase: "Running", podIP: "10.50.0.7" },
});

test("a pod's workload becomes the top of its owners when that is known", async (t) => {
  const { server, kubernetes, peers } = await createWorld(t);
  server.instead = (_request, response, { pathname }) => {
    const answers: Record<string, object> = {
      "/apis/apps/v1": { resources: [{ name: "replicasets", kind: "ReplicaSet", namespaced: true }] },
      "/apis/apps/v1/namespaces/shop/replicasets/api-1": {
        metadata: {
          uid: "rs",
          ownerReferences: [{ ...owner, kind: "Deployment", name: "api", uid: "d", controller: true }],
        },
      },
    };
    if (answers[pathname] === undefined) return false;
    response.end(JSON.stringify(answers[pathname]));
    return true;
  };
  server.put("/api/v1/pods", pod("api-1-x", [{ ...owner, controller: true }]));
  const seen = {
    address: "10.50.0.7",
    node: "n",
    network: "",
    process: "",
    container: "c",
    podUid: "uid-api-1-x",
  };
  const row = peers.intern({ id: "container:n/c", kind: "container", name: "c", ...seen });
  await until("the workload is the Deployment", () => {
    kubernetes.tick();
    return peers.get(row).workloadKind === "Deployment";
  });
  assert.deepEqual([peers.get(row).name, peers.get(row).workload], ["api-1-x", "api"]);
});

test("a static pod's workload is its name without its node's; a pod of nobody is its own", async (t) => {
  const { kubernetes } = await createWorld(t);
  const given = {
    key: "k",
    uid: "u",
    namespace: "kube-system",
    addresses: [],
    isHostNetwork: true,
    labels: "",
  };
  const times = { addressedMilliseconds: 0, isAddressedKnown: false, endedMilliseconds: 0, containerIds: [] };
  const of = (name: string, isStatic: boolean, isOwned = true) =>
    kubernetes.workloadOf({
      ...given,
      ...times,
      name,
      node: "cp-1",
      isStatic,
      owner: isOwned ? owner : undefined,
    });
  assert.deepEqual(of("etcd-cp-1", true), { name: "etcd", kind: "StaticPod" });
  assert.deepEqual(of("etcd", true), { name: "etcd", kind: "StaticPod" });
  assert.deepEqual(of("shell", false, false), { name: "shell", kind: "Pod" });
  assert.deepEqual(of("api", false), { name: "api-1", kind: "ReplicaSet" });
});

test("states are said once each, when they have lasted, and what is well from the start is not", async (t) => {
  const { server, kubernetes, said, clock } = await createWorld(t);
  const pass = (milliseconds: number) => {
    clock.now += milliseconds;
    kubernetes.tick();
  };
  await until("it is on", () => kubernetes.status().state === "on");
  for (let i = 0; i < 10; i++) pass(1000);
  assert.deepEqual(said, []);
  server.instead = (_request, response) => {
    fail(response, 403, "forbidden");
    return true;
  };
  server.cutWatches("/api/v1/nodes");
  await until("nodes are denied", () => kubernetes.status().state === "partly");
  pass(1000);
  pass(1000);
  assert.deepEqual(said, [], "it may be over at once");
  for (let i = 0; i < 5; i++) pass(1000);
  assert.equal(said.length, 1);
  assert.match(
    said[0]!,
    /^kubernetes: partly: .* denies nodes: forbidden; add to its ClusterRole: \{apiGroups: \[""\], resources: \[nodes\]/,
  );
  server.instead = undefined;
  await until("it is on", () => kubernetes.status().state === "on");
  for (let i = 0; i < 5; i++) pass(1000);
  assert.equal(said.length, 2);
  assert.match(said[1]!, /^kubernetes: on: /);
});

test("a kubeconfig that is not there yet is looked for again", async (t) => {
  const { kubernetes, write } = await createWorld(t, false);
  assert.deepEqual(
    [kubernetes.status().state, /no such file/.test(kubernetes.status().reason)],
    ["away", true],
  );
  write();
  await until("it is on", () => kubernetes.status().state === "on");
});

test("credentials that are not accepted are told, and tried again", async (t) => {
  const { kubernetes, server } = await createWorld(t);
  server.instead = (_request, response) => {
    fail(response, 401, "Unauthorized");
    return true;
  };
  await server.stop();
  await server.start();
  await until("it is told", () => /the credentials are not accepted/.test(kubernetes.status().reason));
  assert.equal(kubernetes.status().state, "away");
  server.instead = undefined;
  await until("it is on", () => kubernetes.status().state === "on");
});

test("off, nothing is asked and no peer is touched", () => {
  const peers = new PeerTable(10, () => {});
  const surroundings = { environment: {}, home: "/nowhere" };
  const kubernetes = createKubernetes(
    { enabled: "auto", kubeconfig: "", context: "" },
    { peers, now: () => 0, log: () => {}, surroundings },
  );
  kubernetes.start();
  kubernetes.tick();
  assert.equal(kubernetes.status().state, "off");
  assert.equal(kubernetes.clusterPeers, undefined);
  const seen = { address: "", node: "n", network: "", process: "", container: "c", podUid: "u" };
  assert.equal(
    peers.get(peers.intern({ id: "container:n/c", kind: "container", name: "c", ...seen })).kind,
    "container",
  );
});
