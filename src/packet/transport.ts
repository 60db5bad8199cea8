import { hasPorts, protocolTcp, protocolUdp } from "../flow/index.ts";
import { readUnsigned16 } from "./bytes.ts";
import { etherType, geneve, nothing, vxlan } from "./header-protocol.ts";
import { layerNumber } from "./layers.ts";
import { readGre } from "./tunnel.ts";
import type { Walk } from "./walk.ts";

const protocolIcmp = 1;
const protocolIcmpV6 = 58;
/** Where VXLAN arrives: IANA's port, and the one Linux had before (flannel's still). */
const vxlanPort = 4789;
const linuxVxlanPort = 8472;
const genevePort = 6081;

/** Reads what is behind an IP header, and returns what comes next: something in a tunnel only. */
export function readTransport(walk: Walk, protocol: number): number {
  if (hasPorts(protocol)) return readPorts(walk, protocol);
  switch (protocol) {
    case protocolIcmp:
      return readIcmp(walk, layerNumber.icmp);
    case protocolIcmpV6:
      return readIcmp(walk, layerNumber.icmpv6);
    case 4:
      return etherType.ipv4;
    case 41:
      return etherType.ipv6;
    case 47:
      return readGre(walk);
    case 137:
      return readMplsInIp(walk);
    default:
      return nothing;
  }
}

function readMplsInIp(walk: Walk): number {
  walk.isOuter = false;
  return etherType.mpls;
}

function readIcmp(walk: Walk, layer: number): number {
  const { bytes, offset, row, columns } = walk;
  if (walk.captured < 2) return nothing;
  if (walk.isOuter) columns.icmpTypeCode[row] = readUnsigned16(bytes, offset);
  walk.pass(layer, 8);
  return nothing;
}

/** Both ports are the first four octets of TCP, UDP, UDP-Lite, SCTP and DCCP. */
function readPorts(walk: Walk, protocol: number): number {
  const { bytes, offset, row, columns } = walk;
  if (walk.captured < 4) return nothing;
  if (walk.isOuter) {
    columns.sourceTransportPort[row] = readUnsigned16(bytes, offset);
    columns.destinationTransportPort[row] = readUnsigned16(bytes, offset + 2);
  }
  if (protocol === protocolTcp) return readTcp(walk);
  const port = readUnsigned16(bytes, offset + 2);
  walk.pass(protocol === protocolUdp ? layerNumber.udp : layerNumber.other, protocol === 132 ? 12 : 8);
  if (protocol !== protocolUdp) return nothing;
  if (port === vxlanPort || port === linuxVxlanPort) return vxlan;
  return port === genevePort ? geneve : nothing;
}

/** Octets 12 and 13: header length in 32-bit words (4 bits), then the control bits (RFC 9293 §3.1). */
function readTcp(walk: Walk): number {
  const { bytes, offset, row, columns } = walk;
  const hasFlags = walk.captured >= 14;
  if (walk.isOuter && hasFlags) columns.tcpControlBits[row] = readUnsigned16(bytes, offset + 12) & 0xfff;
  walk.pass(layerNumber.tcp, hasFlags ? (bytes[offset + 12]! >> 4) * 4 : 20);
  return nothing;
}
