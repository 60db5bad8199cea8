/**
 * Counters with labels, series of links and flows in bounded number, and the Prometheus text of any metrics. Does not know HTTP, nor where
 * records come from; pushing them by remote write has a door of its own, `remote-write/`.
 */
export type { AddressPlace, FindAddressPlace } from "./address-place.ts";
export { agentsMetrics, type CountedAgent } from "./agents-metrics.ts";
export {
  type CountedCollector,
  type CountedExporter,
  type CountedListener,
  collectorMetrics,
} from "./collector-metrics.ts";
export { type FindPlace, type Place, placesIn } from "./compat/geo-database.ts";
export { type AddressValue, geoIpMetric } from "./compat/geo-ip.ts";
export { type GoFlow2Collector, goflow2Metrics } from "./compat/goflow2.ts";
export { type CountedResolver, dnsMetrics } from "./dns-metrics.ts";
export { type DropCount, DropCounters } from "./drop-counters.ts";
export {
  chooseFormat,
  contentTypes,
  type ExpositionFormat,
  formatMetrics,
  formatPieces,
  type Metric,
  type Sample,
} from "./exposition.ts";
export { kubernetesMetrics } from "./kubernetes-metrics.ts";
export { type LabelledPeer, type PeerLabels, peerLabels } from "./peer-labels.ts";
export {
  type CompatName,
  compatNames,
  createTrafficMetrics,
  type TrafficMetrics,
  type TrafficMetricsConfig,
  type TrafficReading,
} from "./traffic-metrics.ts";
