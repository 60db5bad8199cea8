import type { DecodeSummary, FlowSink, ReportDrop } from "../flow/index.ts";
import { isZeroFilled, readUnsigned, readUnsigned16 } from "./bytes.ts";
import type { DecoderLimits } from "./config.ts";
import { findDomainInterval, findStatedInterval } from "./domain-sampling.ts";
import {
  countSet,
  type Domain,
  type ExporterState,
  findDomain,
  findSystemInit,
  findTemplate,
} from "./exporter-state.ts";
import { FairShare } from "./fair-share.ts";
import { ipfix, type MessageContext } from "./message.ts";
import type { OptionsKeeper } from "./options-keeper.ts";
import { OptionsReader } from "./options-reader.ts";
import type { RecordReader } from "./record-reader.ts";
import type { Template, TemplateLayout } from "./template.ts";
import { TemplateCache } from "./template-cache.ts";
import { readTemplateAnnouncement, type TemplateAnnouncement } from "./template-set.ts";
import { WaitingRoom } from "./waiting-room.ts";

/** Waiting sets looked at per datagram: templates that change to and fro must not make each change look at all. */
const replayedSetsMax = 4096;

/** Goes through the sets of a v9 or IPFIX message: they differ in their ids and in how options templates look. */
export class SetReader {
  readonly templates: TemplateCache;
  readonly waitingRoom: WaitingRoom;
  readonly options: OptionsKeeper;
  readonly share = new FairShare();
  /** Data records of the message being read, and how many of them are options data; NaN when one could not be read. */
  messageRecordCount = 0;
  messageOptionsRecordCount = 0;
  readonly #records: RecordReader;
  readonly #drop: ReportDrop;
  readonly #summary: DecodeSummary;
  readonly #options: OptionsReader;
  #replaysLeft = 0;

  constructor(limits: DecoderLimits, records: RecordReader, drop: ReportDrop, summary: DecodeSummary) {
    this.#options = new OptionsReader(limits, this.share, drop);
    this.options = this.#options.keeper;
    this.templates = new TemplateCache(limits, this.share, this.options);
    this.waitingRoom = new WaitingRoom(limits, this.share, drop);
    this.#records = records;
    this.#drop = drop;
    this.#summary = summary;
  }

  /**
   * Reads sets by their lengths; the record count of v9's header is wrong in the field. A set that cannot be is the
   * end of the message, and the sets before it stay, as do the whole records of one that is only too long. A tail of zeros is padding (Palo Alto, Cisco ACI).
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
    this.messageRecordCount = isCut ? Number.NaN : 0;
    this.messageOptionsRecordCount = 0;
    let offset = start;
    while (offset < end) {
      const setLength = end - offset < 4 ? 0 : readUnsigned16(bytes, offset + 2);
      if (setLength < 4 || offset + setLength > end) {
        if (isZeroFilled(bytes, offset, end)) return;
        this.messageRecordCount = Number.NaN;
        if (!isCut) this.#report("set_length_invalid", context);
        if (setLength >= 4) this.#readCutSet(bytes, offset, end, context, sink);
        return;
      }
      this.#readSet(bytes, offset, offset + setLength, context, sink);
      offset += setLength;
    }
  }

  /** Before each datagram: gives up what has waited too long for its template. */
  begin(nowMilliseconds: number): void {
    this.#replaysLeft = replayedSetsMax;
    this.templates.begin();
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

  /** Of a data set that runs over the message's end the whole records are read, when its template is known. */
  #readCutSet(bytes: Uint8Array, start: number, end: number, context: MessageContext, sink: FlowSink): void {
    const { source, version, observationDomainId, port } = context;
    const state = this.templates.find(source.addressText);
    const domain = state && findDomain(state, version, observationDomainId);
    const setId = readUnsigned16(bytes, start);
    const template = domain?.sessions.get(port)?.templates.get(setId) ?? domain?.shared.templates.get(setId);
    if (state === undefined || template === undefined || end - start - 4 < template.layout.recordLength)
      return;
    this.#readRecords(state, domain, template, bytes, start + 4, end, context, sink);
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
    const templatesBefore = this.#summary.templateCount;
    let isRefused = false;
    let offset = start;
    while (offset < end) {
      const announcement = readTemplateAnnouncement(bytes, offset, end, context.version, isOptions);
      if (announcement === "padding") break;
      if (announcement === undefined) {
        this.#report("template_invalid", context);
        break;
      }
      // Behind one for which there was no room only those are looked at that need none.
      if (!isRefused || this.templates.isKnown(state, context, announcement.id))
        isRefused = !this.#takeAnnouncement(state, bytes, announcement, context, sink) || isRefused;
      offset = announcement.end;
    }
    const kind = isOptions ? "optionsTemplate" : "template";
    countSet(state, context.version, kind, this.#summary.templateCount - templatesBefore);
    this.templates.releaseIfUnused(state);
  }

  /** False when there was no room for it. */
  #takeAnnouncement(
    state: ExporterState,
    bytes: Uint8Array,
    announcement: TemplateAnnouncement,
    context: MessageContext,
    sink: FlowSink,
  ): boolean {
    const { id, isOptions, fieldCount } = announcement;
    if (fieldCount === 0 && context.version === ipfix && (id >= 256 || id === (isOptions ? 3 : 2))) {
      this.templates.withdraw(state, context, announcement);
      return true;
    }
    const template = this.templates.announce(state, context, bytes, announcement);
    if (typeof template === "string") {
      this.#report(template, context);
      return template !== "template_limit";
    }
    this.#summary.templateCount++;
    this.#replay(state, template.id, context, sink);
    return true;
  }

