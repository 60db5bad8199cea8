import { assert, type FlowBatch, type FlowColumns, reverseEnterpriseNumber } from "../flow/index.ts";
import type { FlowWriterConfig, TimeFormat } from "./writer-config.ts";

/** What is behind a field's octets. */
const encoding = {
  /** An unsigned integer of 1, 2, 4 or 8 octets. */
  unsigned: 0,
  ipv4: 1,
  ipv6: 2,
  mac: 3,
  uptime: 4,
  seconds: 5,
  ntp: 6,
  label: 7,
  constant: 8,
  zero: 9,
} as const;
type Encoding = (typeof encoding)[keyof typeof encoding];

type NumberColumn = Exclude<keyof FlowColumns, "sourceAddress" | "destinationAddress">;

export interface WrittenField {
  readonly element: number;
  readonly length: number;
  readonly enterprise?: number;
  readonly encoding: Encoding;
  readonly column: keyof FlowColumns;
  /** A label's place, or a constant. */
  readonly argument?: number;
}

function number(element: number, length: number, column: NumberColumn, enterprise = 0): WrittenField {
  return { element, length, column, enterprise, encoding: encoding.unsigned };
}

/** The fields of a flow record, in their order: for one address family, and for ICMP or other protocols. */
export function fieldsOf(config: FlowWriterConfig, isIPv6: boolean, isIcmp: boolean): WrittenField[] {
  return config.isSoftflowd
    ? softflowdFields(config, isIPv6, isIcmp)
    : standardFields(config, isIPv6, isIcmp);
}

function addressFields(isIPv6: boolean): WrittenField[] {
  return isIPv6
    ? [
        { element: 27, length: 16, column: "sourceAddress", encoding: encoding.ipv6 },
        { element: 28, length: 16, column: "destinationAddress", encoding: encoding.ipv6 },
      ]
    : [
        { element: 8, length: 4, column: "sourceAddress", encoding: encoding.ipv4 },
        { element: 12, length: 4, column: "destinationAddress", encoding: encoding.ipv4 },
      ];
}

const timeElements: Readonly<Record<TimeFormat, readonly [start: number, end: number, length: number]>> = {
  uptime: [22, 21, 4],
  sec: [150, 151, 4],
  milli: [152, 153, 8],
  micro: [154, 155, 8],
  nano: [156, 157, 8],
};
const timeEncodings: Readonly<Record<TimeFormat, Encoding>> = {
  uptime: encoding.uptime,
  sec: encoding.seconds,
  milli: encoding.unsigned,
  micro: encoding.ntp,
  nano: encoding.ntp,
};

function timeFields(format: TimeFormat): WrittenField[] {
  const [start, end, length] = timeElements[format];
  const how = timeEncodings[format];
  return [
    { element: start, length, column: "flowStartMilliseconds", encoding: how },
    { element: end, length, column: "flowEndMilliseconds", encoding: how },
  ];
}

function standardFields(config: FlowWriterConfig, isIPv6: boolean, isIcmp: boolean): WrittenField[] {
  const isBiflow = config.isBiflow && config.version === 10;
  const reverse = reverseEnterpriseNumber;
  // RFC 7125 gave the control bits 16 bits; the old way is one octet.
  const flagsLength = config.version === 10 ? 2 : 1;
  const fields = [
    ...addressFields(isIPv6),
    ...timeFields(config.timeFormat),
    number(1, 8, "octetDeltaCount"),
    number(2, 8, "packetDeltaCount"),
    number(10, 4, "ingressInterface"),
    number(14, 4, "egressInterface"),
    number(61, 1, "flowDirection"),
    number(136, 1, "flowEndReason"),
    { ...number(60, 1, "protocolIdentifier"), encoding: encoding.constant, argument: isIPv6 ? 6 : 4 },
  ];
  if (config.withProtocol) fields.push(number(4, 1, "protocolIdentifier"));
  if (config.withPorts) {
    fields.push(number(5, 1, "ipClassOfService"));
    if (isIcmp) fields.push(number(isIPv6 ? 139 : 32, 2, "icmpTypeCode"));
    else
      fields.push(
        number(7, 2, "sourceTransportPort"),
        number(11, 2, "destinationTransportPort"),
        number(6, flagsLength, "tcpControlBits"),
      );
  }
  if (config.withVlans) fields.push(number(58, 2, "vlanId"), number(245, 2, "dot1qCustomerVlanId"));
  if (config.withMacs)
    fields.push(
      { element: 56, length: 6, column: "sourceMacAddress", encoding: encoding.mac },
      { element: 80, length: 6, column: "destinationMacAddress", encoding: encoding.mac },
    );
  if (isBiflow) {
    fields.push(
      number(1, 8, "reverseOctetDeltaCount", reverse),
      number(2, 8, "reversePacketDeltaCount", reverse),
      number(239, 1, "clientEnd"),
    );
    if (config.withPorts) fields.push(number(5, 1, "reverseIpClassOfService", reverse));
    if (config.withPorts && !isIcmp) fields.push(number(6, flagsLength, "reverseTcpControlBits", reverse));
  }
  return [...fields, ...labelFields(config.mplsLabels)];
}

