import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { makeMmdb } from "../src/enrich/geo/testdata/make-mmdb.ts";
import { fail, PretendApiServer } from "../src/enrich/kubernetes/pretend-api-server.ts";
import { type IngestMessage, writeMessage } from "../src/ingest/index.ts";
import { sampleBatch, sampleMessage } from "../src/ingest/testdata/sample-message.ts";
import type { Peer } from "../src/topology/index.ts";
import { type CountingReceiver, startCountingReceiver } from "./counting-receiver.ts";
import {
  agentName,
  type Conversation,
  type End,
  ends,
  exported,
  exporters,
  late,
  observed,
  openConnections,
  opening,
} from "./grafana-traffic.ts";
import { PretendV5 } from "./pretend-exporter.ts";
import { PretendV9 } from "./pretend-v9.ts";
import { freePort, type Program, startProgram, temporaryFolder, until } from "./program.ts";

/** What is told beside traffic, and once each round unless said. */
export const told = {
  /** In which rounds so many of an exporter's numbers are missing: records of the router, datagrams of the tap. */
  lost: { router: { 2: 40, 5: 40 }, tap: { 3: 5 } } as Record<"router" | "tap", Record<number, number>>,
  /** How far clocks are ahead, in seconds: so far that the way of a message is nothing beside it. */
  clockAhead: { router: 3600, tap: -7200, sampled: 1200, agent: 5400 },
  /** By the agent, of what its machine gave up. */
  drops: { connection_limit: 2, dns_lost: 5 },
  agent: { sockets: 123, spoolMessages: 7 },
  /** Another agent, that sees nothing, and comes again with what it sent before. */
  idleAgent: { name: "node-b", sockets: 45, spoolMessages: 0 },
  /** Changes of a pod. */
  podChanges: 2,
  /** Datagrams that are no flows. */
  garbage: 3,
  /** In one round the server stands still, and so many of them are sent, more than the kernel has room for. */
  flood: { round: 4, datagrams: 1400, bytes: 60_000 },
  storeBytesMax: 3e9,
  seriesLimit: 400,
  databaseBuilt: 1_700_000_000,
} as const;

/** Records that an exporter sends each round; of a NetFlow v5 exporter it is what its numbers count. */
export const recordsOf = { router: 4, tap: 2, sampled: 2 } as const;
/** Rows of the agent each round, and at the beginning. */
export const agentRows = { round: observed.length, opening: openConnections } as const;

/** A cluster as its parts tell of it: an API server, agents on other machines, and routers. What they say is real, they are not. */
export interface PretendCluster {
  /** As it was started last. */
  readonly program: Program;
  readonly receiver: CountingReceiver;
  readonly dataFolder: string;
  /** Unix seconds: just before, and at most just after, the exporters last sent. */
  readonly lastSent: readonly [number, number];
  /** And the agent. */
  readonly lastHeard: readonly [number, number];
  /** What is told once, and everything of a round. */
  begin(): Promise<void>;
  /** Sends everything of a round. */
  talk(round: number): Promise<void>;
  /** Resolves when everything the agents told is durable, which takes seconds. */
  isHeard(): Promise<void>;
  /** The agents say that they are there, if they have not of late: who is silent for half a minute is gone, and its connections. */
  stayHeard(): Promise<void>;
  /** What became of the agents' messages, by the answers to them. */
  readonly answered: Readonly<Record<"durable" | "duplicate" | "refused", number>>;
  /** The agent calls the newcomer. */
  callNewcomer(): Promise<void>;
  /** The router tells of so many links that have not been told of. */
  crowd(links: number): Promise<void>;
  /** Ends the server, and starts it again. */
  restart(): Promise<void>;
  /** Datagrams that the kernel threw away, by its own count. */
  kernelDrops(): number;
}

