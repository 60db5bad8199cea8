import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { findInCluster } from "../src/enrich/index.ts";
import { createKubernetes } from "../src/enrich/kubernetes/index.ts";
import { createNodePods, nodePodRules } from "../src/enrich/node-pods/index.ts";
import { PeerTable } from "../src/topology/index.ts";
import {
  chartFolder,
  dryRun,
  Helm,
  type Manifest,
  manifestOf,
  missingForChart,
  readManifests,
} from "./chart.ts";
import { valueSets } from "./chart-values.ts";
import { CuttableWire } from "./cuttable-wire.ts";
import { moduleFolder } from "./go-tools.ts";
import { ApiServer, type Json, missingForApiServer, writeKubeconfig } from "./kubernetes-api-server.ts";
import { ClusterObjects } from "./kubernetes-objects.ts";
import { until } from "./program.ts";

const skip = missingForChart ?? missingForApiServer() ?? false;
const project = fileURLToPath(new URL("..", import.meta.url));
const operatorVersion = "0.85.0";
let api: ApiServer;
let helm: Helm;

before(async () => {
  if (skip) return;
  api = new ApiServer();
  await api.start();
  const kubeconfig = join(api.folder, "kubeconfig");
  writeKubeconfig(api, kubeconfig);
  helm = new Helm(kubeconfig);
  await new ClusterObjects(api).namespace("portolan");
});
after(async () => {
  helm?.remove();
  await api?.stop();
});

/** The Prometheus operator's own definitions, so that the API server knows its objects' fields. Rejects when they cannot be had. */
async function defineMonitors(): Promise<void> {
  const folder = moduleFolder("github.com/prometheus-operator/prometheus-operator", operatorVersion);
  for (const plural of ["servicemonitors", "podmonitors", "prometheusrules"]) {
    const file = join(folder, `example/prometheus-operator-crd/monitoring.coreos.com_${plural}.yaml`);
    const [definition] = readManifests(readFileSync(file, "utf8"));
    await api.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition);
  }
  await until("the operator's kinds are served", async () => {
    const kinds = ["servicemonitors", "podmonitors", "prometheusrules"];
    const served = kinds.map((kind) => api.request("GET", `/apis/monitoring.coreos.com/v1/${kind}`));
    return (await Promise.allSettled(served)).every(({ status }) => status === "fulfilled") || undefined;
  });
}

test("the API server takes every object that the chart renders, with no field that it does not know", {
  skip,
}, async (t) => {
  let withMonitors = true;
  await defineMonitors().catch((error: Error) => {
    withMonitors = false;
    t.diagnostic(`not run for ServiceMonitor, PodMonitor and PrometheusRule: ${error.message.slice(0, 200)}`);
  });
  const taken = new Set<string>();
  for (const values of Object.values(valueSets)) {
    for (const manifest of helm.render(values)) {
      const isMonitor = manifest.apiVersion.startsWith("monitoring.coreos.com/");
      if (isMonitor && !withMonitors) continue;
      await dryRun(api, manifest);
      taken.add(manifest.kind);
    }
  }
  const kinds = [
    "DaemonSet",
    "StatefulSet",
    "Service",
    "Secret",
    "ConfigMap",
    "Pod",
    "NetworkPolicy",
    "Ingress",
  ];
  for (const kind of kinds) assert.ok(taken.has(kind), `a ${kind} was among them`);
});

test("so it does deploy/manifests", { skip }, async () => {
  for (const name of ["namespace.yaml", "portolan.yaml"]) {
    for (const manifest of readManifests(readFileSync(join(project, "deploy/manifests", name), "utf8"))) {
      if (manifest.kind === "Namespace")
        await dryRun(api, { ...manifest, metadata: { ...manifest.metadata, name: "x" } });
      else await dryRun(api, manifest);
    }
  }
});

test("a pod with a field that there is not is refused: the API server does look", { skip }, async () => {
  const server = manifestOf(helm.render({}), "StatefulSet", "portolan-server");
  await assert.rejects(
    dryRun(api, { ...server, spec: { ...(server.spec as Json), replica: 2 } }),
    /unknown field .+spec\.replica/,
  );
});

