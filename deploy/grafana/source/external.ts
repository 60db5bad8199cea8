import {
  type DataSourceRef,
  FrameGeometrySourceBuilder,
  FrameGeometrySourceMode,
  MapLayerOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import { CustomVariableBuilder, type Dashboard, type Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import {
  ControlsOptionsBuilder,
  PanelBuilder as Geomap,
  MapViewConfigBuilder,
  TooltipMode,
  TooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/geomap";
import { chartsOver } from "./charts.ts";
import { dashboardOf } from "./dashboard.ts";
import { field, label, named, pageUrl, toPage } from "./page-links.ts";
import { type PanelSpec, panelOf } from "./panels.ts";
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
import { merged } from "./tables.ts";

const selector = (more = "") => `{${job}, peer_namespace=~"$namespace", direction=~"$direction"${more}}`;
const external = (name: string, window = "$__rate_interval", more = "") =>
  `rate(portolan_external_${name}${selector(more)}[${window}])`;
const bytes = (window?: string, more?: string) =>
  `(${external("sent_bytes_total", window, more)} + ${external("received_bytes_total", window, more)})`;
/** What has a place. */
const placed = ', country!="", country!="~other"';
const called = ', host!="", host!="~other"';

const hostLabels = "host, country, as_name";
const byHost = (expr: string) => `sum by (${hostLabels}) (${expr})`;
/** Of a figure's rows those of the heaviest hosts: all columns of a table have the same ones. */
const heaviest = (expr: string) =>
  `${expr} and on (${hostLabels}) topk(100, ${byHost(bytes("$__range", called))})`;

export type GeoLocation =
  | { readonly country: string }
  | { readonly latitude: string; readonly longitude: string };

/** Markers on a map of the world, as large as the value. The builder's basemap is empty, so layers are given whole. */
export function geomap(
  spec: PanelSpec & { readonly location: GeoLocation; readonly size: string },
  datasource: DataSourceRef,
): Panel {
  const place = new FrameGeometrySourceBuilder();
  if ("country" in spec.location)
    place
      .mode(FrameGeometrySourceMode.Lookup)
      .lookup(spec.location.country)
      .gazetteer("public/gazetteer/countries.json");
  else
    place
      .mode(FrameGeometrySourceMode.Coords)
      .latitude(spec.location.latitude)
      .longitude(spec.location.longitude);
  const markers = {
    showLegend: false,
    style: {
      size: { field: spec.size, fixed: 5, min: 3, max: 24 },
      color: { fixed: "blue" },
      opacity: 0.5,
      symbol: { mode: "fixed", fixed: "img/icons/marker/circle.svg" },
    },
  };
  const builder = new Geomap()
    .view(new MapViewConfigBuilder().id("zero").lat(20).lon(10).zoom(1.8).allLayers(true))
    .controls(new ControlsOptionsBuilder().showZoom(true).mouseWheelZoom(false).showAttribution(true))
    .basemap(new MapLayerOptionsBuilder().type("default").name("Basemap"))
    .layers([
      new MapLayerOptionsBuilder()
        .type("markers")
        .name("Traffic")
        .location(place)
        .config(markers)
        .tooltip(true),
    ])
    .tooltip(new TooltipOptionsBuilder().mode(TooltipMode.Details));
  return panelOf(builder, spec, datasource);
}

export function externalDashboard(): Dashboard {
  const { stat, timeseries, bars, table } = chartsOver(prometheus);
  return dashboardOf({
    uid: "portolan-external",
    title: "Portolan: external and geo",
    description:
      "What flows between inside and outside: by country, autonomous system and host, and what is new.",
    variables: [
      datasourceVariable(),
      jobVariable(),
      labelVariable(
        "namespace",
        "Namespace",
        `label_values(portolan_external_sent_bytes_total{${job}}, peer_namespace)`,
      ),
      new CustomVariableBuilder("direction")
        .label("Opened from")
        .values("inside : outbound,outside : inbound")
        .multi(true)
        .includeAll(true)
        .allValue(".*")
        .current({ selected: true, text: ["All"], value: ["$__all"] }),
      new CustomVariableBuilder("known")
        .label("Known are those of the last")
        .values("1h,6h,1d,7d,30d")
        .current({ selected: true, text: "1d", value: "1d" }),
      pageVariable(),
    ],
    links: dashboardLinks(pageUrl({ filter: "network%3Ainternet" })),
    sections: [
      {
        panels: [
          stat({
            ...{ id: 1, title: "Out", unit: "bps", width: 6, height: 4 },
            description: "Bits per second from inside to outside.",
            queries: [range(`8 * sum(${external("sent_bytes_total")})`, "out")],
          }),
          stat({
            ...{ id: 2, title: "In", unit: "bps", width: 6, height: 4 },
            description: "Bits per second from outside to inside.",
            queries: [range(`8 * sum(${external("received_bytes_total")})`, "in")],
          }),
          stat({
            ...{ id: 3, title: "Connections", unit: "cps", width: 6, height: 4 },
            description: "Connections opened per second, as agents see them.",
            queries: [range(`sum(${external("connections_total")})`, "opened")],
          }),
          stat({
            ...{ id: 4, title: "Countries", unit: "short", width: 6, height: 4, isSeries: false },
            description: "Countries with traffic in the time range.",
            queries: [
              instant(`count(sum by (country) (${bytes("$__range", placed)}) > 0) or vector(0)`, "countries"),
            ],
          }),
        ],
      },
      {
        title: "Where",
        panels: [
          geomap(
            {
              ...{ id: 10, title: "Countries", unit: "bps", width: 16, height: 14 },
              description:
                "Traffic with each country over the time range, both directions. Addresses whose country is not known are not on it.",
              queries: [rows(`8 * sum by (country) (${bytes("$__range", placed)}) > 0`)],
              location: { country: "country" },
              size: "Value",
              dataLinks: [
                toPage("Show in Portolan", { filter: named("country", field("country")), group: "address" }),
              ],
            },
            prometheus,
          ),
          bars({
            ...{ id: 11, title: "Top countries", unit: "bps", width: 8, height: 7 },
            description: "The ten countries with most traffic.",
            queries: [
              instant(`topk(10, 8 * sum by (country) (${bytes("$__range", placed)}) > 0)`, "{{country}}"),
            ],
            dataLinks: [
              toPage("Show in Portolan", { filter: named("country", label("country")), group: "address" }),
            ],
          }),
          bars({
            ...{ id: 12, title: "Top autonomous systems", unit: "bps", width: 8, height: 7 },
            description: "The ten networks of the internet with most traffic.",
            queries: [
              instant(
                `topk(10, 8 * sum by (asn, as_name) (${bytes("$__range", ', asn!="", asn!="~other"')}) > 0)`,
                "AS{{asn}} {{as_name}}",
              ),
            ],
            dataLinks: [toPage("Show in Portolan", { filter: named("asn", label("asn")), group: "address" })],
          }),
        ],
      },
      {
        title: "Over time",
        panels: [
          timeseries({
            ...{ id: 20, title: "Traffic by country", unit: "bps", width: 12, height: 9, isStacked: true },
            description: "The ten countries with most traffic at each moment.",
            queries: [range(`topk(10, 8 * sum by (country) (${bytes()}))`, "{{country}}")],
          }),
          timeseries({
            ...{ id: 21, title: "Out and in by peer", unit: "bps", width: 12, height: 9 },
            description: "The five peers inside that sent most to outside, and the five that received most.",
            queries: [
              range(
                `topk(5, 8 * sum by (peer_namespace, peer) (${external("sent_bytes_total")}))`,
                "{{peer_namespace}} {{peer}} out",
                "A",
              ),
              range(
                `topk(5, 8 * sum by (peer_namespace, peer) (${external("received_bytes_total")}))`,
                "{{peer_namespace}} {{peer}} in",
                "B",
              ),
            ],
          }),
        ],
      },
      {
        title: "Who",
        panels: [
          table({
            ...{ id: 30, title: "Hosts outside", width: 12, height: 10 },
            description: "Hosts that peers inside call, the hundred heaviest over the time range.",
            queries: [
              rows(`topk(100, 8 * ${byHost(bytes("$__range", called))})`, "traffic"),
              rows(heaviest(byHost(external("connections_total", "$__range", called))), "connections"),
              rows(heaviest(byHost(external("failed_connections_total", "$__range", called))), "failed"),
            ],
            transformations: merged({
              host: "Host",
              country: "Country",
              as_name: "System",
              "Value #traffic": "Traffic",
              "Value #connections": "Connections",
              "Value #failed": "Failed",
            }),
            overrides: [
              { field: "Traffic", properties: [{ id: "unit", value: "bps" }] },
              { field: "Connections", properties: [{ id: "unit", value: "cps" }] },
              { field: "Failed", properties: [{ id: "unit", value: "cps" }] },
            ],
            dataLinks: [
              toPage("Show in Portolan", { filter: named("server.name", field("host")), group: "address" }),
            ],
          }),
          table({
            ...{ id: 31, title: "New destinations", width: 12, height: 10, unit: "decbytes" },
            description:
              "Hosts that were called in the time range, and not in the time before that is chosen above; with what was sent there.",
            queries: [
              rows(
                `sum by (peer_namespace, peer, host, country, as_name) (last_over_time(portolan_external_sent_bytes_total${selector(called)}[$__range])) unless on (host) count by (host) (last_over_time(portolan_external_sent_bytes_total{${job}${called}}[$known] offset $__range))`,
              ),
            ],
            transformations: merged({
              peer_namespace: "Namespace",
              peer: "Peer",
              host: "Host",
              country: "Country",
              as_name: "System",
              Value: "Sent",
            }),
            dataLinks: [
              toPage("Show in Portolan", { filter: named("server.name", field("host")), group: "workload" }),
            ],
            noValue: "nothing new",
          }),
          table({
            ...{ id: 32, title: "Callers from outside", width: 12, height: 9, unit: "bps" },
            description: "Who is called from outside, by country and system of the callers.",
            queries: [
              rows(
                `topk(100, 8 * sum by (peer_namespace, peer, country, as_name) (rate(portolan_external_sent_bytes_total{${job}, peer_namespace=~"$namespace", direction="inbound"}[$__range]) + rate(portolan_external_received_bytes_total{${job}, peer_namespace=~"$namespace", direction="inbound"}[$__range])))`,
              ),
            ],
            transformations: merged({
              peer_namespace: "Namespace",
              peer: "Peer",
              country: "Country",
              as_name: "System",
              Value: "Traffic",
            }),
            noValue: "nobody called from outside",
          }),
          timeseries({
            ...{ id: 33, title: "Failed connections to outside", unit: "cps", width: 12, height: 9 },
            description: "Connections that never opened, of the ten hosts with most of them.",
            queries: [
              range(
                `topk(10, sum by (host) (${external("failed_connections_total", "$__rate_interval", called)})) > 0`,
                "{{host}}",
              ),
            ],
            noValue: "nothing failed",
          }),
        ],
      },
    ],
  });
}
