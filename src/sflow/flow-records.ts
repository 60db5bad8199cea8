import { type FlowBatch, writeMappedIPv4 } from "../flow/index.ts";
import {
  headerProtocol,
  ipLength,
  readMacAddress,
  readUnsigned16,
  readUnsigned32,
  writePacketRow,
} from "../packet/index.ts";
import { readGateway, readMplsTunnel, readNat, readNatPorts, readRouter } from "./extended-records.ts";
import { padded, XdrReader } from "./xdr-reader.ts";

/** Flow records that are read, by their `data_format`; others, and vendors' (their number in the 20 highest bits), are stepped over. */
const recordFormat = {
  header: 1,
  ethernet: 2,
  ipv4: 3,
  ipv6: 4,
  switch: 1001,
  router: 1002,
  gateway: 1003,
  mpls: 1006,
  nat: 1007,
  natPorts: 1020,
} as const;

const ethernetHeaderLength = 14;
const checksumLength = 4;
/** Of two addresses with their padding, a length and a type; of IPv4 and IPv6 with ports, flags and class of service. */
const ethernetRecordLength = 24;
const ipv4RecordLength = 32;
const ipv6RecordLength = 56;
const vlanMax = 4094;

/**
 * The records of one sample. Those that describe the packet are remembered by their place and read at the end, since they
 * come in any order and the packet's own headers go before what the agent says of them.
 */
export class FlowRecords {
  /** Walked so far. */
  count = 0;
  readonly #body = new XdrReader();
  #bytes: Uint8Array = new Uint8Array();
  #headerAt = -1;
  #headerLength = 0;
  #headerProtocol = 0;
  /** Octets of the frame without what the agent stripped off its ends. */
  #frameLength = 0;
  #ethernetAt = -1;
  #ipv4At = -1;
  #ipv6At = -1;
  #vlan = 0;

  /** False when a record is cut off or says more than it has. */
  read(xdr: XdrReader, recordsMax: number, batch: FlowBatch, row: number): boolean {
    const body = this.#body;
    this.#bytes = xdr.bytes;
    this.count = 0;
    this.#headerAt = this.#ethernetAt = this.#ipv4At = this.#ipv6At = -1;
    this.#vlan = 0;
    while (this.count < recordsMax) {
      const format = xdr.unsigned();
      const length = xdr.unsigned();
      const at = xdr.skip(length);
      if (at < 0 || xdr.isOverrun) return false;
      body.begin(xdr.bytes, at, at + length);
      this.#readRecord(format, body, batch, row);
      if (body.isOverrun) return false;
      xdr.offset = Math.min(at + padded(length), xdr.end);
      this.count++;
    }
    return true;
  }