export async function startCluster(
  t: TestContext,
  { port, remoteWrite }: { port: number; remoteWrite: string },
): Promise<PretendCluster> {
  const [api, receiver] = [
    await startApiServer(t),
    await startCountingReceiver(t, `${remoteWrite}/api/v1/write`),
  ];
  const folder = temporaryFolder(t);
  const flowPort = await freePort();
  const dataFolder = join(folder, "data");
  const config = {
    ...{
      auth: "none",
      agent: { enabled: false },
      kubernetes: { kubeconfig: writeKubeconfig(folder, api.url) },
    },
    networks: [
      { name: "office", cidr: "10.0.20.0/24", vlan: 20 },
      { name: "lab", cidr: "10.0.30.0/24", vlan: 30 },
    ],
    geo: writeDatabases(folder),
    store: { size: `${told.storeBytesMax / 1e9}GB` },
    metrics: {
      limit: told.seriesLimit,
      remoteWrite: [{ url: receiver.url, interval: "3s", labels: { job: "pushed" } }],
    },
  };
  const file = join(folder, "portolan.yaml");
  writeFileSync(file, JSON.stringify(config)); // JSON is YAML
  const start = () =>
    startProgram([
      ...["server", "--config", file, "--data", dataFolder],
      ...["--listen", `127.0.0.1:${port}`, "--flows", `udp://127.0.0.1:${flowPort}`],
    ]);
  let program = await start();
  t.after(() => program.stop("SIGKILL"));
  const status = () =>
    program.get<{ kubernetes: { state: string }; geo: { files: { state: string }[] } }>("/api/v1/status");
  await until("pods and places are known", async () => {
    const { kubernetes, geo } = await status();
    return kubernetes.state === "partly" && geo.files.every(({ state }) => state === "on") ? true : undefined;
  });
  const tap = new PretendV9(exporters.tap, flowPort, 300, told.clockAhead.tap);
  const unannounced = new PretendV9(exporters.tap, flowPort, 301, told.clockAhead.tap);
  const router = new PretendV5(exporters.router, flowPort, { skew: told.clockAhead.router });
  const sampled = new PretendV5(exporters.sampled, flowPort, {
    skew: told.clockAhead.sampled,
    sampling: 100,
  });
  t.after(() => {
    for (const exporter of [tap, unannounced, router, sampled]) exporter.close();
  });
  const seconds = () => Date.now() / 1000;
  const heard: Promise<void>[] = [];
  /** Of the agent's messages. */
  let sequence = 0;
  let isIdleKnown = false;
  const answered = { durable: 0, duplicate: 0, refused: 0 };
  let lastSent: readonly [number, number] = [0, 0];
  let lastHeard: readonly [number, number] = [0, 0];

  async function sendFlows(round: number): Promise<void> {
    const before = seconds();
    router.skip(told.lost.router[round] ?? 0);
    tap.skip(told.lost.tap[round] ?? 0);
    await router.tell(flowsOf("router"));
    await sampled.tell(flowsOf("sampled"));
    await tap.tell(1500, 2000);
    for (let i = 0; i < told.garbage; i++) await router.send(Buffer.from("no flows"));
    lastSent = [before, seconds()];
  }

  /** A stopped process reads nothing: what its socket has no room for is thrown away. */
  async function flood(): Promise<void> {
    const { datagrams, bytes } = told.flood;
    program.child.kill("SIGSTOP");
    try {
      const datagram = Buffer.alloc(bytes, "no flows");
      for (let i = 0; i < datagrams; i++) await router.send(datagram);
    } finally {
      program.child.kill("SIGCONT");
    }
    // What is sent while there is no room would be lost too.
    await until("the socket is empty", () => (socketColumns()[4]?.endsWith(":00000000") ? true : undefined));
  }

  /** The collector's socket, as the kernel lists it: `sl local_address rem_address st tx_queue:rx_queue ... drops`. */
  function socketColumns(): string[] {
    const here = `0100007F:${flowPort.toString(16).toUpperCase().padStart(4, "0")}`;
    const lines = readFileSync("/proc/net/udp", "utf8").split("\n");
    return (lines.find((line) => line.includes(` ${here} `)) ?? "").trim().split(/\s+/);
  }

  async function post(message: Partial<IngestMessage>): Promise<void> {
    const answer = await ask(program, writeMessage(sampleMessage(message)), told.clockAhead.agent);
    assert.equal(answer.status, 200, await answer.text());
    answered.durable++;
  }

  /** Messages without records are answered at once, so that it is known when they were heard. */
  async function report(): Promise<void> {
    const before = seconds();
    await post(idleMessage);
    if (isIdleKnown) {
      answered.durable--;
      answered.duplicate++; // it has one number for all its messages
    }
    isIdleKnown = true;
    await post({ ...agentMessage(++sequence, []), drops: [] });
    lastHeard = [before, seconds()];
  }

  async function talk(round: number): Promise<void> {
    await sendFlows(round);
    if (round === told.flood.round) await flood();
    for (let i = 0; i < told.podChanges; i++)
      api.put("/api/v1/pods", pod("web-1", ends.web.address, { change: `${round}.${i}` }));
    heard.push(post(agentMessage(++sequence, observed)));
    await report();
    const refused = await ask(program, Buffer.from("no message"), 0);
    assert.equal(refused.status, 400);
    answered.refused++;
  }

  return {
    ...{ receiver, dataFolder, answered },
    get program() {
      return program;
    },
    get lastSent() {
      return lastSent;
    },
    get lastHeard() {
      return lastHeard;
    },
    async begin() {
      await tap.announce();
      await unannounced.tell(10);
      heard.push(post(agentMessage(++sequence, [opening], openConnections)));
      await talk(0);
    },
    talk,
    async stayHeard() {
      if (seconds() - lastHeard[1] > 3) await report();
    },
    async isHeard() {
      await Promise.all(heard);
    },
    callNewcomer: () => post(agentMessage(++sequence, [late])),
    async crowd(links) {
      const flows = Array.from({ length: links }, (_, i) => ({
        ...{
          source: `10.0.20.${i % 250}`,
          sourcePort: 50_000,
          destination: `10.0.30.${i % 249}`,
          destinationPort: 80,
        },
        ...{ bytes: 1000 + i, packets: 1 },
      }));
      for (let i = 0; i < links; i += 30) await router.tell(flows.slice(i, i + 30));
    },
    async restart() {
      assert.equal(await program.stop(), 0);
      program = await start();
    },
    kernelDrops: () => Number(socketColumns().at(-1)),
  };
}

