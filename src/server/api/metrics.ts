import type { FastifyInstance } from "fastify";
import type { Agent } from "../../agent/index.ts";
import { createLook } from "../../collector/index.ts";
import { dropReasons } from "../../flow/index.ts";
import { type DropCounters, formatMetrics, type Metric } from "../../metrics/index.ts";
import type { Store } from "../../store/index.ts";
import type { LiveFold, PeerTable } from "../../topology/index.ts";
import type { LiveHub } from "../live-hub.ts";
import type { RemoteAgents } from "../remote-agents.ts";
import { collectorMetrics } from "./collector-metrics.ts";
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
}

/** `GET /metrics`: Portolan's own state. */
export function routeMetrics(app: FastifyInstance, dependencies: MetricsDependencies): void {
  const { collector } = dependencies;
  const look = createLook(async () => collectorMetrics(await collector.status(everyExporter)));
  app.get("/metrics", async (_request, reply) => {
    const text = formatMetrics(await collect(dependencies, await look()));
    return reply.header("content-type", "text/plain; version=0.0.4; charset=utf-8").send(text);
  });
}

async function collect(
  { version, agent, store, fold, peers, live, drops, remote }: MetricsDependencies,
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
    gauge("remote_agents", "Agents on other machines that are heard.", remote.heardCount),
    gauge(
      "remote_waiting_records",
      "Their records that wait for the other ends' reports.",
      remote.waitingRows,
    ),
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
          gauge("store_link_minutes", "Link minutes kept.", stored.linkMinutes),
        ]),
    gauge("resident_memory_bytes", "Resident memory of this process.", process.memoryUsage.rss()),
  ];
}
