import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { Agent } from "../../agent/index.ts";
import { createLook } from "../../collector/index.ts";
import { dropReasons } from "../../flow/index.ts";
import {
  type CompatName,
  chooseFormat,
  contentTypes,
  type DropCounters,
  dnsMetrics,
  type ExpositionFormat,
  formatPieces,
  goflow2Metrics,
  type Metric,
  type RemoteWrite,
  type TrafficMetrics,
} from "../../metrics/index.ts";
import type { Store } from "../../store/index.ts";
import type { LiveFold, PeerTable } from "../../topology/index.ts";
import type { IngestCounts } from "../ingest-counts.ts";
import type { LiveHub } from "../live-hub.ts";
import { Problem } from "../problem.ts";
import type { RemoteAgents } from "../remote-agents.ts";
import { collectorMetrics } from "./collector-metrics.ts";
import type { Description } from "./description.ts";
import { type ExporterSource, everyExporter } from "./exporters.ts";

export interface MetricsDependencies {
  readonly version: string;
  readonly agent: Agent;
  readonly collector: Pick<ExporterSource, "status">;
  readonly store: Store;
  readonly fold: LiveFold;
  readonly peers: PeerTable;
  readonly live: LiveHub;
  readonly drops: DropCounters;
  readonly remote: Pick<RemoteAgents, "heardCount" | "waitingRows">;
  readonly ingestCounts: IngestCounts;
  readonly traffic: TrafficMetrics;
  readonly compat: readonly CompatName[];
  readonly remoteWrites: readonly Pick<RemoteWrite, "status">[];
}

/** Scrapes at once; each holds the series where they are. */
const scrapesMax = 8;
const scrapeMillisecondsMax = 30_000;

/** Everything that is told of, to be read until `done` is called. */
export interface MetricsReading {
  readonly metrics: readonly Metric[];
  isOver(): boolean;
  done(): void;
}

export type ReadMetrics = () => Promise<MetricsReading>;

/** What `/metrics` and remote write tell: Portolan's own state, then links and flows. */
export function createReadMetrics(dependencies: MetricsDependencies): ReadMetrics {
  const { agent, collector, traffic, compat } = dependencies;
  const look = createLook(async () => {
    const status = await collector.status(everyExporter);
    return [
      ...collectorMetrics(status),
      ...(compat.includes("goflow2") ? goflow2Metrics(status, listenUris(status)) : []),
    ];
  });
  return async () => {
    const own = await collect(dependencies, await look());
    const reading = traffic.read(agent.status().sockets);
    return { ...reading, metrics: [...own, ...reading.metrics] };
  };
}

/** GoFlow2's word for a listener that takes every protocol is `flow`. */
function listenUris({ listeners }: { listeners: readonly { host: string; port: number }[] }) {
  return listeners.map(({ host, port }) => ({ scheme: "flow", host, port }));
}

/**
 * `GET /metrics`, Prometheus text or OpenMetrics, in pieces that are made as the scraper takes them. One that takes too long is cut off.
 */
export function routeMetrics(
  app: FastifyInstance,
  read: ReadMetrics,
  scrapeMilliseconds = scrapeMillisecondsMax,
): void {
  let scrapes = 0;
  app.get("/metrics", { config: { describes } }, async (request, reply) => {
    if (scrapes >= scrapesMax)
      throw new Problem(
        503,
        "scrapes_busy",
        `${scrapesMax} scrapes are going on; ask again when one has ended`,
      );
    scrapes++;
    let reading: MetricsReading;
    try {
      reading = await read();
    } catch (error) {
      scrapes--;
      throw error;
    }
    const format = chooseFormat(request.headers.accept);
    const stream = Readable.from(piecesOf(reading, format), { objectMode: false, highWaterMark: 1 << 16 });
    const timer = setTimeout(() => request.raw.socket.destroy(), scrapeMilliseconds);
    stream.once("close", () => {
      clearTimeout(timer);
      reading.done();
      scrapes--;
    });
    return reply.header("content-type", contentTypes[format]).send(stream);
  });
}

const describes: Description = {
  summary: "Metrics in Prometheus text, or OpenMetrics where `Accept` asks for it.",
  answer: Object.values(contentTypes).map((type) => type.split(";")[0]!),
  statuses: [503],
};

