import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createKubernetes } from "../src/enrich/kubernetes/index.ts";
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

test("the server follows the cluster with the chart's own account and nothing more; the agent's account may do nothing", {
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
  const may = async (account: string, path: string) => {
    const token = readFileSync(`${(await api.accountOf("portolan", account)).folder}/token`, "utf8");
    return await api.request("GET", path, undefined, token).then(
      () => true,
      () => false,
    );
  };
  for (const path of ["/api/v1/secrets", "/api/v1/configmaps", "/apis/apps/v1/controllerrevisions"])
    assert.equal(await may("portolan-server", path), false, path);
  for (const path of ["/api/v1/pods", "/api/v1/nodes", "/api/v1/namespaces/portolan/secrets"])
    assert.equal(await may("portolan-agent", path), false, path);
});

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
