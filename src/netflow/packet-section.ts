import type { FlowBatch } from "../flow/index.ts";
import { headerProtocol, writePacketRow } from "../packet/index.ts";
import { isZeroFilled, readUnsigned, readUnsigned16 } from "./bytes.ts";
import { elementKeys } from "./element.ts";

/**
 * The piece of a sampled packet that a record carries (RFC 5477 §8.5, IANA 104, 313, 315), and what the record says about
 * its length. Such a record is one packet.
 */
export class PacketSection {
  #protocol = 0;
  #start = 0;
  #width = 0;
  #exportedOctets = 0;
  #frameOctets = 0;
  #ipOctets = 0;

  get isSaid(): boolean {
    return this.#protocol !== 0;
  }

  clear(): void {
    this.#protocol = this.#exportedOctets = this.#frameOctets = this.#ipOctets = 0;
  }

  /** False for an element that is not about a packet. */
  take(key: number, bytes: Uint8Array, offset: number, width: number): boolean {
    switch (key) {
      case elementKeys.dataLinkFrameSection:
      case elementKeys.layer2PacketSectionData:
        return this.#begin(headerProtocol.ethernet, offset, width);
      case elementKeys.ipHeaderPacketSection:
        return this.#begin(
          bytes[offset]! >> 4 === 6 ? headerProtocol.ipv6 : headerProtocol.ipv4,
          offset,
          width,
        );
      case elementKeys.sectionExportedOctets:
        this.#exportedOctets = readUnsigned(bytes, offset, width);
        return true;
      case elementKeys.dataLinkFrameSize:
        this.#frameOctets = readUnsigned(bytes, offset, width);
        return true;
      case elementKeys.ipTotalLength:
        this.#ipOctets = readUnsigned(bytes, offset, width);
        return true;
      default:
        return false;
    }
  }

  /** A frame goes before a network header, which it has inside; the first of a kind stays. */
  #begin(protocol: number, offset: number, width: number): true {
    if (
      this.#protocol !== 0 &&
      (this.#protocol === headerProtocol.ethernet || protocol !== headerProtocol.ethernet)
    )
      return true;
    this.#protocol = protocol;
    this.#start = offset;
    this.#width = width;
    return true;
  }

  write(bytes: Uint8Array, batch: FlowBatch, row: number): void {
    const { columns } = batch;
    const width = this.#exportedOctets > 0 ? Math.min(this.#width, this.#exportedOctets) : this.#width;
    const end = this.#start + width;
    if (isZeroFilled(bytes, this.#start, end)) return; // padding longer than a record
    const layer2Octets = writePacketRow(bytes, this.#start, end, this.#protocol, batch, row);
    columns.packetDeltaCount[row] ||= 1;
    columns.octetDeltaCount[row] ||= this.#findOctets(bytes, end, layer2Octets);
  }

  /** Octets of layer 3: as the record says, of the frame without layer 2, as the packet says, or what there is of it. */
  #findOctets(bytes: Uint8Array, end: number, layer2Octets: number): number {
    if (this.#ipOctets > 0) return this.#ipOctets;
    const layer2 = Math.max(layer2Octets, 0);
    if (this.#frameOctets > layer2) return this.#frameOctets - layer2;
    const header = this.#start + layer2;
    return (layer2Octets >= 0 && readNetworkLength(bytes, header, end)) || Math.max(end - header, 0);
  }
}

/** Total length of IPv4, or payload length of IPv6 and its header; 0 when unknown. */
function readNetworkLength(bytes: Uint8Array, header: number, end: number): number {
  if (end - header < 6) return 0;
  const version = bytes[header]! >> 4;
  if (version === 4) return readUnsigned16(bytes, header + 2);
  const payload = version === 6 ? readUnsigned16(bytes, header + 4) : 0;
  return payload > 0 ? payload + 40 : 0;
}
