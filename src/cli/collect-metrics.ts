import { type CollectorStatus, formatListener } from "../collector/index.ts";
import { type DropReason, dropReasons } from "../flow/index.ts";
import type { ListenUri } from "../goflow/index.ts";
import {
  collectorMetrics,
  type DropCounters,
  goflow2Metrics,
  type Metric,
  type Sample,
} from "../metrics/index.ts";

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

/** GoFlow2's metrics, then ours. docs/reference/collect.md lists them. */
export function collectMetrics(sources: CollectMetricsSources): Metric[] {
  return [...goflow2Metrics(sources.status, sources.listen), ...ownMetrics(sources)];
}

const counter = (name: string, help: string, samples: readonly Sample[]): Metric => ({
  ...{ name, type: "counter", help, samples },
});

function ownMetrics({ version, status, drops, written }: CollectMetricsSources): Metric[] {
  const { exporters } = status;
  const listeners = status.listeners.map((listener) => ({ ...listener, name: formatListener(listener) }));
  return [
    ...collectorMetrics({ exporters, listeners, exportersMax: exporters.length }),
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
