import type { CollectorStatus, ExporterStatus } from "../collector/index.ts";
import { type DropReason, dropReasons } from "../flow/index.ts";
import type { ListenUri } from "../goflow/index.ts";
import type { DropCounters, Metric, Sample } from "../metrics/index.ts";

/** What went out. */
export interface WrittenCounts {
  readonly recordCount: number;
  readonly byteCount: number;
}

export interface CollectMetricsSources {
  readonly version: string;
  readonly listen: readonly ListenUri[];
  readonly status: CollectorStatus;
  readonly drops: DropCounters;
  readonly written: WrittenCounts;
}

/** GoFlow2's metrics as far as they can be told truly, then ours. docs/reference/collect.md lists them. */
export function collectMetrics(sources: CollectMetricsSources): Metric[] {
  return [...goflow2Metrics(sources), ...ownMetrics(sources)];
}

const counter = (name: string, help: string, samples: readonly Sample[]): Metric => ({
  ...{ name, type: "counter", help, samples },
});

function goflow2Metrics({ listen, status: { exporters, listeners } }: CollectMetricsSources): Metric[] {
  const ofAll = (read: (exporter: ExporterStatus) => readonly Sample[]) => exporters.flatMap(read);
  const traffic = (read: (exporter: ExporterStatus) => number) =>
    ofAll((exporter) => [{ labels: placeOf(exporter, listen), value: read(exporter) }]);
  /** Figures by version can be told of an exporter that speaks one. */
  const byVersion = (value: number, { address, protocols }: ExporterStatus, labels = {}) => {
    const version = protocols.length === 1 ? netflowVersions[protocols[0]!] : undefined;
    return version === undefined ? [] : [{ labels: { router: address, version, ...labels }, value }];
  };
  return [
    counter(
      "goflow2_flow_traffic_bytes_total",
      "Bytes received by the application.",
      traffic((e) => e.byteCount),
    ),
    counter(
      "goflow2_flow_traffic_packets_total",
      "Packets received by the application.",
      traffic((e) => e.packetCount),
    ),
    counter(
      "goflow2_flow_dropped_packets_total",
      "Packets dropped before processing.",
      listeners.map(({ host, port, kernelDropCount = 0 }) => ({
        labels: { remote_ip: "", local_ip: host, local_port: String(port) },
        value: kernelDropCount,
      })),
    ),
    counter(
      "goflow2_flow_process_nf_total",
      "NetFlows processed.",
      ofAll((exporter) => byVersion(exporter.packetCount, exporter)),
    ),
    counter(
      "goflow2_flow_process_nf_flowset_records_total",
      "NetFlows FlowSets sum of records.",
      ofAll((exporter) => byVersion(exporter.recordCount, exporter, { type: "DataFlowSet" })),
    ),
    counter(
      "goflow2_flow_process_nf_errors_total",
      "NetFlows processed errors.",
      ofAll(({ address, drops: { template_missing: value = 0 } }) =>
        value === 0 ? [] : [{ labels: { router: address, error: "template_not_found" }, value }],
      ),
    ),
    counter(
      "goflow2_flow_decoder_error_total",
      "NetFlow/sFlow processed errors.",
      ofAll((exporter) => {
        const value = Object.values(exporter.drops).reduce((sum, count) => sum + count, 0);
        const { type } = placeOf(exporter, listen);
        return value === 0 ? [] : [{ labels: { router: exporter.address, name: type }, value }];
      }),
    ),
  ];
}

const netflowVersions: Readonly<Record<string, string>> = { netflow5: "5", netflow9: "9", ipfix: "10" };

/** The listener that an exporter's protocols leave as the only one; when several could be, none is named. */
function placeOf({ address, protocols }: ExporterStatus, listen: readonly ListenUri[]) {
  const possible = listen.filter(({ scheme }) =>
    protocols.every((protocol) => scheme === "flow" || (scheme === "sflow") === (protocol === "sflow5")),
  );
  const [only] = possible.length === 1 ? possible : [];
  return {
    remote_ip: address,
    local_ip: only?.host ?? "",
    local_port: only === undefined ? "" : String(only.port),
    type: only?.scheme ?? "flow",
  };
}

function ownMetrics({ version, status, drops, written }: CollectMetricsSources): Metric[] {
  const { exporters, listeners } = status;
  const own = (name: string, help: string, read: (exporter: ExporterStatus) => number): Metric => ({
    name: `portolan_collector_${name}`,
    type: name.endsWith("_total") ? "counter" : "gauge",
    help,
    samples: exporters.map((exporter) => ({ labels: { exporter: exporter.address }, value: read(exporter) })),
  });
  return [
    own("packets_total", "Datagrams received.", (e) => e.packetCount),
    own("bytes_total", "Octets of datagrams received.", (e) => e.byteCount),
    own("records_total", "Flow records decoded.", (e) => e.recordCount),
    {
      ...own("lost_total", "Units missing between sequence numbers.", () => 0),
      samples: exporters.map(({ address, loss: { unit, lostCount } }) => ({
        labels: { exporter: address, unit },
        value: lostCount,
      })),
    },
    own("templates", "Templates known.", (e) => e.templates.length),
    own("missing_templates", "Templates that data wait for.", (e) => e.missingTemplates.length),
    own("waiting_bytes", "Octets of data sets that wait for their template.", (e) => e.waitingBytes),
    counter(
      "portolan_collector_kernel_drops_total",
      "Datagrams the kernel had no room for.",
      listeners.flatMap(({ host, port, kernelDropCount: value }) => {
        const listener = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
        return value === undefined ? [] : [{ labels: { listener }, value }];
      }),
    ),
    counter("portolan_output_records_total", "Records written.", [{ value: written.recordCount }]),
    counter("portolan_output_bytes_total", "Octets written.", [{ value: written.byteCount }]),
    counter(
      "portolan_drops_total",
      `Packets and records given up, by reason: ${Object.keys(dropReasons).join(", ")}.`,
      [...drops.counts()].map(({ reason, source, count }) => ({
        labels: { reason: reason satisfies DropReason, source },
        value: count,
      })),
    ),
    {
      ...{ name: "portolan_build_info", type: "gauge", help: "Always 1." },
      samples: [{ labels: { version }, value: 1 }],
    },
  ];
}
