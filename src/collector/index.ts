/**
 * Flow datagrams from UDP sockets, decoded into batches and handed on; who sent what, and what was lost on the way.
 * Knows neither the store nor the map.
 */

export type { MissingTemplateDescription, TemplateDescription } from "../netflow/index.ts";
export {
  type Collector,
  type CollectorDependencies,
  type CollectorStatus,
  createCollector,
} from "./collector.ts";
export {
  type CollectorConfig,
  defaultCollectorConfig,
  type FlowListener,
  type FlowScheme,
  flowSchemes,
  formatListener,
  parseFlowListener,
} from "./config.ts";
export { diagnose, diagnoseStranger, type Finding } from "./exporter-doctor.ts";
export type {
  DirectionStatus,
  ExporterStatus,
  LossStatus,
  SamplingStatus,
} from "./exporter-status.ts";
export { ListenError, type ListenErrorCode } from "./listen-error.ts";
export { createLook } from "./look.ts";
export type { ListenerStatus } from "./reception.ts";
export { createFileTransport, type Transport } from "./transport/index.ts";
