import { readUnsigned16, readUnsigned32 } from "./bytes.ts";
import { etherType, ipProtocols, nothing } from "./header-protocol.ts";
import { layerNumber } from "./layers.ts";
import type { Walk } from "./walk.ts";

const headerLength = 40;
/** RFC 8200 §4.1 has seven in their order; a chain may not be longer than makes sense. */
const extensionsMax = 10;

/**
 *  0        4        6    7     8               24                   40
 *  +--------+--------+----+-----+---------------+--------------------+
 *  |6|ToS|fl| length |next| hops| source        | destination        |  extension headers (RFC 8200 §3)
 *  +--------+--------+----+-----+---------------+--------------------+
 */
export function readIPv6(walk: Walk): number {
  const { bytes, offset } = walk;
  if (walk.captured < headerLength || bytes[offset]! >> 4 !== 6) return nothing;
  walk.enterNetwork();
  if (walk.isOuter) writeIPv6(walk);
  walk.pass(layerNumber.ipv6, headerLength);
  return readExtensions(walk, bytes[offset + 6]!);
}

function writeIPv6({ bytes, offset, row, columns, hasDetails }: Walk): void {
  for (let i = 0; i < 16; i++) {
    columns.sourceAddress[row * 16 + i] = bytes[offset + 8 + i]!;
    columns.destinationAddress[row * 16 + i] = bytes[offset + 24 + i]!;
  }
  const first = readUnsigned32(bytes, offset);
  columns.ipClassOfService[row] = (first >>> 20) & 0xff;
  if (!hasDetails) return;
  columns.ethernetType[row] = etherType.ipv6;
  columns.ipTTL[row] = bytes[offset + 7]!;
  columns.flowLabelIPv6[row] = first & 0xfffff;
}

const hopByHop = 0;
const routing = 43;
const fragment = 44;
const authentication = 51;
const destinationOptions = 60;

/** Steps over the extension headers. The protocol is that of the first header behind them that is there. */
function readExtensions(walk: Walk, first: number): number {
  const { bytes } = walk;
  let protocol = first;
  let isLaterFragment = false;
  for (let count = 0; count < extensionsMax && isExtension(protocol) && walk.captured >= 8; count++) {
    const { offset } = walk;
    const kind = protocol;
    protocol = bytes[offset]!;
    if (kind === fragment) {
      if (walk.isOuter && walk.hasDetails) writeFragment(walk);
      walk.pass(layerNumber.ipv6Fragment, 8);
      isLaterFragment = readUnsigned16(bytes, offset + 2) >> 3 !== 0;
      if (isLaterFragment) break;
    } else if (kind === routing) {
      const length = (bytes[offset + 1]! + 1) * 8;
      if (walk.isOuter && walk.hasDetails) writeRouting(walk, length);
      walk.pass(layerNumber.ipv6Routing, length);
    } else {
      const words = bytes[offset + 1]!;
      walk.pass(layerNumber.other, kind === authentication ? (words + 2) * 4 : (words + 1) * 8);
    }
  }
  if (walk.isOuter) walk.columns.protocolIdentifier[walk.row] = protocol;
  return isLaterFragment || isExtension(protocol) ? nothing : ipProtocols + protocol;
}

/** IANA's IPv6 extension header types, but for ESP, behind which nothing can be read. */
function isExtension(protocol: number): boolean {
  switch (protocol) {
    case hopByHop:
    case routing:
    case fragment:
    case authentication:
    case destinationOptions:
    case 135: // mobility
    case 139: // host identity
    case 140: // shim6
      return true;
    default:
      return false;
  }
}

/** Next header, reserved, offset (13 bits), more fragments (the lowest bit), identification (RFC 8200 §4.5). */
function writeFragment({ bytes, offset, row, columns }: Walk): void {
  const offsetAndFlags = readUnsigned16(bytes, offset + 2);
  columns.fragmentOffset[row] = offsetAndFlags >> 3;
  columns.fragmentFlags[row] = (offsetAndFlags & 1) << 5; // as IANA's fragmentFlags has it
  columns.fragmentIdentification[row] = readUnsigned32(bytes, offset + 4);
}

const sourceRoute = 0;
const segmentRouting = 4;
/** The packet's routing header, for one `appendList`: four words an address. */
const words = new Uint32Array(64);

/** Next header, length, type, segments left, for segment routing the last entry (RFC 8754 §2); addresses from octet 8 on. */
function writeRouting({ bytes, offset, end, row, columns, batch }: Walk, length: number): void {
  const type = bytes[offset + 2]!;
  columns.ipv6RoutingHeaderSegmentsLeft[row] = bytes[offset + 3]!;
  if (type !== sourceRoute && type !== segmentRouting) return;
  const captured = Math.min(length, end - offset) - 8;
  const listed = type === segmentRouting ? bytes[offset + 4]! + 1 : 128;
  const count = Math.min(listed, captured >> 4, words.length >> 2) * 4;
  for (let i = 0; i < count; i++) words[i] = readUnsigned32(bytes, offset + 8 + i * 4);
  columns.ipv6RoutingHeaderAddresses[row] = batch.appendList(words, count);
}
