import { statfs } from "node:fs/promises";
import type { Agent } from "../../agent/index.ts";
import type { Kubernetes } from "../../enrich/kubernetes/index.ts";
import { dropReasons } from "../../flow/index.ts";
import {
  agentsMetrics,
  type DropCounters,
  dnsMetrics,
  kubernetesMetrics,
  type Metric,
} from "../../metrics/index.ts";
import type { RemoteWrite } from "../../metrics/remote-write/index.ts";
import type { Store } from "../../store/index.ts";
import type { LiveFold, PeerTable } from "../../topology/index.ts";
import type { IngestCounts } from "../ingest-counts.ts";
import type { LiveHub } from "../live-hub.ts";
import { remoteLimits } from "../remote-agent.ts";
import type { RemoteAgents } from "../remote-agents.ts";

export interface OwnMetricsDependencies {
  readonly version: string;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly agent: Agent;
  readonly store: Store;
  readonly dataFolder: string;
  /** What the store may hold. */
  readonly storeBytesMax: number;
  readonly fold: LiveFold;
  readonly peers: PeerTable;
  readonly live: LiveHub;
  readonly drops: DropCounters;
  readonly remote: Pick<RemoteAgents, "heardCount" | "waitingRows" | "list">;
  readonly kubernetes: Pick<Kubernetes, "status">;
  readonly ingestCounts: IngestCounts;
  readonly remoteWrites: readonly Pick<RemoteWrite, "status">[];
  /** Unix milliseconds. */
  now(): number;
}

/** Agents elsewhere told by name. */
const agentsToldMax = 1000;

/** How Portolan itself does: agent, agents elsewhere, Kubernetes, store, process. `ofCollector` comes from the threads that receive. */
export async function ownMetrics(
  dependencies: OwnMetricsDependencies,
  ofCollector: readonly Metric[],
): Promise<Metric[]> {
  const { version, agent, fold, peers, live, drops, remote, kubernetes } = dependencies;
  const { remoteWrites, ingestCounts, now } = dependencies;
  const { state, isWanted = true, sockets, datagrams, dns, nat } = agent.status();
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
    gauge("agent_wanted", "1 when this machine's agent was asked for.", isWanted ? 1 : 0),
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
    ...agentsMetrics({
      agents: remote.list(),
      now: now(),
      silentMilliseconds: remoteLimits.silentMilliseconds,
      agentsMax: agentsToldMax,
    }),
    ...kubernetesMetrics(kubernetes.status()),
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
    ...(await storeMetrics(dependencies)),
    ...remoteWriteMetrics(remoteWrites.map((remote) => remote.status())),
    gauge("resident_memory_bytes", "Resident memory of this process.", process.memoryUsage.rss()),
    ...processMetrics(dependencies.startedAt),
  ];
}

function gauge(name: string, help: string, value: number): Metric {
  return { name: `portolan_${name}`, type: "gauge", help, samples: [{ value }] };
}

async function storeMetrics({ store, dataFolder, storeBytesMax }: OwnMetricsDependencies): Promise<Metric[]> {
  // A store that cannot answer has no figures; its drops are counted all the same.
  const [stored, disk] = await Promise.all([
    store.status().catch(() => undefined),
    statfs(dataFolder).catch(() => undefined),
  ]);
  return [
    gauge("store_up", "1 when the store answers.", stored === undefined ? 0 : 1),
    gauge("store_limit_bytes", "What the store may have in use: store.size.", storeBytesMax),
    ...(disk === undefined
      ? []
      : [
          gauge("store_disk_free_bytes", "Free on the data folder's disk.", disk.bavail * disk.bsize),
          gauge("store_disk_bytes", "Size of the data folder's disk.", disk.blocks * disk.bsize),
        ]),
    ...(stored === undefined
      ? []
      : [
          gauge("store_bytes", "What the store has in use, the figure that store.size bounds.", stored.bytes),
          gauge("store_file_bytes", "What the store's files take on disk.", stored.fileBytes),
          gauge("store_flow_records", "Flow records kept.", stored.flowRecords),
          gauge("store_link_rollups", "Totals of links per minute kept.", stored.linkMinutes),
        ]),
  ];
}

/** By the names that every Prometheus client has, so that dashboards of processes show this one too. */
function processMetrics(startedAt: number): Metric[] {
  const { user, system } = process.cpuUsage();
  const metric = (name: string, type: Metric["type"], help: string, value: number): Metric => ({
    ...{ name: `process_${name}`, type, help, samples: [{ value }] },
  });
  return [
    metric("cpu_seconds_total", "counter", "Time of processors used.", (user + system) / 1e6),
    metric("resident_memory_bytes", "gauge", "Resident memory.", process.memoryUsage.rss()),
    metric("start_time_seconds", "gauge", "Unix time of the start.", startedAt / 1000),
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
