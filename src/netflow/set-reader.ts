import type { DecodeSummary, FlowSink, ReportDrop } from "../flow/index.ts";
import { isZeroFilled, readUnsigned, readUnsigned16 } from "./bytes.ts";
import type { DecoderLimits } from "./config.ts";
import {
  type Domain,
  type ExporterState,
  findDomain,
  findSamplingInterval,
  findSystemInit,
  findTemplate,
} from "./exporter-state.ts";
import { ipfix, type MessageContext } from "./message.ts";
import { readOptionsSet } from "./options.ts";
import type { RecordReader } from "./record-reader.ts";
import type { Template } from "./template.ts";
import { TemplateCache } from "./template-cache.ts";
import { readTemplateAnnouncement, type TemplateAnnouncement } from "./template-set.ts";
import { WaitingRoom, type WaitingSet } from "./waiting-room.ts";

/** Goes through the sets of a v9 or IPFIX message: they differ in their ids and in how options templates look. */
export class SetReader {
  readonly templates: TemplateCache;
  readonly waitingRoom: WaitingRoom;
  readonly #records: RecordReader;
  readonly #drop: ReportDrop;
  readonly #summary: DecodeSummary;

  constructor(limits: DecoderLimits, records: RecordReader, drop: ReportDrop, summary: DecodeSummary) {
    this.templates = new TemplateCache(limits);
    this.waitingRoom = new WaitingRoom(limits, drop);
    this.#records = records;
    this.#drop = drop;
    this.#summary = summary;
  }

  /**
   * Reads sets by their lengths; the record count of v9's header is wrong in the field. A set that cannot be is the
   * end of the message, and the sets before it stay. A tail of zeros is padding (Palo Alto, Cisco ACI).
   * `isCut` says that the message's end is missing and has been counted.
   */
  readSets(
    bytes: Uint8Array,
    start: number,
    end: number,
    context: MessageContext,
    sink: FlowSink,
    isCut: boolean,
  ): void {
    let offset = start;
    while (offset < end) {
      const setLength = end - offset < 4 ? 0 : readUnsigned16(bytes, offset + 2);
      if (setLength < 4 || offset + setLength > end) {
        if (!isCut && !isZeroFilled(bytes, offset, end)) this.#report("set_length_invalid", context);
        return;
      }
      this.#readSet(bytes, offset, offset + setLength, context, sink);
      offset += setLength;
    }
  }

  /** Gives up what has waited too long for its template. */
  expire(nowMilliseconds: number): void {
    for (const state of this.waitingRoom.expire(nowMilliseconds)) this.templates.releaseIfUnused(state);
  }

  forget(addressText: string): void {
    const state = this.templates.find(addressText);
    if (state === undefined) return;
    this.waitingRoom.forget(state);
    this.templates.forget(state);
  }

