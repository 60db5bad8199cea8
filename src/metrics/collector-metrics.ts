import type { Metric, Sample } from "./exposition.ts";

/** What the collector's metrics need to know of an exporter, whoever describes it. */
export interface CountedExporter {
  readonly address: string;
  readonly packetCount: number;
  readonly byteCount: number;
  readonly recordCount: number;
  readonly lastSeenMilliseconds: number;
  readonly clockSkewMilliseconds: number | undefined;
  readonly sampling: { readonly interval: number };
  readonly loss: {
    readonly unit: string;
    readonly receivedCount: number;
    readonly lostCountEver: number;
    readonly restartCount: number;
    readonly reorderedCount: number;
    readonly duplicateCount: number;
  };
  readonly templates: { readonly length: number };
  readonly missingTemplates: { readonly length: number };
  readonly waitingBytes: number;
}

export interface CountedListener {
  /** `HOST:PORT`. */
  readonly name: string;
  readonly receiveBufferBytes: number;
  readonly kernelDropCount: number | undefined;
}

export interface CountedCollector {
  readonly exporters: readonly CountedExporter[];
  readonly listeners: readonly CountedListener[];
  /** So many exporters are told by name, the heaviest; the lighter ones are one more, `~other`. */
  readonly exportersMax: number;
}

type Read = (exporter: CountedExporter) => number | undefined;

/** `portolan_collector_*`. Labels beside `exporter` follow from the exporter, so their number is bounded too. */
export function collectorMetrics({ exporters, listeners, exportersMax }: CountedCollector): Metric[] {
  const byWeight = [...exporters].sort(
    (a, b) => b.recordCount - a.recordCount || b.packetCount - a.packetCount,
  );
  const named = byWeight.slice(0, exportersMax);
  const others = byWeight.slice(exportersMax);

  /** Values that add up: those of the others are summed. */
  const sum = (name: string, type: Metric["type"], help: string, read: Read, label?: Label): Metric => {
    const samples = named.flatMap((exporter) => sampleOf(exporter.address, exporter, read, label));
    const rest = new Map<string, Sample>();
    for (const exporter of others) {
      for (const sample of sampleOf("~other", exporter, read, label)) {
        const key = JSON.stringify(sample.labels);
        rest.set(key, { ...sample, value: sample.value + (rest.get(key)?.value ?? 0) });
      }
    }
    return { name: `portolan_collector_${name}`, type, help, samples: [...samples, ...rest.values()] };
  };
  const counter = (name: string, help: string, read: Read, label?: Label) =>
    sum(`${name}_total`, "counter", help, read, label);
  /** Values that do not add up: the others have none. */
  const single = (name: string, help: string, read: Read): Metric => ({
    name: `portolan_collector_${name}`,
    type: "gauge",
    help,
    samples: named.flatMap((exporter) => sampleOf(exporter.address, exporter, read)),
  });

  return [
    counter("packets", "Datagrams received.", (e) => e.packetCount),
    counter("bytes", "Octets of datagrams received.", (e) => e.byteCount),
    counter("records", "Flow records decoded.", (e) => e.recordCount),
    counter(
      "received",
      "Units that sequence numbers count, received: records (NetFlow v5, IPFIX) or datagrams.",
      (e) => e.loss.receivedCount,
      unit,
    ),
    counter("lost", "Units missing between sequence numbers.", (e) => e.loss.lostCountEver, unit),
    counter("sequence_restarts", "Times the exporter began its numbering anew.", (e) => e.loss.restartCount),
    counter("reordered", "Datagrams that came after a younger one.", (e) => e.loss.reorderedCount),
    counter("duplicates", "Datagrams that had come before.", (e) => e.loss.duplicateCount),
    sum("templates", "gauge", "Templates known.", (e) => e.templates.length),
    sum("missing_templates", "gauge", "Templates that data wait for.", (e) => e.missingTemplates.length),
    sum("waiting_bytes", "gauge", "Octets of data sets that wait for their template.", (e) => e.waitingBytes),
    single("clock_skew_seconds", "The exporter's clock minus ours.", ({ clockSkewMilliseconds: skew }) =>
      skew === undefined ? undefined : skew / 1000,
    ),
    single("sampling_interval", "One packet in this many is counted; 0 unknown.", (e) => e.sampling.interval),
    single(
      "last_seen_timestamp_seconds",
      "Unix time of the last datagram.",
      (e) => e.lastSeenMilliseconds / 1000,
    ),
    {
      name: "portolan_collector_exporters",
      type: "gauge",
      help: "Exporters known.",
      samples: [{ value: exporters.length }],
    },
    {
      name: "portolan_collector_kernel_drops_total",
      type: "counter",
      help: "Datagrams the kernel had no room for.",
      samples: listeners.flatMap(({ name, kernelDropCount: value }) =>
        value === undefined ? [] : [{ labels: { listener: name }, value }],
      ),
    },
    {
      name: "portolan_collector_receive_buffer_bytes",
      type: "gauge",
      help: "Receive buffer the kernel granted.",
      samples: listeners.map(({ name, receiveBufferBytes: value }) => ({
        labels: { listener: name },
        value,
      })),
    },
  ];
}

type Label = (exporter: CountedExporter) => Readonly<Record<string, string>>;

const unit: Label = ({ loss }) => ({ unit: loss.unit });

function sampleOf(name: string, exporter: CountedExporter, read: Read, label?: Label): Sample[] {
  const value = read(exporter);
  return value === undefined ? [] : [{ labels: { exporter: name, ...label?.(exporter) }, value }];
}
