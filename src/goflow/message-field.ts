import type { FieldName, FlowBatch } from "../flow/index.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { AppendValue } from "./line-field.ts";
import { nanosecondsOf } from "./record-values.ts";

/** One field of the protobuf message. */
export interface MessageField {
  /** When these columns are empty in a whole batch, so is the field: it is left out. */
  readonly columns: readonly FieldName[];
  /** Looks up the columns once for a batch; the answer appends a row's field, or nothing when it has its default. */
  bind(batch: FlowBatch, writer: ByteWriter): AppendValue;
}

/** Wire types (protobuf.dev/programming-guides/encoding). */
const wireVarint = 0;
const wireBytes = 2;

export function varint(
  fieldNumber: number,
  column: FieldName,
  derive?: (value: number) => number,
): MessageField {
  const tag = fieldNumber * 8 + wireVarint;
  const bind: MessageField["bind"] = ({ columns: { [column]: values } }, writer) => {
    if (derive !== undefined) return (row) => appendVarintField(writer, tag, derive(values[row]!));
    // One function for each kind of array: reading any of four kinds in one place is slower.
    if (values instanceof Uint8Array) return (row) => appendVarintField(writer, tag, values[row]!);
    if (values instanceof Uint16Array) return (row) => appendVarintField(writer, tag, values[row]!);
    if (values instanceof Uint32Array) return (row) => appendVarintField(writer, tag, values[row]!);
    return (row) => appendVarintField(writer, tag, values[row]!);
  };
  return { columns: [column], bind };
}

function appendVarintField(writer: ByteWriter, tag: number, value: number): void {
  if (value === 0) return;
  writer.appendVarint(tag);
  writer.appendVarint(value);
}

/** Nanoseconds since 1970, from a time in milliseconds. */
export function timeVarint(fieldNumber: number, column: FieldName): MessageField {
  const tag = fieldNumber * 8 + wireVarint;
  const bind: MessageField["bind"] = ({ columns: { [column]: values } }, writer) => {
    // Records of one datagram came at one time, and many of them ended at one.
    let lastMilliseconds = 0;
    let high = 0;
    let low = 0;
    return (row) => {
      const milliseconds = values[row]!;
      if (milliseconds <= 0) return;
      if (milliseconds < 60_000) {
        const small = Math.floor(milliseconds) * 1e6 + nanosecondsOf(milliseconds);
        if (small === 0) return;
        writer.appendVarint(tag);
        writer.appendVarint(small);
        return;
      }
      if (milliseconds !== lastMilliseconds) {
        // The product of whole milliseconds and 10^6 does not fit a double's 53 bits, that of their halves does.
        const whole = Math.floor(milliseconds);
        const wholeHigh = Math.floor(whole / 0x1_0000);
        const product = wholeHigh * 1e6;
        const productHigh = Math.floor(product / 0x1_0000);
        const productLow = product - productHigh * 0x1_0000;
        const lower =
          productLow * 0x1_0000 + (whole - wholeHigh * 0x1_0000) * 1e6 + nanosecondsOf(milliseconds);
        const carry = Math.floor(lower / 2 ** 32);
        lastMilliseconds = milliseconds;
        high = productHigh + carry;
        low = lower - carry * 2 ** 32;
      }
      writer.appendVarint(tag);
      writer.appendVarint64(high, low);
    };
  };
  return { columns: [column], bind };
}

type AddressField = Extract<FieldName, `${string}Address`>;

/** 4 bytes of IPv4 or 16 of IPv6. `isThere` decides about 16 zero bytes. */
export function addressBytes(
  fieldNumber: number,
  column: AddressField,
  isThere: (batch: FlowBatch, row: number) => boolean = () => false,
): MessageField {
  const tag = fieldNumber * 8 + wireBytes;
  const bind: MessageField["bind"] = (batch, writer) => {
    const addresses = batch.columns[column] as Uint8Array;
    const words = new Uint32Array(addresses.buffer, addresses.byteOffset, addresses.length >> 2);
    return (row) => {
      const at = row * 4;
      const isMapped = words[at] === 0 && words[at + 1] === 0 && words[at + 2] === mappedWord;
      const isAbsent = (words[at]! | words[at + 1]! | words[at + 2]! | words[at + 3]!) === 0;
      if (isAbsent && !isThere(batch, row)) return;
      appendAddress(writer, tag, addresses, row * 16, isMapped ? 4 : 16);
    };
  };
  return { columns: [column, "ethernetType"], bind };
}

/** The third word of a mapped IPv4 address, in the machine's byte order. */
const [mappedWord] = new Uint32Array(Uint8Array.of(0, 0, 0xff, 0xff).buffer);

function appendAddress(
  writer: ByteWriter,
  tag: number,
  source: Uint8Array,
  offset: number,
  length: number,
): void {
  writer.appendVarint(tag);
  const { bytes } = writer;
  let at = writer.position;
  bytes[at++] = length;
  for (let i = offset + 16 - length; i < offset + 16; i++) bytes[at++] = source[i]!;
  writer.position = at;
}

/** Repeated numbers are packed: one length, then all of them. */
export function packedVarints(
  fieldNumber: number,
  column: FieldName,
  derive = (value: number) => value,
  isThere: (batch: FlowBatch, row: number) => boolean = () => true,
): MessageField {
  const tag = fieldNumber * 8 + wireBytes;
  const bind: MessageField["bind"] = (batch, writer) => {
    const { columns, lists } = batch;
    const places = columns[column];
    return (row) => {
      const start = places[row]! + 1;
      const end = start + lists[start - 1]!;
      if (start === end || !isThere(batch, row)) return;
      let length = 0;
      for (let at = start; at < end; at++) length += varintLength(derive(lists[at]!));
      writer.appendVarint(tag);
      writer.appendVarint(length);
      for (let at = start; at < end; at++) writer.appendVarint(derive(lists[at]!));
    };
  };
  return { columns: [column], bind };
}

export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) length++;
  return length;
}

/** A list of IPv6 addresses, four words each. */
export function addressWords(fieldNumber: number, column: FieldName): MessageField {
  const tag = fieldNumber * 8 + wireBytes;
  const bind: MessageField["bind"] = ({ columns: { [column]: places }, lists }, writer) => {
    return (row) => {
      const start = places[row]! + 1;
      const end = start + lists[start - 1]!;
      for (let at = start; at + 4 <= end; at += 4) {
        writer.appendVarint(tag);
        writer.appendByte(16);
        for (let i = 0; i < 16; i++) writer.appendByte((lists[at + (i >> 2)]! >>> (24 - (i & 3) * 8)) & 0xff);
      }
    };
  };
  return { columns: [column], bind };
}
