import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { parse, stringify } from "yaml";
import { clusterRules } from "../src/enrich/kubernetes/index.ts";
import { nodePodRules } from "../src/enrich/node-pods/index.ts";
import { everyAddress, readConfig } from "../src/settings/index.ts";
import { chartFolder, Helm, type Manifest, manifestOf, missingForChart } from "./chart.ts";
import { valueSets } from "./chart-values.ts";
import { temporaryFolder } from "./program.ts";

const skip = missingForChart ?? false;
const project = fileURLToPath(new URL("..", import.meta.url));
let helm: Helm;

before(() => {
  if (!skip) helm = new Helm();
});
after(() => helm?.remove());

test("helm has nothing to say against the chart, with any of the values", { skip }, () => {
  for (const values of Object.values(valueSets)) {
    const said = helm.run("lint", "--strict", chartFolder, "--values", helm.values(values));
    assert.match(said, /1 chart\(s\) linted, 0 chart\(s\) failed/);
  }
});

test("the chart has the program's version, and the rights that the program asks for", { skip }, () => {
  const { version } = JSON.parse(readFileSync(`${project}/package.json`, "utf8")) as { version: string };
  const chart = readFileSync(`${chartFolder}/Chart.yaml`, "utf8");
  assert.ok(chart.includes(`\nversion: ${version}\n`) && chart.includes(`\nappVersion: "${version}"\n`));
  const manifests = helm.render({});
  assert.deepEqual(manifestOf(manifests, "ClusterRole", "portolan-portolan").rules, clusterRules);
  assert.deepEqual(manifestOf(manifests, "ClusterRole", "portolan-portolan:agent").rules, nodePodRules);
  const binding = manifestOf(manifests, "ClusterRoleBinding", "portolan-portolan:agent");
  const { serviceAccountName } = podOf(manifestOf(manifests, "DaemonSet", "portolan-agent"));
  assert.equal(serviceAccountName, "portolan-agent");
  assert.deepEqual(binding.subjects, [
    { kind: "ServiceAccount", name: serviceAccountName, namespace: "portolan" },
  ]);
  assert.deepEqual(binding.roleRef, {
    ...{ apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "portolan-portolan:agent" },
  });
  assert.equal(manifests.filter(({ kind }) => kind === "ClusterRole" || kind === "Role").length, 2);
});

test("agents ask the API server by their token, and are let out to it; where they are not to, they have neither", {
  skip,
}, () => {
  const apiServerPort = { port: 6443, protocol: "TCP" };
  const found = (values: object) => {
    const manifests = helm.render(values);
    const pod = podOf(manifestOf(manifests, "DaemonSet", "portolan-agent"));
    const config = manifestOf(manifests, "ConfigMap", "portolan-agent").data as Record<string, string>;
    const { egress } = manifestOf(manifests, "NetworkPolicy", "portolan-agent").spec as {
      egress: { ports?: object[] }[];
    };
    const ports = egress.flatMap(({ ports = [] }) => ports);
    return {
      pods: (parse(config["portolan.yaml"]!) as { agent: { pods: boolean } }).agent.pods,
      hasToken: pod.automountServiceAccountToken,
      isLetOut: ports.some((port) => isDeepStrictEqual(port, apiServerPort)),
      roles: manifests.filter(
        ({ kind, metadata }) => kind.startsWith("ClusterRole") && metadata.name.endsWith("agent"),
      ).length,
      node: (pod.containers[0]!.env ?? []).find(({ name }) => name === "NODE_NAME")?.valueFrom,
    };
  };
  const node = { fieldRef: { fieldPath: "spec.nodeName" } };
  assert.deepEqual(found({}), { pods: true, hasToken: true, isLetOut: true, roles: 2, node });
  assert.deepEqual(found(valueSets["agents that ask the API server nothing"]!), {
    ...{ pods: false, hasToken: false, isLetOut: false, roles: 0, node },
  });
});

test("the server's configuration is one that the server takes, whatever the values", { skip }, (t) => {
  const folder = temporaryFolder(t);
  for (const [name, values] of Object.entries(valueSets)) {
    const server = helm
      .render(values)
      .find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name.endsWith("-server"))!;
    const text = (server.data as Record<string, string>)["portolan.yaml"]!;
    for (const token of ["read-token", "ingest-token"])
      writeFileSync(`${folder}/${token}`, "0123456789abcdef");
    const file = `${folder}/portolan.yaml`;
    writeFileSync(file, text.replaceAll("/etc/portolan/", `${folder}/`));
    const config = readConfig({ file, environment: {}, flags: {} });
    const isTls = name.startsWith("HTTPS");
    assert.equal(config.tls.certificate, isTls ? `${folder}/tls.crt` : undefined);
    // Every address, IPv6's too where there is any: a pod of a cluster with IPv6 alone has no other.
    assert.deepEqual(config.listen, { host: everyAddress("::"), port: 8080 }, name);
    assert.doesNotMatch(text, /0\.0\.0\.0/);
    assert.equal(config.data, "/var/lib/portolan");
    assert.equal(config.auth === "none", name.includes("nobody asked"));
  }
});

