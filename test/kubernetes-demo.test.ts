import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  createDemoWorld,
  type DemoWorld,
  type Holding,
  holdDemo,
  isHolder,
  type PlannedWorld,
  planWorld,
  whyNoDemoWorld,
} from "../src/demo/index.ts";
import { clusterRules } from "../src/enrich/kubernetes/index.ts";
import { canRunTcp, readKernelFacts } from "../src/observe/index.ts";
import type { Topology } from "../src/topology/index.ts";
import { launchBrowser, openAt, whyNoBrowser } from "./browser.ts";
import { ApiServer, type Json, missingForApiServer, writeKubeconfig } from "./kubernetes-api-server.ts";
import { ClusterObjects } from "./kubernetes-objects.ts";
import { liveMap, type Program, startProgram, temporaryFolder, until } from "./program.ts";

const skip =
  missingForApiServer() ?? whyNoDemoWorld()?.reason ?? canRunTcp(readKernelFacts())?.reason ?? false;
const seed = 7;
let api: ApiServer;
let plan: PlannedWorld;
let world: DemoWorld;
let holding: Holding;

before(async () => {
  if (skip) return;
  holding = await until(
    "no other demo runs",
    async () => {
      const answer = await holdDemo();
      return isHolder(answer) ? undefined : answer;
    },
    120,
  );
  api = new ApiServer();
  await api.start();
  plan = await register(new ClusterObjects(api));
  world = createDemoWorld(plan, { log: console.error });
  await world.start();
});
after(async () => {
  await world?.stop();
  holding?.release();
  await api?.stop();
});

/** Puts the demo's cluster into the API server, as its own parts would have; resolves with the plan of a world whose pods have the uids that they got. */
async function register(objects: ClusterObjects): Promise<PlannedWorld> {
  const { nodes, pods } = planWorld(seed);
  for (const name of ["shop", "monitoring"]) await objects.namespace(name);
  for (const { name, address, range } of nodes) await objects.node(name, address, [range]);
  const owners = new Map<string, Json>();
  const uids = new Map<string, string>();
  for (const {
    name,
    process = name,
    kubernetesNamespace,
    node,
    isHostNetwork,
    containerId,
    ...pod
  } of pods) {
    const workload = `${kubernetesNamespace}/${process}`;
    const owner = owners.get(workload) ?? (await objects.deployment(kubernetesNamespace, process));
    owners.set(workload, owner);
    const addresses = isHostNetwork ? [pod.address] : [pod.address, pod.address6];
    const labels = { app: process };
    const given = { addresses, node, owner, labels, containerId, hostNetwork: isHostNetwork ?? false };
    uids.set(name, await objects.pod(kubernetesNamespace, name, given));
  }
  const members = (...names: string[]) =>
    names.map((name) => ({ address: pods.find((pod) => pod.name === name)!.address, uid: uids.get(name)! }));
  const service = async (namespace: string, name: string, spec: Json, names: string[]) => {
    await objects.service(namespace, name, { selector: { app: name }, ...spec });
    await objects.slice(namespace, name, members(...names));
  };
  await service("shop", "checkout", { clusterIP: "10.96.0.20", ports: [{ port: 80, targetPort: 8080 }] }, [
    "checkout-1",
    "checkout-2",
  ]);
  await service("kube-system", "dns", { clusterIP: "10.96.0.10", ports: [{ port: 53, protocol: "UDP" }] }, [
    "dns",
  ]);
  const frontend = { type: "NodePort", ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }] };
  await service("shop", "frontend", frontend, ["frontend"]);
  await objects.account("shop", "portolan", clusterRules);
  return planWorld(seed, uids);
}

/** The whole program, with the rights of the server's ClusterRole and no more. */
async function start(t: { after(fn: () => unknown): void }): Promise<Program> {
  const folder = temporaryFolder(t);
  const kubeconfig = join(folder, "kubeconfig");
  const account = await api.accountOf("shop", "portolan");
  writeKubeconfig(api, kubeconfig, readFileSync(join(account.folder, "token"), "utf8"));
  const config = join(folder, "config.yaml");
  writeFileSync(config, `kubernetes: { kubeconfig: ${kubeconfig} }\nflows: []\nagent: { loopback: false }\n`);
  const program = await startProgram([
    "up",
    "--config",
    config,
    "--data",
    join(folder, "data"),
    "--listen",
    "127.0.0.1:0",
  ]);
  t.after(() => program.stop("SIGKILL"));
  return program;
}

