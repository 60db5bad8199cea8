/**
 * Reads a datagram slowly and clearly: objects, slices, exceptions, and the specification's own names. The oracle of the fast one,
 * for all but the sampled packet's headers, which it leaves as bytes.
 */
import { formatAddress } from "../../flow/index.ts";

class Slice {
  readonly bytes: Uint8Array;
  at = 0;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  take(length: number): Slice {
    if (this.at + length > this.bytes.length) throw new RangeError("cut off");
    const part = this.bytes.slice(this.at, this.at + length);
    this.at += length;
    return new Slice(part);
  }
  word(): number {
    return Number(`0x${Buffer.from(this.take(4).bytes).toString("hex")}`);
  }
  words(count: number): number[] {
    if (count > this.bytes.length) throw new RangeError("more than there can be");
    return Array.from({ length: count }, () => this.word());
  }
  /** Opaque: a length, the bytes, and their filling as far as it is there. */
  opaque(): Slice {
    const part = this.take(this.word());
    this.at = Math.min(Math.ceil(this.at / 4) * 4, this.bytes.length);
    return part;
  }
  address(): string {
    const type = this.word();
    if (type === 0) return "";
    if (type > 2) throw new RangeError("no such address");
    const { bytes } = this.take(type === 1 ? 4 : 16);
    return formatAddress(type === 1 ? Uint8Array.from([...Array(10).fill(0), 255, 255, ...bytes]) : bytes);
  }
}

export interface SlowSample {
  readonly kind: number;
  readonly sequence: number;
  readonly sourceType: number;
  readonly source: number;
  readonly rate: number;
  readonly input: readonly [format: number, value: number];
  readonly output: readonly [format: number, value: number];
  readonly records: readonly SlowRecord[];
}

export type SlowRecord = { readonly format: number } & Readonly<Record<string, unknown>>;

export interface SlowDatagram {
  readonly agent: string;
  readonly subAgent: number;
  readonly sequence: number;
  readonly uptime: number;
  readonly samples: readonly (SlowSample | "sample_truncated" | "sample_unknown" | "message_truncated")[];
}

/** Undefined when the header is cut off. */
export function readSlowly(bytes: Uint8Array): SlowDatagram | undefined {
  const datagram = new Slice(bytes);
  try {
    datagram.word();
    const header = { agent: datagram.address() };
    const [subAgent, sequence, uptime, count] = datagram.words(4) as [number, number, number, number];
    return { ...header, subAgent, sequence, uptime, samples: [...readSamples(datagram, count)] };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function* readSamples(datagram: Slice, count: number): Generator<SlowDatagram["samples"][number]> {
  for (let i = 0; i < count; i++) {
    if (datagram.bytes.length - datagram.at < 8) return yield "message_truncated";
    const format = datagram.word();
    try {
      const body = datagram.opaque();
      yield attempt(() => readSample(format, body));
    } catch {
      return yield "sample_truncated";
    }
  }
}

function attempt<T>(read: () => T): T | "sample_truncated" {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return "sample_truncated";
    throw error;
  }
}

function readSample(format: number, body: Slice): SlowSample | "sample_unknown" {
  if (format < 1 || format > 5) return "sample_unknown";
  const sequence = body.word();
  const isCompact = format < 3;
  const id = body.word();
  const source = isCompact ? id % 2 ** 24 : body.word();
  const sample = { kind: format, sequence, sourceType: isCompact ? Math.floor(id / 2 ** 24) : id, source };
  const none = [0, 0] as const;
  if (format === 2 || format === 4)
    return { ...sample, rate: 0, input: none, output: none, records: readRecords(body, readCounterRecord) };
  if (format === 5) {
    const [, input, output] = body.words(3) as [number, number, number];
    const reason = body.word();
    const records = readRecords(body, readFlowRecord);
    return { ...sample, rate: 1, input: [0, input], output: [0, output], records: [...records, { format: -1, reason }] };
  }
  const [rate] = body.words(3) as [number];
  const split = (): [number, number] => {
    const word = body.word();
    return isCompact ? [Math.floor(word / 2 ** 30), word % 2 ** 30] : [word, body.word()];
  };
  return { ...sample, rate, input: split(), output: split(), records: readRecords(body, readFlowRecord) };
}

function readRecords(body: Slice, read: (format: number, record: Slice) => Record<string, unknown>): SlowRecord[] {
  const count = body.word();
  const records: SlowRecord[] = [];
  for (let i = 0; i < count; i++) {
    const format = body.word();
    records.push({ format, ...read(format, body.opaque()) });
  }
  return records;
}

function readFlowRecord(format: number, record: Slice): Record<string, unknown> {
  switch (format) {
    case 1: {
      const [protocol, frameLength, stripped] = record.words(3);
      return { protocol, frameLength, stripped, header: record.take(record.word()).bytes };
    }
    case 2:
      return { bytes: record.take(24).bytes };
    case 3:
      return { bytes: record.take(32).bytes };
    case 4:
      return { bytes: record.take(56).bytes };
    case 1001:
      return { vlans: record.words(4) };
    case 1002:
      return { nextHop: record.address(), lengths: record.words(2) };
    case 1003: {
      const nextHop = record.address();
      const [own, source] = record.words(3);
      const path: number[] = [];
      for (let segments = record.word(); segments > 0; segments--) {
        record.word();
        path.push(...record.words(record.word()));
      }
      return { nextHop, own, source, path, communities: record.words(record.word()) };
    }
    case 1006:
      return { nextHop: record.address(), labels: record.words(record.word()) };
    case 1007:
      return { source: record.address(), destination: record.address() };
    case 1020:
      return { ports: record.words(2) };
    default:
      return {};
  }
}

function readCounterRecord(format: number, record: Slice): Record<string, unknown> {
  if (format === 1) return { bytes: record.take(88).bytes };
  if (format === 1005) return { name: record.take(record.word()).bytes };
  return {};
}
