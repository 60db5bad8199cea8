import type { Metric, Sample } from "../exposition.ts";

/** What GoFlow2's metrics need to know of an exporter. */
interface ExporterStatus {
  readonly address: string;
  readonly protocols: readonly string[];
  readonly packetCount: number;
  readonly byteCount: number;
  readonly recordCount: number;
  readonly drops: Readonly<Record<string, number>>;
  readonly sets: readonly {
    readonly version: number;
    readonly kind: "template" | "optionsTemplate" | "data" | "optionsData";
    readonly setCount: number;
    readonly recordCount: number;
  }[];
  readonly templates: readonly {
    readonly id: number;
    readonly protocol: string;
    readonly observationDomainId: number;
    readonly port: number;
    readonly isOptions: boolean;
  }[];
  readonly agents: readonly {
    readonly address: string;
    readonly datagramCount: number;
    readonly sampleCounts: Readonly<Record<SampleKind, number>>;
    readonly recordCounts: Readonly<Record<SampleKind, number>>;
  }[];
}

type SampleKind = "flow" | "expandedFlow" | "counter" | "expandedCounter" | "discarded" | "unknown";

export interface GoFlow2Collector {
  readonly exporters: readonly ExporterStatus[];
  readonly listeners: readonly {
    readonly host: string;
    readonly port: number;
    readonly kernelDropCount?: number | undefined;
  }[];
}

/** Where it listens; the scheme is GoFlow2's `netflow`, `sflow`, or `flow` for both. */
interface ListenUri {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
}

/** Anybody may announce templates and name agents: a metric has so many series, of the first exporters, and one for the rest. */
const seriesMax = 5000;

type Read = (exporter: ExporterStatus) => readonly Sample[];

/** GoFlow2's metrics as far as they can be told truly, with its names and labels. */
export function goflow2Metrics(
  { exporters, listeners }: GoFlow2Collector,
  listen: readonly ListenUri[],
): Metric[] {
  const counter = (name: string, help: string, samples: readonly Sample[]): Metric => ({
    ...{ name: `goflow2_flow_${name}_total`, type: "counter", help, samples: bound(samples) },
  });
  const ofAll = (name: string, help: string, read: Read) => counter(name, help, exporters.flatMap(read));
  const traffic = (value: number, exporter: ExporterStatus) => [{ labels: placeOf(exporter, listen), value }];
  return [
    ofAll("traffic_bytes", "Bytes received by the application.", (e) => traffic(e.byteCount, e)),
    ofAll("traffic_packets", "Packets received by the application.", (e) => traffic(e.packetCount, e)),
    counter(
      "dropped_packets",
      "Packets dropped before processing.",
      listeners.map(({ host, port, kernelDropCount = 0 }) => ({
        labels: { remote_ip: "", local_ip: host, local_port: String(port) },
        value: kernelDropCount,
      })),
    ),
    ofAll("process_nf", "NetFlows processed.", (exporter) =>
      ofOneVersion(exporter).map((labels) => ({ labels, value: exporter.packetCount })),
    ),
    ofAll("process_nf_flowset", "NetFlows FlowSets sum.", (exporter) => [
      // A v5 message has no sets: GoFlow2 counts its records as such.
      ...ofOneVersion(exporter)
        .filter(({ version }) => version === "5")
        .map((labels) => ({ labels: { ...labels, type: "DataFlowSet" }, value: exporter.recordCount })),
      ...ofSets(exporter, ({ setCount }) => setCount),
    ]),
    ofAll("process_nf_flowset_records", "NetFlows FlowSets sum of records.", (exporter) =>
      ofSets(exporter, ({ recordCount }) => recordCount),
    ),
    ofAll("process_nf_templates", "NetFlows Template count.", ofTemplates),
    ofAll("process_nf_errors", "NetFlows processed errors.", ({ address, drops }) =>
      drops.template_missing === undefined
        ? []
        : [{ labels: { router: address, error: "template_not_found" }, value: drops.template_missing }],
    ),
    ofAll("process_sf", "sFlows processed.", (exporter) =>
      [...agentsByAddress(exporter)].map(([agent, parts]) => ({
        labels: { router: exporter.address, agent, version: "5" },
        value: sum(parts, ({ datagramCount }) => datagramCount),
      })),
    ),
    ofAll("process_sf_samples", "SFlows samples sum.", (e) => ofSamples(e, "sampleCounts")),
    ofAll("process_sf_samples_records", "SFlows samples sum of records.", (e) =>
      ofSamples(e, "recordCounts"),
    ),
    ofAll("decoder_error", "NetFlow/sFlow processed errors.", (exporter) => {
      const value = sum(Object.values(exporter.drops), (count) => count);
      const { type } = placeOf(exporter, listen);
      return value === 0 ? [] : [{ labels: { router: exporter.address, name: type }, value }];
    }),
  ];
}

