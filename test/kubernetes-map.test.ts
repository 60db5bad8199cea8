import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { PretendApiServer } from "../src/enrich/kubernetes/pretend-api-server.ts";
import { writeMessage } from "../src/ingest/index.ts";
import { sampleBatch, sampleMessage } from "../src/ingest/testdata/sample-message.ts";
import type { Peer, Topology } from "../src/topology/index.ts";
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

async function send(program: Program, sequence: number): Promise<void> {
  const time = Date.now() - 500;
  const message = sampleMessage({
    ...{ node: "node-a", sequence, peers: [web], startedMilliseconds: time, sealedMilliseconds: time },
    batch: sampleBatch([
      {
        ...{
          source: "10.50.0.5",
          sourcePort: 40000 + sequence,
          destination: "10.50.1.7",
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