test("a namespace of the level restricted takes the server and helm test's pod; agents want privileged", {
  skip,
}, async () => {
  for (const level of ["restricted", "privileged"]) {
    const labels = { "pod-security.kubernetes.io/enforce": level };
    const metadata = { name: `pods-${level}`, labels };
    await api.request("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata });
  }
  const manifests = helm.render({});
  const podOf = ({ spec, metadata }: Manifest, level: string): Manifest => {
    const { template } = spec as { template?: { spec: Json } };
    const { serviceAccountName: _account, ...pod } = (template?.spec ?? spec) as Json;
    const { name, labels } = metadata;
    const placed = { name, labels, namespace: `pods-${level}` };
    // The claim is the StatefulSet's to make.
    const claimed = [...((pod.volumes ?? []) as Json[]), { name: "data", emptyDir: {} }];
    const volumes = name === "portolan-server" ? claimed : pod.volumes!;
    return { apiVersion: "v1", kind: "Pod", metadata: placed, spec: { ...pod, volumes } };
  };
  const agent = manifestOf(manifests, "DaemonSet", "portolan-agent");
  await dryRun(api, podOf(manifestOf(manifests, "StatefulSet", "portolan-server"), "restricted"));
  await dryRun(api, podOf(manifestOf(manifests, "Pod", "portolan-test-link"), "restricted"));
  await dryRun(api, podOf(agent, "privileged"));
  await assert.rejects(dryRun(api, podOf(agent, "restricted")), /violates PodSecurity .+hostPID=true/);
});

test("installed, upgraded and rolled out anew: tokens are made once and stay; uninstalled, the Secret stays", {
  skip,
}, async () => {
  const secret = () => api.request("GET", "/api/v1/namespaces/portolan/secrets/portolan-tokens");
  const flags = ["--namespace", "portolan"];
  const notes = helm.run("install", "portolan", chartFolder, ...flags);
  assert.match(notes, /kubectl -n portolan port-forward svc\/portolan 8080:8080/);
  assert.match(notes, /UDP 32055 \(netflow\), UDP 32343 \(sflow\)/);
  const first = (await secret()).data as Record<string, string>;
  for (const key of ["ingest-token", "read-token"])
    assert.match(Buffer.from(first[key]!, "base64").toString(), /^[A-Za-z0-9]{48}$/);
  assert.notEqual(first["ingest-token"], first["read-token"]);
  helm.run("upgrade", "portolan", chartFolder, ...flags, "--set", "agent.config.dns=false");
  assert.deepEqual((await secret()).data, first);
  helm.run("upgrade", "portolan", chartFolder, ...flags, "--set", "auth.readToken=0123456789abcdef");
  const given = (await secret()).data as Record<string, string>;
  assert.equal(Buffer.from(given["read-token"]!, "base64").toString(), "0123456789abcdef");
  assert.equal(given["ingest-token"], first["ingest-token"]);
  helm.run("uninstall", "portolan", ...flags);
  assert.deepEqual((await secret()).data, given);
  helm.run("install", "portolan", chartFolder, ...flags, "--take-ownership");
  assert.equal(((await secret()).data as Record<string, string>)["ingest-token"], first["ingest-token"]);
});

test("the server follows the cluster with the chart's own account and nothing more; the agent's account may list and watch pods", {
  skip,
}, async (t) => {
  const { folder, environment } = await api.accountOf("portolan", "portolan-server");
  const kubernetes = createKubernetes(
    { enabled: "auto", kubeconfig: "", context: "" },
    {
      ...{ peers: new PeerTable(1000, () => {}), now: Date.now, log: () => {} },
      surroundings: { environment, home: "/nonexistent", accountFolder: folder },
    },
  );
  kubernetes.start();
  t.after(() => kubernetes.stop());
  await until("all is watched", () => kubernetes.status().state === "on" || undefined);
  assert.deepEqual(
    kubernetes.status().resources.filter(({ state }) => state !== "watching"),
    [],
  );
  for (const path of ["/api/v1/secrets", "/api/v1/configmaps", "/apis/apps/v1/controllerrevisions"])
    assert.equal(await may("portolan-server", path), false, path);
  const forbidden = [
    ...[
      "/api/v1/nodes",
      "/api/v1/namespaces",
      "/api/v1/namespaces/portolan/secrets",
      "/apis/apps/v1/replicasets",
    ],
    ...["/api/v1/namespaces/portolan/pods/web", "/api/v1/namespaces/portolan/pods/web/log"],
  ];
  for (const path of forbidden) assert.equal(await may("portolan-agent", path), false, path);
  assert.ok(await may("portolan-agent", "/api/v1/pods"));
});

test("an agent with the chart's own account and nothing more is told of its own node's pods; without the rule, which is missing", {
  skip,
}, async (t) => {
  const cut = new CuttableWire();
  await cut.start(() => api.port);
  const { folder, environment } = await api.accountOf("portolan", "portolan-agent");
  const access = findInCluster({ ...environment, KUBERNETES_SERVICE_PORT: String(cut.port) }, folder)!;
  const peers = new PeerTable(1000, () => {});
  const drop = () => assert.fail("nothing is given up");
  const watch = { retryMilliseconds: 50, deniedMilliseconds: 200, pageSize: 2 };
  const pods = createNodePods({ ...{ access, node: "node-a", peers, drop, now: Date.now, log() {}, watch } });
  t.after(() => {
    pods.stop();
    cut.stop();
  });
  const objects = new ClusterObjects(api);
  const owner = await objects.deployment("portolan", "web");
  const marked = { owner, addresses: ["10.50.0.7"], labels: { "pod-template-hash": "5d4f8" } };
  const [first, elsewhere] = [
    await objects.pod("portolan", "web-5d4f8-x1", { ...marked, node: "node-a" }),
    await objects.pod("portolan", "web-5d4f8-x2", { ...marked, node: "node-b" }),
  ];
  pods.start();
  const isOn = () => pods.status().state === "on" || undefined;
  await until("it watches", isOn);
  await until("it is told of what was there", () => pods.status().pods === 1 || undefined);
  const podOf = (podUid: string) => {
    const seen = {
      address: "10.50.0.7",
      node: "node-a",
      network: "",
      process: "web",
      container: "c",
      podUid,
    };
    pods.tick();
    return peers.get(
      peers.intern({ id: `container:node-a/${podUid}`, kind: "container", name: "web", ...seen }),
    );
  };
  const { namespace, pod, workload, workloadKind } = podOf(first);
  assert.deepEqual(
    [namespace, pod, workload, workloadKind],
    [...["portolan", "web-5d4f8-x1", "web", "Deployment"]],
  );
  assert.equal(podOf(elsewhere).pod, undefined);
  assert.equal(pods.status().pods, 1, "those of other nodes never come here");

  const added = await objects.pod("portolan", "added", { addresses: ["10.50.0.8"], node: "node-a" });
  await until("it is told of another", () => podOf(added).pod === "added" || undefined);
  cut.cut();
  await until("it is away", () => pods.status().state === "away" || undefined);
  await objects.deletePod("portolan", "added");
  cut.mend();
  await until(
    "the deletion is told by the watch that goes on",
    () => pods.status().departedPods === 1 || undefined,
  );
  assert.equal(pods.status().lists, 1, "there was no new list");

  cut.cut();
  await objects.deletePod("portolan", "web-5d4f8-x1");
  const last = await objects.pod("portolan", "last", { addresses: ["10.50.0.9"], node: "node-a" });
  await api.stopServer();
  await api.compact();
  await api.startServer();
  cut.mend();
  await until("410 Gone: all is listed anew", () => podOf(last).pod === "last" || undefined);
  assert.equal(podOf(first).pod, "web-5d4f8-x1", "a pod that has gone names its late flows");
  assert.deepEqual([pods.status().pods, pods.status().relists], [1, 1]);

  const role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/portolan-portolan:agent";
  await api.request("PATCH", role, { rules: [] });
  await until("the rule is gone", async () => !(await may("portolan-agent", "/api/v1/pods")) || undefined);
  cut.cut();
  cut.mend();
  await until("what is denied is told", () => pods.status().state === "denied" || undefined);
  assert.match(pods.status().reason, /cannot watch resource "pods"/);
  assert.match(pods.status().remedy!, /resources: \[pods\], verbs: \[list, watch\]/);
  await api.request("PATCH", role, { rules: nodePodRules });
  await until("it goes on with the rule", isOn);
});

/** Whether an account of the chart's may read this. */
async function may(account: string, path: string): Promise<boolean> {
  const token = readFileSync(`${(await api.accountOf("portolan", account)).folder}/token`, "utf8");
  return await api.request("GET", path, undefined, token).then(
    () => true,
    () => false,
  );
}

test("what the DaemonSet and the StatefulSet select is what they make", { skip }, async () => {
  for (const [kind, name] of [
    ["daemonsets", "portolan-agent"],
    ["statefulsets", "portolan-server"],
  ]) {
    const { spec } = (await api.request(
      "GET",
      `/apis/apps/v1/namespaces/portolan/${kind}/${name}`,
    )) as unknown as {
      spec: { selector: { matchLabels: Json }; template: Pick<Manifest, "metadata"> };
    };
    for (const [label, value] of Object.entries(spec.selector.matchLabels))
      assert.equal(spec.template.metadata.labels[label], value);
  }
});
