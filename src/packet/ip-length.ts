import { readUnsigned16 } from "./bytes.ts";
import { etherType, headerProtocol } from "./header-protocol.ts";

/**
 * Octets of a packet as its own IP header says, given what `writePacketRow` returned for it. 0 when there is no IP header right
 * behind layer 2 (labels of MPLS are in between), or when it does not say: jumbograms, and segments the card has yet to cut.
 */
export function ipLength(bytes: Uint8Array, start: number, layer2: number, protocol: number): number {
  if (layer2 < 0 || !isIpBehind(bytes, start, layer2, protocol)) return 0;
  const offset = start + layer2;
  if (bytes[offset]! >> 4 === 4) return readUnsigned16(bytes, offset + 2);
  const payloadLength = readUnsigned16(bytes, offset + 4);
  return payloadLength === 0 ? 0 : 40 + payloadLength;
}

/** The last octets of layer 2 name what follows: an EtherType, or a protocol of PPP in its long or short form. */
function isIpBehind(bytes: Uint8Array, start: number, layer2: number, protocol: number): boolean {
  if (layer2 === 0) return protocol === headerProtocol.ipv4 || protocol === headerProtocol.ipv6;
  const last = layer2 === 1 ? bytes[start]! : readUnsigned16(bytes, start + layer2 - 2);
  if (last === etherType.ipv4 || last === etherType.ipv6) return true;
  return (last & 0xff) === 0x21 || (last & 0xff) === 0x57;
}
