import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PretendApiServer } from "../src/enrich/kubernetes/pretend-api-server.ts";
import { FlowBatch, parseAddress } from "../src/flow/index.ts";
import { writeMessage } from "../src/ingest/index.ts";
import { sampleMessage } from "../src/ingest/testdata/sample-message.ts";
import type { AskedName, Peer } from "../src/topology/index.ts";
import { netflow5, type PretendFlow, sendDatagrams } from "./pretend-exporter.ts";
import { freePort, type Program, startProgram } from "./program.ts";

/**
 * A shop in a cluster behind a router, for the page to be looked at and tested with: a real server, told by a pretended API server, a
 * pretended exporter and a pretended agent. Everybody's traffic is made up and goes nowhere.
 */
export interface PretendShop {
  readonly program: Program;
  readonly api: PretendApiServer;
  readonly flowPort: number;
  /** Sends a second's traffic; `factor` times as much as usual. */
  talk(factor?: number): Promise<void>;
  /** Talks every second until the shop is stopped. */
  open(): void;
  stop(): Promise<void>;
}

const namespaces: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  shop: { web: 4, api: 3, cart: 2, checkout: 2, search: 3, postgres: 1, redis: 1 },
  ingress: { nginx: 2 },
  monitoring: { prometheus: 1, grafana: 1, loki: 2, "node-exporter": 4 },
  data: { kafka: 3, clickhouse: 2, minio: 2 },
  "kube-system": { coredns: 2, "kube-proxy": 3, "metrics-server": 1 },
  jobs: { worker: 6, mailer: 1, backup: 1 },
};

/** Calls between workloads: from, to, port, bytes asked and answered in a second. */
const calls: readonly (readonly [string, string, number, number, number])[] = [
  ["ingress/nginx", "shop/web", 8080, 40_000, 900_000],
  ["shop/web", "shop/api", 3000, 30_000, 260_000],
  ["shop/api", "shop/cart", 3001, 9_000, 30_000],
  ["shop/api", "shop/checkout", 3002, 4_000, 9_000],
  ["shop/api", "shop/search", 9200, 12_000, 180_000],
  ["shop/cart", "shop/redis", 6379, 6_000, 20_000],
  ["shop/api", "shop/postgres", 5432, 20_000, 420_000],
  ["shop/checkout", "shop/postgres", 5432, 6_000, 22_000],
  ["shop/checkout", "data/kafka", 9092, 30_000, 2_000],
  ["jobs/worker", "data/kafka", 9092, 3_000, 240_000],
  ["jobs/worker", "data/clickhouse", 8123, 310_000, 4_000],
  ["jobs/backup", "shop/postgres", 5432, 900, 800_000],
  ["jobs/backup", "data/minio", 9000, 760_000, 3_000],
  ["monitoring/prometheus", "monitoring/node-exporter", 9100, 900, 30_000],
  ["monitoring/prometheus", "shop/api", 9464, 500, 12_000],
  ["monitoring/prometheus", "kube-system/coredns", 9153, 400, 6_000],
  ["monitoring/grafana", "monitoring/prometheus", 9090, 2_000, 48_000],
  ["monitoring/grafana", "monitoring/loki", 3100, 1_000, 60_000],
  ["shop/web", "kube-system/coredns", 53, 900, 1_800],
  ["kube-system/metrics-server", "kube-system/kube-proxy", 10250, 400, 4_000],
];

/** Who calls the internet, and who calls from there. */
const outside: readonly (readonly [string, string, number, number, number])[] = [
  ["shop/checkout", "104.16.132.229", 443, 9_000, 22_000],
  ["shop/api", "140.82.121.4", 443, 3_000, 90_000],
  ["jobs/mailer", "142.250.74.109", 587, 60_000, 2_000],
  ["jobs/backup", "52.95.110.1", 443, 640_000, 4_000],
  ["kube-system/coredns", "8.8.8.8", 53, 2_000, 6_000],
  ["kube-system/coredns", "1.1.1.1", 53, 1_500, 5_000],
  ["shop/search", "151.101.1.69", 443, 2_000, 44_000],
];

