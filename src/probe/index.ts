/**
 * Packets in, flow records out: softflowd's role. A table of flows, what it reports as messages of NetFlow and IPFIX, and the socket that softflowctl
 * speaks to. Does not know where packets come from, but for capture files; knows no collector and no store.
 */
export { CaptureFeed, type CaptureFeedConfig } from "./capture-feed.ts";
export {
  defaultFlowTableConfig,
  defaultTimeouts,
  type FlowTableConfig,
  type FlowTimeouts,
  softflowdTimeouts,
  type TrackLevel,
  trackLevels,
} from "./config.ts";
export { type ControlSocket, createControlSocket } from "./control.ts";
export { describeFlow } from "./describe-flow.ts";
export { type OpenDestination, openDestination } from "./destination.ts";
export { type EndReason, endReason } from "./end-reason.ts";
export type { Destination, ExportCounts, ExportInterface } from "./exporter.ts";
export { probeHelp } from "./flag-help.ts";
export { type ParsedFlags, type ProbeFlags, parseProbeFlags } from "./flags.ts";
export { FlowRecords } from "./flow-records.ts";
export { FlowTable } from "./flow-table.ts";
export { monotonicMilliseconds } from "./monotonic-clock.ts";
export { Probe, type ProbeConfig } from "./probe.ts";
export { readCapture } from "./read-capture.ts";
export { CaptureReplay } from "./replay.ts";
export type { KernelCounts } from "./statistics.ts";