const agentNow = () => Date.now() + told.clockAhead.agent * 1000;

function ask(program: Program, body: Uint8Array<ArrayBuffer>, ahead: number): Promise<Response> {
  return fetch(`${program.url}/api/v1/ingest`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf", "portolan-sent": String(Date.now() + ahead * 1000) },
    body,
  });
}

/** Two pods of two Deployments; what nodes there are it does not tell. */
async function startApiServer(t: TestContext): Promise<PretendApiServer> {
  const api = new PretendApiServer();
  await api.start();
  t.after(() => api.stop());
  api.instead = (_request, response, { pathname }) => {
    if (pathname !== "/api/v1/nodes") return false;
    fail(response, 403, "nodes is forbidden");
    return true;
  };
  api.put("/api/v1/pods", pod("web-1", ends.web.address));
  api.put("/api/v1/pods", pod("api-1", ends.api.address));
  return api;
}

function writeKubeconfig(folder: string, server: string): string {
  const file = join(folder, "kubeconfig");
  writeFileSync(
    file,
    JSON.stringify({
      "current-context": "here",
      clusters: [{ name: "c", cluster: { server } }],
      contexts: [{ name: "here", context: { cluster: "c", user: "u" } }],
      users: [{ name: "u", user: { token: "people" } }],
    }),
  );
  return file;
}

/** Where everybody outside is. */
function writeDatabases(folder: string) {
  const write = (
    name: string,
    record: (place: NonNullable<End["place"]>) => Parameters<typeof makeMmdb>[0][string],
  ) => {
    const places = Object.values(ends as Record<string, End>).flatMap(({ address, place }) =>
      place === undefined ? [] : [[`${address}/32`, record(place)] as const],
    );
    const file = join(folder, `${name}.mmdb`);
    const options = { databaseType: `Pretend-${name}`, builtSeconds: told.databaseBuilt };
    writeFileSync(file, makeMmdb(Object.fromEntries(places), options));
    return file;
  };
  return {
    country: write("country", ({ country }) => ({ country: { iso_code: country } })),
    city: write("city", ({ country, city, latitude, longitude }) => ({
      ...{
        country: { iso_code: country },
        city: { names: { en: city } },
        location: { latitude: `${latitude}`, longitude: `${longitude}` },
      },
    })),
    asn: write("asn", ({ asNumber, asName }) => ({
      ...{ autonomous_system_number: asNumber, autonomous_system_organization: asName },
    })),
  };
}

