import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { PretendApiServer } from "../src/enrich/kubernetes/pretend-api-server.ts";
import { writeMessage } from "../src/ingest/index.ts";
import { type SampleRow, sampleBatch, sampleMessage } from "../src/ingest/testdata/sample-message.ts";
import type { Peer } from "../src/topology/index.ts";
import { netflow5, sendDatagrams } from "./pretend-exporter.ts";
import { freePort, type Program, startProgram, temporaryFolder, until } from "./program.ts";

/** What each round of the generator sends, in bytes: everything that the dashboards show is a sum of these. */
export const perRound = {
  webToApi: { sent: 1000, received: 5000 },
  webToOutside: { sent: 700, received: 300 },
  outsideToWeb: { sent: 60, received: 900 },
  betweenNetworks: { forth: 40_000, back: 20_000 },
  exporterToOutside: { sent: 3000, received: 9000 },
} as const;

export const addresses = {
  ...{ web: "10.50.0.5", api: "10.50.1.7", outside: "8.8.8.8", caller: "9.9.9.9" },
  ...{ office: "10.0.20.5", lab: "10.0.30.7", called: "1.1.1.1" },
} as const;

/** A cluster as its parts tell of it: an API server, an agent on another machine, and a router. What they say is real, they are not. */
export interface PretendCluster {
  readonly program: Program;
  readonly rounds: number;
  /** Sends everything once more. */
  talk(): Promise<void>;
  /** Resolves when everything the agent told is durable, which takes seconds. */
  isHeard(): Promise<void>;
}

export async function startCluster(
  t: TestContext,
  { port, remoteWrite }: { port: number; remoteWrite: string },
): Promise<PretendCluster> {
  const api = new PretendApiServer();
  await api.start();
  t.after(() => api.stop());
  for (const name of ["web", "api"] as const) api.put("/api/v1/pods", pod(`${name}-1`, addresses[name]));
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
  const flowPort = await freePort();
  const config = {
    ...{ auth: "none", agent: { enabled: false }, kubernetes: { kubeconfig } },
    networks: [
      { name: "office", cidr: "10.0.20.0/24", vlan: 20 },
      { name: "lab", cidr: "10.0.30.0/24", vlan: 30 },
    ],
    metrics: {
      remoteWrite: [{ url: `${remoteWrite}/api/v1/write`, interval: "1s", labels: { job: "pushed" } }],
    },
  };
  const file = join(folder, "portolan.yaml");
  writeFileSync(file, JSON.stringify(config)); // JSON is YAML
  const program = await startProgram([
    ...["server", "--config", file, "--data", join(folder, "data")],
    ...["--listen", `127.0.0.1:${port}`, "--flows", `udp://127.0.0.1:${flowPort}`],
  ]);
  t.after(() => program.stop("SIGKILL"));
  const status = () =>
    program.get<{ kubernetes: { state: string }; geo: { files: { state: string }[] } }>("/api/v1/status");
  await until("pods and places are known", async () => {
    const { kubernetes, geo } = await status();
    return kubernetes.state === "on" && geo.files.every(({ state }) => state === "on") ? true : undefined;
  });
  // Nobody knows what this is: it is given up, and counted.
  await sendDatagrams(flowPort, [Buffer.from("no flows")]);
  let sequence = 0;
  let rounds = 0;
  const messages: Promise<void>[] = [];
  return {
    program,
    get rounds() {
      return rounds;
    },
    async talk() {
      rounds++;
      messages.push(sendMessage(program, rounds));
      // Once, forty records are missing.
      if (rounds === 10) sequence += 40;
      const flows = exportedFlows();
      await sendDatagrams(flowPort, [netflow5(flows, sequence)]);
      sequence += flows.length;
    },
    async isHeard() {
      await Promise.all(messages);
    },
  };
}