test("pods: the server is nobody and writes into its volume alone; agents have the capabilities listed, or are privileged when told", {
  skip,
}, () => {
  const manifests = helm.render({});
  const server = podOf(manifestOf(manifests, "StatefulSet", "portolan-server"));
  assert.equal(server.securityContext?.runAsNonRoot, true);
  const [container] = server.containers;
  assert.deepEqual(container!.securityContext, {
    ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
  });
  const agent = podOf(manifestOf(manifests, "DaemonSet", "portolan-agent"));
  assert.deepEqual(
    [agent.hostPID, agent.hostNetwork, agent.automountServiceAccountToken],
    [true, false, true],
  );
  const { privileged, capabilities, readOnlyRootFilesystem } = agent.containers[0]!.securityContext;
  assert.deepEqual([privileged, readOnlyRootFilesystem], [false, true]);
  const needed = ["BPF", "PERFMON", "NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"];
  assert.deepEqual(capabilities, { drop: ["ALL"], add: needed });
  assert.deepEqual(agent.containers[0]!.resources?.requests, { cpu: "50m", memory: "100Mi" });
  assert.deepEqual(agent.tolerations, [{ operator: "Exists" }]);

  const privilegedAgent = podOf(
    manifestOf(
      helm.render(valueSets["privileged agents on their nodes' network"]!),
      "DaemonSet",
      "portolan-agent",
    ),
  );
  assert.equal(privilegedAgent.containers[0]!.securityContext.privileged, true);
  assert.equal(privilegedAgent.containers[0]!.securityContext.capabilities, undefined);
  assert.equal(privilegedAgent.dnsPolicy, "ClusterFirstWithHostNet");
});

test("AppArmor is told by the field, and where the cluster is older than it by the annotation", {
  skip,
}, () => {
  const agentOf = (version: string) =>
    manifestOf(helm.render({}, "--kube-version", version), "DaemonSet", "portolan-agent");
  const annotation = "container.apparmor.security.beta.kubernetes.io/agent";
  const annotations = (agent: Manifest) =>
    (agent.spec as { template: { metadata: { annotations: Record<string, string> } } }).template.metadata
      .annotations;
  assert.equal(annotations(agentOf("1.29.0"))[annotation], "unconfined");
  assert.equal(annotations(agentOf("1.30.0"))[annotation], undefined);
  assert.deepEqual(podOf(agentOf("1.30.0")).containers[0]!.securityContext.appArmorProfile, {
    type: "Unconfined",
  });
});

test("flows come to NodePort 32055, or a load balancer, with the sender's address kept", { skip }, () => {
  const flows = (values: object) =>
    manifestOf(helm.render(values), "Service", "portolan-flows").spec as FlowsSpec;
  const nodePort = flows({});
  assert.equal(nodePort.type, "NodePort");
  assert.deepEqual(nodePort.ports[0], {
    ...{ name: "netflow", port: 2055, targetPort: "netflow", protocol: "UDP", nodePort: 32055 },
  });
  const balanced = flows(valueSets["all that can be switched on"]!);
  assert.deepEqual([balanced.type, balanced.loadBalancerIP], ["LoadBalancer", "192.168.1.53"]);
  for (const spec of [nodePort, balanced]) assert.equal(spec.externalTrafficPolicy, "Local");
  assert.equal(flows({ server: { flows: { type: "ClusterIP" } } }).externalTrafficPolicy, undefined);
});

test("every dashboard is a ConfigMap that Grafana's sidecar finds, those of the plugin when it is there; every rule is the operator's", {
  skip,
}, () => {
  const filesOf = (folder: string, ending: string) =>
    readdirSync(`${project}/deploy/grafana/${folder}`).filter((name) => name.endsWith(ending));
  const labelled = (values: object) =>
    helm.render(values).filter(({ metadata }) => metadata.labels.grafana_dashboard === "1");
  const plain = filesOf("dashboards", ".json");
  const all = valueSets["all that can be switched on"]!;
  for (const [values, names] of [
    [{}, plain],
    [all, [...plain, ...filesOf("infinity/dashboards", ".json")]],
  ] as const) {
    const found = labelled(values).flatMap(({ data }) => Object.entries(data as Record<string, string>));
    assert.deepEqual(found.map(([name]) => name).sort(), [...names].sort());
    for (const [, text] of found) assert.ok(JSON.parse(text).title);
  }
  const rules = helm.render(all).filter(({ kind }) => kind === "PrometheusRule");
  assert.equal(rules.length, filesOf("rules", ".yaml").length);
  for (const { spec } of rules) assert.ok((spec as { groups: object[] }).groups.length > 0);
});

