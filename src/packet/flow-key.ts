import { protocolTcp } from "../flow/index.ts";
import { etherType } from "./header-protocol.ts";
import { linkType } from "./link-type.ts";
import type { PacketBatch } from "./packet-batch.ts";

/** What `FlowKeyReader.read` found. */
export const packetKind = {
  flow: 0,
  /** A flow too, and the kind that nearly all packets are: TCP or UDP in a whole IPv4 datagram without options in an Ethernet frame. */
  plain: 4,
  /** No IP header where one can be read. */
  notIp: 1,
  /** The capture ends inside a header that is needed. */
  tooShort: 2,
  linkUnknown: 3,
} as const;
export type PacketKind = (typeof packetKind)[keyof typeof packetKind];

export interface FlowKeyOptions {
  /** Packets whose words are kept at a time. */
  readonly groupSize?: number;
  /** Whether MAC addresses are part of the key. */
  readonly withMacs?: boolean;
}

/** Places in a key. An end is four words of address; IPv4 as ::ffff:a.b.c.d. */
export const keyWord = {
  source: 0,
  destination: 4,
  /** Source port << 16 | destination port. */
  ports: 8,
  /** Protocol | 256 for IPv6. */
  protocol: 9,
  /** Outermost VLAN | the VLAN inside it << 16. */
  vlans: 10,
  /** Source MAC's upper 16 bits << 16 | the destination's. */
  macsHigh: 11,
  sourceMacLow: 12,
  destinationMacLow: 13,
  /** Behind the key, what is counted: octets from the network header on, as that header says or else as there were on the wire. */
  octets: 14,
  /** TCP's low eight control bits | class of service << 8 | ICMP's type << 24 | its code << 16. */
  facts: 15,
} as const;
/** A key and what is counted: a line of the processor's cache. */
export const keyWords = 16;
export const isIPv6Bit = 256;

export const fragmentKind = { none: 0, first: 1, later: 2 } as const;

/** Labels kept of a stack; as many as the elements 70 to 79 name. */
export const mplsLabelsMax = 10;

/** Ethernet, IPv4 and TCP without options. */
const plainBytes = 54;
/** EtherType of IPv4, then version 4 and a header of 20 octets. */
const plainStart = 0x080045;
const protocolUdp = 17;
/** Of IPv4's third word: more fragments and the fragment's offset, which are 0 of a whole datagram, and the protocol. */
const wholeAndProtocol = 0x3fff_00ff;
const mappedPrefix = 0xffff;
/** FIN, SYN and RST: what begins or ends a connection. */
const handshakeFlags = 7;
const protocolIcmp = 1;
const protocolIcmpV6 = 58;
const extensionsMax = 10;
/** No packet is longer on the wire, whatever a capture claims: what is counted of many at a time has 31 bits. */
const wireBytesMax = 2 ** 24;
/** VLAN tags, labels and PPPoE in front of the network header. */
const linkLayersMax = 16;

/**
 * Reads of each packet what flows are told apart by and what is counted of them, and nothing else: the fast sibling of `writePacketRow`,
 * which reads every header and is the oracle in the test. Of a tunnel the outer headers are read.
 */
export class FlowKeyReader {
  /** `keyWords` for each packet of a group, from `group * keyWords` on. */
  readonly words: Int32Array;
  /** Of the packet read last, as are the fields below. */
  fragment: number = fragmentKind.none;
  fragmentId = 0;
  /** Label stack entries of the packet, up to the bottom: label, class and bottom bit, as three octets each. */
  mplsCount = 0;
  readonly mplsLabels = new Int32Array(mplsLabelsMax);
  readonly #withMacs: boolean;
  /** Where the packet's words begin. */
  #base = 0;
  /** Where the network header begins. */
  #network = 0;

  constructor({ groupSize = 1, withMacs = false }: FlowKeyOptions = {}) {
    this.words = new Int32Array(groupSize * keyWords);
    this.#withMacs = withMacs;
  }

