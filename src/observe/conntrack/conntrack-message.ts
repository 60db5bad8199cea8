import { writeMappedIPv4 } from "../../flow/index.ts";
import {
  AttributeWalk,
  type MessageWalk,
  messageFlag,
  writeAttribute,
  writeMessage,
} from "../netlink/netlink-message.ts";
import type { FilterInstruction } from "../netlink/netlink-socket.ts";
import { TranslatedConnection } from "./translated-connection.ts";

// include/uapi/linux/netfilter/nfnetlink.h and nfnetlink_conntrack.h
const subsystem = 1 << 8; // NFNL_SUBSYS_CTNETLINK
const messageNew = subsystem | 0;
const messageGet = subsystem | 1;
const messageDelete = subsystem | 2;
const messageGetStats = subsystem | 5;
/** NFNLGRP_CONNTRACK_NEW */
export const groupNew = 1;
/** NFNLGRP_CONNTRACK_DESTROY */
export const groupDestroy = 3;
const headerBytes = 4; // struct nfgenmsg: family, version, resource id
const familyIPv4 = 2;
const familyIPv6 = 10;
const attribute = { tupleOriginal: 1, tupleReply: 2, status: 3, zone: 18, statusMask: 26 } as const;
const tupleAttribute = { address: 1, protocol: 2, zone: 3 } as const;
const addressAttribute = { source4: 1, destination4: 2, source6: 3, destination6: 4 } as const;
const protocolAttribute = { number: 1, sourcePort: 2, destinationPort: 3 } as const;
const statsEntries = 1; // CTA_STATS_GLOBAL_ENTRIES

/** Bits of CTA_STATUS (nf_conntrack_common.h). */
const sourceTranslated = 1 << 4;
const destinationTranslated = 1 << 5;

/**
 * Reads ctnetlink's messages about connections into one entry that it reuses. Numbers in the attributes are in network order:
 *
 *  nfgenmsg | CTA_TUPLE_ORIG [ CTA_TUPLE_IP [ source, destination ] CTA_TUPLE_PROTO [ number, ports ] ] | CTA_TUPLE_REPLY [ ... ]
 *           | CTA_STATUS | CTA_ZONE | ...
 */
export class ConntrackReader {
  /** Valid when `read` has returned true, until the next call. */
  readonly entry = new TranslatedConnection();
  /** Whether it is over: the message says that the kernel tracks it no more. */
  isEnd = false;
  /** Messages about connections that could not be read whole. */
  invalidCount = 0;
  readonly #outer = new AttributeWalk();
  readonly #tuple = new AttributeWalk();
  readonly #inner = new AttributeWalk();

  /** Whether the message is about a translated connection, which then is `entry`. */
  read({ bytes, type, start, end }: MessageWalk): boolean {
    if (type !== messageNew && type !== messageDelete) return false;
    this.isEnd = type === messageDelete;
    const family = start + headerBytes <= end ? bytes[start] : 0;
    const isKnown = family === familyIPv4 || family === familyIPv6;
    if (!isKnown || !this.#readAttributes(bytes, start + headerBytes, end)) {
      this.invalidCount++;
      return false;
    }
    return !this.entry.isMirrored();
  }

