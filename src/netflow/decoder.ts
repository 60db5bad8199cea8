import {
  type DecodeSummary,
  exportFormat,
  type FlowSink,
  type MessageReport,
  type MessageSource,
  parseAddress,
  type ReportDrop,
} from "../flow/index.ts";
import { isZeroFilled, readUnsigned16, readUnsigned32 } from "./bytes.ts";
import { type DecoderLimits, defaultDecoderLimits } from "./config.ts";
import { describeExporter, type ExporterDescription } from "./description.ts";
import { FlowTotals } from "./flow-totals.ts";
import { ipfix, type MessageContext, netflowV5, netflowV9 } from "./message.ts";
import { RecordReader } from "./record-reader.ts";
import { SetReader } from "./set-reader.ts";
import { dumpTemplates, restoreTemplates, type TemplateDump } from "./template-dump.ts";
import { readV5Header, readV5Records } from "./v5.ts";

const v9HeaderLength = 20;
const ipfixHeaderLength = 16;
const formats: Readonly<Record<number, number>> = {
  [netflowV5]: exportFormat.netflow5,
  [netflowV9]: exportFormat.netflow9,
  [ipfix]: exportFormat.ipfix,
};

/** What is kept in all, to be compared with the limits. */
export interface DecoderUsage {
  readonly exporterCount: number;
  readonly templateFieldCount: number;
  readonly waitingBytes: number;
  readonly samplerCount: number;
  readonly interfaceCount: number;
  /** Flows whose last totals (elements 85, 86) are remembered, and records for which there was no room. */
  readonly totalFlowCount: number;
  readonly totalOverflowCount: number;
}

/**
 * Decodes flow datagrams into batches. Keeps, within bounds, the templates and options of every exporter and the
 * data sets that came before their template. Input never makes it throw; what is given up is reported with its reason.
 */
