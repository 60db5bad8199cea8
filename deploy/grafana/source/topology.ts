import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { chartsOver } from "./charts.ts";
import { dashboardOf } from "./dashboard.ts";
import { linkQueries, nodeGraph, statistics } from "./node-graph.ts";
import { field, label, named, pageUrl, peer, toPage } from "./page-links.ts";
import {
  buckets,
  dashboardLinks,
  datasourceVariable,
  instant,
  job,
  jobVariable,
  labelVariable,
  pageVariable,
  prometheus,
  range,
  rows,
} from "./prometheus.ts";
import { merged } from "./tables.ts";

/** Links of which either end is in a namespace that was chosen, per second. */
function links(name: string, window = "$__rate_interval", change: "rate" | "increase" = "rate"): string {
  const side = (end: string) =>
    `${change}(portolan_link_${name}{${job}, ${end}_namespace=~"$namespace"}[${window}])`;
  return `(${side("client")} or ${side("server")})`;
}

const bytes = (window?: string) =>
  `(${links("sent_bytes_total", window)} + ${links("received_bytes_total", window)})`;

/** A gauge of the same links. */
const open = (end: string) => `portolan_link_active_connections{${job}, ${end}_namespace=~"$namespace"}`;
const openNow = `(${open("client")} or ${open("server")})`;

const workloads = {
  client: ["client_namespace", "client_kind", "client"],
  server: ["server_namespace", "server_kind", "server"],
  title: "",
} as const;
const namespaces = {
  client: ["client_namespace"],
  server: ["server_namespace"],
  title: "_namespace",
} as const;
const pair = "client_namespace, client, server_namespace, server";
const byPort = `${pair}, server_port, protocol`;
/** Of a figure's rows those of the heaviest links: all columns of a table have the same ones. */
const heaviest = (expr: string) =>
  `${expr} and on (${byPort}) topk(100, sum by (${byPort}) (${bytes("$__range")}))`;
const pairName = "{{client}} → {{server}}";

