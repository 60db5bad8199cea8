import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fail, PretendApiServer } from "../src/enrich/kubernetes/pretend-api-server.ts";
import { writeMessage } from "../src/ingest/index.ts";
import { sampleBatch, sampleMessage } from "../src/ingest/testdata/sample-message.ts";
import type { Peer, Topology } from "../src/topology/index.ts";
import { isOfMachine, launchBrowser, openAt, whyNoBrowser } from "./browser.ts";
import { liveMap, type Program, startProgram, temporaryFolder, until } from "./program.ts";

/** A server whose API server is a pretended one, and an agent elsewhere that tells of a pod's connections by control group and address. */
async function start(t: TestContext, api: PretendApiServer): Promise<Program> {
  const folder = temporaryFolder(t);
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      "current-context": "here",
      clusters: [{ name: "c", cluster: { server: api.url } }],
      contexts: [{ name: "here", context: { cluster: "c", user: "u" } }],
      users: [{ name: "u", user: { token: "people" } }],
    }),
  );
  writeFileSync(
    join(folder, "config.yaml"),
    `kubernetes: { kubeconfig: ${kubeconfig} }\nagent: { enabled: false }\nauth: none\nflows: []\n`,
  );
  const parameters = [
    "--config",
    join(folder, "config.yaml"),
    "--data",
    join(folder, "data"),
    "--listen",
    "127.0.0.1:0",
  ];
  const program = await startProgram(["server", ...parameters]);
  t.after(() => program.stop("SIGKILL"));
  return program;
}

const web: Peer = {
  ...{ id: "container:node-a/w", kind: "container", name: "nginx w", address: "10.50.0.5", node: "node-a" },
  ...{ network: "10.50.0.0/24", process: "nginx", container: "w", podUid: "uid-web-1" },
};

async function send(program: Program, sequence: number, destination = "10.50.1.7"): Promise<void> {
  const time = Date.now() - 500;
  const message = sampleMessage({
    ...{ node: "node-a", sequence, peers: [web], startedMilliseconds: time, sealedMilliseconds: time },
    batch: sampleBatch([
      {
        ...{
          source: "10.50.0.5",
          sourcePort: 40000 + sequence,
          destination,
          destinationPort: 8080,
          observedEnd: 1,
        },
        ...{ bytes: 1000, startMilliseconds: time, opened: true, sourcePeer: 1 },
      },
    ]),
  });
  const answer = await fetch(`${program.url}/api/v1/ingest`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf" },
    body: writeMessage(message),
  });
  assert.equal(answer.status, 200, await answer.text());
}

async function mapOf(program: Program, query: string): Promise<Topology> {
  const answer = await fetch(`${program.url}/api/v1/map?${query}`);
  assert.equal(answer.status, 200);
  return (await answer.json()) as Topology;
}

function pod(name: string, podIP: string) {
  const uid = `uid-${name}`;
  const ownerReferences = [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      name: name.split("-")[0],
      uid: `uid-of-${uid}`,
      controller: true,
    },
  ];
  const startTime = new Date(Date.now() - 60_000).toISOString();
  return {
    metadata: { name, namespace: "shop", uid, ownerReferences },
    spec: { nodeName: "node-a" },
    status: { phase: "Running", podIP, startTime },
  };
}

