/**
 * One node's observer: the kernel's sockets in, flow records out. Does not know the store, the map, or whether the records
 * stay in this process.
 */

export { type Agent, type AgentParts, type AgentStatus, createAgent } from "./agent.ts";
export { type AgentConfig, agentConfigOf, agentDefaults } from "./agent-config.ts";
export { readBootId } from "./boot-id.ts";
export { createClock } from "./clock.ts";
export type { ConnectionsStatus } from "./connections.ts";
export type { DatagramsStatus, DnsStatus } from "./datagrams.ts";
export type { PartStatus } from "./part-status.ts";
export type { TranslationsStatus } from "./translations.ts";
