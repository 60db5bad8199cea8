import { readUnsigned16 } from "./bytes.ts";
import { etherType, nothing } from "./header-protocol.ts";
import { layerNumber } from "./layers.ts";
import type { Walk } from "./walk.ts";

/** Flags and version, EtherType; checksum, key and sequence number when their bits are set (RFC 2784, RFC 2890). */
export function readGre(walk: Walk): number {
  const { bytes, offset } = walk;
  walk.isOuter = false;
  if (walk.captured < 4) return nothing;
  const flags = readUnsigned16(bytes, offset);
  if ((flags & 7) !== 0) return nothing; // version 1 is PPTP's
  const checksum = (flags & 0x8000) === 0 ? 0 : 4;
  const key = (flags & 0x2000) === 0 ? 0 : 4;
  const sequence = (flags & 0x1000) === 0 ? 0 : 4;
  walk.pass(layerNumber.gre, 4 + checksum + key + sequence);
  return readUnsigned16(bytes, offset + 2);
}

/** Flags and network identifier, 8 octets, then an Ethernet frame (RFC 7348 §5). */
export function readVxlan(walk: Walk): number {
  walk.isOuter = false;
  if (walk.captured < 8) return nothing;
  walk.pass(layerNumber.vxlan, 8);
  return etherType.ethernet;
}

/** Version and length of options in 32-bit words (6 bits), flags, EtherType, network identifier (RFC 8926 §3.4). */
export function readGeneve(walk: Walk): number {
  const { bytes, offset } = walk;
  walk.isOuter = false;
  if (walk.captured < 8) return nothing;
  walk.pass(layerNumber.geneve, 8 + (bytes[offset]! & 0x3f) * 4);
  return readUnsigned16(bytes, offset + 2);
}
