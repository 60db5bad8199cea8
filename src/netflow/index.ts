/**
 * NetFlow v5, v9 and IPFIX datagrams into flow batches, through templates compiled once into column readers; and flow batches into such
 * datagrams, v1's too. Knows no sockets, no clock (time is an argument), and nothing of what becomes of a record.
 */
export { type DecoderLimits, defaultDecoderLimits } from "./config.ts";
export { type DecoderUsage, FlowDecoder } from "./decoder.ts";
export type {
  DomainDescription,
  ExporterDescription,
  InterfaceDescription,
  MissingTemplateDescription,
  SamplerDescription,
  SetCount,
  TemplateDescription,
} from "./description.ts";
export type { SetKind } from "./exporter-state.ts";
export { createFlowWriter } from "./flow-writer.ts";
export type { TemplateDump } from "./template-dump.ts";
export {
  defaultFlowWriterConfig,
  type FlowVersion,
  type FlowWriter,
  type FlowWriterConfig,
  flowVersions,
  type SendMessage,
  type TimeFormat,
  timeFormats,
} from "./writer-config.ts";
