import { writeMappedIPv4 } from "../flow/index.ts";
import { readUnsigned16 } from "./bytes.ts";
import { etherType, ipProtocols, nothing } from "./header-protocol.ts";
import { layerNumber } from "./layers.ts";
import type { Walk } from "./walk.ts";

const headerLength = 20;

/**
 *  0     1     2        4     6          8     9          10         12       16
 *  +-----+-----+--------+-----+----------+-----+----------+----------+--------+-------------+
 *  |4|len| ToS | length | id  |flags,frag| TTL | protocol | checksum | source | destination |  options (RFC 791 §3.1)
 *  +-----+-----+--------+-----+----------+-----+----------+----------+--------+-------------+
 */
export function readIPv4(walk: Walk): number {
  const { bytes, offset } = walk;
  if (walk.captured < headerLength || bytes[offset]! >> 4 !== 4) return nothing;
  const length = (bytes[offset]! & 15) * 4;
  if (length < headerLength) return nothing;
  walk.enterNetwork();
  if (walk.isOuter) writeIPv4(walk);
  walk.pass(layerNumber.ipv4, length);
  // Only the first fragment has the next header.
  const isLaterFragment = (readUnsigned16(bytes, offset + 6) & 0x1fff) !== 0;
  return isLaterFragment ? nothing : ipProtocols + bytes[offset + 9]!;
}

function writeIPv4({ bytes, offset, row, columns, hasDetails }: Walk): void {
  writeMappedIPv4(columns.sourceAddress, row * 16, bytes, offset + 12);
  writeMappedIPv4(columns.destinationAddress, row * 16, bytes, offset + 16);
  columns.ipClassOfService[row] = bytes[offset + 1]!;
  columns.protocolIdentifier[row] = bytes[offset + 9]!;
  if (!hasDetails) return;
  columns.ethernetType[row] = etherType.ipv4;
  columns.ipTTL[row] = bytes[offset + 8]!;
  columns.fragmentIdentification[row] = readUnsigned16(bytes, offset + 4);
  columns.fragmentFlags[row] = bytes[offset + 6]! & 0xe0; // as IANA's fragmentFlags has them
  columns.fragmentOffset[row] = readUnsigned16(bytes, offset + 6) & 0x1fff;
}