const visitors = [
  ...[
    "81.200.64.50",
    "91.198.174.192",
    "193.0.6.139",
    "195.113.144.230",
    "133.11.0.1",
    "200.160.2.3",
    "202.12.29.175",
  ],
  ...[
    "41.231.21.1",
    "103.102.166.224",
    "193.136.2.5",
    "130.89.1.1",
    "128.232.0.20",
    "18.9.22.69",
    "129.132.1.1",
  ],
];
const laptops = [23, 24, 31, 32, 57, 64];

interface Pod {
  readonly name: string;
  readonly address: string;
}

export async function startShop(
  folder: string,
  options: { readonly hostile?: string } = {},
): Promise<PretendShop> {
  const api = new PretendApiServer();
  await api.start();
  const pods = new Map<string, Pod[]>();
  let host = 4;
  for (const [namespace, workloads] of Object.entries(namespaces))
    for (const [workload, count] of Object.entries(workloads))
      for (let i = 0; i < count; i++) {
        host++;
        const name = `${workload}-${(host * 7919).toString(36)}-${(host * 104_729).toString(36).slice(-4)}`;
        const address = `10.42.${host % 3}.${host}`;
        api.put("/api/v1/pods", podObject(namespace, workload, name, address, `node-${host % 3}`));
        const key = `${namespace}/${workload}`;
        pods.set(key, [...(pods.get(key) ?? []), { name, address }]);
      }
  const flowPort = await freePort();
  const program = await startServer(folder, api, flowPort);
  const hostileName = options.hostile;
  let round = 0;
  let sequence = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  const talk = async (factor = 1) => {
    const flows = flowsOf(pods, round, factor);
    for (let at = 0; at < flows.length; at += 28) {
      const some = flows.slice(at, at + 28);
      await sendDatagrams(flowPort, [netflow5(some, sequence)]);
      sequence += some.length;
    }
    await tellByAgent(program, pods, ++round, hostileName);
  };
  return {
    ...{ program, api, flowPort, talk },
    open() {
      timer = setInterval(() => void talk(1 + 0.45 * Math.sin(round / 40)).catch(() => {}), 1000);
    },
    async stop() {
      clearInterval(timer);
      await program.stop();
      await api.stop();
    },
  };
}

async function startServer(folder: string, api: PretendApiServer, flowPort: number): Promise<Program> {
  const kubeconfig = join(folder, "kubeconfig");
  const context = { name: "here", context: { cluster: "c", user: "u" } };
  const cluster = { name: "c", cluster: { server: api.url } };
  const user = { name: "u", user: { token: "people" } };
  writeFileSync(
    kubeconfig,
    JSON.stringify({ "current-context": "here", clusters: [cluster], contexts: [context], users: [user] }),
  );
  const config = join(folder, "portolan.yaml");
  const networks =
    "networks:\n  - { name: office, cidr: 192.168.10.0/24 }\n  - { name: cameras, cidr: 10.20.0.0/24 }\n";
  writeFileSync(
    config,
    `kubernetes: { kubeconfig: ${kubeconfig} }\nagent: { enabled: false }\nauth: none\n${networks}`,
  );
  return await startProgram([
    "server",
    ...["--config", config, "--data", join(folder, "data"), "--listen", "127.0.0.1:0"],
    ...["--flows", `udp://127.0.0.1:${flowPort}`],
  ]);
}

function podObject(namespace: string, workload: string, name: string, podIP: string, nodeName: string) {
  const owner = { apiVersion: "apps/v1", kind: "Deployment", name: workload, controller: true };
  const ownerReferences = [{ ...owner, uid: `uid-of-${namespace}-${workload}` }];
  return {
    metadata: {
      name,
      namespace,
      uid: `uid-${namespace}-${name}`,
      ownerReferences,
      labels: { app: workload },
    },
    spec: { nodeName },
    status: { phase: "Running", podIP, startTime: new Date(Date.now() - 3_600_000).toISOString() },
  };
}