  /**
   * Reads the packet that lies in `view` from `start` up to `end`, into place `place` of the group. Returns its kind. What nearly all packets are is read here,
   * calling nothing; any other by all the steps.
   */
  read(view: DataView, start: number, end: number, link: number, wireLength: number, place = 0): PacketKind {
    const base = place * keyWords;
    this.#base = base;
    if (link !== linkType.ethernet || this.#withMacs || end - start < plainBytes)
      return this.#readLink(view, start, end, link, wireLength);
    const first = view.getInt32(start + 12);
    const protocol = view.getInt32(start + 20) & wholeAndProtocol;
    const length = view.getUint16(start + 16);
    const isPlain = first >>> 8 === plainStart && (protocol === protocolTcp || protocol === protocolUdp);
    if (!isPlain || length === 0) return this.#readLink(view, start, end, link, wireLength);
    this.fragment = fragmentKind.none;
    this.mplsCount = 0;
    const words = this.words;
    words[base] = 0;
    words[base + 1] = 0;
    words[base + 2] = mappedPrefix;
    words[base + 3] = view.getInt32(start + 26);
    words[base + 4] = 0;
    words[base + 5] = 0;
    words[base + 6] = mappedPrefix;
    words[base + 7] = view.getInt32(start + 30);
    words[base + keyWord.ports] = view.getInt32(start + 34);
    words[base + keyWord.protocol] = protocol;
    words[base + keyWord.vlans] = 0;
    words[base + keyWord.octets] = length;
    const flags = protocol === protocolTcp ? view.getUint8(start + 47) : 0;
    words[base + keyWord.facts] = ((first & 0xff) << 8) | flags;
    return packetKind.plain;
  }

  /**
   * Goes on behind a plain packet of the batch, which `read` has put at `place`, as long as there are plain packets of the same flow and direction that
   * neither begin nor end a connection: their octets and control bits are added there. Returns the first packet that is another's. Packets come in
   * runs; those that go on with one need no key of their own. Times within a run do not go back behind `latest`, and stay before `until`.
   */
  readRun(batch: PacketBatch, first: number, place: number, latest: number, until: number): number {
    const { view, offsets, capturedLengths, linkTypes, interfaces, times, count } = batch;
    const words = this.words;
    const base = place * keyWords;
    const head = offsets[first]!;
    const captureInterface = interfaces[first]!;
    const protocol = view.getUint8(head + 23);
    const source = view.getInt32(head + 26, true);
    const destination = view.getInt32(head + 30, true);
    const ports = view.getInt32(head + 34, true);
    let octets = words[base + keyWord.octets]!;
    let facts = words[base + keyWord.facts]!;
    let now = latest;
    let i = first + 1;
    for (; i < count && (facts & handshakeFlags) === 0; i++) {
      const time = times[i]!;
      if (time < now || time >= until) break;
      const start = offsets[i]!;
      if (capturedLengths[i]! < plainBytes) break;
      if (linkTypes[i] !== linkType.ethernet || interfaces[i] !== captureInterface) break;
      if (view.getInt32(start + 26, true) !== source || view.getInt32(start + 30, true) !== destination)
        break;
      if (view.getInt32(start + 34, true) !== ports || view.getInt32(start + 12) >>> 8 !== plainStart) break;
      if ((view.getInt32(start + 20) & wholeAndProtocol) !== protocol) break;
      const length = view.getUint16(start + 16);
      const flags = protocol === protocolTcp ? view.getUint8(start + 47) : 0;
      if (length === 0 || (flags & handshakeFlags) !== 0) break;
      octets += length;
      facts |= flags;
      now = time;
    }
    words[base + keyWord.octets] = octets;
    words[base + keyWord.facts] = facts;
    return i;
  }

  #readLink(view: DataView, start: number, end: number, link: number, wireLength: number): PacketKind {
    const words = this.words;
    const base = this.#base;
    words[base + keyWord.vlans] = 0;
    words[base + keyWord.macsHigh] = 0;
    words[base + keyWord.sourceMacLow] = 0;
    words[base + keyWord.destinationMacLow] = 0;
    this.mplsCount = 0;
    this.#network = start;
    const type = this.#readFirst(view, start, end, link);
    if (type < 0) return type === unknownLink ? packetKind.linkUnknown : packetKind.tooShort;
    const next = this.#passLinkLayers(view, end, type);
    const at = this.#network;
    const networkLength = Math.min(wireLength >>> 0, wireBytesMax) - (at - start);
    if (next === etherType.ipv4) return this.#readIPv4(view, at, end, networkLength);
    if (next === etherType.ipv6) return this.#readIPv6(view, at, end, networkLength);
    return next === tooShort ? packetKind.tooShort : packetKind.notIp;
  }