  #readRecord(format: number, body: XdrReader, batch: FlowBatch, row: number): void {
    switch (format) {
      case recordFormat.header:
        this.#readHeader(body);
        break;
      case recordFormat.ethernet:
        this.#ethernetAt = body.skip(ethernetRecordLength);
        break;
      case recordFormat.ipv4:
        this.#ipv4At = body.skip(ipv4RecordLength);
        break;
      case recordFormat.ipv6:
        this.#ipv6At = body.skip(ipv6RecordLength);
        break;
      case recordFormat.switch:
        this.#readSwitch(body, batch, row);
        break;
      case recordFormat.router:
        readRouter(body, batch, row);
        break;
      case recordFormat.gateway:
        readGateway(body, batch, row);
        break;
      case recordFormat.mpls:
        readMplsTunnel(body, batch, row);
        break;
      case recordFormat.nat:
        readNat(body, batch, row);
        break;
      case recordFormat.natPorts:
        readNatPorts(body, batch, row);
        break;
    }
  }

  /** Header protocol, octets of the frame, octets stripped off it, then the captured ones behind their length. */
  #readHeader(body: XdrReader): void {
    const protocol = body.unsigned();
    const frameLength = body.unsigned();
    const stripped = body.unsigned();
    const captured = body.unsigned();
    const at = body.skip(captured);
    if (this.#headerAt >= 0) return;
    this.#headerProtocol = protocol;
    this.#frameLength = frameLength - stripped;
    this.#headerLength = captured;
    this.#headerAt = at;
  }

  /** VLAN and priority in, VLAN and priority out; a VLAN that is not known is 0, or more than there are. */
  #readSwitch(body: XdrReader, batch: FlowBatch, row: number): void {
    const vlanIn = body.unsigned();
    body.unsigned();
    const vlanOut = body.unsigned();
    body.unsigned();
    if (vlanIn <= vlanMax) this.#vlan = vlanIn;
    if (batch.hasDetails && vlanOut <= vlanMax) batch.columns.postVlanId[row] = vlanOut;
  }

  /** Writes the packet and returns its layer 3 octets, or -1 when no record tells of a packet that can be read. */
  finish(batch: FlowBatch, row: number): number {
    if (this.#ethernetAt >= 0 && batch.hasDetails) this.#writeEthernet(batch, row);
    let octets = this.#headerAt >= 0 ? this.#writeHeader(batch, row) : -1;
    if (octets < 0 && this.#ipv4At >= 0) octets = this.#writeIPv4(batch, row);
    if (octets < 0 && this.#ipv6At >= 0) octets = this.#writeIPv6(batch, row);
    if (octets < 0 && batch.hasDetails) octets = this.#frameOctets();
    if (this.#vlan !== 0) batch.columns.vlanId[row] = this.#vlan;
    return octets;
  }

  /**
   * Octets as NetFlow counts them, from the network header on. The frame's length has layer 2 and the checksum in it (of
   * which the agent says what it stripped), and the filling of small frames; so the packet's own word goes before it when it is
   * smaller. GoFlow2 reports the whole frame.
   */
  #writeHeader(batch: FlowBatch, row: number): number {
    const start = this.#headerAt;
    const protocol = this.#headerProtocol;
    const layer2 = writePacketRow(this.#bytes, start, start + this.#headerLength, protocol, batch, row);
    if (layer2 < 0) return -1;
    const inFrame = Math.max(0, this.#frameLength - layer2);
    const byItself = ipLength(this.#bytes, start, layer2, protocol);
    return byItself === 0 || (inFrame > 0 && inFrame < byItself) ? inFrame : byItself;
  }

  /** A frame without a network header (ARP, spanning tree) is a row only where its MAC addresses have columns. */
  #frameOctets(): number {
    const isEthernet = this.#headerAt >= 0 && this.#headerProtocol === headerProtocol.ethernet;
    if (isEthernet && this.#headerLength >= ethernetHeaderLength)
      return Math.max(0, this.#frameLength - ethernetHeaderLength);
    if (this.#ethernetAt < 0) return -1;
    const frameLength = readUnsigned32(this.#bytes, this.#ethernetAt);
    return Math.max(0, frameLength - ethernetHeaderLength - checksumLength);
  }

  /** Length, source and destination (6 octets and 2 of padding each), type. */
  #writeEthernet({ columns }: FlowBatch, row: number): void {
    const at = this.#ethernetAt;
    columns.sourceMacAddress[row] = readMacAddress(this.#bytes, at + 4);
    columns.destinationMacAddress[row] = readMacAddress(this.#bytes, at + 12);
    columns.ethernetType[row] = readUnsigned32(this.#bytes, at + 20);
  }

  /** Length, protocol, source, destination, ports, TCP flags, class of service: a word each, but for the addresses. */
  #writeIPv4({ columns }: FlowBatch, row: number): number {
    const at = this.#ipv4At;
    writeMappedIPv4(columns.sourceAddress, row * 16, this.#bytes, at + 8);
    writeMappedIPv4(columns.destinationAddress, row * 16, this.#bytes, at + 12);
    return this.#writeTransport(columns, row, at, at + 16);
  }

  #writeIPv6({ columns }: FlowBatch, row: number): number {
    const at = this.#ipv6At;
    columns.sourceAddress.set(this.#bytes.subarray(at + 8, at + 24), row * 16);
    columns.destinationAddress.set(this.#bytes.subarray(at + 24, at + 40), row * 16);
    return this.#writeTransport(columns, row, at, at + 40);
  }

  #writeTransport(columns: FlowBatch["columns"], row: number, at: number, portsAt: number): number {
    const bytes = this.#bytes;
    columns.protocolIdentifier[row] = readUnsigned32(bytes, at + 4);
    columns.sourceTransportPort[row] = readUnsigned16(bytes, portsAt + 2);
    columns.destinationTransportPort[row] = readUnsigned16(bytes, portsAt + 6);
    columns.tcpControlBits[row] = readUnsigned32(bytes, portsAt + 8);
    columns.ipClassOfService[row] = readUnsigned32(bytes, portsAt + 12);
    return readUnsigned32(bytes, at);
  }
}