  #readAttributes(bytes: Uint8Array, start: number, end: number): boolean {
    const { entry } = this;
    const attributes = this.#outer;
    entry.zone = 0;
    let tupleCount = 0;
    attributes.open(bytes, start, end);
    while (attributes.next()) {
      if (attributes.type === attribute.tupleOriginal) tupleCount += this.#readTuple(bytes, true) ? 1 : 4;
      else if (attributes.type === attribute.tupleReply) tupleCount += this.#readTuple(bytes, false) ? 2 : 4;
      else if (attributes.type === attribute.zone && attributes.length >= 2)
        entry.zone = readBigEndian16(bytes, attributes.start);
    }
    return tupleCount === 3 && !attributes.isTruncated;
  }

  #readTuple(bytes: Uint8Array, isOriginal: boolean): boolean {
    const tuple = this.#tuple;
    let hasAddresses = false;
    let hasProtocol = false;
    tuple.open(bytes, this.#outer.start, this.#outer.end);
    while (tuple.next()) {
      if (tuple.type === tupleAttribute.address)
        hasAddresses = this.#readAddresses(bytes, isOriginal ? 0 : 32);
      else if (tuple.type === tupleAttribute.protocol) hasProtocol = this.#readProtocol(bytes, isOriginal);
      else if (tuple.type === tupleAttribute.zone && tuple.length >= 2)
        this.entry.zone = readBigEndian16(bytes, tuple.start);
    }
    return hasAddresses && hasProtocol && !tuple.isTruncated;
  }

  #readAddresses(bytes: Uint8Array, to: number): boolean {
    const { addresses } = this.entry;
    const inner = this.#inner;
    let found = 0;
    inner.open(bytes, this.#tuple.start, this.#tuple.end);
    while (inner.next()) {
      const { type, start, length } = inner;
      const isSource = type === addressAttribute.source4 || type === addressAttribute.source6;
      const at = to + (isSource ? 0 : 16);
      if (type === addressAttribute.source4 || type === addressAttribute.destination4) {
        if (length !== 4) return false;
        writeMappedIPv4(addresses, at, bytes, start);
      } else if (type === addressAttribute.source6 || type === addressAttribute.destination6) {
        if (length !== 16) return false;
        for (let i = 0; i < 16; i++) addresses[at + i] = bytes[start + i]!;
      } else continue;
      found |= isSource ? 1 : 2;
    }
    return found === 3 && !inner.isTruncated;
  }

  #readProtocol(bytes: Uint8Array, isOriginal: boolean): boolean {
    const { entry } = this;
    const inner = this.#inner;
    let protocol = -1;
    let sourcePort = 0;
    let destinationPort = 0;
    inner.open(bytes, this.#tuple.start, this.#tuple.end);
    while (inner.next()) {
      const { type, start, length } = inner;
      if (type === protocolAttribute.number && length >= 1) protocol = bytes[start]!;
      else if (type === protocolAttribute.sourcePort && length >= 2)
        sourcePort = readBigEndian16(bytes, start);
      else if (type === protocolAttribute.destinationPort && length >= 2)
        destinationPort = readBigEndian16(bytes, start);
    }
    if (isOriginal) {
      entry.protocol = protocol;
      entry.originalSourcePort = sourcePort;
      entry.originalDestinationPort = destinationPort;
    } else {
      entry.replySourcePort = sourcePort;
      entry.replyDestinationPort = destinationPort;
    }
    return protocol >= 0 && !inner.isTruncated;
  }
}

/**
 * What to ask for the translated connections of a table. Two requests that share no row, since the kernel compares with one value: those whose
 * source is translated, and those whose destination alone is. Older kernels do not know the mask and give the whole table, twice.
 */
export function translatedRequests(): readonly Uint8Array[] {
  return [
    getRequest(sourceTranslated, sourceTranslated),
    getRequest(sourceTranslated | destinationTranslated, destinationTranslated),
  ];
}

/** The whole table. */
export function wholeRequests(): readonly Uint8Array[] {
  return [getRequest()];
}

function getRequest(mask?: number, status = 0): Uint8Array {
  const filter =
    mask === undefined
      ? []
      : [
          writeAttribute(attribute.status, bigEndian32(status)),
          writeAttribute(attribute.statusMask, bigEndian32(mask)),
        ];
  return writeMessage({
    type: messageGet,
    flags: messageFlag.request | messageFlag.dump,
    sequence: 1,
    payload: [new Uint8Array(headerBytes), ...filter],
  });
}

/** How many connections the namespace's table has, translated or not. */
export function statsRequest(): Uint8Array {
  return writeMessage({
    type: messageGetStats,
    flags: messageFlag.request,
    sequence: 1,
    payload: [new Uint8Array(headerBytes)],
  });
}

/** From the answer to `statsRequest`; undefined when it is not one. */
export function readEntryCount({ bytes, type, start, end }: MessageWalk): number | undefined {
  if (type !== messageGetStats) return undefined;
  const attributes = new AttributeWalk();
  attributes.open(bytes, start + headerBytes, end);
  while (attributes.next()) {
    if (attributes.type !== statsEntries || attributes.length !== 4) continue;
    const at = attributes.start;
    return readBigEndian16(bytes, at) * 0x10000 + readBigEndian16(bytes, at + 2);
  }
  return undefined;
}

/**
 * Keeps events about connections that are not translated out of the socket. CTA_STATUS decides; an event without it passes, for the reader
 * to judge. IPVS translates without saying so in the status: where it is at work, no filter may be set.
 */
export const translatedFilter: readonly FilterInstruction[] = [
  [0x00, 0, 0, 16 + headerBytes], // A = where the attributes begin
  [0x01, 0, 0, attribute.status], // X = the one to look for
  [0x20, 0, 0, 0xfffff000 + 12], // A = where it is, 0 if nowhere (SKF_AD_NLATTR)
  [0x15, 3, 0, 0], // nowhere: pass
  [0x07, 0, 0, 0], // X = A
  [0x40, 0, 0, 4], // A = the word behind the attribute's header
  [0x45, 0, 1, sourceTranslated | destinationTranslated],
  [0x06, 0, 0, 0xffffffff],
  [0x06, 0, 0, 0],
];

function readBigEndian16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function bigEndian32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
