/**
 * What GoFlow2's users rely on: its flags, and its JSON, text and protobuf of a record. Knows neither sockets nor files.
 */
export {
  type CollectFlags,
  type LogFormat,
  type LogLevel,
  logLevels,
  parseCollectFlags,
} from "./command-flags.ts";
export { formatFlagHelp } from "./flag-table.ts";
export type { ListenUri } from "./listen-uris.ts";
export { type OutputFormat, outputFormats, RecordOutput, type TakeRecords } from "./record-output.ts";