function pod(name: string, podIP: string) {
  const uid = `uid-${name}`;
  const owner = { apiVersion: "apps/v1", kind: "Deployment", name: name.split("-")[0], uid: `uid-of-${uid}` };
  return {
    metadata: { name, namespace: "shop", uid, ownerReferences: [{ ...owner, controller: true }] },
    spec: { nodeName: "node-a" },
    status: { phase: "Running", podIP, startTime: new Date(Date.now() - 60_000).toISOString() },
  };
}

const peerOf = (name: "web" | "api"): Peer => ({
  ...{ id: `container:node-a/${name}`, kind: "container", name: `nginx ${name}`, address: addresses[name] },
  ...{ node: "node-a", network: "10.50.0.0/24", process: "nginx", container: name, podUid: `uid-${name}-1` },
});

/** One short connection of each kind, and one that is refused, to inside and to outside. */
async function sendMessage(program: Program, round: number): Promise<void> {
  const time = Date.now() - 500;
  const port = 20_000 + round;
  const row = (
    ends: Pick<SampleRow, "source" | "sourcePort" | "destination" | "destinationPort">,
    { sent, received }: { sent: number; received: number },
    more: Partial<SampleRow> = {},
  ): SampleRow => ({
    ...{ ...ends, bytes: sent, bytesBack: received, startMilliseconds: time },
    ...{ observedEnd: 1, opened: true, closed: true, sourcePeer: 1 },
    ...more,
  });
  const { web, api, outside, caller } = addresses;
  const toApi = { source: web, destination: api, destinationPort: 8080 };
  const toOutside = { source: web, destination: outside, destinationPort: 443 };
  const nothing = { sent: 0, received: 0 };
  const batch = sampleBatch([
    row({ ...toApi, sourcePort: port }, perRound.webToApi),
    row({ ...toOutside, sourcePort: port }, perRound.webToOutside),
    row(
      { source: caller, sourcePort: port, destination: web, destinationPort: 443 },
      { sent: perRound.outsideToWeb.received, received: perRound.outsideToWeb.sent },
      { observedEnd: 2, sourcePeer: 0, destinationPeer: 1 },
    ),
    row({ ...toApi, destinationPort: 9999, sourcePort: port + 20_000 }, nothing, { opened: false }),
    row({ ...toOutside, destinationPort: 25, sourcePort: port + 20_000 }, nothing, { opened: false }),
  ]);
  for (const failing of [3, 4]) {
    batch.columns.failedConnectionCount[failing] = 1;
    batch.columns.refusedConnectionCount[failing] = 1;
  }
  batch.columns.roundTripTimeMicroseconds.fill(3000, 0, 3);
  batch.columns.retransmittedSegmentCount[0] = 1;
  const message = sampleMessage({
    ...{ node: "node-a", sequence: round, peers: [peerOf("web")], batch },
    ...{ startedMilliseconds: time, sealedMilliseconds: time },
    drops: [{ reason: "connection_limit", count: 1 }],
    report: {
      parts: [{ name: "tcp", isOn: true, reason: "" }],
      ...{ sockets: 12, spoolBytes: 0, spoolMessages: 0, way: "", limits: [], dns: undefined },
    },
  });
  const answer = await fetch(`${program.url}/api/v1/ingest`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf", "portolan-sent": String(Date.now()) },
    body: writeMessage(message),
  });
  assert.equal(answer.status, 200, await answer.text());
}

/** What the router reports each round, a direction each. */
function exportedFlows() {
  const { office, lab, called } = addresses;
  const flow = (
    source: string,
    sourcePort: number,
    destination: string,
    destinationPort: number,
    bytes: number,
  ) => ({
    ...{ source, sourcePort, destination, destinationPort, bytes, packets: bytes / 1000 },
  });
  return [
    flow(office, 40_000, lab, 445, perRound.betweenNetworks.forth),
    flow(lab, 445, office, 40_000, perRound.betweenNetworks.back),
    flow(office, 40_001, called, 443, perRound.exporterToOutside.sent),
    flow(called, 443, office, 40_001, perRound.exporterToOutside.received),
  ];
}
