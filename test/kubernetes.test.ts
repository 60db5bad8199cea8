import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import {
  clusterRules,
  createKubernetes,
  formatRule,
  type Kubernetes,
} from "../src/enrich/kubernetes/index.ts";
import { parseAddress } from "../src/flow/index.ts";
import { PeerTable } from "../src/topology/index.ts";
import { CuttableWire } from "./cuttable-wire.ts";
import { ApiServer, missingForApiServer } from "./kubernetes-api-server.ts";
import { ClusterObjects, uidOf } from "./kubernetes-objects.ts";

/** A real kube-apiserver with etcd, asked by an account with the rules of the documentation and nothing more. */
const skip = missingForApiServer();
const api = new ApiServer();
const objects = new ClusterObjects(api);
const cut = new CuttableWire();
const stops: (() => void)[] = [];

before(async () => {
  if (skip !== undefined) return;
  await api.start();
  await cut.start(() => api.port);
  await objects.namespace("shop");
  await objects.node("node-a", "192.168.7.1", ["10.50.0.0/24", "fd50::/64"]);
  await objects.account("shop", "portolan", clusterRules);
});

after(async () => {
  for (const stop of stops) stop();
  if (skip !== undefined) return;
  cut.stop();
  await api.stop();
});

/** Ways in as a pod has them; `port` is the API server's, or that of a wire to it. */
async function follow(account: string, port = api.port) {
  const { folder, environment } = await api.accountOf("shop", account);
  const peers = new PeerTable(1000, () => {});
  const said: string[] = [];
  const kubernetes = createKubernetes(
    { enabled: "auto", kubeconfig: "", context: "" },
    {
      ...{ peers, now: Date.now, log: (message) => said.push(message) },
      surroundings: {
        environment: { ...environment, KUBERNETES_SERVICE_PORT: String(port) },
        home: "/nowhere",
        accountFolder: folder,
      },
      watch: { retryMilliseconds: 50, deniedMilliseconds: 200, pageSize: 2 },
      roundMilliseconds: 50,
    },
  );
  kubernetes.start();
  const timer = setInterval(() => kubernetes.tick(), 50);
  const stop = () => {
    clearInterval(timer);
    kubernetes.stop();
  };
  stops.push(stop);
  return { kubernetes, peers, said, stop };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!isSo()) {
    assert.ok(Date.now() < deadline, `not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const isOn = ({ status }: Kubernetes) => status().state === "on";

function whose({ index }: Kubernetes, address: string, time = Date.now(), port = 0, protocol = 6): string {
  const found = index.resolve(parseAddress(address)!, 0, time, port, protocol);
  if (found.kind === "pod") return `pod ${found.pod.namespace}/${found.pod.name}`;
  if (found.kind === "service") return `service ${found.service.namespace}/${found.service.name}`;
  return found.kind === "node" ? `node ${found.node.name}` : found.kind;
}

test("objects are made, changed and deleted, as an account with the documented rules and nothing more sees them", {
  skip,
}, async () => {
  const { kubernetes, peers } = await follow("portolan");
  await until("it is on", () => isOn(kubernetes));
  const owner = await objects.deployment("shop", "api");
  const uid = await objects.pod("shop", "api-5d4f8-x1", {
    addresses: ["10.50.0.7", "fd50::7"],
    owner,
    labels: { app: "api" },
  });
  const service = {
    ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }],
    type: "NodePort",
    ipFamilyPolicy: "PreferDualStack",
  };
  const made = await objects.service("shop", "api", {
    ...service,
    selector: { app: "api" },
    externalIPs: ["192.0.2.80"],
  });
  const { clusterIPs } = made.spec as { clusterIPs: string[] };
  assert.equal(clusterIPs.length, 2);
  await objects.slice("shop", "api", [{ address: "10.50.0.7", uid }]);
  await objects.service("shop", "headless", { clusterIP: "None", ports: [{ port: 80 }] });
  await until("the pod's services and workload are known", () => {
    const pod = kubernetes.index.pods.ofUid(uid);
    return (
      pod !== undefined &&
      kubernetes.index.servicesOf(pod) === "api" &&
      kubernetes.workloadOf(pod).kind === "Deployment"
    );
  });
  for (const address of ["10.50.0.7", "fd50::7"])
    assert.equal(whose(kubernetes, address), "pod shop/api-5d4f8-x1");
  for (const address of clusterIPs) assert.equal(whose(kubernetes, address), "service shop/api");
  assert.equal(whose(kubernetes, "192.168.7.1"), "node node-a");
  assert.equal(whose(kubernetes, "192.168.7.1", Date.now(), 30080), "service shop/api");
  assert.equal(whose(kubernetes, "192.0.2.80", Date.now(), 80), "service shop/api");
  assert.equal(whose(kubernetes, "10.50.0.200"), "unresolved");
  assert.equal(whose(kubernetes, "10.96.200.200"), "unresolved");
  assert.equal(whose(kubernetes, "198.51.100.1"), "external");
  // What an agent says of a container becomes the pod, with all of its facts.
  const row = peers.intern({
    ...{
      id: "container:n/abc",
      kind: "container",
      name: "x",
      address: "10.50.0.7",
      node: "n",
      network: "10.50.0.0/24",
    },
    ...{ process: "node", container: "abc", podUid: uid },
  });
  const { id, kind, name, namespace, workload, workloadKind, service: services, network } = peers.get(row);
  assert.deepEqual([id, kind, name, namespace], [`pod:${uid}`, "pod", "api-5d4f8-x1", "shop"]);
  assert.deepEqual([workload, workloadKind, services, network], ["api", "Deployment", "api", "pods"]);

  await api.request("PATCH", "/api/v1/namespaces/shop/pods/api-5d4f8-x1", {
    metadata: { labels: { tier: "back" } },
  });
  await until("the row has the new label", () => peers.get(row).labels === "app=api,tier=back");
  await objects.deletePod("shop", "api-5d4f8-x1");
  await until("the pod has gone", () => kubernetes.index.pods.count === 0);
  assert.equal(whose(kubernetes, "10.50.0.7", Date.now() - 100), "pod shop/api-5d4f8-x1");
  assert.equal(peers.get(row).name, "api-5d4f8-x1");
  // Its address is given away at once.
  const other = await objects.pod("shop", "other", { addresses: ["10.50.0.7"] });
  await until("the address is the other pod's", () => whose(kubernetes, "10.50.0.7") === "pod shop/other");
  assert.ok(kubernetes.index.pods.ofUid(other));
  await objects.deletePod("shop", "other");
});

test("owners are followed through a custom kind once there is a rule for it; until then that kind is the top", {
  skip,
}, async () => {
  await api.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
    metadata: { name: "stacks.example.org" },
    spec: {
      group: "example.org",
      scope: "Namespaced",
      names: { plural: "stacks", singular: "stack", kind: "Stack" },
      versions: [
        { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } },
      ],
    },
  });
  const root = "/apis/example.org/v1/namespaces/shop/stacks";
  const stack = (name: string, ownerReferences: object[] = []) =>
    api.request("POST", root, {
      apiVersion: "example.org/v1",
      kind: "Stack",
      metadata: { name, ownerReferences },
    });
  let top = await stack("whole").catch(() => undefined);
  for (let tries = 0; top === undefined && tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100)); // until the definition is served
    top = await stack("whole").catch(() => undefined);
  }
  const above = {
    apiVersion: "example.org/v1",
    kind: "Stack",
    name: "whole",
    uid: uidOf(top!),
    controller: true,
  };
  const part = await stack("part", [above]);
  const owner = await objects.deployment("shop", "web", { ...above, name: "part", uid: uidOf(part) });
  const uid = await objects.pod("shop", "web-1", { addresses: ["10.50.0.9"], owner });
  const before = await follow("portolan");
  const workload = ({ kubernetes }: typeof before) => {
    const pod = kubernetes.index.pods.ofUid(uid);
    return pod === undefined ? "" : `${kubernetes.workloadOf(pod).kind}/${kubernetes.workloadOf(pod).name}`;
  };
  await until("the nearest custom owner is the top", () => workload(before) === "Stack/part");
  await until("the missing rule is told", () => before.kubernetes.status().owners.length === 1);
  const rule = { apiGroups: ["example.org"], resources: ["stacks"], verbs: ["get", "list"] };
  assert.equal(before.kubernetes.status().owners[0]!.rule, formatRule(rule));
  before.stop();
  await objects.rules("portolan", [...clusterRules, rule]);
  const now = await follow("portolan");
  await until("the whole is the top", () => workload(now) === "Stack/whole");
  assert.deepEqual(now.kubernetes.status().owners, []);
  await objects.rules("portolan", clusterRules);
  await objects.deletePod("shop", "web-1");
});

test("what is denied is told with the rule to add, the rest goes on; with the rule it is there", {
  skip,
}, async () => {
  const withoutSlices = clusterRules.filter(({ apiGroups }) => apiGroups[0] !== "discovery.k8s.io");
  await objects.account("shop", "poor", withoutSlices);
  const { kubernetes, said } = await follow("poor");
  const missing = () =>
    kubernetes
      .status()
      .resources.filter(({ state }) => state !== "watching")
      .map(({ resource }) => resource);
  await until("the rest is watched", () => missing().join() === "endpointslices");
  const { state, remedy } = kubernetes.status();
  assert.equal(state, "partly");
  assert.equal(
    remedy,
    "add to its ClusterRole: {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}",
  );
  await until("it is said", () => said.some((message) => message.includes("endpointslices")));
  await objects.rules("poor", clusterRules);
  await until("nothing is missing", () => isOn(kubernetes));
});

test("the rules let in to what is documented, and to nothing else", { skip }, async () => {
  const owned = ["replicasets", "deployments", "statefulsets", "daemonsets", "jobs", "cronjobs"];
  for (const { resources, verbs, apiGroups } of clusterRules) {
    for (const resource of resources) {
      const path = apiGroups[0] === "" ? `/api/v1/${resource}` : `/apis/${apiGroups[0]}/v1/${resource}`;
      const { folder } = await api.accountOf("shop", "portolan");
      const token = readFileSync(`${folder}/token`, "utf8");
      await api.request("GET", `${path}?limit=1`, undefined, token);
      await assert.rejects(api.request("DELETE", `${path}/none`, undefined, token), /403|404|405/);
      assert.deepEqual(verbs, owned.includes(resource) ? ["get", "list"] : ["list", "watch"]);
    }
  }
  const { folder } = await api.accountOf("shop", "portolan");
  const token = readFileSync(`${folder}/token`, "utf8");
  for (const path of ["/api/v1/secrets", "/api/v1/configmaps", "/api/v1/namespaces/shop/pods/x/log"])
    await assert.rejects(api.request("GET", path, undefined, token), /403/);
});

test("a cut watch is taken up where it was; after the past is forgotten everything is listed anew", {
  skip,
}, async () => {
  const { kubernetes } = await follow("portolan", cut.port);
  await until("it is on", () => isOn(kubernetes));
  const podsWatch = () => kubernetes.status().resources.find(({ resource }) => resource === "pods")!;
  await objects.pod("shop", "first", { addresses: ["10.50.0.21"] });
  await until("the first is known", () => kubernetes.index.pods.count === 1);

  cut.cut();
  await until("it is told", () => kubernetes.status().state === "away");
  await objects.pod("shop", "second", { addresses: ["10.50.0.22"] });
  cut.mend();
  await until("the second is known", () => kubernetes.index.pods.count === 2);
  assert.equal(podsWatch().lists, 1, "the watch was resumed: there was no new list");
  assert.equal(podsWatch().relists, 0);

  cut.cut();
  await objects.deletePod("shop", "first");
  await objects.pod("shop", "third", { addresses: ["10.50.0.23"] });
  await api.stopServer();
  await api.compact();
  await api.startServer();
  await objects.pod("shop", "fourth", { addresses: ["10.50.0.21"] });
  assert.equal(whose(kubernetes, "10.50.0.22"), "pod shop/second"); // what is known stays
  cut.mend();
  await until("it is on again", () => isOn(kubernetes) && kubernetes.index.pods.count === 3);
  assert.ok(podsWatch().relists >= 1, "410 Gone, and a new list");
  assert.equal(podsWatch().lists, 2);
  const names = [...kubernetes.index.pods.values()].map(({ name }) => name).sort();
  assert.deepEqual(names, ["fourth", "second", "third"]);
  assert.equal(whose(kubernetes, "10.50.0.21"), "pod shop/fourth");
  for (const name of names) await objects.deletePod("shop", name);
});

test("an API server that is away at the start is asked until it is there", { skip }, async () => {
  cut.cut();
  const { kubernetes, peers, said } = await follow("portolan", cut.port);
  await until("it is told", () => kubernetes.status().state === "away");
  assert.match(kubernetes.status().reason, /pods go by their ids and addresses/);
  await until("it is said", () => said.length > 0);
  const uid = await objects.pod("shop", "late", { addresses: ["10.50.0.31"], containerId: "c".repeat(64) });
  const seen = {
    kind: "container",
    name: "web ccc",
    node: "n",
    network: "x",
    process: "web",
    container: "c".repeat(64),
  } as const;
  const row = peers.intern({
    ...seen,
    id: `container:n/${"c".repeat(64)}`,
    address: "10.50.0.31",
    podUid: uid,
  });
  assert.deepEqual([peers.get(row).id, peers.get(row).name], [`pod:${uid}`, "web ccc"]);
  const bare = { ...seen, id: `container:m/${"c".repeat(64)}`, address: "10.50.0.31" };
  const unnamed = peers.intern(bare);
  cut.mend();
  await until("it has its name", () => peers.get(row).name === "late");
  await until("so has what is known by its container alone", () => peers.get(unnamed).id === `pod:${uid}`);
  await until("it is on", () => isOn(kubernetes));
});