test("with a certificate everybody who asks the server asks by HTTPS, and trusts its authority", {
  skip,
}, () => {
  const manifests = helm.render(valueSets["HTTPS, by a Secret that cert-manager keeps"]!);
  const { args } = podOf(manifestOf(manifests, "DaemonSet", "portolan-agent")).containers[0]!;
  assert.ok(args.includes("--server=https://portolan:8080") && args.includes("--ca=/etc/portolan/ca.crt"));
  const text = JSON.stringify(manifests);
  assert.equal(text.match(/"scheme":"HTTPS"/g)?.length, 3, "the server's three probes");
  assert.match(text, /"SERVER","value":"https:.+"NODE_EXTRA_CA_CERTS","value":"\/etc\/portolan\/ca.crt"/);
  assert.match(text, /"scheme":"https","tlsConfig":\{"ca":\{"secret":\{"name":"portolan-tls","key":"ca.crt"/);
  assert.doesNotMatch(text, /http:\/\/portolan/);
});

test("the chart takes every setting of the program, and of its agent", { skip }, (t) => {
  const file = `${temporaryFolder(t)}/portolan.yaml`;
  const accepted = (text: string) => {
    writeFileSync(file, text);
    try {
      readConfig({ file, environment: {}, flags: {} });
    } catch (error) {
      return /accepted here: (.+)/
        .exec((error as Error).message)![1]!
        .split(", ")
        .sort();
    }
    throw new Error("a setting that there is not was taken");
  };
  const schema = JSON.parse(readFileSync(`${chartFolder}/values.schema.json`, "utf8"));
  const keysOf = (section: { properties: object }) => Object.keys(section.properties);
  const { config, agent } = schema.properties;
  assert.deepEqual(keysOf(config).sort(), accepted("nonsense: 1"));
  // Whether there is an agent is agent.enabled of the chart, and whether it asks for pods agent.kubernetes.
  assert.deepEqual(
    [...keysOf(agent.properties.config), "enabled", "pods"].sort(),
    accepted("agent: {nonsense: 1}"),
  );
});

test("pods stay on Linux, whatever else the cluster has; a node that is named stays named", { skip }, () => {
  const manifests = helm.render({ server: { nodeSelector: { "kubernetes.io/hostname": "node-1" } } });
  const server = podOf(manifestOf(manifests, "StatefulSet", "portolan-server"));
  const agent = podOf(manifestOf(manifests, "DaemonSet", "portolan-agent"));
  assert.deepEqual(agent.nodeSelector, { "kubernetes.io/os": "linux" });
  assert.deepEqual(server.nodeSelector, {
    ...{ "kubernetes.io/os": "linux", "kubernetes.io/hostname": "node-1" },
  });
});

test("who waits minutes for a processor is not started again for it", { skip }, () => {
  const manifests = helm.render({});
  for (const [kind, name] of [
    ["StatefulSet", "portolan-server"],
    ["DaemonSet", "portolan-agent"],
  ] as const) {
    const { livenessProbe } = podOf(manifestOf(manifests, kind, name)).containers[0]!;
    assert.ok(livenessProbe!.timeoutSeconds >= 30, name);
    assert.ok(livenessProbe!.periodSeconds * livenessProbe!.failureThreshold >= 300, name);
  }
});

test("files of one's own are mounted beside the chart's", { skip }, () => {
  const one = {
    extraVolumes: [{ name: "geo", configMap: { name: "geo" } }],
    extraVolumeMounts: [{ name: "geo", mountPath: "/geo", readOnly: true }],
  };
  const manifests = helm.render({ server: one, agent: one });
  for (const [kind, name] of [
    ["StatefulSet", "portolan-server"],
    ["DaemonSet", "portolan-agent"],
  ] as const) {
    const { volumes, containers } = podOf(manifestOf(manifests, kind, name));
    assert.deepEqual(volumes!.at(-1), one.extraVolumes[0]);
    assert.deepEqual(containers[0]!.volumeMounts!.at(-1), one.extraVolumeMounts[0]);
    assert.ok(volumes!.length > 2);
  }
});

test("whoever has a policy may ask the DNS at its ports, and helm test the server", { skip }, () => {
  const manifests = helm.render({ networkPolicy: { dnsPorts: [53, 5353] } });
  const policies = manifests.filter(({ kind }) => kind === "NetworkPolicy");
  assert.deepEqual(policies.map(({ metadata }) => metadata.name).sort(), [
    ...["portolan-agent", "portolan-server", "portolan-test-link"],
  ]);
  for (const { spec } of policies) {
    const { egress } = spec as { egress: { ports?: object[]; to?: object[] }[] };
    assert.deepEqual(egress[0], {
      ports: [53, 5353].flatMap((port) => ["UDP", "TCP"].map((protocol) => ({ port, protocol }))),
    });
  }
  const test = policies.find(({ metadata }) => metadata.name === "portolan-test-link")!;
  const pod = manifestOf(manifests, "Pod", "portolan-test-link");
  const { podSelector, egress } = test.spec as {
    podSelector: { matchLabels: Record<string, string> };
    egress: { to?: { podSelector: { matchLabels: Record<string, string> } }[] }[];
  };
  for (const [label, value] of Object.entries(podSelector.matchLabels))
    assert.equal(pod.metadata.labels[label], value);
  const server = manifestOf(manifests, "StatefulSet", "portolan-server").spec as {
    selector: { matchLabels: object };
  };
  assert.deepEqual(egress[1]!.to![0]!.podSelector.matchLabels, server.selector.matchLabels);
});

/** What is refused, and what is said. */
const refused: [object, RegExp][] = [
  [{ agent: { metricsPort: 70000 } }, /'\/agent\/metricsPort': maximum: got 70,000, want 65,535/],
  [{ agent: { metricPort: 7117 } }, /'\/agent': additional properties 'metricPort' not allowed/],
  [{ server: { flows: { type: "Nodeport" } } }, /one of 'ClusterIP', 'NodePort', 'LoadBalancer'/],
  [{ server: { flows: { ports: [] } } }, /'\/server\/flows\/ports': minItems: got 0, want 1/],
  [{ auth: { ingestToken: "short" } }, /'\/auth\/ingestToken': 'short' does not match/],
  [{ agent: { config: { pods: false } } }, /'\/agent\/config': additional properties 'pods' not allowed/],
  [{ agent: { serverUrl: "portolan:8080" } }, /'\/agent\/serverUrl'.*https\?/],
  [{ agent: { spoolSize: "256" } }, /'\/agent\/spoolSize'/],
  [{ config: { listen: "0.0.0.0:80" } }, /config.listen: the chart decides this; say it in server.service/],
  [{ config: { kuberntes: {} } }, /'\/config': additional properties 'kuberntes' not allowed/],
];

test("values that are wrong are refused, by their place and with what is accepted", { skip }, () => {
  for (const [values, said] of refused) {
    const { status, stderr } = helm.try("template", "p", chartFolder, "--values", helm.values(values));
    assert.notEqual(status, 0, JSON.stringify(values));
    assert.match(stderr, said);
  }
});

test("deploy/manifests is what the chart renders", { skip }, () => {
  const place = `${project}/deploy/manifests/portolan.yaml`;
  const values = { auth: { existingSecret: "portolan-tokens" }, dashboards: { enabled: false } };
  const flags = ["--skip-tests", "--kube-version", "1.30.0"];
  const head =
    "# Rendered from deploy/helm/portolan by UPDATE=1 ./portolan test chart.test; a test compares. How to apply it: docs/how-to/kubernetes.md\n";
  const objects = helm.render(values, ...flags).map((manifest) => {
    // Nobody's release: what only Helm reads is left out.
    const {
      "helm.sh/chart": _chart,
      "app.kubernetes.io/managed-by": _managed,
      ...labels
    } = manifest.metadata.labels;
    return { ...manifest, metadata: { ...manifest.metadata, ...namespaceOf(manifest), labels } };
  });
  const text = head + objects.map((object) => stringify(object, { lineWidth: 0 })).join("---\n");
  if (process.env.UPDATE === "1") writeFileSync(place, text);
  assert.equal(readFileSync(place, "utf8"), text);
});

function namespaceOf({ kind }: Manifest): { namespace?: string } {
  return kind.startsWith("Cluster") ? {} : { namespace: "portolan" };
}

interface FlowsSpec {
  readonly type: string;
  readonly externalTrafficPolicy?: string;
  readonly loadBalancerIP?: string;
  readonly ports: readonly object[];
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: boolean;
  readonly hostPID?: boolean;
  readonly hostNetwork?: boolean;
  readonly dnsPolicy?: string;
  readonly tolerations?: object[];
  readonly nodeSelector?: object;
  readonly volumes?: object[];
  readonly securityContext?: Record<string, unknown>;
  readonly containers: readonly {
    readonly args: readonly string[];
    readonly resources?: { readonly requests?: object };
    readonly livenessProbe?: {
      readonly timeoutSeconds: number;
      readonly periodSeconds: number;
      readonly failureThreshold: number;
    };
    readonly volumeMounts?: object[];
    readonly env?: readonly { readonly name: string; readonly valueFrom?: object }[];
    readonly securityContext: Record<string, unknown>;
  }[];
}

function podOf({ spec }: Manifest): PodSpec {
  return (spec as { template: { spec: PodSpec } }).template.spec;
}
