import { assert, type FlowBatch, type FlowSink, fields, type ReportDrop } from "../flow/index.ts";
import { readUnsigned16 } from "./bytes.ts";
import { type Column, readEach } from "./column-reader.ts";
import type { MessageContext } from "./message.ts";
import { finishRows, type SetFacts } from "./record-rows.ts";
import { type Template, variableLength } from "./template.ts";

/** Reads data sets into the sink's batch, a column at a time where the template's records are of one length. */
export class RecordReader {
  readonly #drop: ReportDrop;
  /** The columns of the batch last seen, by position in `fields`. */
  #batch: FlowBatch | undefined;
  #columns: Column[] = [];

  constructor(drop: ReportDrop) {
    this.#drop = drop;
  }

  /** Appends every whole record between `start` and `end`; what is left over is padding. Returns the rows kept. */
  readDataSet(
    template: Template,
    bytes: Uint8Array,
    start: number,
    end: number,
    context: MessageContext,
    facts: SetFacts,
    sink: FlowSink,
  ): number {
    const { addressText } = context.source;
    if (end - start < template.recordLength) {
      this.#drop("set_truncated", addressText);
      return 0;
    }
    if (!template.hasFlow) {
      this.#drop("record_empty", addressText, Math.floor((end - start) / template.recordLength));
      return 0;
    }
    return template.isVariable
      ? this.#readVariable(template, bytes, start, end, context, facts, sink)
      : this.#readFixed(template, bytes, start, end, context, facts, sink);
  }

  #readFixed(
    template: Template,
    bytes: Uint8Array,
    start: number,
    end: number,
    context: MessageContext,
    facts: SetFacts,
    sink: FlowSink,
  ): number {
    const { recordLength, steps } = template;
    let left = Math.floor((end - start) / recordLength);
    let offset = start;
    let kept = 0;
    while (left > 0) {
      const batch = this.#roomyBatch(sink);
      const count = Math.min(left, batch.free);
      const first = batch.append(count);
      for (const { read, target, length, offset: fieldOffset } of steps) {
        const column = this.#columns[target!.fieldIndex]!;
        if (column.length === 0) continue; // a detail nobody asked for
        if (read !== undefined) read(bytes, offset + fieldOffset, recordLength, count, column, first);
        else readEach(bytes, offset + fieldOffset, length, recordLength, count, column, first, target!);
      }
      kept += this.#finish(batch, first, template, context, facts);
      offset += count * recordLength;
      left -= count;
    }
    return kept;
  }

  #readVariable(
    template: Template,
    bytes: Uint8Array,
    start: number,
    end: number,
    context: MessageContext,
    facts: SetFacts,
    sink: FlowSink,
  ): number {
    let offset = start;
    let kept = 0;
    while (end - offset >= template.recordLength) {
      const recordEnd = findRecordEnd(template, bytes, offset, end);
      if (recordEnd === undefined) {
        this.#drop("set_truncated", context.source.addressText);
        break;
      }
      const batch = this.#roomyBatch(sink);
      const first = batch.append();
      this.#readVariableRecord(template, bytes, offset, first);
      kept += this.#finish(batch, first, template, context, facts);
      offset = recordEnd;
    }
    return kept;
  }

  #readVariableRecord(template: Template, bytes: Uint8Array, start: number, row: number): void {
    let offset = start;
    for (const { target, length, read } of template.steps) {
      let width = length;
      if (length === variableLength) {
        width = bytes[offset++]!;
        if (width === 255) {
          width = readUnsigned16(bytes, offset);
          offset += 2;
        }
      }
      if (target !== undefined) {
        const column = this.#columns[target.fieldIndex]!;
        if (column.length === 0) {
          offset += width;
          continue; // a detail nobody asked for
        }
        if (read !== undefined) read(bytes, offset, 0, 1, column, row);
        else readEach(bytes, offset, width, 0, 1, column, row, target);
      }
      offset += width;
    }
  }

  #finish(
    batch: FlowBatch,
    first: number,
    template: Template,
    context: MessageContext,
    facts: SetFacts,
  ): number {
    const dropped = finishRows(batch, first, template, context, facts);
    if (dropped > 0) this.#drop("record_empty", context.source.addressText, dropped);
    return batch.count - first;
  }

  #roomyBatch(sink: FlowSink): FlowBatch {
    if (sink.batch.free === 0) sink.flush();
    const { batch } = sink;
    assert(batch.free > 0, "a flushed sink has room");
    if (batch !== this.#batch) {
      this.#batch = batch;
      this.#columns = fields.map(({ name }) => batch.columns[name]);
    }
    return batch;
  }
}

/** Where a record with variable-length fields ends (RFC 7011 §7), or undefined when it does not before `end`. */
export function findRecordEnd(
  template: Template,
  bytes: Uint8Array,
  start: number,
  end: number,
): number | undefined {
  let offset = start;
  for (const { length } of template.steps) {
    if (length !== variableLength) offset += length;
    else {
      if (offset >= end) return undefined;
      const short = bytes[offset]!;
      if (short < 255) offset += 1 + short;
      else if (offset + 3 > end) return undefined;
      else offset += 3 + readUnsigned16(bytes, offset + 1);
    }
    if (offset > end) return undefined;
  }
  return offset;
}