  #readSet(bytes: Uint8Array, start: number, end: number, context: MessageContext, sink: FlowSink): void {
    const setId = readUnsigned16(bytes, start);
    const firstTemplateSet = context.version === ipfix ? 2 : 0;
    if (setId >= 256) this.#readDataSet(setId, bytes, start + 4, end, context, sink);
    else if (setId === firstTemplateSet) this.#readTemplateSet(bytes, start + 4, end, context, sink, false);
    else if (setId === firstTemplateSet + 1)
      this.#readTemplateSet(bytes, start + 4, end, context, sink, true);
    else this.#report("set_id_reserved", context);
  }

  #readTemplateSet(
    bytes: Uint8Array,
    start: number,
    end: number,
    context: MessageContext,
    sink: FlowSink,
    isOptions: boolean,
  ): void {
    if (start === end) {
      this.#report("template_invalid", context);
      return;
    }
    const state = this.templates.take(context.source.addressText, context.receivedMilliseconds);
    if (state === undefined) {
      this.#report("exporter_limit", context);
      return;
    }
    let offset = start;
    while (offset < end) {
      const announcement = readTemplateAnnouncement(bytes, offset, end, context.version, isOptions);
      if (announcement === "padding") break;
      if (announcement === undefined) {
        this.#report("template_invalid", context);
        break;
      }
      this.#takeAnnouncement(state, bytes, announcement, context, sink);
      offset = announcement.end;
    }
    this.templates.releaseIfUnused(state);
  }

  #takeAnnouncement(
    state: ExporterState,
    bytes: Uint8Array,
    announcement: TemplateAnnouncement,
    context: MessageContext,
    sink: FlowSink,
  ): void {
    const { id, isOptions, fieldCount } = announcement;
    if (fieldCount === 0 && context.version === ipfix && (id >= 256 || id === (isOptions ? 3 : 2))) {
      this.templates.withdraw(state, context, announcement);
      return;
    }
    const template = this.templates.announce(state, context, bytes, announcement);
    if (typeof template === "string") {
      this.#report(template, context);
      return;
    }
    this.#summary.templateCount++;
    this.#replay(state, template, context, sink);
  }

  /** Reads the sets that waited for a template, with their own message's times; they are taken now, though. */
  #replay(state: ExporterState, template: Template, context: MessageContext, sink: FlowSink): void {
    const find = (set: WaitingSet) => {
      const { version, observationDomainId, source } = set.context;
      return findTemplate(
        state,
        version,
        observationDomainId,
        source.port,
        set.templateId,
        set.records.length,
      );
    };
    const { receivedMilliseconds } = context;
    const released = this.waitingRoom.release(state, template.id, (set) => find(set) !== undefined);
    for (const set of released) {
      const { records } = set;
      const original = { ...set.context, receivedMilliseconds };
      this.#readRecords(state, find(set)!, records, 0, records.length, original, sink);
    }
  }

  #readDataSet(
    templateId: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    context: MessageContext,
    sink: FlowSink,
  ): void {
    if (start === end) {
      this.#report("set_truncated", context);
      return;
    }
    const { source, version, observationDomainId, receivedMilliseconds } = context;
    const state = this.templates.take(source.addressText, receivedMilliseconds);
    if (state === undefined) {
      this.#report("exporter_limit", context);
      return;
    }
    const template = findTemplate(state, version, observationDomainId, source.port, templateId, end - start);
    if (template !== undefined) this.#readRecords(state, template, bytes, start, end, context, sink);
    else {
      const isWaiting = this.waitingRoom.add(state, context, templateId, bytes.subarray(start, end));
      if (isWaiting) this.#summary.waitingSetCount++;
      else this.templates.releaseIfUnused(state);
    }
  }

  #readRecords(
    state: ExporterState,
    template: Template,
    bytes: Uint8Array,
    start: number,
    end: number,
    context: MessageContext,
    sink: FlowSink,
  ): void {
    const { port } = context.source;
    const domain = findDomain(state, context.version, context.observationDomainId);
    if (template.isOptions) {
      if (!learnFacts(domain, port, template, bytes, start, end)) this.#report("set_truncated", context);
      return;
    }
    const facts = {
      samplingInterval: findSamplingInterval(domain, port),
      uptimeMilliseconds:
        context.uptimeMilliseconds ?? findUptime(domain, port, template, bytes, start, context),
    };
    this.#summary.samplingInterval = facts.samplingInterval;
    this.#summary.recordCount += this.#records.readDataSet(template, bytes, start, end, context, facts, sink);
  }

  #report(reason: Parameters<ReportDrop>[0], context: MessageContext): void {
    this.#drop(reason, context.source.addressText);
  }
}

/** Facts hold for the port that says them first, and for the domain's ports that say nothing themselves. */
function learnFacts(
  domain: Domain | undefined,
  port: number,
  template: Template,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  const facts = { samplingInterval: 0, systemInitMilliseconds: 0 };
  const isWhole = readOptionsSet(template, bytes, start, end, facts);
  for (const holder of [domain?.sessions.get(port), domain?.shared]) {
    if (holder === undefined) continue;
    if (facts.samplingInterval > 0) holder.samplingInterval = facts.samplingInterval;
    if (facts.systemInitMilliseconds > 0) holder.systemInitMilliseconds = facts.systemInitMilliseconds;
  }
  return isWhole;
}

/** IPFIX: the uptime at export, from the exporter's start as the set's first record or the options data give it. */
function findUptime(
  domain: Domain | undefined,
  port: number,
  { systemInitOffset, isStartUptime, isEndUptime, recordLength }: Template,
  bytes: Uint8Array,
  start: number,
  context: MessageContext,
): number | undefined {
  if (!isStartUptime && !isEndUptime) return undefined;
  const inRecord = systemInitOffset >= 0 && start + recordLength <= bytes.length;
  const systemInit =
    (inRecord ? readUnsigned(bytes, start + systemInitOffset, 8) : 0) || findSystemInit(domain, port);
  return systemInit === 0 ? undefined : context.exportMilliseconds - systemInit;
}
