/**
 * Counters with labels, and the Prometheus text of any metrics. Does not know what is counted.
 */
export { type DropCount, DropCounters } from "./drop-counters.ts";
export { formatMetrics, type Metric, type Sample } from "./exposition.ts";
