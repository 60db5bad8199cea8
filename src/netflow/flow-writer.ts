import { FixedWriter } from "./fixed-writer.ts";
import { TemplateWriter } from "./template-writer.ts";
import type { FlowWriter, FlowWriterConfig, SendMessage } from "./writer-config.ts";

/** A writer of one observation domain's messages; `send` is called for each, before anything more is written. */
export function createFlowWriter(config: FlowWriterConfig, send: SendMessage): FlowWriter {
  return config.version === 1 || config.version === 5
    ? new FixedWriter(config, send)
    : new TemplateWriter(config, send);
}