/** Its order, its widths, and all fields whatever is tracked. */
function softflowdFields(config: FlowWriterConfig, isIPv6: boolean, isIcmp: boolean): WrittenField[] {
  const reverse = reverseEnterpriseNumber;
  const icmp = isIPv6 ? 139 : 32;
  const fields = [
    ...addressFields(isIPv6),
    ...timeFields(config.timeFormat),
    number(1, 4, "octetDeltaCount"),
    number(2, 4, "packetDeltaCount"),
    number(10, 4, "ingressInterface"),
    number(14, 4, "egressInterface"),
    number(61, 1, "flowDirection"),
    number(136, 1, "flowEndReason"),
  ];
  if (isIcmp) fields.push(number(icmp, 2, "icmpTypeCode"), number(4, 1, "protocolIdentifier"));
  else
    fields.push(
      number(7, 2, "sourceTransportPort"),
      number(11, 2, "destinationTransportPort"),
      number(4, 1, "protocolIdentifier"),
      number(6, 1, "tcpControlBits"),
    );
  fields.push(
    { ...number(60, 1, "protocolIdentifier"), encoding: encoding.constant, argument: isIPv6 ? 6 : 4 },
    number(5, 1, "ipClassOfService"),
  );
  if (config.withVlans) fields.push(number(58, 2, "vlanId"), number(59, 2, "postVlanId"));
  if (config.withMacs)
    fields.push(
      { element: 56, length: 6, column: "sourceMacAddress", encoding: encoding.mac },
      { element: 57, length: 6, column: "destinationMacAddress", encoding: encoding.mac },
    );
  fields.push(...labelFields(config.mplsLabels));
  if (config.isBiflow && config.version === 10) {
    fields.push(
      number(1, 4, "reverseOctetDeltaCount", reverse),
      number(2, 4, "reversePacketDeltaCount", reverse),
      number(5, 1, "reverseIpClassOfService", reverse),
    );
    fields.push(
      isIcmp
        ? { ...number(icmp, 2, "icmpTypeCode", reverse), encoding: encoding.zero }
        : number(6, 1, "reverseTcpControlBits", reverse),
    );
  }
  return fields;
}

function labelFields(count: number): WrittenField[] {
  return Array.from({ length: Math.min(count, 10) }, (_, i) => ({
    element: 70 + i,
    length: 3,
    column: "mplsLabelStack" as const,
    encoding: encoding.label,
    argument: i,
  }));
}

/** Seconds from 1900 (NTP, RFC 5905 §6) to 1970. */
const ntpToUnixSeconds = 2_208_988_800;

/** Fields compiled for writing: their octets in a record, one behind the other. */
export class RecordWriter {
  readonly fields: readonly WrittenField[];
  readonly byteLength: number;
  readonly #encodings: Uint8Array;
  readonly #lengths: Uint8Array;
  readonly #columns: readonly (keyof FlowColumns)[];
  readonly #arguments: Int32Array;
  readonly #bootMilliseconds: number;
  #batch: FlowBatch | undefined;
  #arrays: FlowColumns[keyof FlowColumns][] = [];