/** What the router tells of a second. */
function flowsOf(pods: ReadonlyMap<string, Pod[]>, round: number, factor: number): PretendFlow[] {
  const flows: PretendFlow[] = [];
  const add = (
    source: string,
    destination: string,
    port: number,
    asked: number,
    answered: number,
    from: number,
  ) => {
    const vary = factor * (0.8 + 0.4 * Math.abs(Math.sin(round / 9 + from)));
    const there = { source, destination, sourcePort: from, destinationPort: port };
    const back = { source: destination, destination: source, sourcePort: port, destinationPort: from };
    for (const [ends, bytes] of [
      [there, asked],
      [back, answered],
    ] as const) {
      const varied = Math.max(60, Math.round(bytes * vary));
      flows.push({ ...ends, bytes: varied, packets: Math.max(1, Math.round(varied / 900)) });
    }
  };
  for (const [from, to, port, asked, answered] of calls) {
    const [clients, servers] = [pods.get(from)!, pods.get(to)!];
    for (const [i, client] of clients.entries()) {
      const server = servers[i % servers.length]!;
      const part = clients.length;
      add(client.address, server.address, port, asked / part, answered / part, 40_000 + i);
    }
  }
  for (const [from, to, port, asked, answered] of outside)
    add(pods.get(from)![0]!.address, to, port, asked, answered, 41_000);
  for (const [i, visitor] of visitors.entries())
    add(
      visitor,
      pods.get("ingress/nginx")![i % 2]!.address,
      443,
      4_000 * (1 + (i % 3)),
      40_000 * (1 + (i % 5)),
      42_000 + i,
    );
  for (const [i, laptop] of laptops.entries()) {
    add(`192.168.10.${laptop}`, pods.get("ingress/nginx")![0]!.address, 443, 3_000, 30_000 * (i + 1), 43_000);
    add(`192.168.10.${laptop}`, "192.168.10.20", 445, 3_000 * (i + 1), 52_000 * (laptops.length - i), 43_100);
    if (i % 2 === 0) add(`192.168.10.${laptop}`, "192.168.10.9", 631, 9_000, 400, 43_200);
  }
  for (let camera = 11; camera <= 16; camera++)
    add("10.20.0.2", `10.20.0.${camera}`, 554, 900, 160_000, 44_000);
  add("192.168.10.31", "10.20.0.2", 8443, 1_500, 240_000, 44_100);
  return flows;
}

const nothingAsked = {
  ...{
    peer: 0,
    name: "",
    queryCount: 0,
    answerCount: 0,
    nxdomainCount: 0,
    servfailCount: 0,
    refusedCount: 0,
  },
  ...{ otherFailureCount: 0, timedOutCount: 0, latencySumMicroseconds: 0, latencyMaxMicroseconds: 0 },
};
const answered = {
  queryCount: 2,
  answerCount: 2,
  latencySumMicroseconds: 2600,
  latencyMaxMicroseconds: 1900,
};
const missing = { ...answered, nxdomainCount: 2 };

/** What a pod of a workload asks the DNS for within a second. */
const lookedUp: ReadonlyMap<string, readonly Partial<AskedName>[]> = new Map([
  [
    "shop/api",
    [
      { name: "redis.shop.svc.cluster.local", ...answered, queryCount: 6, answerCount: 6 },
      { name: "postgres.shop.svc.cluster.local", ...answered },
      { name: "api.github.com", ...answered, latencySumMicroseconds: 38_000, latencyMaxMicroseconds: 31_000 },
      ...["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"].map((domain) => ({
        ...{ name: `api.github.com.${domain}`, ...missing },
      })),
      { name: "~reverse", ...answered },
    ],
  ],
  [
    "shop/checkout",
    [
      { name: "payments.old-bank.example", ...missing },
      { name: "rates.slow-bank.example", queryCount: 1, timedOutCount: 1 },
      { name: "kafka.data.svc.cluster.local", ...answered },
    ],
  ],
]);

