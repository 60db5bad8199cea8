/** What GoFlow2's fields mean in terms of our columns, where it is more than a column's value. */
import { type FieldName, type FlowBatch, type FlowColumns, isMappedIPv4 } from "../flow/index.ts";

/** By `exportFormat`. */
export const formatNames = ["FLOWUNKNOWN", "SFLOW_5", "NETFLOW_V5", "NETFLOW_V9", "IPFIX"] as const;

/** By `layerStack`; the last is any other. */
export const layerNames = [
  ...["Ethernet", "IPv4", "IPv6", "TCP", "UDP", "MPLS", "Dot1Q", "ICMP", "ICMPv6", "GRE"],
  ...["IPv6HeaderRouting", "IPv6HeaderFragment", "Geneve", "Teredo", "Custom"],
] as const;

/** What the last of `layerNames` is in GoFlow2's protobuf. */
export const customLayer = 99;

export const etherTypeIPv4 = 0x0800;
export const etherTypeArp = 0x0806;
export const etherTypeIPv6 = 0x86dd;

/** From the addresses, when the exporter does not say. */
export function etherTypeOf(columns: FlowColumns, row: number): number {
  const { ethernetType, sourceAddress, destinationAddress } = columns;
  if (ethernetType[row] !== 0) return ethernetType[row]!;
  return familyOf(columns, sourceAddress, row) || familyOf(columns, destinationAddress, row);
}

/** The EtherType of one of a packet's own addresses, 0 when it has none: 16 zero bytes are one only in IPv6. */
export function familyOf({ ethernetType }: FlowColumns, addresses: Uint8Array, row: number): number {
  if (isMappedIPv4(addresses, row * 16)) return etherTypeIPv4;
  return ethernetType[row] === etherTypeIPv6 || !isAbsent(addresses, row * 16) ? etherTypeIPv6 : 0;
}

/** What a column holds that nobody filled. 0.0.0.0 is not this: it is mapped. */
export function isAbsent(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < 16; i++) if (bytes[offset + i] !== 0) return false;
  return true;
}

/** The three highest bits of the octet (RFC 7011's fragmentFlags). */
export const ipFlags = (fragmentFlags: number) => fragmentFlags >> 5;
export const icmpType = (typeCode: number) => typeCode >> 8;
export const icmpCode = (typeCode: number) => typeCode & 0xff;

/** Of a label stack entry (RFC 3032 §2.1). */
export const mplsLabel = (entry: number) => entry >>> 12;
export const mplsTtl = (entry: number) => entry & 0xff;

/** Nanoseconds beyond the whole milliseconds of a time: the column's fractions reach below a microsecond. */
export function nanosecondsOf(milliseconds: number): number {
  const nanoseconds = Math.round((milliseconds - Math.floor(milliseconds)) * 1e6);
  return nanoseconds === 1e6 ? 999_999 : nanoseconds;
}

/**
 * Whether a column is 0 in all of a batch's rows. Looks at 32 bits at once: columns start at multiples of 8, and rows
 * behind the last are empty.
 */
export function isColumnEmpty({ columns, count, capacity }: FlowBatch, name: FieldName): boolean {
  const { buffer, byteOffset, byteLength } = columns[name];
  const words = Math.ceil(((byteLength / capacity) * count) / 4);
  return isZero(new Uint32Array(buffer, byteOffset, words));
}

function isZero(words: Uint32Array): boolean {
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  return true;
}