  /** Steps over the link's own header; answers with an EtherType. */
  #readFirst(view: DataView, start: number, end: number, link: number): number {
    const captured = end - start;
    switch (link) {
      case linkType.ethernet:
        if (captured < 14) return tooShort;
        if (this.#withMacs) this.#readMacs(view, start);
        this.#network = start + 14;
        return view.getUint16(start + 12);
      case linkType.raw:
        return captured < 1 ? tooShort : typeOfVersion(view.getUint8(start) >> 4);
      case linkType.ipv4:
        return etherType.ipv4;
      case linkType.ipv6:
        return etherType.ipv6;
      case linkType.null:
      case linkType.loop: {
        // A protocol family of 4 octets in the order of the machine that captured; what follows tells itself.
        if (captured < 5) return tooShort;
        this.#network = start + 4;
        return typeOfVersion(view.getUint8(start + 4) >> 4);
      }
      case linkType.linuxSll:
        if (captured < 16) return tooShort;
        this.#network = start + 16;
        return view.getUint16(start + 14);
      case linkType.linuxSll2:
        if (captured < 20) return tooShort;
        this.#network = start + 20;
        return view.getUint16(start);
      case linkType.ppp:
      case linkType.pppHdlc:
        return this.#readPpp(view, start, end);
      case linkType.pppoe:
        this.#network = start;
        return etherType.pppoeSession;
      case linkType.pflog: {
        // The header's own length, which is padded to 4 octets.
        if (captured < 1) return tooShort;
        const at = start + ((view.getUint8(start) + 3) & ~3);
        if (at >= end) return tooShort;
        this.#network = at;
        return typeOfVersion(view.getUint8(at) >> 4);
      }
      default:
        return unknownLink;
    }
  }

