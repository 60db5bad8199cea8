/**
 * Counters with labels, and the Prometheus text of any metrics. Does not know what is counted, but for the metrics that
 * `server` and `collect` share: those it makes of plain values.
 */
export {
  type CountedCollector,
  type CountedExporter,
  type CountedListener,
  collectorMetrics,
} from "./collector-metrics.ts";
export { type DropCount, DropCounters } from "./drop-counters.ts";
export { formatMetrics, type Metric, type Sample } from "./exposition.ts";
