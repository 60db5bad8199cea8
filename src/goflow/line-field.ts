import type { FieldName, FlowBatch } from "../flow/index.ts";
import { appendAddress, appendIPv4, appendIPv6 } from "./address-text.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { etherTypeIPv4, etherTypeIPv6, familyOf, isAbsent, nanosecondsOf } from "./record-values.ts";

/** One `name: value` of a line. */
export interface LineField {
  readonly name: string;
  /** A text has quotes in JSON; a list has brackets, and quotes around each of its values when they are texts. */
  readonly kind: "number" | "text" | "numbers" | "texts";
  /** When these columns are empty in a whole batch, the field is `emptyText` in all its rows. */
  readonly columns: readonly FieldName[];
  readonly emptyText: string;
  /** Looks up the columns once for a batch; the answer appends a row's value. `quote` is around each text of a list. */
  bind(batch: FlowBatch, writer: ByteWriter, quote: Uint8Array): AppendValue;
}
export type AppendValue = (row: number) => void;

const comma = 44;

export function number(name: string, column: FieldName): LineField {
  const bind: LineField["bind"] = ({ columns: { [column]: values } }, writer) => {
    return (row) => writer.appendDecimal(values[row]!);
  };
  return { name, kind: "number", columns: [column], emptyText: "0", bind };
}

/** A number made of a column's. */
export function derived(name: string, column: FieldName, derive: (value: number) => number): LineField {
  const bind: LineField["bind"] = ({ columns: { [column]: values } }, writer) => {
    return (row) => writer.appendDecimal(derive(values[row]!));
  };
  return { name, kind: "number", columns: [column], emptyText: "0", bind };
}

/** Nanoseconds since 1970. */
export function time(name: string, column: FieldName): LineField {
  const bind: LineField["bind"] = ({ columns: { [column]: values } }, writer) => {
    return (row) => {
      const milliseconds = values[row]!;
      const whole = Math.floor(milliseconds);
      if (whole > 0) {
        writer.appendDecimal(whole);
        writer.appendPadded(nanosecondsOf(milliseconds), 6);
      } else writer.appendDecimal(nanosecondsOf(Math.max(0, milliseconds)));
    };
  };
  return { name, kind: "number", columns: [column], emptyText: "0", bind };
}

/** Text of each possible value. */
export function named(name: string, column: FieldName, texts: readonly string[]): LineField {
  const bytes = texts.map(bytesOf);
  const bind: LineField["bind"] = ({ columns: { [column]: values } }, writer) => {
    return (row) => writer.appendBytes(bytes[values[row]!] ?? bytes[0]!);
  };
  return { name, kind: "text", columns: [column], emptyText: texts[0]!, bind };
}

type AddressField =
  | "sourceAddress"
  | "destinationAddress"
  | "exporterAddress"
  | "ipNextHopAddress"
  | "bgpNextHopAddress"
  | "mplsTopLabelAddress";

/** Nothing when it is not there. */
export function address(name: string, column: AddressField): LineField {
  const bind: LineField["bind"] = ({ columns }, writer) => {
    const values = columns[column];
    return (row) => appendAddress(writer, values, row * 16);
  };
  return { name, kind: "text", columns: [column], emptyText: "", bind };
}

/** One of the packet's own addresses: in IPv6, 16 zero bytes are an address too. */
export function endAddress(name: string, column: AddressField): LineField {
  const bind: LineField["bind"] = ({ columns }, writer) => {
    const values = columns[column];
    return (row) => {
      const family = familyOf(columns, values, row);
      if (family === etherTypeIPv4) appendIPv4(writer, values, row * 16 + 12);
      else if (family === etherTypeIPv6) appendIPv6(writer, values, row * 16);
    };
  };
  return { name, kind: "text", columns: [column, "ethernetType"], emptyText: "", bind };
}

/** A list that has the one address, or none. */
export function addressList(name: string, column: AddressField): LineField {
  const bind: LineField["bind"] = ({ columns }, writer, quote) => {
    const values = columns[column];
    return (row) => {
      if (isAbsent(values, row * 16)) return;
      writer.appendBytes(quote);
      appendAddress(writer, values, row * 16);
      writer.appendBytes(quote);
    };
  };
  return { name, kind: "texts", columns: [column], emptyText: "", bind };
}

const same = (value: number) => value;

export function numbers(name: string, column: FieldName, derive = same): LineField {
  const bind: LineField["bind"] = ({ columns: { [column]: places }, lists }, writer) => {
    return (row) => {
      const start = places[row]! + 1;
      const end = start + lists[start - 1]!;
      for (let at = start; at < end; at++) {
        if (at > start) writer.appendByte(comma);
        writer.appendDecimal(derive(lists[at]!));
      }
    };
  };
  return { name, kind: "numbers", columns: [column], emptyText: "", bind };
}

/** A list of texts, each of `width` words. */
export function texts(
  name: string,
  column: FieldName,
  width: number,
  append: (writer: ByteWriter, lists: Uint32Array, at: number) => void,
): LineField {
  const bind: LineField["bind"] = ({ columns: { [column]: places }, lists }, writer, quote) => {
    return (row) => {
      const start = places[row]! + 1;
      const end = start + lists[start - 1]!;
      for (let at = start; at + width <= end; at += width) {
        if (at > start) writer.appendByte(comma);
        writer.appendBytes(quote);
        append(writer, lists, at);
        writer.appendBytes(quote);
      }
    };
  };
  return { name, kind: "texts", columns: [column], emptyText: "", bind };
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
