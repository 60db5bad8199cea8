import { readMacAddress, readUnsigned16, readUnsigned32 } from "./bytes.ts";
import { etherType, nothing } from "./header-protocol.ts";
import { layerNumber } from "./layers.ts";
import type { Walk } from "./walk.ts";

/** Below, the field is a length (IEEE 802.3 §3.2.6). */
const etherTypeMin = 0x0600;
const snapLength = 8;

/**
 *  0             6        12     14
 *  +-------------+--------+------+
 *  | destination | source | type |  payload
 *  +-------------+--------+------+
 */
export function readEthernet(walk: Walk): number {
  const { bytes, offset, row, columns } = walk;
  if (walk.captured < 14) return nothing;
  if (walk.isOuter && walk.hasDetails) {
    columns.destinationMacAddress[row] = readMacAddress(bytes, offset);
    columns.sourceMacAddress[row] = readMacAddress(bytes, offset + 6);
  }
  walk.pass(layerNumber.ethernet, 14);
  return readEtherType(walk, readUnsigned16(bytes, offset + 12));
}

/** The type, or behind a length that of a SNAP header (`aa aa 03`, then 00 00 00 and a type: RFC 1042). */
function readEtherType(walk: Walk, typeOrLength: number): number {
  const { bytes, offset } = walk;
  let type = typeOrLength;
  if (type < etherTypeMin) {
    if (walk.captured < snapLength) return nothing;
    if (readUnsigned32(bytes, offset) !== 0xaaaa0300 || readUnsigned16(bytes, offset + 4) !== 0)
      return nothing;
    type = readUnsigned16(bytes, offset + 6);
    walk.pass(layerNumber.other, snapLength);
  }
  if (walk.isOuter && walk.hasDetails) walk.columns.ethernetType[walk.row] = type;
  return type;
}

/** A tag is 16 bits, of which 12 are the VLAN, and the type of what follows (IEEE 802.1Q §9). The outermost is `vlanId`. */
export function readVlan(walk: Walk): number {
  const { bytes, offset, row, columns } = walk;
  if (walk.captured < 4) return nothing;
  if (walk.isOuter) {
    const vlan = readUnsigned16(bytes, offset) & 0xfff;
    if (walk.vlanCount === 0) columns.vlanId[row] = vlan;
    else if (walk.vlanCount === 1 && walk.hasDetails) columns.dot1qCustomerVlanId[row] = vlan;
    walk.vlanCount++;
  }
  walk.pass(layerNumber.vlan, 4);
  return readEtherType(walk, readUnsigned16(bytes, offset + 2));
}

/** The packet's labels, for one `appendList`. */
const labels = new Uint32Array(16);

/** Label stack entries up to the one marked as the bottom (RFC 3032 §2.1); what follows tells itself by its version. */
export function readMpls(walk: Walk): number {
  const { bytes, offset, end } = walk;
  let count = 0;
  let isBottom = false;
  while (!isBottom && count < labels.length && offset + count * 4 + 4 <= end) {
    const entry = readUnsigned32(bytes, offset + count * 4);
    labels[count++] = entry;
    isBottom = (entry & 0x100) !== 0;
  }
  if (count === 0) return nothing;
  if (walk.isOuter) {
    if (walk.layer3Offset === -1) walk.layer3Offset = offset;
    if (walk.hasDetails) walk.columns.mplsLabelStack[walk.row] = walk.batch.appendList(labels, count);
  }
  walk.pass(layerNumber.mpls, count * 4);
  if (!isBottom || walk.captured < 1) return nothing;
  const version = bytes[walk.offset]! >> 4;
  return version === 4 ? etherType.ipv4 : version === 6 ? etherType.ipv6 : nothing;
}

/** PPP's protocol (RFC 1661 §2), perhaps behind address and control (RFC 1662 §3.1); one octet long when it is odd. */
export function readPpp(walk: Walk): number {
  const { bytes, offset } = walk;
  if (walk.captured < 4) return nothing;
  const protocolOffset = readUnsigned16(bytes, offset) === 0xff03 ? offset + 2 : offset;
  const isShort = (bytes[protocolOffset]! & 1) === 1;
  const protocol = isShort ? bytes[protocolOffset]! : readUnsigned16(bytes, protocolOffset);
  walk.pass(layerNumber.other, protocolOffset - offset + (isShort ? 1 : 2));
  return pppEtherTypes.get(protocol) ?? nothing;
}

const pppEtherTypes: ReadonlyMap<number, number> = new Map([
  [0x0021, etherType.ipv4],
  [0x0057, etherType.ipv6],
  [0x0281, etherType.mpls],
  [0x0283, etherType.mplsMulticast],
]);

/** Version and type, code, session, length (RFC 2516 §4); then PPP. */
export function readPppoe(walk: Walk): number {
  if (walk.captured < 6) return nothing;
  walk.pass(layerNumber.other, 6);
  return etherType.ppp;
}
