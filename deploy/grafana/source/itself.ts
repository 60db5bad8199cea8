import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { chartsOver } from "./charts.ts";
import { dashboardOf } from "./dashboard.ts";
import { pageUrl } from "./page-links.ts";
import {
  dashboardLinks,
  datasourceVariable,
  instant,
  job,
  jobVariable,
  pageVariable,
  prometheus,
  range,
  rows,
} from "./prometheus.ts";
import { bad, good, onOrOff } from "./states.ts";
import { merged } from "./tables.ts";

const own = (name: string, more = "") => `portolan_${name}{${job}${more}}`;
const rateOf = (name: string, more = "") => `rate(${own(name, more)}[$__rate_interval])`;

export function itselfDashboard(): Dashboard {
  const { stat, timeseries, table } = chartsOver(prometheus);
  const onOff = (id: number, title: string, description: string, expr: string, noValue: string) =>
    stat({
      ...{ id, title, description, width: 3, height: 4, isSeries: false },
      ...{ thresholds: [{ from: 1, color: "green" }], base: "red", mappings: [onOrOff] },
      queries: [instant(expr, title)],
      noValue,
    });
  /** Servers without an agent of their own, as in a cluster, have nothing to be off. */
  const ofAgent = (metric: string) =>
    `min(${own(metric)} unless on (job, instance) ${own("agent_wanted")} == 0)`;
  return dashboardOf({
    uid: "portolan-itself",
    title: "Portolan itself",
    description: "Whether Portolan sees everything, loses nothing, and what it takes.",
    variables: [datasourceVariable(), jobVariable(), pageVariable()],
    links: dashboardLinks(pageUrl()),
    sections: [
      {
        panels: [
          stat({
            ...{ id: 1, title: "Version", width: 3, height: 4, isSeries: false, isName: true },
            description: "Of each Portolan.",
            queries: [instant(`count by (version) (${own("build_info")})`, "{{version}}")],
          }),
          onOff(
            2,
            "Agent",
            "Whether this machine's connections are read.",
            ofAgent("agent_up"),
            "no agent here",
          ),
          onOff(3, "DNS", "Whether DNS answers are read.", ofAgent("agent_dns_up"), "no agent here"),
          onOff(4, "NAT", "Whether address translation is read.", ofAgent("agent_nat_up"), "no agent here"),
          onOff(5, "Store", "Whether the store answers.", `min(${own("store_up")})`, "no server"),
          stat({
            ...{ id: 6, title: "Exporters", unit: "short", width: 3, height: 4 },
            description: "Exporters that are known.",
            queries: [range(`sum(${own("collector_exporters")})`, "exporters")],
          }),
          stat({
            ...{ id: 7, title: "Agents elsewhere", unit: "short", width: 3, height: 4 },
            description: "Agents on other machines that are heard.",
            queries: [range(`sum(${own("remote_agents")})`, "agents")],
          }),
          stat({
            ...{ id: 8, title: "Given up", unit: "cps", width: 3, height: 4 },
            description: "Packets and records given up anywhere, per second.",
            thresholds: [{ from: 0.1, color: "orange" }],
            queries: [range(`sum(${rateOf("drops_total")}) or vector(0)`, "drops")],
          }),
        ],
      },
      {
        title: "What is seen",
        panels: [
          timeseries({
            ...{ id: 10, title: "Sockets and flows looked at", unit: "short", width: 8, height: 8 },
            description: "By each poll of this machine's agent.",
            queries: [
              range(`sum(${own("agent_sockets")})`, "TCP sockets", "A"),
              range(`sum(${own("agent_flows")})`, "other flows", "B"),
            ],
          }),
          timeseries({
            ...{ id: 11, title: "Records", unit: "cps", width: 8, height: 8 },
            description: "Records of exporters, and of agents on other machines.",
            queries: [
              range(`sum(${rateOf("collector_records_total")})`, "exporters", "A"),
              range(`sum(${rateOf("remote_agent_records_total")})`, "agents elsewhere", "B"),
            ],
          }),
          timeseries({
            ...{ id: 12, title: "Given up, by reason", unit: "cps", width: 8, height: 8 },
            description: "The reasons are listed in the documentation of drops.",
            queries: [range(`sum by (reason) (${rateOf("drops_total")})`, "{{reason}}")],
            noValue: "nothing was given up",
          }),
          timeseries({
            ...{ id: 13, title: "Held in memory", unit: "short", width: 8, height: 8 },
            description: "Peers, and rows of the live map.",
            queries: [
              range(`sum(${own("peers")})`, "peers", "A"),
              range(`sum(${own("live_links")})`, "live links", "B"),
            ],
          }),
          timeseries({
            ...{ id: 14, title: "Series told by name", unit: "percentunit", width: 8, height: 8 },
            description: "Of the bound that metrics.limit sets. At 100 % the lighter ones are ~other.",
            queries: [
              range(`max by (of) (${own("metrics_series")} / ${own("metrics_series_limit")})`, "{{of}}"),
            ],
          }),
          timeseries({
            ...{ id: 15, title: "Messages of agents elsewhere", unit: "cps", width: 8, height: 8 },
            description: "What became of them: durable is in the store.",
            queries: [range(`sum by (outcome) (${rateOf("ingest_messages_total")})`, "{{outcome}}")],
          }),
        ],
      },
      {
        title: "Store",
        panels: [
          timeseries({
            ...{ id: 20, title: "Store", unit: "bytes", width: 8, height: 8 },
            description: "In use, its bound, and the files' size.",
            queries: [
              range(`sum(${own("store_bytes")})`, "in use", "A"),
              range(`sum(${own("store_limit_bytes")})`, "bound", "B"),
              range(`sum(${own("store_file_bytes")})`, "files", "C"),
            ],
          }),
          timeseries({
            ...{ id: 21, title: "Free on its disk", unit: "bytes", width: 8, height: 8 },
            description: "Of the disk with the data folder.",
            queries: [range(`min(${own("store_disk_free_bytes")})`, "free")],
          }),
          timeseries({
            ...{ id: 22, title: "Kept", unit: "short", width: 8, height: 8 },
            description: "Single flow records, and totals of links per minute.",
            queries: [
              range(`sum(${own("store_flow_records")})`, "flow records", "A"),
              range(`sum(${own("store_link_rollups")})`, "link minutes", "B"),
            ],
          }),
        ],
      },
      {
        title: "What it takes",
        panels: [
          timeseries({
            ...{ id: 30, title: "Processors", unit: "percentunit", width: 8, height: 8 },
            description: "100 % is one processor.",
            queries: [
              range(
                `rate(process_cpu_seconds_total{${job}}[$__rate_interval]) and on (job, instance) portolan_build_info`,
                "{{instance}}",
              ),
            ],
          }),
          timeseries({
            ...{ id: 31, title: "Memory", unit: "bytes", width: 8, height: 8 },
            description: "Resident memory of each Portolan.",
            queries: [range(own("resident_memory_bytes"), "{{instance}}")],
          }),
          timeseries({
            ...{ id: 32, title: "Scrapes", unit: "s", width: 8, height: 8 },
            description: "How long Prometheus takes to read /metrics; nothing with remote write.",
            queries: [
              range(
                `scrape_duration_seconds{${job}} and on (job, instance) portolan_build_info`,
                "{{instance}}",
              ),
            ],
          }),
        ],
      },
      {
        title: "Agents elsewhere",
        panels: [
          table({
            ...{ id: 40, title: "Agents", width: 16, height: 8 },
            description:
              "Agents on other machines; of one that is not up nothing was heard for half a minute.",
            queries: [
              rows(`max by (agent) (${own("remote_agent_up")})`, "up"),
              rows(`time() - max by (agent) (${own("remote_agent_last_seen_timestamp_seconds")})`, "silent"),
              rows(`sum by (agent) (${own("remote_agent_sockets")})`, "sockets"),
              rows(`sum by (agent) (${rateOf("remote_agent_records_total")})`, "records"),
              rows(`max by (agent) (${own("remote_agent_spool_messages")})`, "waiting"),
              rows(`max by (agent) (${own("remote_agent_clock_ahead_seconds")})`, "clock"),
            ],
            transformations: merged({
              agent: "Agent",
              "Value #up": "Up",
              "Value #silent": "Silent for",
              "Value #sockets": "Sockets",
              "Value #records": "Records",
              "Value #waiting": "Waiting there",
              "Value #clock": "Clock ahead by",
            }),
            overrides: [
              good("Up"),
              { field: "Silent for", properties: [{ id: "unit", value: "s" }] },
              { field: "Records", properties: [{ id: "unit", value: "cps" }] },
              { field: "Clock ahead by", properties: [{ id: "unit", value: "s" }] },
            ],
            noValue: "no agent on another machine",
          }),
          timeseries({
            ...{ id: 41, title: "Given up by agents", unit: "cps", width: 8, height: 8 },
            description: "By agents on other machines, by reason.",
            queries: [
              range(`sum by (agent, reason) (${rateOf("remote_agent_drops_total")})`, "{{agent}} {{reason}}"),
            ],
            noValue: "nothing was given up",
          }),
        ],
      },
      {
        title: "Kubernetes",
        panels: [
          stat({
            ...{ id: 50, title: "API server", width: 4, height: 8, isSeries: false },
            description: "Whether it answers; without a cluster there is nothing here.",
            ...{ thresholds: [{ from: 1, color: "green" }], base: "red", mappings: [onOrOff] },
            queries: [instant(`min(${own("kubernetes_up")})`, "API server")],
            noValue: "no cluster",
          }),
          timeseries({
            ...{ id: 51, title: "Objects known", unit: "short", width: 10, height: 8 },
            description: "Of the cluster, by kind.",
            queries: [range(`max by (kind) (${own("kubernetes_objects")})`, "{{kind}}")],
            noValue: "no cluster",
          }),
          table({
            ...{ id: 52, title: "Watches", width: 10, height: 8 },
            description: "What is followed, and what the API server denies.",
            queries: [
              rows(`min by (resource) (${own("kubernetes_watch_up")})`, "up"),
              rows(`max by (resource) (${own("kubernetes_watch_denied")})`, "denied"),
              rows(`sum by (resource) (${own("kubernetes_watch_events_total")})`, "events"),
            ],
            transformations: merged({
              resource: "Objects",
              "Value #up": "Followed",
              "Value #denied": "Denied",
              "Value #events": "Changes",
            }),
            overrides: [good("Followed"), bad("Denied")],
            noValue: "no cluster",
          }),
        ],
      },
      {
        title: "Remote write",
        panels: [
          timeseries({
            ...{ id: 60, title: "Samples sent", unit: "cps", width: 12, height: 7 },
            description: "Taken by each receiver.",
            queries: [
              range(`sum by (receiver) (${rateOf("remote_write_sent_samples_total")})`, "{{receiver}}"),
            ],
            noValue: "no receiver",
          }),
          timeseries({
            ...{ id: 61, title: "Samples waiting", unit: "short", width: 12, height: 7 },
            description: "Not taken yet; the queue is bounded.",
            queries: [range(`sum by (receiver) (${own("remote_write_waiting_samples")})`, "{{receiver}}")],
            noValue: "no receiver",
          }),
        ],
      },
    ],
  });
}
