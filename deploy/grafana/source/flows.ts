import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { chartsOver } from "./charts.ts";
import { dashboardOf } from "./dashboard.ts";
import { field, label, named, pageUrl, toPage } from "./page-links.ts";
import {
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
import { sampling } from "./states.ts";
import { merged } from "./tables.ts";

const flows = (name: string, window = "$__rate_interval") =>
  `rate(flow_${name}_total{${job}, exporter=~"$exporter"}[${window}])`;
const networks = (scope: string, window = "$__rate_interval") =>
  `rate(portolan_network_bytes_total{${job}, scope="${scope}"}[${window}])`;
/** Of the collector, by exporter; agents have none. */
const collector = (name: string) => `portolan_collector_${name}{${job}}`;
const collected = (name: string, window = "$__rate_interval") => `rate(${collector(name)}[${window}])`;
/** Sources of drops are called by their address when they send datagrams, and by a name otherwise: a machine with an agent, a part of Portolan. */
const senders = "~other|([0-9]+[.]){3}[0-9]+|[0-9a-f]*:[0-9a-f:.%]*";
const bits = (expr: string) => `8 * ${expr}`;

export function flowsDashboard(): Dashboard {
  const { stat, timeseries, bars, pie, table } = chartsOver(prometheus);
  const between = (from: string, to: string) =>
    toPage("Flows in Portolan", {
      filter: `${named("address", from)}%20${named("address", to)}`,
      view: "flows",
    });
  const ofAddress = (name: string) =>
    toPage("Show in Portolan", { filter: named("address", label(name)), group: "address" });
  return dashboardOf({
    uid: "portolan-flows",
    title: "Portolan: network flows",
    description: "What routers and agents report: who, how much, by which protocol, between which networks.",
    variables: [
      datasourceVariable(),
      jobVariable(),
      labelVariable("exporter", "Exporter", `label_values(flow_bytes_total{${job}}, exporter)`),
      pageVariable(),
    ],
    links: dashboardLinks(pageUrl({ group: "network" })),
    sections: [
      {
        panels: [
          stat({
            ...{ id: 1, title: "Traffic", unit: "bps", width: 6, height: 4 },
            description: "Bits per second of all flows, sampling corrected, each byte once.",
            queries: [range(bits(`sum(${flows("bytes")})`), "traffic")],
          }),
          stat({
            ...{ id: 2, title: "Packets", unit: "pps", width: 6, height: 4 },
            description: "Packets per second of all flows. Agents do not count packets of TCP.",
            queries: [range(`sum(${flows("packets")})`, "packets")],
          }),
          stat({
            ...{ id: 3, title: "Flow records", unit: "cps", width: 6, height: 4 },
            description: "Records that exporters sent, per second.",
            queries: [range(`sum(${collected("records_total")})`, "records")],
          }),
          stat({
            ...{ id: 4, title: "Lost", unit: "percentunit", width: 6, height: 4 },
            description: "Share that is missing between exporters' sequence numbers.",
            thresholds: [
              { from: 0.001, color: "orange" },
              { from: 0.01, color: "red" },
            ],
            queries: [
              range(
                `sum(${collected("lost_total")}) / (sum(${collected("lost_total")}) + sum(${collected("received_total")}))`,
                "lost",
              ),
            ],
          }),
        ],
      },
      {
        title: "Talkers",
        panels: [
          bars({
            ...{ id: 10, title: "Top talkers", unit: "bps", width: 12, height: 10 },
            description: "The ten heaviest pairs of addresses over the time range, per direction.",
            queries: [
              instant(
                `topk(10, sum by (src_addr, dst_addr) (${bits(flows("bytes", "$__range"))}) > 0)`,
                "{{src_addr}} → {{dst_addr}}",
              ),
            ],
            dataLinks: [between(label("src_addr"), label("dst_addr"))],
          }),
          bars({
            ...{ id: 11, title: "Top senders", unit: "bps", width: 6, height: 10 },
            description: "The ten addresses that sent most.",
            queries: [
              instant(
                `topk(10, sum by (src_addr) (${bits(flows("bytes", "$__range"))}) > 0)`,
                "{{src_addr}}",
              ),
            ],
            dataLinks: [ofAddress("src_addr")],
          }),
          bars({
            ...{ id: 12, title: "Top receivers", unit: "bps", width: 6, height: 10 },
            description: "The ten addresses that received most.",
            queries: [
              instant(
                `topk(10, sum by (dst_addr) (${bits(flows("bytes", "$__range"))}) > 0)`,
                "{{dst_addr}}",
              ),
            ],
            dataLinks: [ofAddress("dst_addr")],
          }),
        ],
      },
      {
        title: "Flows over time",
        panels: [
          timeseries({
            ...{ id: 20, title: "Traffic by protocol", unit: "bps", width: 12, height: 9, isStacked: true },
            description: "Bits per second by IP protocol.",
            queries: [range(`sum by (proto) (${bits(flows("bytes"))})`, "{{proto}}")],
          }),
          timeseries({
            ...{ id: 21, title: "Packets by protocol", unit: "pps", width: 12, height: 9, isStacked: true },
            description: "Packets per second by IP protocol.",
            queries: [range(`sum by (proto) (${flows("packets")})`, "{{proto}}")],
          }),
          pie({
            ...{ id: 22, title: "Protocols", unit: "bps", width: 8, height: 9 },
            description: "Share of each IP protocol over the time range.",
            queries: [instant(`sum by (proto) (${bits(flows("bytes", "$__range"))}) > 0`, "{{proto}}")],
          }),
          bars({
            ...{ id: 23, title: "Top ports", unit: "bps", width: 8, height: 9 },
            description: "The ten heaviest destination ports; towards a client the port is dynamic.",
            queries: [
              instant(
                `topk(10, sum by (dst_port, proto) (${bits(flows("bytes", "$__range"))}) > 0)`,
                "{{dst_port}}/{{proto}}",
              ),
            ],
          }),
          timeseries({
            ...{ id: 24, title: "Traffic by exporter", unit: "bps", width: 8, height: 9 },
            description: "Whose records count; agents are agent:NODE.",
            queries: [range(`sum by (exporter) (${bits(flows("bytes"))})`, "{{exporter}}")],
          }),
        ],
      },
      {
        title: "Networks",
        panels: [
          table({
            ...{ id: 30, title: "Between VLANs and networks", unit: "bps", width: 12, height: 9 },
            description:
              "Traffic from one own network to another over the time range. Networks, VLANs and sites are named under networks: in Portolan's configuration; without a name it is the /24 or /64.",
            queries: [
              rows(
                `topk(50, sum by (src_network, src_vlan, dst_network, dst_vlan) (${bits(networks("between", "$__range"))}))`,
              ),
            ],
            transformations: merged({
              src_network: "From",
              src_vlan: "From VLAN",
              dst_network: "To",
              dst_vlan: "To VLAN",
              Value: "Traffic",
            }),
            dataLinks: [
              toPage("Show in Portolan", {
                filter: `${named("network", field("src_network"))}%20${named("network", field("dst_network"))}`,
                group: "network",
              }),
            ],
          }),
          timeseries({
            ...{ id: 31, title: "Between VLANs and networks, over time", unit: "bps", width: 12, height: 9 },
            description: "The ten heaviest pairs of own networks.",
            queries: [
              range(
                `topk(10, sum by (src_network, dst_network) (${bits(networks("between"))}))`,
                "{{src_network}} → {{dst_network}}",
              ),
            ],
          }),
          timeseries({
            ...{ id: 32, title: "With the internet", unit: "bps", width: 12, height: 9 },
            description: "Traffic that leaves and enters, by network inside.",
            queries: [
              range(
                `sum by (src_network) (${bits(`rate(portolan_network_bytes_total{${job}, scope="internet", dst_network="internet"}[$__rate_interval])`)})`,
                "out of {{src_network}}",
                "A",
              ),
              range(
                `sum by (dst_network) (${bits(`rate(portolan_network_bytes_total{${job}, scope="internet", src_network="internet"}[$__rate_interval])`)})`,
                "into {{dst_network}}",
                "B",
              ),
            ],
          }),
          bars({
            ...{ id: 33, title: "External destinations", unit: "bps", width: 12, height: 9 },
            description: "The ten hosts outside that carry most with peers inside that call them.",
            queries: [
              instant(
                `topk(10, sum by (host) (${bits(external("sent_bytes_total"))} + ${bits(external("received_bytes_total"))}) > 0)`,
                "{{host}}",
              ),
            ],
            dataLinks: [
              toPage("Show in Portolan", { filter: named("server.name", label("host")), group: "address" }),
            ],
          }),
        ],
      },
      {
        title: "Exporters",
        panels: [
          table({
            ...{ id: 40, title: "Exporters", width: 24, height: 8 },
            description:
              "How each exporter does over the time range. Lost is by sequence numbers; what waits has no template yet.",
            queries: [
              rows(`sum by (exporter) (${collected("packets_total", "$__range")})`, "packets"),
              rows(`sum by (exporter) (${collected("records_total", "$__range")})`, "records"),
              rows(
                `sum by (exporter) (${collected("lost_total", "$__range")}) / (sum by (exporter) (${collected("lost_total", "$__range")}) + sum by (exporter) (${collected("received_total", "$__range")}) > 0)`,
                "lost",
              ),
              rows(`time() - max by (exporter) (${collector("last_seen_timestamp_seconds")})`, "silent"),
              rows(`sum by (exporter) (${collector("templates")})`, "templates"),
              rows(`sum by (exporter) (${collector("missing_templates")})`, "missing"),
              rows(`max by (exporter) (${collector("sampling_interval")})`, "sampling"),
              rows(`max by (exporter) (${collector("clock_skew_seconds")})`, "skew"),
            ],
            transformations: merged({
              exporter: "Exporter",
              "Value #packets": "Datagrams",
              "Value #records": "Records",
              "Value #lost": "Lost",
              "Value #silent": "Silent for",
              "Value #templates": "Templates",
              "Value #missing": "Templates missing",
              "Value #sampling": "Sampling, 1 in",
              "Value #skew": "Clock ahead by",
            }),
            overrides: [
              { field: "Datagrams", properties: [{ id: "unit", value: "pps" }] },
              { field: "Records", properties: [{ id: "unit", value: "cps" }] },
              { field: "Lost", properties: [{ id: "unit", value: "percentunit" }] },
              { field: "Silent for", properties: [{ id: "unit", value: "s" }] },
              sampling,
              { field: "Clock ahead by", properties: [{ id: "unit", value: "s" }] },
            ],
            dataLinks: [
              toPage("Flow doctor in Portolan", { view: "exporters", exporter: field("exporter") }),
            ],
          }),
          timeseries({
            ...{ id: 41, title: "Records by exporter", unit: "cps", width: 8, height: 8 },
            description: "Records decoded per second.",
            queries: [range(`sum by (exporter) (${collected("records_total")})`, "{{exporter}}")],
          }),
          timeseries({
            ...{ id: 42, title: "Lost by exporter", unit: "cps", width: 8, height: 8 },
            description: "What is missing between sequence numbers, per second.",
            queries: [range(`sum by (exporter) (${collected("lost_total")})`, "{{exporter}}")],
          }),
          timeseries({
            ...{ id: 43, title: "Dropped on arrival", unit: "cps", width: 8, height: 8 },
            description:
              "Datagrams that the kernel had no room for, and what could not be decoded, by reason.",
            queries: [
              range(`sum(${collected("kernel_drops_total")})`, "no room in the kernel", "A"),
              range(
                `sum by (reason) (rate(portolan_drops_total{${job}, source=~"${senders}"}[$__rate_interval]))`,
                "{{reason}}",
                "B",
              ),
            ],
            noValue: "nothing was dropped",
          }),
        ],
      },
    ],
  });
}

function external(name: string): string {
  return `rate(portolan_external_${name}{${job}, direction="outbound", host!=""}[$__range])`;
}