export class FlowDecoder {
  readonly #drop: ReportDrop;
  readonly #limits: DecoderLimits;
  readonly #totals: FlowTotals;
  readonly #records: RecordReader;
  readonly #sets: SetReader;
  readonly #addresses = new AddressCache();
  readonly #summary: DecodeSummary = {
    format: 0,
    recordCount: 0,
    templateCount: 0,
    waitingSetCount: 0,
    samplingInterval: 0,
    samplingOrigin: "unknown",
  };
  readonly #message: MessageReport = {
    format: 0,
    observationDomainId: 0,
    agent: "",
    sequenceNumber: 0,
    recordCount: 0,
    optionsRecordCount: 0,
    uptimeMilliseconds: undefined,
    exportMilliseconds: undefined,
  };

  constructor(drop: ReportDrop, limits: Partial<DecoderLimits> = {}) {
    this.#drop = drop;
    this.#limits = { ...defaultDecoderLimits, ...limits };
    const { totalFlowsMax, idleMilliseconds, fieldsPerTemplateMax } = this.#limits;
    this.#totals = new FlowTotals(totalFlowsMax, idleMilliseconds);
    this.#records = new RecordReader(drop, fieldsPerTemplateMax, this.#totals);
    this.#sets = new SetReader(this.#limits, this.#records, drop, this.#summary);
  }

  /** Reads one datagram; the bytes are the caller's again when it returns. */
  decode(
    message: Uint8Array,
    source: MessageSource,
    receivedMilliseconds: number,
    sink: FlowSink,
  ): Readonly<DecodeSummary> {
    const summary = this.#summary;
    summary.format = summary.recordCount = summary.templateCount = 0;
    summary.waitingSetCount = summary.samplingInterval = 0;
    summary.samplingOrigin = "unknown";
    this.#sets.begin(receivedMilliseconds);
    if (message.length < 2) {
      this.#drop("message_truncated", source.addressText);
      return summary;
    }
    const version = readUnsigned16(message, 0);
    summary.format = formats[version] ?? 0;
    if (version === netflowV5) this.#readV5(message, source, receivedMilliseconds, sink);
    else if (version === netflowV9) this.#readV9(message, source, receivedMilliseconds, sink);
    else if (version === ipfix) this.#readIpfixMessages(message, source, receivedMilliseconds, sink);
    else this.#drop("version_unknown", source.addressText);
    return summary;
  }

  /** Gives up an exporter's templates and what waits for them. */
  forget(addressText: string): void {
    this.#sets.forget(addressText);
  }

  /** Undefined for an exporter of which nothing is kept: v5 needs no templates. A copy; not for every datagram. */
  describe(addressText: string): ExporterDescription | undefined {
    const state = this.#sets.templates.find(addressText);
    return state && describeExporter(state, this.#sets.waitingRoom.setsOf(state));
  }

  /** Templates and what options data said, of all exporters, as a value for a file: docs/formats/templates.md. */
  dumpTemplates(): TemplateDump {
    return dumpTemplates(this.#sets.templates.states());
  }

  /** Takes what a dump says, within the limits; anything else it may hold is passed over. Returns the templates taken. */
  restoreTemplates(value: unknown, nowMilliseconds: number): number {
    const { templates, options, share } = this.#sets;
    share.isLifted = true;
    const templateCount = restoreTemplates(value, nowMilliseconds, templates, options, this.#limits);
    share.isLifted = false;
    return templateCount;
  }

  get usage(): DecoderUsage {
    const { templates, waitingRoom, options } = this.#sets;
    return {
      exporterCount: templates.exporterCount,
      templateFieldCount: templates.fieldCount,
      waitingBytes: waitingRoom.byteCount,
      samplerCount: options.samplerCount,
      interfaceCount: options.interfaceCount,
      totalFlowCount: this.#totals.flowCount,
      totalOverflowCount: this.#totals.overflowCount,
    };
  }

  #readV5(message: Uint8Array, source: MessageSource, receivedMilliseconds: number, sink: FlowSink): void {
    const context = readV5Header(message, source, this.#addressOf(source, sink), receivedMilliseconds);
    if (context === undefined) {
      this.#drop("message_truncated", source.addressText);
      return;
    }
    const count = readV5Records(message, context, this.#records, this.#drop, sink, this.#summary);
    this.#tellMessage(context, count, 0, sink);
  }

  /**
   *  0        2        4               8               12              16              20
   *  +--------+--------+---------------+---------------+---------------+---------------+
   *  | 9      | count  | uptime, ms    | Unix seconds  | sequence      | source id     | sets
   *  +--------+--------+---------------+---------------+---------------+---------------+
   */
  #readV9(message: Uint8Array, source: MessageSource, receivedMilliseconds: number, sink: FlowSink): void {
    if (message.length < v9HeaderLength) {
      this.#drop("message_truncated", source.addressText);
      return;
    }
    const context: MessageContext = {
      version: netflowV9,
      format: exportFormat.netflow9,
      source,
      port: source.port,
      exporterAddress: this.#addressOf(source, sink),
      observationDomainId: readUnsigned32(message, 16),
      sequenceNumber: readUnsigned32(message, 12),
      exportMilliseconds: readUnsigned32(message, 8) * 1000 || receivedMilliseconds,
      hasClock: readUnsigned32(message, 8) > 0,
      uptimeMilliseconds: readUnsigned32(message, 4),
      receivedMilliseconds,
    };
    this.#readSets(message, v9HeaderLength, message.length, context, sink, false);
  }

  /** A datagram may hold several messages, and a tail of zeros. */
  #readIpfixMessages(
    bytes: Uint8Array,
    source: MessageSource,
    receivedMilliseconds: number,
    sink: FlowSink,
  ): void {
    let offset = 0;
    while (offset < bytes.length && !isZeroFilled(bytes, offset, bytes.length)) {
      const rest = bytes.length - offset;
      if (rest >= 2 && readUnsigned16(bytes, offset) !== ipfix) {
        this.#drop("version_unknown", source.addressText);
        return;
      }
      const length = rest < ipfixHeaderLength ? 0 : readUnsigned16(bytes, offset + 2);
      if (length < ipfixHeaderLength) {
        this.#drop("message_truncated", source.addressText);
        return;
      }
      this.#readIpfix(bytes, offset, length, source, receivedMilliseconds, sink);
      offset += length;
    }
  }

  /**
   *  0        2        4               8               12              16
   *  +--------+--------+---------------+---------------+---------------+
   *  | 10     | length | Unix seconds  | sequence      | domain        | sets
   *  +--------+--------+---------------+---------------+---------------+
   */
  #readIpfix(
    bytes: Uint8Array,
    start: number,
    length: number,
    source: MessageSource,
    receivedMilliseconds: number,
    sink: FlowSink,
  ): void {
    const isCut = start + length > bytes.length;
    if (isCut) this.#drop("message_truncated", source.addressText);
    const context: MessageContext = {
      version: ipfix,
      format: exportFormat.ipfix,
      source,
      port: source.port,
      exporterAddress: this.#addressOf(source, sink),
      observationDomainId: readUnsigned32(bytes, start + 12),
      sequenceNumber: readUnsigned32(bytes, start + 8),
      exportMilliseconds: readUnsigned32(bytes, start + 4) * 1000 || receivedMilliseconds,
      hasClock: readUnsigned32(bytes, start + 4) > 0,
      uptimeMilliseconds: undefined,
      receivedMilliseconds,
    };
    const end = Math.min(start + length, bytes.length);
    this.#readSets(bytes, start + ipfixHeaderLength, end, context, sink, isCut);
  }

  #readSets(
    bytes: Uint8Array,
    start: number,
    end: number,
    context: MessageContext,
    sink: FlowSink,
    isCut: boolean,
  ): void {
    this.#sets.readSets(bytes, start, end, context, sink, isCut);
    this.#tellMessage(context, this.#sets.messageRecordCount, this.#sets.messageOptionsRecordCount, sink);
  }

  #tellMessage(
    context: MessageContext,
    recordCount: number,
    optionsRecordCount: number,
    sink: FlowSink,
  ): void {
    if (sink.takeMessage === undefined) return;
    const message = this.#message;
    message.format = context.format;
    message.observationDomainId = context.observationDomainId;
    message.sequenceNumber = context.sequenceNumber;
    message.recordCount = recordCount;
    message.optionsRecordCount = optionsRecordCount;
    message.uptimeMilliseconds = context.uptimeMilliseconds;
    message.exportMilliseconds = context.hasClock ? context.exportMilliseconds : undefined;
    sink.takeMessage(message);
  }

  #addressOf({ addressText }: MessageSource, { batch }: FlowSink): Uint8Array | undefined {
    return batch.hasDetails ? this.#addresses.get(addressText) : undefined;
  }
}

/** Parsed addresses of exporters: a few, asked for again and again. */
class AddressCache {
  readonly #parsed = new Map<string, Uint8Array | undefined>();

  get(text: string): Uint8Array | undefined {
    if (this.#parsed.has(text)) return this.#parsed.get(text);
    if (this.#parsed.size >= cachedAddressesMax) this.#parsed.clear();
    const address = parseAddress(text);
    this.#parsed.set(text, address);
    return address;
  }
}

const cachedAddressesMax = 4096;
