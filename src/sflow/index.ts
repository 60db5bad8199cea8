/**
 * sFlow v5 datagrams into flow batches: a row per sampled or discarded packet. Knows no sockets, no clock (time is an argument), and
 * nothing of what becomes of a row.
 */
export type { AgentDescription, SampleKind, SflowDescription } from "./accounts.ts";
export { defaultSflowLimits, type SflowLimits } from "./config.ts";
export type { DataSourceDescription } from "./data-source.ts";
export { isSflow, SflowDecoder } from "./decoder.ts";