function pod(name: string, podIP: string, labels: Readonly<Record<string, string>> = {}) {
  const uid = `uid-${name}`;
  const owner = { apiVersion: "apps/v1", kind: "Deployment", name: name.split("-")[0], uid: `uid-of-${uid}` };
  return {
    metadata: { name, namespace: "shop", uid, labels, ownerReferences: [{ ...owner, controller: true }] },
    spec: { nodeName: agentName },
    status: { phase: "Running", podIP, startTime: new Date(Date.now() - 60_000).toISOString() },
  };
}

const webContainer: Peer = {
  ...{ id: `container:${agentName}/web`, kind: "container", name: "nginx web", address: ends.web.address },
  ...{ node: agentName, network: ends.web.network, process: "nginx", container: "web", podUid: "uid-web-1" },
};

const failureColumns = {
  refused: "refusedConnectionCount",
  timed_out: "timedOutConnectionCount",
  unreachable: "unreachableConnectionCount",
  reset: "resetConnectionCount",
  lost: "lostConnectionCount",
} as const;

/** A connection of each, closed, or so many of the first, which stay open. */
function agentMessage(
  sequence: number,
  conversations: readonly Conversation[],
  open = 0,
): Partial<IngestMessage> {
  const time = agentNow() - 500;
  const copies = open === 0 ? conversations : Array.from({ length: open }, () => conversations[0]!);
  const batch = sampleBatch(
    copies.map((one, i) => ({
      ...{ source: one.client.address, sourcePort: 10_000 + 20 * sequence + i },
      ...{ destination: one.server.address, destinationPort: one.port },
      ...{ bytes: one.sent / Math.max(1, open), bytesBack: one.received / Math.max(1, open) },
      ...{ opened: one.opened > 0, closed: open === 0, startMilliseconds: time },
      observedEnd: one.observedEnd === "client" ? 1 : 2,
      ...(one.observedEnd === "client" ? { sourcePeer: 1 } : { destinationPeer: 1 }),
    })),
  );
  const { columns } = batch;
  for (const [row, one] of copies.entries()) {
    columns.protocolIdentifier[row] = one.protocol === "udp" ? 17 : 6;
    columns.packetDeltaCount[row] = one.packetsSent;
    columns.reversePacketDeltaCount[row] = one.packetsReceived;
    columns.failedConnectionCount[row] = one.opened > 0 ? 0 : one.failures.length;
    for (const reason of one.failures) columns[failureColumns[reason]][row] = 1;
    columns.retransmittedSegmentCount[row] = one.retransmits;
    columns.roundTripTimeMicroseconds[row] = one.rttMilliseconds * 1000;
  }
  return {
    ...{ node: agentName, sequence, peers: [webContainer], batch },
    ...{ startedMilliseconds: time, sealedMilliseconds: time },
    drops: open > 0 ? [] : Object.entries(told.drops).map(([reason, count]) => ({ reason, count })),
    report: reportOf(told.agent),
  };
}

const reportOf = ({ sockets, spoolMessages }: { sockets: number; spoolMessages: number }) => ({
  parts: [{ name: "tcp", isOn: true, reason: "" }],
  ...{ sockets, spoolBytes: 0, spoolMessages, way: "", limits: [], dns: undefined },
});

const idleMessage: Partial<IngestMessage> = {
  ...{ node: told.idleAgent.name, instance: "ff".repeat(16), epoch: "ee".repeat(16), machine: "" },
  report: reportOf(told.idleAgent),
};

const flowsOf = (name: "router" | "sampled") =>
  exported.filter(({ observer }) => observer === exporters[name]).flatMap(bothDirections);

/** What a router reports of a conversation, a direction each: of what it looked at. */
function bothDirections(conversation: Conversation, index: number) {
  const { client, server, port, sampling, sent, received, packetsSent, packetsReceived } = conversation;
  const clientPort = 40_000 + index;
  return [
    {
      ...{
        source: client.address,
        sourcePort: clientPort,
        destination: server.address,
        destinationPort: port,
      },
      ...{ bytes: sent / sampling, packets: packetsSent / sampling },
    },
    {
      ...{
        source: server.address,
        sourcePort: port,
        destination: client.address,
        destinationPort: clientPort,
      },
      ...{ bytes: received / sampling, packets: packetsReceived / sampling },
    },
  ];
}
