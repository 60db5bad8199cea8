/**
 * What an agent sends to a server: one message per batch, as bytes (docs/formats/ingest.md, agent-batch.proto). Does not know
 * how the bytes travel, where they are kept, or who is who's peer.
 */
export type { IngestField } from "./columns.ts";
export {
  type AgentDrop,
  type AgentLimit,
  type AgentLookups,
  type AgentPart,
  type AgentReport,
  type AgentResolver,
  type IngestHead,
  type IngestMessage,
  ingestLimits,
  isNodeName,
  type LearnedName,
  type PeerName,
  textLimits,
} from "./message.ts";
export { type IngestProblem, readMessage } from "./read-message.ts";
export { writeMessage } from "./write-message.ts";