/** A container of the pod, as its control groups tell it. */
function containerOf(workload: string, { name, address }: Pod): Peer {
  const container = Buffer.from(name).toString("hex").padEnd(64, "0").slice(0, 64);
  const [namespace = "", process = ""] = workload.split("/");
  return {
    ...{ id: `container:node-0/${container}`, kind: "container", name, address, node: "node-0", network: "" },
    ...{ process, container, podUid: `uid-${namespace}-${name}` },
  };
}

/** An agent on a node tells what only sockets know: what fails, what is resent, how long round trips take. */
async function tellByAgent(
  program: Program,
  pods: ReadonlyMap<string, Pod[]>,
  sequence: number,
  hostileName: string | undefined,
): Promise<void> {
  const time = Date.now() - 300;
  const batch = new FlowBatch(8);
  const add = (from: string, to: string, port: number, more: Record<string, number>) => {
    const row = batch.append();
    const { columns } = batch;
    columns.sourceAddress.set(parseAddress(from)!, row * 16);
    columns.destinationAddress.set(parseAddress(to)!, row * 16);
    const figures = {
      ...{ sourceTransportPort: 50_000 + row, destinationTransportPort: port, protocolIdentifier: 6 },
      ...{
        octetDeltaCount: 4_000,
        reverseOctetDeltaCount: 22_000,
        packetDeltaCount: 12,
        reversePacketDeltaCount: 20,
      },
      ...{
        flowStartMilliseconds: time,
        flowEndMilliseconds: time,
        observedEnd: 1,
        clientEnd: 1,
        flowEndReason: 2,
      },
      ...{ connectionCount: sequence === 1 ? 1 : 0, samplingInterval: 1, roundTripTimeMicroseconds: 900 },
      ...{ minimumRoundTripTimeMicroseconds: 700, ...more },
    };
    for (const [name, value] of Object.entries(figures))
      (columns as unknown as Record<string, Record<number, number>>)[name]![row] = value;
  };
  const first = (workload: string) => pods.get(workload)![0]!.address;
  add(first("shop/api"), first("shop/redis"), 6379, {});
  const slow = { roundTripTimeMicroseconds: 64_000, minimumRoundTripTimeMicroseconds: 2_000 };
  add(first("shop/search"), first("data/clickhouse"), 8123, slow);
  const failing = {
    failedConnectionCount: 1,
    refusedConnectionCount: 1,
    octetDeltaCount: 0,
    reverseOctetDeltaCount: 0,
  };
  if (sequence % 3 === 1)
    add(first("shop/cart"), first("shop/postgres"), 5432, {
      ...failing,
      sourceTransportPort: 51_000 + (sequence % 9000),
      flowEndReason: 3,
    });
  if (hostileName !== undefined) add("10.66.0.1", "10.66.0.2", 80, { sourcePeer: 1 });
  const hostile = {
    id: "process:node-0/hostile",
    kind: "process" as const,
    name: hostileName ?? "",
    address: "10.66.0.1",
  };
  const peers =
    hostileName === undefined
      ? []
      : [{ ...hostile, node: "node-0", network: "10.66.0.0/24", process: "hostile", container: "" }];
  const askers = [...lookedUp.keys()].map((workload) => containerOf(workload, pods.get(workload)![0]!));
  const asked = [...lookedUp.values()].flatMap((names, i) =>
    names.map((each) => ({ ...nothingAsked, ...each, peer: peers.length + i + 1 })),
  );
  if (hostileName !== undefined) asked.push({ ...nothingAsked, peer: 1, name: hostileName, queryCount: 1 });
  const message = sampleMessage({
    ...{ asked, peers: [...peers, ...askers] },
    ...{ node: "node-0", sequence, batch, startedMilliseconds: time, sealedMilliseconds: time },
  });
  const answer = await fetch(`${program.url}/api/v1/ingest`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf" },
    body: writeMessage(message),
  });
  if (answer.status !== 200) throw new Error(`ingest: ${answer.status} ${await answer.text()}`);
}
