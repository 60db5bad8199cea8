import type { AgentStatus } from "../agent/index.ts";
import type { NodePodsStatus } from "../enrich/node-pods/index.ts";
import { dropReasons } from "../flow/index.ts";
import { type DropCounters, dnsMetrics, type Metric } from "../metrics/index.ts";
import type { UplinkStatus } from "../uplink/index.ts";

export interface AgentFigures {
  readonly version: string;
  readonly node: string;
  readonly agent: AgentStatus;
  readonly pods: NodePodsStatus;
  /** Undefined without a server. */
  readonly uplink: UplinkStatus | undefined;
  readonly recordCount: number;
  readonly drops: DropCounters;
}

/** What `portolan agent` tells Prometheus of itself. */
export function agentMetrics({ version, node, agent, pods, uplink, ...counts }: AgentFigures): Metric[] {
  const { recordCount, drops } = counts;
  const gauge = (name: string, help: string, value: number): Metric => ({
    ...{ name: `portolan_agent_${name}`, type: "gauge", help, samples: [{ value }] },
  });
  const counter = (name: string, help: string, value: number): Metric => ({
    ...{ name: `portolan_agent_${name}_total`, type: "counter", help, samples: [{ value }] },
  });
  return [
    {
      ...{ name: "portolan_build_info", type: "gauge", help: "Always 1." },
      samples: [{ labels: { version, node }, value: 1 }],
    },
    gauge("up", "1 when the agent reads this machine's TCP connections.", agent.state === "on" ? 1 : 0),
    gauge("sockets", "Live sockets looked at by the last poll.", agent.sockets),
    gauge(
      "datagrams_up",
      "1 when the agent reads UDP, ICMP and the rest.",
      agent.datagrams.state === "on" ? 1 : 0,
    ),
    gauge("flows", "Flows other than TCP's looked at by the last poll.", agent.datagrams.flows),
    gauge("dns_up", "1 when the agent reads DNS answers.", agent.dns.state === "on" ? 1 : 0),
    gauge("dns_names", "Addresses whose name is known from a DNS answer.", agent.dns.nameCount),
    ...dnsMetrics(agent.dns.resolvers),
    gauge("nat_up", "1 when the agent reads address translation.", agent.nat.state === "on" ? 1 : 0),
    ...(pods.state === "off"
      ? []
      : [
          gauge("pods_up", "1 when names of this node's pods are followed.", pods.state === "on" ? 1 : 0),
          gauge("pods", "Pods of this node that are known.", pods.pods),
          counter("pod_events", "Changes of them that the API server told.", pods.events),
          counter("pod_relists", "Times all had to be listed again.", pods.relists),
          counter("api_requests", "Requests to the API server.", pods.load.requests),
          counter("api_failures", "Of these, those without success.", pods.load.failures),
          counter("api_received_bytes", "Bytes of its answers, as they came.", pods.load.bytesReceived),
        ]),
    counter("records", "Records observed.", recordCount),
    {
      ...{ name: "portolan_agent_drops_total", type: "counter" },
      help: `Records and more given up, by reason: ${Object.keys(dropReasons).join(", ")}.`,
      samples: [...drops.counts()].map(({ reason, source, count }) => ({
        labels: { reason, source },
        value: count,
      })),
    },
    ...(uplink === undefined
      ? []
      : [
          gauge("server_up", "1 when the server takes what is sent.", uplink.state === "connected" ? 1 : 0),
          counter("sent_messages", "Messages the server has stored.", uplink.sentMessages),
          counter("sent_bytes", "Bytes of these, compressed.", uplink.sentBytes),
          gauge("spool_messages", "Messages that wait for the server.", uplink.waitingMessages),
          gauge("spool_bytes", "Bytes of the spool on disk and in memory.", uplink.waitingBytes),
          gauge(
            "last_durable_timestamp_seconds",
            "When the server last said that a message is stored.",
            uplink.lastDurableMilliseconds / 1000,
          ),
        ]),
    {
      ...{ name: "portolan_resident_memory_bytes", type: "gauge", help: "Resident memory of this process." },
      samples: [{ value: process.memoryUsage.rss() }],
    },
  ];
}
