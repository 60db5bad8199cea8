import type { FlowBatch, SamplingOrigin } from "../flow/index.ts";
import { readUnsigned } from "./bytes.ts";
import { findSamplerInterval, findSelector } from "./domain-sampling.ts";
import { elementKeys } from "./element.ts";
import type { Domain } from "./exporter-state.ts";
import { PacketSection } from "./packet-section.ts";
import type { RecordWalk } from "./record-walk.ts";
import { SamplingStatement } from "./sampling.ts";
import type { TemplateLayout } from "./template.ts";

/** What a data set's records share, beyond their own fields. */
export interface SetFacts {
  readonly domain: Domain | undefined;
  readonly port: number;
  /** One packet in this many, for records that say nothing of it; 0 unknown. */
  readonly samplingInterval: number;
  readonly samplingOrigin: SamplingOrigin;
  /** Uptime of the exporter when it sent the message; undefined when nothing says. */
  readonly uptimeMilliseconds: number | undefined;
}

/** Reads what of a record decides about others of its fields: samplers, durations, labels, sections of packets. */
export class RecordSpecials {
  /** Milliseconds each row's flow lasted, or 0; by row of the batch, where the template says `hasDuration`. */
  durations: Float64Array = new Float64Array(0);
  /** Whether the last record's rate is that of its sampler. */
  isSamplerRate = false;
  readonly #sampling = new SamplingStatement();
  readonly #section = new PacketSection();
  readonly #labels = new Uint32Array(10);
  #labelCount = 0;

  readFixed(
    template: TemplateLayout,
    bytes: Uint8Array,
    start: number,
    count: number,
    batch: FlowBatch,
    first: number,
    facts: SetFacts,
  ): void {
    this.isSamplerRate = false;
    const { specials, recordLength } = template;
    const labels = batch.hasDetails ? template.labels : [];
    if (specials.length === 0 && labels.length === 0) return;
    this.#makeRoom(batch);
    for (let i = 0, at = start; i < count; i++, at += recordLength) {
      this.#begin(first + i);
      for (const { key, offset, length } of specials) this.#take(key, bytes, at + offset, length, first + i);
      for (const { offset, length } of labels) this.#takeLabel(bytes, at + offset, length);
      this.#finish(bytes, batch, first + i, facts);
    }
  }

  readWalked(
    template: TemplateLayout,
    bytes: Uint8Array,
    { offsets, widths }: RecordWalk,
    batch: FlowBatch,
    row: number,
    facts: SetFacts,
  ): void {
    this.isSamplerRate = false;
    const { specials } = template;
    const labels = batch.hasDetails ? template.labels : [];
    if (specials.length === 0 && labels.length === 0) return;
    this.#makeRoom(batch);
    this.#begin(row);
    for (const { key, span } of specials) this.#take(key, bytes, offsets[span]!, widths[span]!, row);
    for (const { span } of labels) this.#takeLabel(bytes, offsets[span]!, widths[span]!);
    this.#finish(bytes, batch, row, facts);
  }

  #makeRoom(batch: FlowBatch): void {
    if (this.durations.length < batch.capacity) this.durations = new Float64Array(batch.capacity);
  }

  #begin(row: number): void {
    this.durations[row] = 0;
    this.#labelCount = 0;
    this.#sampling.clear();
    this.#section.clear();
  }

  #take(key: number, bytes: Uint8Array, offset: number, width: number, row: number): void {
    if (width === 0) return;
    if (key === elementKeys.flowDurationMilliseconds)
      this.durations[row] = readUnsigned(bytes, offset, width);
    else if (key === elementKeys.flowDurationMicroseconds)
      this.durations[row] ||= Math.round(readUnsigned(bytes, offset, width) / 1000);
    else if (!this.#section.take(key, bytes, offset, width)) this.#sampling.take(key, bytes, offset, width);
  }

  /** Three bytes: label, traffic class, bottom of stack (RFC 3032 §2.1 without its TTL). Unused entries are zero. */
  #takeLabel(bytes: Uint8Array, offset: number, width: number): void {
    const isAtBottom = this.#labelCount > 0 && (this.#labels[this.#labelCount - 1]! & 0x100) !== 0;
    const entry = isAtBottom || width < 3 ? 0 : readUnsigned(bytes, offset, 3);
    if (entry !== 0 && this.#labelCount < this.#labels.length) this.#labels[this.#labelCount++] = entry * 256;
  }

  #finish(bytes: Uint8Array, batch: FlowBatch, row: number, facts: SetFacts): void {
    if (this.#section.isSaid) this.#section.write(bytes, batch, row);
    if (this.#labelCount > 0)
      batch.columns.mplsLabelStack[row] = batch.appendList(this.#labels, this.#labelCount);
    this.#writeSampling(batch, row, facts);
  }

  /**
   * What the record itself says goes first: it was made at that rate, while options data may be older, or newer. Then
   * what options data say of its sampler. A column left empty gets the domain's.
   */
  #writeSampling({ columns }: FlowBatch, row: number, { domain, port }: SetFacts): void {
    const { interval, samplerId, sequenceId } = this.#sampling;
    this.isSamplerRate = columns.samplingInterval[row] === 0 && interval === 0;
    if (!this.isSamplerRate) columns.samplingInterval[row] ||= interval;
    else {
      const id = samplerId >= 0 ? samplerId : findSelector(domain, port, sequenceId);
      columns.samplingInterval[row] = findSamplerInterval(domain, port, id);
    }
  }
}