  #readMacs(view: DataView, start: number): void {
    const words = this.words;
    const base = this.#base;
    words[base + keyWord.macsHigh] = (view.getUint16(start + 6) << 16) | view.getUint16(start);
    words[base + keyWord.sourceMacLow] = view.getInt32(start + 8);
    words[base + keyWord.destinationMacLow] = view.getInt32(start + 2);
  }

  /** VLAN tags, PPPoE, MPLS and SNAP in whatever order they stand. */
  #passLinkLayers(view: DataView, end: number, first: number): number {
    let type = first;
    let vlanCount = 0;
    for (let layer = 0; layer < linkLayersMax; layer++) {
      const at = this.#network;
      switch (type) {
        case etherType.vlan:
        case etherType.serviceVlan:
        case etherType.oldServiceVlan: {
          if (at + 4 > end) return tooShort;
          const vlan = view.getUint16(at) & 0xfff;
          if (vlanCount === 0) this.words[this.#base + keyWord.vlans] = vlan;
          else if (vlanCount === 1) this.words[this.#base + keyWord.vlans]! |= vlan << 16;
          vlanCount++;
          type = view.getUint16(at + 2);
          this.#network = at + 4;
          break;
        }
        case etherType.pppoeSession:
          if (at + 6 > end) return tooShort;
          this.#network = at + 6;
          type = this.#readPpp(view, at + 6, end);
          break;
        case etherType.mpls:
        case etherType.mplsMulticast:
          type = this.#readMpls(view, end);
          break;
        default: {
          // Below 0x0600 it is a length, and perhaps a SNAP header follows (RFC 1042).
          if (type >= 0x0600 || type < 0 || at + 8 > end) return type;
          if (view.getInt32(at) !== snapHeader || view.getUint16(at + 4) !== 0) return 0;
          type = view.getUint16(at + 6);
          this.#network = at + 8;
        }
      }
    }
    return 0;
  }

  #readMpls(view: DataView, end: number): number {
    for (let at = this.#network; at + 4 <= end; at += 4) {
      const entry = view.getInt32(at);
      if (this.mplsCount < mplsLabelsMax) this.mplsLabels[this.mplsCount++] = entry >>> 8;
      if ((entry & 0x100) === 0) continue;
      this.#network = at + 4;
      return at + 4 < end ? typeOfVersion(view.getUint8(at + 4) >> 4) : tooShort;
    }
    return tooShort;
  }

  /** PPP's protocol (RFC 1661 §2), perhaps behind address and control (RFC 1662 §3.1); one octet long when it is odd. */
  #readPpp(view: DataView, start: number, end: number): number {
    if (start + 4 > end) return tooShort;
    const at = view.getUint16(start) === 0xff03 ? start + 2 : start;
    const isShort = (view.getUint8(at) & 1) === 1;
    const protocol = isShort ? view.getUint8(at) : view.getUint16(at);
    this.#network = at + (isShort ? 1 : 2);
    switch (protocol) {
      case 0x21:
        return etherType.ipv4;
      case 0x57:
        return etherType.ipv6;
      case 0x281:
        return etherType.mpls;
      case 0x283:
        return etherType.mplsMulticast;
      default:
        return 0;
    }
  }

  #readIPv4(view: DataView, at: number, end: number, wireLength: number): PacketKind {
    if (at + 20 > end) return packetKind.tooShort;
    const words = this.words;
    const base = this.#base;
    const first = view.getInt32(at);
    const headerLength = (first >>> 22) & 0x3c;
    if (first >>> 28 !== 4 || headerLength < 20) return packetKind.notIp;
    const length = first & 0xffff;
    words[base + keyWord.octets] = length === 0 ? wireLength : length; // a segment that the card has yet to cut
    words[base + keyWord.facts] = (first >>> 8) & 0xff00;
    words[base] = 0;
    words[base + 1] = 0;
    words[base + 2] = mappedPrefix;
    words[base + 3] = view.getInt32(at + 12);
    words[base + 4] = 0;
    words[base + 5] = 0;
    words[base + 6] = mappedPrefix;
    words[base + 7] = view.getInt32(at + 16);
    const protocol = view.getUint8(at + 9);
    words[base + keyWord.protocol] = protocol;
    const fragmentation = view.getUint16(at + 6) & 0x3fff;
    if (fragmentation !== 0) {
      this.fragmentId = view.getUint16(at + 4);
      if ((fragmentation & 0x1fff) !== 0) return this.#leaveWithoutPorts();
    }
    this.fragment = fragmentation === 0 ? fragmentKind.none : fragmentKind.first;
    return this.#readTransport(view, at + headerLength, end, protocol);
  }

  #readIPv6(view: DataView, at: number, end: number, wireLength: number): PacketKind {
    if (at + 40 > end) return packetKind.tooShort;
    const words = this.words;
    const base = this.#base;
    const first = view.getInt32(at);
    if (first >>> 28 !== 6) return packetKind.notIp;
    const payloadLength = view.getUint16(at + 4);
    words[base + keyWord.octets] = payloadLength === 0 ? wireLength : payloadLength + 40; // a jumbogram does not say here
    words[base + keyWord.facts] = (first >>> 12) & 0xff00;
    for (let i = 0; i < 8; i++) words[base + i] = view.getInt32(at + 8 + i * 4);
    this.fragment = fragmentKind.none;
    return this.#readExtensions(view, at + 40, end, view.getUint8(at + 6));
  }

  /** Steps over the extension headers; of a chain that is cut off the last protocol that was named counts. */
  #readExtensions(view: DataView, start: number, end: number, first: number): PacketKind {
    const words = this.words;
    const base = this.#base;
    let protocol = first;
    let at = start;
    for (let count = 0; count < extensionsMax && at + 8 <= end; count++) {
      if (!isExtension(protocol)) break;
      const kind = protocol;
      protocol = view.getUint8(at);
      if (kind === 44) {
        const offsetAndFlags = view.getUint16(at + 2);
        this.fragmentId = view.getInt32(at + 4);
        if (offsetAndFlags >> 3 !== 0) {
          words[base + keyWord.protocol] = protocol | isIPv6Bit;
          return this.#leaveWithoutPorts();
        }
        // A fragment that is alone is whole (RFC 6946).
        this.fragment = (offsetAndFlags & 1) === 0 ? fragmentKind.none : fragmentKind.first;
        at += 8;
      } else {
        const length = view.getUint8(at + 1);
        at += kind === 51 ? (length + 2) * 4 : (length + 1) * 8;
      }
    }
    words[base + keyWord.protocol] = protocol | isIPv6Bit;
    return this.#readTransport(view, at, end, protocol);
  }

  /** A later fragment has no transport header. */
  #leaveWithoutPorts(): PacketKind {
    this.words[this.#base + keyWord.ports] = 0;
    this.fragment = fragmentKind.later;
    return packetKind.flow;
  }

  #readTransport(view: DataView, at: number, end: number, protocol: number): PacketKind {
    const words = this.words;
    const base = this.#base;
    words[base + keyWord.ports] = 0;
    if (at + 4 > end) {
      // Counted all the same: that ports are missing does not make packets vanish.
      if (at + 2 <= end && (protocol === protocolIcmp || protocol === protocolIcmpV6))
        words[base + keyWord.facts]! |= view.getUint16(at) << 16;
      return packetKind.flow;
    }
    switch (protocol) {
      case protocolTcp:
        if (at + 14 <= end) words[base + keyWord.facts]! |= view.getUint8(at + 13);
        words[base + keyWord.ports] = view.getInt32(at);
        return packetKind.flow;
      case 17: // UDP
      case 33: // DCCP
      case 132: // SCTP
      case 136: // UDP-Lite
        words[base + keyWord.ports] = view.getInt32(at);
        return packetKind.flow;
      case protocolIcmp:
      case protocolIcmpV6:
        words[base + keyWord.facts]! |= view.getUint16(at) << 16;
        return packetKind.flow;
      default:
        return packetKind.flow;
    }
  }
}

const tooShort = -1;
const unknownLink = -2;
const snapHeader = 0xaaaa0300 | 0;

function typeOfVersion(version: number): number {
  return version === 4 ? etherType.ipv4 : version === 6 ? etherType.ipv6 : 0;
}

/** IANA's IPv6 extension header types, but for ESP, behind which nothing can be read. */
function isExtension(protocol: number): boolean {
  switch (protocol) {
    case 0:
    case 43:
    case 44:
    case 51:
    case 60:
    case 135:
    case 139:
    case 140:
      return true;
    default:
      return false;
  }
}