/** The rest is one series: `~other` where the first label would be, and the other labels empty. */
function bound(samples: readonly Sample[]): readonly Sample[] {
  if (samples.length <= seriesMax) return samples;
  const names = Object.keys(samples[0]!.labels ?? {});
  const labels = Object.fromEntries(names.map((name, i) => [name, i === 0 ? "~other" : ""]));
  const value = sum(samples.slice(seriesMax), (sample) => sample.value);
  return [...samples.slice(0, seriesMax), { labels, value }];
}

const sum = <T>(parts: readonly T[], read: (part: T) => number) =>
  parts.reduce((total, part) => total + read(part), 0);

const netflowVersions: Readonly<Record<string, string>> = { netflow5: "5", netflow9: "9", ipfix: "10" };

/** Datagrams are not counted by version: of an exporter that speaks one protocol all of them are its. */
function ofOneVersion({ address, protocols }: ExporterStatus) {
  const version = protocols.length === 1 ? netflowVersions[protocols[0]!] : undefined;
  return version === undefined ? [] : [{ router: address, version }];
}

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

type SetCount = ExporterStatus["sets"][number];

const setTypes: Readonly<Record<SetCount["kind"], string>> = {
  template: "TemplateFlowSet",
  optionsTemplate: "OptionsTemplateFlowSet",
  data: "DataFlowSet",
  optionsData: "OptionsDataFlowSet",
};

function ofSets({ address, sets }: ExporterStatus, read: (set: SetCount) => number): Sample[] {
  return sets.map((set) => ({
    labels: { router: address, version: String(set.version), type: setTypes[set.kind] },
    value: read(set),
  }));
}

/** One for each template that is known: GoFlow2 counts how often it came, we do not. */
function ofTemplates({ address, templates }: ExporterStatus): Sample[] {
  const host = address.includes(":") ? `[${address}]` : address;
  return templates.map(({ id, protocol, observationDomainId, port, isOptions }) => ({
    labels: {
      router: `${host}:${port}`,
      version: netflowVersions[protocol] ?? "",
      obs_domain_id: String(observationDomainId),
      template_id: String(id),
      type: isOptions ? "options_template" : "template",
    },
    value: 1,
  }));
}

type Agent = ExporterStatus["agents"][number];

/** GoFlow2 does not tell an agent's sub-agents apart. */
function agentsByAddress({ agents }: ExporterStatus): Map<string, Agent[]> {
  return Map.groupBy(agents, ({ address }) => address);
}

const sampleTypes: Readonly<Record<string, readonly (keyof Agent["sampleCounts"])[]>> = {
  FlowSample: ["flow"],
  ExpandedFlowSample: ["expandedFlow"],
  CounterSample: ["counter"],
  ExpandedCounterSample: ["expandedCounter"],
  unknown: ["discarded", "unknown"],
};

function ofSamples(exporter: ExporterStatus, counts: "sampleCounts" | "recordCounts"): Sample[] {
  return [...agentsByAddress(exporter)].flatMap(([agent, parts]) =>
    Object.entries(sampleTypes)
      .filter(([, kinds]) => parts.some(({ sampleCounts }) => kinds.some((kind) => sampleCounts[kind] > 0)))
      .map(([type, kinds]) => ({
        labels: { router: exporter.address, agent, version: "5", type },
        value: sum(parts, (part) => sum(kinds, (kind) => part[counts][kind])),
      })),
  );
}
