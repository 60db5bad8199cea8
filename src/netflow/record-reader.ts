import {
  assert,
  type FlowBatch,
  type FlowSink,
  fields,
  type ReportDrop,
  type SamplingOrigin,
} from "../flow/index.ts";
import { isZeroFilled } from "./bytes.ts";
import { type Column, readEach } from "./column-reader.ts";
import type { FlowTotals } from "./flow-totals.ts";
import type { MessageContext } from "./message.ts";
import { finishRows } from "./record-rows.ts";
import { RecordSpecials, type SetFacts } from "./record-specials.ts";
import { RecordWalk } from "./record-walk.ts";
import type { TemplateLayout } from "./template.ts";
import { variableLength } from "./template.ts";

/** Reads data sets into the sink's batch, a column at a time where the template's records are of one length. */
export class RecordReader {
  /** Records of the last set, whether they gave a row or not; NaN when the set was cut. */
  recordCount = 0;
  /** Rate of the last row kept, and where it was found. */
  samplingInterval = 0;
  samplingOrigin: SamplingOrigin = "unknown";
  readonly #drop: ReportDrop;
  readonly #totals: FlowTotals;
  readonly #walk: RecordWalk;
  readonly #specials = new RecordSpecials();
  /** The columns of the batch last seen, by position in `fields`. */
  #batch: FlowBatch | undefined;
  #columns: Column[] = [];

  constructor(drop: ReportDrop, spansMax: number, totals: FlowTotals) {
    this.#drop = drop;
    this.#totals = totals;
    this.#walk = new RecordWalk(spansMax);
  }

  /** Appends every whole record between `start` and `end`; what is left over is padding. Returns the rows kept. */
  readDataSet(
    template: TemplateLayout,
    bytes: Uint8Array,
    start: number,
    end: number,
    context: MessageContext,
    facts: SetFacts,
    sink: FlowSink,
  ): number {
    const { addressText } = context.source;
    this.recordCount = Number.NaN;
    if (end - start < template.recordLength) {
      this.#drop("set_truncated", addressText);
      return 0;
    }
    if (!template.hasFlow) {
      this.recordCount = Math.floor((end - start) / template.recordLength);
      this.#drop("record_empty", addressText, this.recordCount);
      return 0;
    }
    return template.isVariable
      ? this.#readVariable(template, bytes, start, end, context, facts, sink)
      : this.#readFixed(template, bytes, start, end, context, facts, sink);
  }

  #readFixed(
    template: TemplateLayout,
    bytes: Uint8Array,
    start: number,
    end: number,
    context: MessageContext,
    facts: SetFacts,
    sink: FlowSink,
  ): number {
    const { recordLength } = template;
    let left = Math.floor((end - start) / recordLength);
    this.recordCount = left - countZeroRecords(bytes, start, left, recordLength);
    let offset = start;
    let kept = 0;
    while (left > 0) {
      const batch = this.#roomyBatch(sink);
      const count = Math.min(left, batch.free);
      const first = batch.append(count);
      for (const { read, target, length, offset: fieldOffset } of batch.hasDetails
        ? template.steps
        : template.coreSteps) {
        const column = this.#columns[target.fieldIndex]!;
        if (read !== undefined) read(bytes, offset + fieldOffset, recordLength, count, column, first);
        else readEach(bytes, offset + fieldOffset, length, recordLength, count, column, first, target);
      }
      this.#specials.readFixed(template, bytes, offset, count, batch, first, facts);
      kept += this.#finish(batch, first, template, context, facts);
      offset += count * recordLength;
      left -= count;
    }
    return kept;
  }

  #readVariable(
    template: TemplateLayout,
    bytes: Uint8Array,
    start: number,
    end: number,
    context: MessageContext,
    facts: SetFacts,
    sink: FlowSink,
  ): number {
    let batch = this.#roomyBatch(sink);
    let first = batch.count;
    let offset = start;
    let kept = 0;
    let recordCount = 0;
    while (end - offset >= template.recordLength) {
      const recordEnd = this.#walk.walk(template, bytes, offset, end);
      if (recordEnd < 0) {
        if (isZeroFilled(bytes, offset, end) && recordCount > 0) break;
        this.#drop("set_truncated", context.source.addressText);
        recordCount = Number.NaN;
        break;
      }
      if (batch.free === 0) {
        kept += this.#finish(batch, first, template, context, facts);
        batch = this.#roomyBatch(sink);
        first = batch.count;
      }
      const row = batch.append();
      this.#readWalkedRecord(template, bytes, batch, row);
      this.#specials.readWalked(template, bytes, this.#walk, batch, row, facts);
      offset = recordEnd;
      recordCount++;
    }
    if (batch.count > first) kept += this.#finish(batch, first, template, context, facts);
    this.recordCount = recordCount;
    return kept;
  }

  #readWalkedRecord(template: TemplateLayout, bytes: Uint8Array, batch: FlowBatch, row: number): void {
    const { offsets, widths } = this.#walk;
    for (const { target, length, read, span } of batch.hasDetails ? template.steps : template.coreSteps) {
      const column = this.#columns[target.fieldIndex]!;
      if (read !== undefined && length !== variableLength) read(bytes, offsets[span]!, 0, 1, column, row);
      else readEach(bytes, offsets[span]!, widths[span]!, 0, 1, column, row, target);
    }
  }

  #finish(
    batch: FlowBatch,
    first: number,
    template: TemplateLayout,
    context: MessageContext,
    facts: SetFacts,
  ): number {
    this.#noteSampling(batch, facts);
    if (template.hasTotals) this.#totals.keepGrowth(batch, first, context);
    const dropped = finishRows(batch, first, template, context, facts, this.#specials.durations);
    if (dropped > 0) this.#drop("record_empty", context.source.addressText, dropped);
    return batch.count - first;
  }

  /** Before what the set shares is filled in. */
  #noteSampling({ columns, count }: FlowBatch, facts: SetFacts): void {
    const said = columns.samplingInterval[count - 1]!;
    this.samplingInterval = said || facts.samplingInterval;
    if (said === 0) this.samplingOrigin = facts.samplingOrigin;
    else this.samplingOrigin = this.#specials.isSamplerRate ? "sampler" : "record";
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

/** Trailing records of zeros are padding (Palo Alto), which no sequence number counts; the first is taken for a record. */
function countZeroRecords(bytes: Uint8Array, start: number, count: number, recordLength: number): number {
  let zeros = 0;
  for (let end = start + count * recordLength; zeros < count - 1; zeros++, end -= recordLength)
    if (!isZeroFilled(bytes, end - recordLength, end)) break;
  return zeros;
}
