import {
  type DecodeSummary,
  exportFormat,
  type FlowSink,
  type MessageSource,
  type ReportDrop,
} from "../flow/index.ts";
import { isZeroFilled, readUnsigned16, readUnsigned32 } from "./bytes.ts";
import { type DecoderLimits, defaultDecoderLimits } from "./config.ts";
import { ipfix, type MessageContext, netflowV5, netflowV9 } from "./message.ts";
import { RecordReader } from "./record-reader.ts";
import { SetReader } from "./set-reader.ts";
import { readV5 } from "./v5.ts";

const v9HeaderLength = 20;
const ipfixHeaderLength = 16;
const formats: Readonly<Record<number, number>> = {
  [netflowV5]: exportFormat.netflow5,
  [netflowV9]: exportFormat.netflow9,
  [ipfix]: exportFormat.ipfix,
};

/** One exporter's templates and what its options data said, for people to look at. */
export interface ExporterDescription {
  readonly templateCount: number;
  readonly waitingBytes: number;
  readonly domains: readonly {
    readonly version: number;
    readonly observationDomainId: number;
    readonly samplingInterval: number;
    readonly ports: readonly { readonly port: number; readonly templateIds: readonly number[] }[];
  }[];
}

/**
 * Decodes flow datagrams into batches. Keeps, within bounds, the templates and options of every exporter and the
 * data sets that came before their template. Input never makes it throw; what is given up is reported with its reason.
 */
export class FlowDecoder {
  readonly #drop: ReportDrop;
  readonly #records: RecordReader;
  readonly #sets: SetReader;
  readonly #summary: DecodeSummary = {
    format: 0,
    recordCount: 0,
    templateCount: 0,
    waitingSetCount: 0,
    samplingInterval: 0,
    samplingOrigin: "unknown",
  };

  constructor(drop: ReportDrop, limits: Partial<DecoderLimits> = {}) {
    this.#drop = drop;
    this.#records = new RecordReader(drop);
    this.#sets = new SetReader({ ...defaultDecoderLimits, ...limits }, this.#records, drop, this.#summary);
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
    this.#sets.expire(receivedMilliseconds);
    if (message.length < 2) {
      this.#drop("message_truncated", source.addressText);
      return summary;
    }
    const version = readUnsigned16(message, 0);
    if (version !== netflowV5 && version !== netflowV9 && version !== ipfix) {
      this.#drop("version_unknown", source.addressText);
      return summary;
    }
    summary.format = formats[version]!;
    if (version === netflowV5) {
      readV5(message, source, receivedMilliseconds, this.#records, this.#drop, sink, summary);
    } else if (version === netflowV9) this.#readV9(message, source, receivedMilliseconds, sink);
    else this.#readIpfixMessages(message, source, receivedMilliseconds, sink);
    return summary;
  }

  /** Gives up an exporter's templates and what waits for them. */
  forget(addressText: string): void {
    this.#sets.forget(addressText);
  }

  /** Undefined for an exporter of which nothing is kept: v5 needs no templates. */
  describe(addressText: string): ExporterDescription | undefined {
    const state = this.#sets.templates.find(addressText);
    if (state === undefined) return undefined;
    return {
      templateCount: state.templateCount,
      waitingBytes: state.waitingBytes,
      domains: [...state.domains.values()].map(({ version, id, sessions, shared }) => ({
        version,
        observationDomainId: id,
        samplingInterval: shared.samplingInterval,
        ports: [...sessions].map(([port, { templates }]) => ({ port, templateIds: [...templates.keys()] })),
      })),
    };
  }

  /** What is kept in all, to be compared with the limits. */
  get usage(): { exporterCount: number; templateFieldCount: number; waitingBytes: number } {
    const { templates, waitingRoom } = this.#sets;
    return {
      exporterCount: templates.exporterCount,
      templateFieldCount: templates.fieldCount,
      waitingBytes: waitingRoom.byteCount,
    };
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
      source,
      observationDomainId: readUnsigned32(message, 16),
      exportMilliseconds: readUnsigned32(message, 8) * 1000 || receivedMilliseconds,
      uptimeMilliseconds: readUnsigned32(message, 4),
      receivedMilliseconds,
    };
    this.#sets.readSets(message, v9HeaderLength, message.length, context, sink, false);
  }

  /**
   *  0        2        4               8               12              16
   *  +--------+--------+---------------+---------------+---------------+
   *  | 10     | length | Unix seconds  | sequence      | domain        | sets
   *  +--------+--------+---------------+---------------+---------------+
   *
   * A datagram may hold several messages, and a tail of zeros.
   */
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
      const isCut = length > rest;
      if (isCut) this.#drop("message_truncated", source.addressText);
      const context: MessageContext = {
        version: ipfix,
        source,
        observationDomainId: readUnsigned32(bytes, offset + 12),
        exportMilliseconds: readUnsigned32(bytes, offset + 4) * 1000 || receivedMilliseconds,
        uptimeMilliseconds: undefined,
        receivedMilliseconds,
      };
      const end = offset + Math.min(length, rest);
      this.#sets.readSets(bytes, offset + ipfixHeaderLength, end, context, sink, isCut);
      offset = end;
    }
  }
}
