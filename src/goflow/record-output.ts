import type { FlowBatch } from "../flow/index.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { AppendValue } from "./line-field.ts";
import { jsonStyle, prepareLines, textStyle } from "./line-writer.ts";
import { prepareMessages } from "./message-writer.ts";
import { isColumnEmpty } from "./record-values.ts";

export const outputFormats = ["json", "text", "bin"] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** What a record without lists cannot exceed: the names are 800 bytes, the values less than 45 each. */
const recordBytesMax = 4096;
/** A word of a list cannot exceed: digits, comma, and the quotes around a name. */
const wordBytesMax = 24;

const listColumns = [
  "bgpAsPath",
  "bgpCommunities",
  "mplsLabelStack",
  "layerStack",
  "layerSizes",
  "ipv6RoutingHeaderAddresses",
] as const;

/** Takes whole records; the bytes are the writer's again when it returns. */
export type TakeRecords = (bytes: Uint8Array, recordCount: number) => void;

/**
 * Writes batches with details in GoFlow2's formats, into one buffer that is used again. `separator` stands behind each
 * record.
 */
export class RecordOutput {
  readonly #format: OutputFormat;
  readonly #separator: string;
  readonly #take: TakeRecords;
  readonly #writer: ByteWriter;

  constructor(format: OutputFormat, separator: string, take: TakeRecords, bufferBytes = 262_144) {
    this.#format = format;
    this.#separator = separator;
    this.#take = take;
    this.#writer = new ByteWriter(bufferBytes);
  }

  /** Hands on every record of the batch before it returns. */
  write(batch: FlowBatch): void {
    const writer = this.#writer;
    const append = this.#prepare(batch);
    const filledLists = listColumns
      .filter((column) => !isColumnEmpty(batch, column))
      .map((column) => batch.columns[column]);
    let recordCount = 0;
    for (let row = 0; row < batch.count; row++) {
      const needed =
        recordBytesMax + this.#separator.length * 3 + listWords(filledLists, batch.lists, row) * wordBytesMax;
      if (needed > writer.free) {
        this.#handOn(recordCount);
        recordCount = 0;
        if (needed > writer.free) writer.grow(needed);
      }
      append(row);
      recordCount++;
    }
    this.#handOn(recordCount);
  }

  #prepare(batch: FlowBatch): AppendValue {
    switch (this.#format) {
      case "json":
        return prepareLines(jsonStyle, this.#separator, batch, this.#writer);
      case "text":
        return prepareLines(textStyle, this.#separator, batch, this.#writer);
      case "bin":
        return prepareMessages(this.#separator, batch, this.#writer);
    }
  }

  #handOn(recordCount: number): void {
    const { bytes, position } = this.#writer;
    this.#writer.position = 0;
    if (recordCount > 0) this.#take(bytes.subarray(0, position), recordCount);
  }
}

function listWords(columns: readonly Uint32Array[], lists: Uint32Array, row: number): number {
  let words = 0;
  for (let i = 0; i < columns.length; i++) words += lists[columns[i]![row]!]!;
  return words;
}