test("from real connections of the demo's pods, registered in a real API server, to Deployment -> Service -> Deployment", {
  skip,
  timeout: 300_000, // another demo may have to end first
}, async (t) => {
  const program = await start(t);
  await until("the cluster is known", async () => {
    const { kubernetes } = await program.get<{ kubernetes: { state: string } }>("/api/v1/status");
    return kubernetes.state === "on" || undefined;
  });
  world.talk();
  const workload = (namespace: string, name: string) => `workload:${namespace}/Deployment/${name}`;
  const shop = (name: string) => workload("shop", name);
  const expected = [
    [shop("frontend"), shop("checkout")], // by way of 10.96.0.20
    [shop("frontend"), shop("catalog")], // over IPv6
    [shop("cart"), shop("redis")],
    [shop("checkout"), shop("payments")],
    ["host:198.51.100.23", shop("frontend")], // by way of the port 30080 of a node
    [workload("monitoring", "prometheus"), workload("monitoring", "node-exporter")], // pods on their nodes' network
    [shop("payments"), workload("kube-system", "coredns")], // UDP, by way of 10.96.0.10
  ].map(([client, server]) => `${client}>${server}`);
  let missing: string[] = [];
  await until(
    "all links between workloads",
    async () => {
      const ids = new Set((await liveMap(program, "?group=workload")).links.map(({ id }) => id));
      missing = expected.filter((id) => !ids.has(id));
      return missing.length === 0 || undefined;
    },
    60,
  ).catch((error: Error) => assert.fail(`${error.message}\nmissing: ${missing.join("\n")}`));

  await t.test(
    "both pods answer for the service, each is a link of its own, and nothing ends at the service's address",
    async () => {
      const { links } = await until("both pods", async () => {
        const map = await liveMap(program);
        const uids = plan.pods.filter(({ process }) => process === "checkout").map(({ uid }) => `pod:${uid}`);
        const client = `pod:${plan.pods.find(({ name }) => name === "frontend")!.uid}`;
        return uids.every((server) =>
          map.links.some((link) => link.client === client && link.server === server),
        )
          ? map
          : undefined;
      });
      const ends = links.flatMap(({ client, server }) => [client, server]);
      for (const id of [
        "service:shop/checkout",
        "host:10.96.0.20",
        "service:kube-system/dns",
        "host:10.96.0.10",
      ])
        assert.ok(!ends.includes(id), id);
    },
  );

  await t.test(
    "the service that was called is on the link between the two deployments, live and in history",
    async () => {
      const id = `${shop("frontend")}>${shop("checkout")}`;
      const called = (map: Topology) => map.links.find((link) => link.id === id)?.services;
      assert.deepEqual(called(await liveMap(program, "?group=workload")), ["shop/checkout"]);
      await until("it is stored", async () => {
        const map = await program.get<Topology>("/api/v1/map?from=-5m&group=workload");
        return called(map)?.join() === "shop/checkout" || undefined;
      });
      const filtered = await program.get<Topology>(
        "/api/v1/map?from=-5m&group=workload&filter=server.service:checkout",
      );
      assert.ok(filtered.links.some((link) => link.id === id));
    },
  );

  await t.test(
    "the page draws the link between the two, and says by which Service",
    { skip: whyNoBrowser },
    async (t) => {
      const browser = await launchBrowser();
      t.after(() => browser.close());
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
      const link = `${shop("frontend")}>${shop("checkout")}`;
      await openAt(page, `${program.url}/?link=${encodeURIComponent(link)}`);
      const isDrawn = (id: string) =>
        (globalThis as unknown as { portolan: { drawnLink(id: string): unknown } }).portolan.drawnLink(id) !==
        undefined;
      await until("the map has it", async () => (await page.evaluate(isDrawn, link)) || undefined);
      const details = page.getByTestId("details");
      await details.getByText("frontend → checkout").waitFor();
      await details.getByText("Called as").waitFor();
      const words = async () => ((await details.textContent()) ?? "").replaceAll(/\s+/g, " ");
      assert.match(await words(), /Called as ?shop\/checkout/);
      await openAt(page, `${program.url}/?peer=${encodeURIComponent(shop("checkout"))}`);
      await details.getByText("checkout", { exact: true }).first().waitFor();
      assert.match(await words(), /Deployment/);
    },
  );

  await t.test("what pods looked up is told of them, their workload and their namespace", async () => {
    const lookedUp = async (filter: string) => {
      const path = `/api/v1/lookups?from=-5m&filter=${encodeURIComponent(filter)}`;
      const { names } = await program.get<{ names: { name: string }[] }>(path);
      return names.map(({ name }) => name).sort();
    };
    const ofShop = ["api.bank.example", "smtp.example", "smtp3.example", "vault.backup.example"];
    await until(
      "all names",
      async () => String(await lookedUp("namespace:shop")) === String(ofShop) || undefined,
    );
    const { uid } = plan.pods.find(({ name }) => name === "payments")!;
    for (const filter of ["namespace:shop workload:payments", `id:"pod:${uid}"`, "pod:payments*"])
      assert.deepEqual(await lookedUp(filter), ["api.bank.example"], filter);
  });

  await t.test("what was called stands beside who answered", async () => {
    interface FlowRecord {
      readonly originalDestinationAddress: string;
      readonly destinationPeerName: string;
    }
    const { records } = await until("a stored flow by way of the service", async () => {
      const page = await program.get<{ records: FlowRecord[] }>("/api/v1/flows?from=-5m&limit=1000");
      const records = page.records.filter(({ originalDestinationAddress: to }) => to === "10.96.0.20");
      return records.length > 0 ? { records } : undefined;
    });
    for (const { destinationPeerName } of records) assert.match(destinationPeerName, /^checkout-[12]$/);
  });

  await t.test("a pod on its node's network is itself, and its node is not it", async () => {
    const { peers } = await liveMap(program);
    const exporters = peers.filter(({ name }) => name.startsWith("node-exporter-"));
    assert.deepEqual(
      exporters.map(({ kind, node, workload }) => [kind, node, workload]).sort(),
      ["node-a", "node-b", "node-c"].map((node) => ["pod", node, "node-exporter"]),
    );
  });
});
