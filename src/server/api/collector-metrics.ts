import { formatListener } from "../../collector/index.ts";
import { type Metric, collectorMetrics as metricsOf } from "../../metrics/index.ts";
import type { CollectorReport } from "./exporters.ts";

/** Beside the map's own metrics a few hundred series are enough: `/api/v1/exporters` has all of them. */
const exportersMax = 200;

export function collectorMetrics({ listeners, exporters }: CollectorReport): Metric[] {
  const named = listeners.map((listener) => ({ ...listener, name: formatListener(listener) }));
  return metricsOf({ exporters, listeners: named, exportersMax });
}