test("with the API server away the map goes on; when it is there, what was seen before has its names, live and in history", async (t) => {
  const api = new PretendApiServer();
  await api.start();
  t.after(() => api.stop());
  for (const [name, address] of [
    ["web-1", "10.50.0.5"],
    ["api-1", "10.50.1.7"],
  ] as const)
    api.put("/api/v1/pods", pod(name, address));
  await api.stop();
  const program = await start(t, api);
  const status = async () =>
    (
      (await (await fetch(`${program.url}/api/v1/status`)).json()) as {
        kubernetes: { state: string; reason: string };
      }
    ).kubernetes;
  await until("the state is told", async () => ((await status()).state === "away" ? true : undefined));
  assert.match(
    (await status()).reason,
    /nobody listens there; pods go by their ids and addresses; it is tried again/,
  );
  await send(program, 1);
  await until("the link is there", async () =>
    (await liveMap(program)).links.length > 0 ? true : undefined,
  );
  const [before] = (await liveMap(program)).links;
  assert.deepEqual([before!.client, before!.server], ["pod:uid-web-1", "host:10.50.1.7"]);

  await api.start();
  await until("the server of the link is the pod", async () =>
    (await liveMap(program)).links[0]?.server === "pod:uid-api-1" ? true : undefined,
  );
  await until("it is on", async () => ((await status()).state === "on" ? true : undefined));
  const live = await liveMap(program);
  const names = live.peers
    .map(({ name, kind, namespace, workload, group }) => [name, kind, namespace, workload, group])
    .sort();
  assert.deepEqual(names, [
    ["api-1", "pod", "shop", "api", "shop"],
    ["web-1", "pod", "shop", "web", "shop"],
  ]);
  const grouped = await liveMap(program, "?group=workload");
  assert.deepEqual(
    grouped.links.map(({ id }) => id),
    ["workload:shop/Deployment/web>workload:shop/Deployment/api"],
  );
  assert.deepEqual(
    (await liveMap(program, "?group=namespace")).links.map(({ id }) => id),
    ["namespace:shop>namespace:shop"],
  );
  await send(program, 2);
  await until("history has both records", async () => {
    const { links } = await mapOf(program, "from=-5m");
    return links.length === 1 && links[0]!.connections === 2 ? true : undefined;
  });
  const [stored] = (await mapOf(program, "from=-5m")).links;
  assert.deepEqual([stored!.client, stored!.server], ["pod:uid-web-1", "pod:uid-api-1"]);
  assert.equal(api.asked.find(({ path }) => path === "/api/v1/pods")?.token, "people");
});

test("what is not known of the cluster is said with the reason, on the map, in history and on the page", {
  skip: whyNoBrowser,
}, async (t) => {
  const api = new PretendApiServer();
  await api.start();
  t.after(() => api.stop());
  api.put("/api/v1/pods", pod("web-1", "10.50.0.5"));
  api.put("/api/v1/nodes", {
    metadata: { name: "node-b" },
    spec: { podCIDRs: ["10.50.1.0/24"] },
    status: {},
  });
  api.instead = (_request, response, url) => {
    if (url.pathname !== "/api/v1/services") return false;
    fail(response, 403, 'services is forbidden: User "people" cannot list resource "services"');
    return true;
  };
  const program = await start(t, api);
  const unresolvedOf = (map: Topology) =>
    map.peers.map(({ name, unresolved = "" }) => `${name} ${unresolved}`.trim()).sort();
  await until("pods are known", async () => {
    const { kubernetes } = await program.get<{ kubernetes: { state: string; counts: { pods: number } } }>(
      "/api/v1/status",
    );
    return (kubernetes.state === "partly" && kubernetes.counts.pods === 1) || undefined;
  });
  await send(program, 1, "10.50.1.99");
  const shown = ["10.50.1.99 no_pod_has_it", "web-1"];
  await until("live", async () => unresolvedOf(await liveMap(program)).join() === shown.join() || undefined);
  const found = "filter=server.unresolved:no_pod*";
  assert.deepEqual(unresolvedOf(await liveMap(program, `?${found}`)), shown);
  await until("found in history", async () => {
    const map = await mapOf(program, `from=-5m&${found}`);
    return unresolvedOf(map).join() === shown.join() || undefined;
  });
  assert.deepEqual(unresolvedOf(await mapOf(program, "from=-5m&filter=client.unresolved:*")), []);

  const browser = await launchBrowser();
  t.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" && !isOfMachine(message))
      complaints.push(`${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await openAt(page, `${program.url}/?peer=${encodeURIComponent("host:10.50.1.99")}`);
  const details = page.getByTestId("details");
  await details.getByText("Not known who").waitFor();
  await details.getByText("it is in a node's range of pod addresses, but no pod had it when").waitFor();
  const word = page.getByTestId("kubernetes");
  await word.getByText("Kubernetes, 1 pod: 1 kind of object denied").waitFor();
  await word.click();
  const words = page.locator(".status-words");
  await words.getByText('User "people" cannot list resource "services"').first().waitFor();
  await words.getByText("Add to its ClusterRole:").waitFor();
  await words.locator("code", { hasText: "services" }).waitFor();
  await words.getByText("1: it is in a node's range of pod addresses").waitFor();
  await words.getByRole("button", { name: "Show them" }).click();
  await page.waitForURL(/filter=unresolved/);
  assert.equal(await page.getByTestId("filter").inputValue(), "unresolved:*");
  await api.stop();
  await word.getByText("Kubernetes, 1 pod: API server away").waitFor({ timeout: 60_000 });
  assert.deepEqual(complaints, []);
  assert.equal(await program.stop(), 0);
});