  /**
   * Reads the sets that waited for a template of this id, oldest first, with their own message's times; they are taken
   * now, though.
   */
  #replay(state: ExporterState, templateId: number, context: MessageContext, sink: FlowSink): void {
    const { version, observationDomainId, receivedMilliseconds } = context;
    const waiting = this.waitingRoom.findWaiting(state, version, observationDomainId, templateId);
    if (waiting === undefined) return;
    for (const set of waiting) {
      if (this.#replaysLeft-- <= 0) return;
      const { records } = set;
      const domain = findDomain(state, version, observationDomainId);
      const template = findTemplate(domain, set.context.port, templateId, records.length);
      if (template === undefined) continue;
      this.waitingRoom.remove(set);
      const original = { ...set.context, receivedMilliseconds };
      this.#readRecords(state, domain, template, records, 0, records.length, original, sink);
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
    const { source, version, observationDomainId, port, receivedMilliseconds } = context;
    const state = this.templates.take(source.addressText, receivedMilliseconds);
    if (state === undefined) {
      this.messageRecordCount = Number.NaN;
      this.#report("exporter_limit", context);
      return;
    }
    const domain = findDomain(state, version, observationDomainId);
    const template = findTemplate(domain, port, templateId, end - start);
    if (template !== undefined) {
      const count = this.#readRecords(state, domain, template, bytes, start, end, context, sink);
      this.messageRecordCount += count;
      if (template.layout.isOptions) this.messageOptionsRecordCount += count;
      return;
    }
    this.messageRecordCount = Number.NaN;
    const isWaiting = this.waitingRoom.add(state, context, templateId, bytes.subarray(start, end));
    if (isWaiting) this.#summary.waitingSetCount++;
    else this.templates.releaseIfUnused(state);
  }

  /** Returns how many records the set holds, as the exporter counts them; NaN when it is cut. */
  #readRecords(
    state: ExporterState,
    domain: Domain | undefined,
    template: Template,
    bytes: Uint8Array,
    start: number,
    end: number,
    context: MessageContext,
    sink: FlowSink,
  ): number {
    const { layout } = template;
    const count = layout.isOptions
      ? this.#options.readSet(state, domain, layout, bytes, start, end, context, sink)
      : this.#readFlows(domain, layout, bytes, start, end, context, sink);
    const wholeCount = Number.isNaN(count) ? 0 : count;
    template.recordCount += wholeCount;
    if (wholeCount > 0) template.session.usedMilliseconds = context.receivedMilliseconds;
    countSet(state, context.version, layout.isOptions ? "optionsData" : "data", wholeCount);
    return count;
  }

  #readFlows(
    domain: Domain | undefined,
    template: TemplateLayout,
    bytes: Uint8Array,
    start: number,
    end: number,
    context: MessageContext,
    sink: FlowSink,
  ): number {
    const { port } = context;
    const samplingInterval = template.namesSampler
      ? findStatedInterval(domain, port)
      : findDomainInterval(domain, port);
    const facts = {
      domain,
      port,
      samplingInterval,
      samplingOrigin: samplingInterval > 0 ? ("options" as const) : ("unknown" as const),
      uptimeMilliseconds:
        context.uptimeMilliseconds ?? findUptime(domain, port, template, bytes, start, context),
    };
    const kept = this.#records.readDataSet(template, bytes, start, end, context, facts, sink);
    if (kept > 0) {
      this.#summary.recordCount += kept;
      this.#summary.samplingInterval = this.#records.samplingInterval;
      this.#summary.samplingOrigin = this.#records.samplingOrigin;
    }
    return this.#records.recordCount;
  }

  #report(reason: Parameters<ReportDrop>[0], context: MessageContext): void {
    this.#drop(reason, context.source.addressText);
  }
}

/** IPFIX: the uptime at export, from the exporter's start as the set's first record or the options data give it. */
function findUptime(
  domain: Domain | undefined,
  port: number,
  { systemInitOffset, startKind, endKind, recordLength }: TemplateLayout,
  bytes: Uint8Array,
  start: number,
  context: MessageContext,
): number | undefined {
  if (startKind !== "uptime" && endKind !== "uptime") return undefined;
  const inRecord = systemInitOffset >= 0 && start + recordLength <= bytes.length;
  const systemInit =
    (inRecord ? readUnsigned(bytes, start + systemInitOffset, 8) : 0) || findSystemInit(domain, port);
  return systemInit === 0 ? undefined : context.exportMilliseconds - systemInit;
}