  constructor(fields: readonly WrittenField[], bootMilliseconds: number) {
    this.fields = fields;
    this.byteLength = fields.reduce((sum, { length }) => sum + length, 0);
    this.#encodings = Uint8Array.from(fields, (field) => field.encoding);
    this.#lengths = Uint8Array.from(fields, ({ length }) => length);
    this.#columns = fields.map(({ column }) => column);
    this.#arguments = Int32Array.from(fields, ({ argument = 0 }) => argument);
    this.#bootMilliseconds = bootMilliseconds;
  }

  /** Writes a row at `at`; there is room for `byteLength` octets. */
  write(bytes: Uint8Array, view: DataView, at: number, batch: FlowBatch, row: number): void {
    if (this.#batch !== batch) {
      this.#batch = batch;
      this.#arrays = this.#columns.map((name) => batch.columns[name]);
    }
    const encodings = this.#encodings;
    const lengths = this.#lengths;
    let to = at;
    for (let i = 0; i < encodings.length; i++) {
      const array = this.#arrays[i]!;
      const length = lengths[i]!;
      switch (encodings[i] as Encoding) {
        case encoding.unsigned:
          writeUnsigned(view, to, length, array[row] ?? 0);
          break;
        case encoding.ipv4:
          for (let byte = 0; byte < 4; byte++) bytes[to + byte] = array[row * 16 + 12 + byte]!;
          break;
        case encoding.ipv6:
          for (let byte = 0; byte < 16; byte++) bytes[to + byte] = array[row * 16 + byte]!;
          break;
        case encoding.mac:
          view.setUint16(to, (array[row] ?? 0) / 0x100000000);
          view.setUint32(to + 2, array[row] ?? 0);
          break;
        case encoding.uptime:
          view.setUint32(to, Math.floor(array[row]! - this.#bootMilliseconds));
          break;
        case encoding.seconds:
          view.setUint32(to, array[row]! / 1000);
          break;
        case encoding.ntp:
          writeNtp(view, to, array[row]!);
          break;
        case encoding.label:
          writeLabel(view, to, batch, row, this.#arguments[i]!);
          break;
        case encoding.constant:
          writeUnsigned(view, to, length, this.#arguments[i]!);
          break;
        case encoding.zero:
          writeUnsigned(view, to, length, 0);
      }
      to += length;
    }
  }
}

/** What does not fit is cut, as in an overflow: 32-bit counters are kept from that by whoever counts. */
function writeUnsigned(view: DataView, at: number, length: number, value: number): void {
  switch (length) {
    case 1:
      view.setUint8(at, value);
      return;
    case 2:
      view.setUint16(at, value);
      return;
    case 4:
      view.setUint32(at, value);
      return;
    default:
      assert(length === 8, "integers have 1, 2, 4 or 8 octets");
      view.setUint32(at, value / 0x100000000);
      view.setUint32(at + 4, value);
  }
}

/** RFC 7011 §6.1.9: seconds since 1900 and their fraction, rounded to the microsecond that a capture has. */
function writeNtp(view: DataView, at: number, milliseconds: number): void {
  const microseconds = Math.round(milliseconds * 1000);
  const seconds = Math.floor(microseconds / 1_000_000);
  view.setUint32(at, seconds + ntpToUnixSeconds);
  // Rounded up, so that a reader that rounds down finds the microsecond again.
  view.setUint32(at + 4, Math.ceil(((microseconds - seconds * 1_000_000) * 0x100000000) / 1_000_000));
}

function writeLabel(view: DataView, at: number, batch: FlowBatch, row: number, place: number): void {
  const list = batch.columns.mplsLabelStack[row] ?? 0;
  const label = list !== 0 && place < batch.lists[list]! ? batch.lists[list + 1 + place]! >>> 8 : 0;
  view.setUint16(at, label >>> 8);
  view.setUint8(at + 2, label);
}