function* piecesOf(reading: MetricsReading, format: ExpositionFormat): Generator<Buffer> {
  for (const piece of formatPieces(reading.metrics, format)) {
    yield Buffer.from(piece);
    if (reading.isOver()) throw new Error("the scraper took too long");
  }
}

async function collect(
  {
    version,
    agent,
    store,
    fold,
    peers,
    live,
    drops,
    remote,
    remoteWrites,
    ingestCounts,
  }: MetricsDependencies,
  ofCollector: readonly Metric[],
): Promise<Metric[]> {
  const { state, sockets, datagrams, dns, nat } = agent.status();
  // A store that cannot answer has no figures; its drops are counted all the same.
  const stored = await store.status().catch(() => undefined);
  const gauge = (name: string, help: string, value: number): Metric => ({
    name: `portolan_${name}`,
    type: "gauge",
    help,
    samples: [{ value }],
  });
  return [
    {
      name: "portolan_build_info",
      type: "gauge",
      help: "Always 1.",
      samples: [{ labels: { version }, value: 1 }],
    },
    ...ofCollector,
    {
      name: "portolan_drops_total",
      type: "counter",
      help: `Packets and records given up, by reason: ${Object.keys(dropReasons).join(", ")}.`,
      samples: [...drops.counts()].map(({ reason, source, count }) => ({
        labels: { reason, source },
        value: count,
      })),
    },
    gauge("agent_up", "1 when the agent reads this machine's connections.", state === "on" ? 1 : 0),
    gauge("agent_sockets", "Live sockets looked at by the last poll.", sockets),
    gauge(
      "agent_datagrams_up",
      "1 when the agent reads UDP, ICMP and the rest.",
      datagrams.state === "on" ? 1 : 0,
    ),
    gauge("agent_flows", "Flows other than TCP's looked at by the last poll.", datagrams.flows),
    gauge("agent_dns_up", "1 when the agent reads DNS answers.", dns.state === "on" ? 1 : 0),
    gauge("agent_nat_up", "1 when the agent reads address translation.", nat.state === "on" ? 1 : 0),
    gauge("agent_dns_names", "Addresses whose name is known from a DNS answer.", dns.nameCount),
    ...dnsMetrics(dns.resolvers),
    gauge("remote_agents", "Agents on other machines that are heard.", remote.heardCount),
    gauge(
      "remote_waiting_records",
      "Their records that wait for the other ends' reports.",
      remote.waitingRows,
    ),
    {
      name: "portolan_ingest_messages_total",
      type: "counter",
      help: "Messages of agents on other machines, by what became of them.",
      samples: [...ingestCounts.all].map(([outcome, value]) => ({ labels: { outcome }, value })),
    },
    gauge("live_links", "Rows of the live map, per observer and port.", fold.count),
    gauge("live_subscribers", "Open live streams.", live.subscriberCount),
    gauge("peers", "Peers held in memory.", peers.count),
    gauge("store_up", "1 when the store answers.", stored === undefined ? 0 : 1),
    ...(stored === undefined
      ? []
      : [
          gauge("store_bytes", "What the store has in use, the figure that store.size bounds.", stored.bytes),
          gauge("store_file_bytes", "What the store's files take on disk.", stored.fileBytes),
          gauge("store_flow_records", "Flow records kept.", stored.flowRecords),
          gauge("store_link_rollups", "Totals of links per minute kept.", stored.linkMinutes),
        ]),
    ...remoteWriteMetrics(remoteWrites.map((remote) => remote.status())),
    gauge("resident_memory_bytes", "Resident memory of this process.", process.memoryUsage.rss()),
  ];
}

type RemoteWriteStatus = ReturnType<RemoteWrite["status"]>;

function remoteWriteMetrics(statuses: readonly RemoteWriteStatus[]): Metric[] {
  if (statuses.length === 0) return [];
  const metric = (
    name: string,
    type: Metric["type"],
    help: string,
    read: (status: RemoteWriteStatus) => number,
  ): Metric => ({
    ...{ name: `portolan_remote_write_${name}`, type, help },
    samples: statuses.map((status, i) => ({
      labels: { receiver: `${i} ${status.url}` },
      value: read(status),
    })),
  });
  return [
    metric("sent_samples_total", "counter", "Samples the receiver took.", (s) => s.sentSampleCount),
    metric("retries_total", "counter", "Requests tried again.", (s) => s.retryCount),
    metric("waiting_samples", "gauge", "Samples not sent yet.", (s) => s.waitingSampleCount),
  ];
}