export function topologyDashboard(): Dashboard {
  const { stat, timeseries, bars, pie, table, heatmap } = chartsOver(prometheus);
  const linkToPage = toPage("Show in Portolan", {
    filter: `${peer(label("client"), "client.")}%20${peer(label("server"), "server.")}`,
    group: "workload",
  });
  const sections = [
    {
      panels: [
        stat({
          ...{ id: 1, title: "Traffic", unit: "Bps", width: 4, height: 4 },
          description: "Bytes per second of all links, both directions, each byte once.",
          queries: [range(`sum(${bytes()})`, "bytes")],
        }),
        stat({
          ...{ id: 2, title: "Open connections", unit: "short", width: 4, height: 4 },
          description: "Connections that are open now.",
          queries: [range(`sum(${openNow})`, "open")],
        }),
        stat({
          ...{ id: 3, title: "New connections", unit: "cps", width: 4, height: 4 },
          description: "Connections opened per second.",
          queries: [range(`sum(${links("connections_total")})`, "opened")],
        }),
        stat({
          ...{ id: 4, title: "Failed connections", unit: "percentunit", width: 4, height: 4 },
          description: "Share of connections that never opened.",
          thresholds: [
            { from: 0.01, color: "orange" },
            { from: 0.05, color: "red" },
          ],
          queries: [
            range(
              `sum(${links("failed_connections_total")}) / (sum(${links("failed_connections_total")}) + sum(${links("connections_total")}))`,
              "failed",
            ),
          ],
        }),
        stat({
          ...{ id: 5, title: "Retransmits", unit: "cps", width: 4, height: 4 },
          description: "TCP segments sent again, per second.",
          queries: [range(`sum(${links("retransmits_total")})`, "segments")],
        }),
        stat({
          ...{ id: 6, title: "Round trip, 90th percentile", unit: "s", width: 4, height: 4 },
          description: "Nine of ten round trips were shorter.",
          queries: [
            range(`histogram_quantile(0.9, sum by (le) (${links("rtt_seconds_bucket")}))`, "round trip"),
          ],
        }),
      ],
    },
    {
      title: "Map",
      panels: [
        nodeGraph(
          {
            ...{ id: 10, title: "Workloads", width: 16, height: 20 },
            description:
              "Who talks to whom: the 100 heaviest links of the time range and both their ends, so 200 nodes at most, which is what the panel shows. Red links fail. The number is bytes per second. Portolan's own page shows all.",
            queries: linkQueries(workloads, bytes("$__range"), links("failed_connections_total", "$__range")),
            transformations: statistics,
            dataLinks: [toPage("Show in Portolan", { filter: peer(field("title")), group: "workload" })],
          },
          prometheus,
        ),
        nodeGraph(
          {
            ...{ id: 11, title: "Namespaces", width: 8, height: 10 },
            description:
              "The same by namespace; traffic within one counts at both its ends. What is in none, such as hosts and the internet, is (none).",
            queries: linkQueries(
              namespaces,
              bytes("$__range"),
              links("failed_connections_total", "$__range"),
            ),
            transformations: statistics,
            dataLinks: [
              toPage("Show in Portolan", { filter: named("namespace", field("title")), group: "workload" }),
            ],
          },
          prometheus,
        ),
        bars({
          ...{ id: 12, title: "Top links", unit: "Bps", width: 8, height: 10 },
          description: "The ten heaviest pairs of peers over the time range.",
          queries: [instant(`topk(10, sum by (${pair}) (${bytes("$__range")}) > 0)`, pairName)],
          dataLinks: [linkToPage],
        }),
      ],
    },
    {
      title: "Traffic",
      panels: [
        timeseries({
          ...{ id: 20, title: "Traffic by server", unit: "Bps", width: 12, height: 9, isStacked: true },
          description: "The ten heaviest servers at each moment.",
          queries: [
            range(
              `topk(10, sum by (server_namespace, server) (${bytes()}))`,
              "{{server_namespace}} {{server}}",
            ),
          ],
        }),
        timeseries({
          ...{ id: 21, title: "Open connections by server", unit: "short", width: 12, height: 9 },
          description: "Connections open, of the ten servers with most of them.",
          queries: [
            range(
              `topk(10, sum by (server_namespace, server) (${openNow}))`,
              "{{server_namespace}} {{server}}",
            ),
          ],
        }),
        pie({
          ...{ id: 22, title: "Ports", unit: "Bps", width: 8, height: 9 },
          description: "The heaviest server ports over the time range.",
          queries: [
            instant(
              `topk(10, sum by (server_port, protocol) (${bytes("$__range")}) > 0)`,
              "{{server_port}}/{{protocol}}",
            ),
          ],
        }),
        table({
          ...{ id: 23, title: "Links", width: 16, height: 9 },
          description: "The hundred heaviest links over the time range, by port.",
          queries: [
            rows(heaviest(`sum by (${byPort}) (${links("sent_bytes_total", "$__range")})`), "sent"),
            rows(heaviest(`sum by (${byPort}) (${links("received_bytes_total", "$__range")})`), "received"),
          ],
          unit: "Bps",
          transformations: merged({ "Value #sent": "Sent", "Value #received": "Received" }),
          dataLinks: [
            toPage("Show in Portolan", {
              filter: `${peer(field("client"), "client.")}%20${peer(field("server"), "server.")}`,
              group: "workload",
            }),
          ],
        }),
      ],
    },
    {
      title: "Trouble",
      panels: [
        timeseries({
          ...{ id: 30, title: "Failures by reason", unit: "cps", width: 12, height: 9, isStacked: true },
          description:
            "Refused, timed out and unreachable connections never opened; reset and lost ones had opened.",
          queries: [range(`sum by (reason) (${links("failures_total")})`, "{{reason}}")],
          noValue: "nothing failed",
        }),
        table({
          ...{ id: 31, title: "Failing links", unit: "short", width: 12, height: 9 },
          description: "Connections that failed over the time range, by reason.",
          queries: [
            rows(
              `topk(50, sum by (${pair}, server_port, reason) (${links("failures_total", "$__range", "increase")}) > 0)`,
            ),
          ],
          transformations: merged({ Value: "Failures" }),
          dataLinks: [
            toPage("Show in Portolan", {
              filter: `${peer(field("client"), "client.")}%20${peer(field("server"), "server.")}%20failed%3E0`,
              group: "workload",
            }),
          ],
          noValue: "nothing failed",
        }),
        heatmap({
          ...{ id: 32, title: "Round trips", unit: "s", width: 8, height: 9 },
          description: "How many round trips were how long.",
          queries: [buckets(`sum by (le) (${links("rtt_seconds_bucket")})`)],
        }),
        timeseries({
          ...{ id: 33, title: "Slowest servers", unit: "s", width: 8, height: 9 },
          description: "90th percentile of round trips, of the ten servers where it is longest.",
          queries: [
            range(
              `topk(10, histogram_quantile(0.9, sum by (le, server_namespace, server) (${links("rtt_seconds_bucket")})))`,
              "{{server_namespace}} {{server}}",
            ),
          ],
        }),
        timeseries({
          ...{ id: 34, title: "Retransmits", unit: "cps", width: 8, height: 9 },
          description: "TCP segments sent again, of the ten links with most of them.",
          queries: [range(`topk(10, sum by (${pair}) (${links("retransmits_total")}))`, pairName)],
        }),
      ],
    },
    {
      title: "DNS",
      panels: [
        timeseries({
          ...{ id: 40, title: "Questions", unit: "cps", width: 8, height: 8 },
          description: "Questions of this machine's workloads, per resolver.",
          queries: [
            range(
              `sum by (resolver) (rate(portolan_agent_dns_queries_total{${job}}[$__rate_interval]))`,
              "{{resolver}}",
            ),
          ],
        }),
        timeseries({
          ...{ id: 41, title: "Failures", unit: "cps", width: 8, height: 8 },
          description: "Answers with a response code other than NOERROR, and questions without an answer.",
          queries: [
            range(
              `sum by (resolver, code) (rate(portolan_agent_dns_failures_total{${job}}[$__rate_interval]))`,
              "{{resolver}} {{code}}",
              "A",
            ),
            range(
              `sum by (resolver) (rate(portolan_agent_dns_timeouts_total{${job}}[$__rate_interval]))`,
              "{{resolver}} no answer",
              "B",
            ),
          ],
        }),
        timeseries({
          ...{ id: 42, title: "Latency", unit: "s", width: 8, height: 8 },
          description: "From a question to its answer, mean.",
          queries: [
            range(
              `sum by (resolver) (rate(portolan_agent_dns_latency_seconds_sum{${job}}[$__rate_interval])) / sum by (resolver) (rate(portolan_agent_dns_latency_seconds_count{${job}}[$__rate_interval]))`,
              "{{resolver}}",
            ),
          ],
        }),
      ],
    },
  ];
  return dashboardOf({
    uid: "portolan-topology",
    title: "Portolan: Kubernetes topology",
    description: "Workloads and namespaces, and what flows between them.",
    variables: [
      datasourceVariable(),
      jobVariable(),
      labelVariable(
        "namespace",
        "Namespace",
        `label_values(portolan_link_connections_total{${job}}, server_namespace)`,
      ),
      pageVariable(),
    ],
    links: dashboardLinks(pageUrl({ group: "workload" })),
    sections,
  });
}
