import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import {
  CustomVariableBuilder,
  type Dashboard,
  DatasourceVariableBuilder,
  TextBoxVariableBuilder,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { chartsOver } from "./charts.ts";
import { dashboardOf } from "./dashboard.ts";
import { geomap } from "./external.ts";
import { nodeGraph } from "./node-graph.ts";
import { field, named, pageUrl, toPage } from "./page-links.ts";
import { dashboardLinks, pageVariable } from "./prometheus.ts";
import { sampling } from "./states.ts";

/** The Infinity data source whose base URL is Portolan's, by a variable. */
export const infinity = { type: "yesoreyeram-infinity-datasource", uid: "${DS_INFINITY}" };

type ColumnType = "string" | "number" | "timestamp_epoch";

export interface Column {
  /** Where it is in a row. */
  readonly selector: string;
  /** The field's real name: what panels ask for, and links. */
  readonly text: string;
  readonly type: ColumnType;
}

const column = (selector: string, text = selector, type: ColumnType = "string"): Column => ({
  ...{ selector, text, type },
});
const number = (selector: string, text = selector) => column(selector, text, "number");

interface InfinityQuestion {
  readonly refId?: string;
  readonly path: string;
  readonly params?: Readonly<Record<string, string>>;
  /** Where the rows are in the answer; the whole answer when "". */
  readonly root: string;
  readonly columns: readonly Column[];
  readonly format?: "table" | "node-graph-nodes" | "node-graph-edges";
}

/** Infinity is no data source of the SDK's. Its backend reads the answer, so that alerts and public dashboards work too. */
function ask(question: InfinityQuestion): Builder<Dataquery> {
  const { refId = "A", path, params = {}, root, columns, format = "table" } = question;
  const query = {
    refId,
    datasource: infinity,
    type: "json",
    source: "url",
    parser: "backend",
    format,
    url: path,
    url_options: {
      method: "GET",
      data: "",
      params: Object.entries(params).map(([key, value]) => ({ key, value })),
    },
    root_selector: root,
    columns,
    filters: [],
  };
  return { build: () => query as unknown as Dataquery };
}

const times = { from: "${__from}", to: "${__to}" };
const asked = { ...times, filter: "${filter}" };

const datasourceVariable = () =>
  new DatasourceVariableBuilder("DS_INFINITY")
    .label("Infinity")
    .description("A data source of Infinity whose base URL is Portolan's.")
    .type("yesoreyeram-infinity-datasource");

const filterVariable = () =>
  new TextBoxVariableBuilder("filter")
    .label("Filter")
    .description("Portolan's filter language, such as namespace:shop or port:443.")
    .defaultValue("")
    .current({ text: "", value: "" });

const groupVariable = () =>
  new CustomVariableBuilder("group")
    .label("Group by")
    .values("workload,namespace,node,network,country,asn,domain,address,peer")
    .current({ selected: true, text: "workload", value: "workload" });

/** A node graph's document, whose nodes have their places: a refresh moves nothing. */
const graphQueries = (): Builder<Dataquery>[] => {
  const document = { path: "/api/graph/data", params: { ...asked, group: "${group}", limit: "200" } };
  return [
    ask({
      ...{ ...document, refId: "nodes", root: "nodes", format: "node-graph-nodes" },
      columns: [
        ...["id", "title"].map((name) => column(name)),
        column("subTitle", "subtitle"),
        number("mainStat", "mainstat"),
        number("secondaryStat", "secondarystat"),
        ...["arc__ok", "arc__failed"].map((name) => number(name)),
        ...["nodeRadius", "fixedX", "fixedY"].map((name) => number(name, name.toLowerCase())),
        ...["kind", "group", "address", "place"].map((name) => column(`detail__${name}`)),
        number("detail__failed"),
      ],
    }),
    ask({
      ...{ ...document, refId: "edges", root: "edges", format: "node-graph-edges" },
      columns: [
        ...["id", "source", "target"].map((name) => column(name)),
        number("mainStat", "mainstat"),
        column("secondaryStat", "secondarystat"),
        number("thickness"),
        column("color"),
        ...["sent", "received", "connections", "failed", "retransmits", "rtt"].map((name) =>
          number(`detail__${name}`),
        ),
      ],
    }),
  ];
};

const arcs = [
  { field: "arc__ok", color: "green" },
  { field: "arc__failed", color: "red" },
];

/** The heaviest of something, rows named by what it is grouped by. */
function top(
  names: Readonly<Record<string, string>>,
  value: Column,
  params: Readonly<Record<string, string>>,
) {
  const by = Object.keys(names);
  return ask({
    ...{ path: "/api/v1/top", root: "rows", params: { ...asked, by: by.join(","), ...params } },
    columns: [...by.map((name, index) => column(`group.${index}`, names[name])), value],
  });
}

const withIds = (title: string) =>
  toPage(title, {
    filter: `${named("client.name", field("Client"))}%20${named("server.name", field("Server"))}`,
  });

export function infinityTopologyDashboard(): Dashboard {
  const { table, bars, pie } = chartsOver(infinity);
  const ends = { "client.name": "Client", "server.name": "Server" };
  return dashboardOf({
    uid: "portolan-infinity-topology",
    title: "Portolan: topology (Infinity)",
    description: "Who talks to whom, asked of Portolan's own API: no Prometheus is needed.",
    variables: [datasourceVariable(), groupVariable(), filterVariable(), pageVariable()],
    links: dashboardLinks(pageUrl({ filter: "${filter:percentencode}" })),
    sections: [
      {
        panels: [
          nodeGraph(
            {
              ...{ id: 10, title: "Map", width: 16, height: 20, queries: graphQueries(), arcs },
              description:
                "At most 200 nodes, which is what the panel shows: the heaviest, and ~other for the rest of each group. The ring is red for connections that failed. Up to now, it is of the last 15 minutes.",
              dataLinks: [toPage("Show in Portolan", { filter: named("name", field("title")) })],
            },
            infinity,
          ),
          bars({
            ...{ id: 11, title: "Top links", unit: "decbytes", width: 8, height: 10, areRows: true },
            description: "The twenty heaviest pairs of peers in the time range.",
            queries: [top({ ...ends }, number("value", "Bytes"), { limit: "20" })],
            dataLinks: [withIds("Show in Portolan")],
          }),
          pie({
            ...{ id: 12, title: "Ports", unit: "decbytes", width: 8, height: 10, areRows: true },
            description: "The heaviest server ports in the time range.",
            queries: [top({ port: "Port", protocol: "Protocol" }, number("value", "Bytes"), { limit: "10" })],
          }),
        ],
      },
      {
        title: "Links",
        panels: [
          table({
            ...{ id: 20, title: "Links", width: 14, height: 10 },
            description: "The hundred heaviest links by port, with round trips and retransmits.",
            queries: [
              ask({
                path: "/api/v1/top",
                root: "rows",
                params: { ...asked, by: "client.name,server.name,port,protocol", limit: "100" },
                columns: [
                  ...["Client", "Server", "Port", "Protocol"].map((name, i) => column(`group.${i}`, name)),
                  number("bytesSent", "Sent"),
                  number("bytesReceived", "Received"),
                  number("connections", "Connections"),
                  number("retransmits", "Retransmits"),
                  number("rttMs", "Round trip"),
                ],
              }),
            ],
            overrides: [
              ...["Sent", "Received"].map((name) => ({
                field: name,
                properties: [{ id: "unit", value: "decbytes" }],
              })),
              { field: "Round trip", properties: [{ id: "unit", value: "ms" }] },
            ],
            dataLinks: [withIds("Show in Portolan")],
          }),
          table({
            ...{ id: 21, title: "Failing links", width: 10, height: 10 },
            description: "Connections that never opened, by why.",
            queries: [
              ask({
                path: "/api/v1/top",
                root: "rows",
                params: {
                  ...times,
                  ...{ filter: "failed>0 (${filter})", by: "client.name,server.name,port" },
                  ...{ metric: "failed", limit: "50" },
                },
                columns: [
                  ...["Client", "Server", "Port"].map((name, i) => column(`group.${i}`, name)),
                  number("failed", "Failed"),
                  number("failures.refused", "Refused"),
                  number("failures.timedOut", "Timed out"),
                  number("failures.unreachable", "Unreachable"),
                ],
              }),
            ],
            dataLinks: [withIds("Show in Portolan")],
          }),
        ],
      },
    ],
  });
}

export function infinityFlowsDashboard(): Dashboard {
  const { table, bars, pie } = chartsOver(infinity);
  return dashboardOf({
    uid: "portolan-infinity-flows",
    title: "Portolan: network flows (Infinity)",
    description:
      "Talkers, protocols, networks, single flow records and exporters, asked of Portolan's own API.",
    variables: [datasourceVariable(), filterVariable(), pageVariable()],
    links: dashboardLinks(pageUrl({ filter: "${filter:percentencode}", view: "flows" })),
    sections: [
      {
        panels: [
          bars({
            ...{ id: 10, title: "Top talkers", unit: "decbytes", width: 8, height: 10, areRows: true },
            description: "The twenty heaviest pairs of addresses in the time range, both directions.",
            queries: [
              top({ "client.address": "Client", "server.address": "Server" }, number("value", "Bytes"), {
                limit: "20",
              }),
            ],
          }),
          pie({
            ...{ id: 11, title: "Protocols", unit: "decbytes", width: 8, height: 10, areRows: true },
            description: "Share of each IP protocol in the time range.",
            queries: [top({ protocol: "Protocol" }, number("value", "Bytes"), { limit: "10" })],
          }),
          bars({
            ...{ id: 12, title: "Between networks", unit: "decbytes", width: 8, height: 10, areRows: true },
            description: "Pairs of networks, the heaviest; own networks go by their names.",
            queries: [
              top({ "client.network": "From", "server.network": "To" }, number("value", "Bytes"), {
                limit: "20",
              }),
            ],
          }),
        ],
      },
      {
        title: "Records",
        panels: [
          table({
            ...{ id: 20, title: "Flow records", width: 24, height: 12 },
            description: "The newest thousand single records that fit the filter.",
            queries: [
              ask({
                path: "/api/v1/flows",
                root: "records",
                params: { ...asked, limit: "1000" },
                columns: [
                  column("collectionTimeMilliseconds", "Seen", "timestamp_epoch"),
                  column("sourceAddress", "Source"),
                  column("sourcePeerName", "Source peer"),
                  number("sourceTransportPort", "Source port"),
                  column("destinationAddress", "Destination"),
                  column("destinationPeerName", "Destination peer"),
                  number("destinationTransportPort", "Destination port"),
                  column("protocolIdentifier", "Protocol"),
                  number("octetDeltaCount", "Bytes"),
                  number("reverseOctetDeltaCount", "Bytes back"),
                  number("packetDeltaCount", "Packets"),
                  column("observerName", "Seen by"),
                ],
              }),
            ],
            overrides: ["Bytes", "Bytes back"].map((name) => ({
              field: name,
              properties: [{ id: "unit", value: "decbytes" }],
            })),
            dataLinks: [
              toPage("Flows in Portolan", {
                filter: `${named("address", field("Source"))}%20${named("address", field("Destination"))}`,
                view: "flows",
              }),
            ],
          }),
        ],
      },
      {
        title: "Who reports",
        panels: [
          table({
            ...{ id: 30, title: "Exporters", width: 14, height: 8 },
            description: "Each with how well it reports.",
            queries: [
              ask({
                path: "/api/v1/exporters",
                root: "exporters",
                params: { view: "brief" },
                columns: [
                  column("address", "Exporter"),
                  column("health", "Health"),
                  column("lastSeen", "Last seen", "timestamp_epoch"),
                  number("recordRate", "Records"),
                  number("loss.recentPercent", "Lost"),
                  number("templates.known", "Templates"),
                  number("templates.missing", "Templates missing"),
                  number("sampling.interval", "Sampling, 1 in"),
                  number("clockSkewMs", "Clock ahead by"),
                ],
              }),
            ],
            overrides: [
              { field: "Records", properties: [{ id: "unit", value: "cps" }] },
              { field: "Lost", properties: [{ id: "unit", value: "percent" }] },
              sampling,
              { field: "Clock ahead by", properties: [{ id: "unit", value: "ms" }] },
            ],
            dataLinks: [
              toPage("Flow doctor in Portolan", { view: "exporters", exporter: field("Exporter") }),
            ],
          }),
          table({
            ...{ id: 31, title: "Agents", width: 10, height: 8 },
            description: "This machine's and others'.",
            queries: [
              ask({
                path: "/api/v1/agents",
                root: "agents",
                columns: [
                  column("node", "Agent"),
                  column("version", "Version"),
                  column("health", "Health"),
                  column("lastSeen", "Last seen", "timestamp_epoch"),
                  number("connections", "Connections"),
                ],
              }),
            ],
          }),
        ],
      },
    ],
  });
}

export function infinityExternalDashboard(): Dashboard {
  const { table, bars } = chartsOver(infinity);
  const outside = { ...times, filter: "network:internet (${filter})" };
  const places = (): Builder<Dataquery> =>
    ask({
      path: "/api/v1/map",
      root: "peers",
      params: { ...outside, limit: "1000" },
      columns: [
        column("name", "Host"),
        column("kind", "Kind"),
        column("network", "Network"),
        column("country", "country"),
        column("countryName", "Country"),
        column("city", "City"),
        number("latitude"),
        number("longitude"),
        number("asNumber", "AS"),
        column("asName", "System"),
      ],
    });
  const only = (fieldName: string, config: object) => ({
    id: "filterByValue",
    options: { filters: [{ fieldName, config }], type: "include", match: "all" },
  });
  const known = only("country", { id: "isNotNull", options: {} });
  /** The map has both ends of a link. */
  const areOutside = only("Network", { id: "equal", options: { value: "internet" } });
  return dashboardOf({
    uid: "portolan-infinity-external",
    title: "Portolan: external and geo (Infinity)",
    description: "Hosts outside and where they are, asked of Portolan's own API.",
    variables: [datasourceVariable(), filterVariable(), pageVariable()],
    links: dashboardLinks(pageUrl({ filter: "network%3Ainternet%20${filter:percentencode}" })),
    sections: [
      {
        panels: [
          geomap(
            {
              ...{ id: 10, title: "Countries", width: 16, height: 14, queries: [places()] },
              description: "Hosts outside of the thousand heaviest links, each in its country.",
              transformations: [
                known,
                {
                  id: "groupBy",
                  options: {
                    fields: {
                      country: { operation: "groupby", aggregations: [] },
                      Host: { operation: "aggregate", aggregations: ["count"] },
                    },
                  },
                },
              ],
              location: { country: "country" },
              size: "Host (count)",
              dataLinks: [
                toPage("Show in Portolan", { filter: named("country", field("country")), group: "address" }),
              ],
            },
            infinity,
          ),
          bars({
            ...{ id: 11, title: "Hosts outside that are called", unit: "decbytes", width: 8, height: 14 },
            ...{ areRows: true },
            description: "The twenty with most traffic, both directions.",
            queries: [
              ask({
                path: "/api/v1/top",
                root: "rows",
                params: {
                  ...times,
                  filter: "server.network:internet (${filter})",
                  by: "server.name",
                  limit: "20",
                },
                columns: [column("group.0", "Host"), number("value", "Bytes")],
              }),
            ],
            dataLinks: [toPage("Show in Portolan", { filter: named("server.name", field("Host")) })],
          }),
        ],
      },
      {
        title: "Who",
        panels: [
          table({
            ...{ id: 20, title: "Hosts outside", width: 24, height: 12, queries: [places()] },
            description: "Country and autonomous system of each host of the thousand heaviest links.",
            transformations: [
              areOutside,
              {
                id: "organize",
                options: {
                  excludeByName: { Network: true, country: true, latitude: true, longitude: true },
                  indexByName: {},
                  renameByName: {},
                },
              },
            ],
            dataLinks: [toPage("Show in Portolan", { filter: named("name", field("Host")) })],
          }),
        ],
      },
    ],
  });
}

export function infinityItselfDashboard(): Dashboard {
  const { table } = chartsOver(infinity);
  const status = (columns: readonly Column[]) => ask({ path: "/api/v1/status", root: "", columns });
  return dashboardOf({
    uid: "portolan-infinity-itself",
    title: "Portolan itself (Infinity)",
    description: "Which parts of Portolan are on, and why not, asked of its own API.",
    variables: [datasourceVariable(), pageVariable()],
    links: dashboardLinks(pageUrl()),
    sections: [
      {
        panels: [
          table({
            ...{ id: 10, title: "Portolan", width: 12, height: 6 },
            description: "Where it runs, since when, and what it listens for.",
            queries: [
              status([
                column("version", "Version"),
                column("node", "Machine"),
                column("startedAt", "Started", "timestamp_epoch"),
                number("collector.exporterCount", "Exporters"),
                number("collector.records", "Records"),
              ]),
            ],
          }),
          table({
            ...{ id: 11, title: "Agent", width: 12, height: 6 },
            description: "Of this machine: which part is on, and if TCP is not read, why.",
            queries: [
              status([
                column("agent.state", "TCP"),
                column("agent.datagrams.state", "UDP and others"),
                column("agent.dns.state", "DNS"),
                column("agent.nat.state", "NAT"),
                number("agent.connections", "Connections"),
                column("agent.reason", "Why"),
              ]),
            ],
          }),
          table({
            ...{ id: 12, title: "Store", width: 12, height: 6 },
            description: "What it has in use, and how far back it goes.",
            queries: [
              status([
                column("store.state", "State"),
                number("store.bytes", "In use"),
                number("store.flowRecords", "Flow records"),
                column("store.oldestFlow", "Records since", "timestamp_epoch"),
                column("store.oldestLink", "Links since", "timestamp_epoch"),
              ]),
            ],
            overrides: [{ field: "In use", properties: [{ id: "unit", value: "bytes" }] }],
          }),
          table({
            ...{ id: 13, title: "Kubernetes", width: 12, height: 6 },
            description: "Whether a cluster is followed, and if not, why.",
            queries: [status([column("kubernetes.state", "State"), column("kubernetes.reason", "Why")])],
          }),
          table({
            ...{ id: 14, title: "Databases of places", width: 24, height: 6 },
            description: "In use for countries, cities and autonomous systems.",
            queries: [
              ask({
                path: "/api/v1/status",
                root: "geo.files",
                columns: [
                  column("kind", "Of"),
                  column("state", "State"),
                  column("reason", "Why"),
                  column("databaseType", "Type"),
                  column("built", "Built", "timestamp_epoch"),
                ],
              }),
            ],
          }),
        ],
      },
    ],
  });
}
