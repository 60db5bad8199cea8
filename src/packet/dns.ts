import { readUnsigned16, readUnsigned32 } from "./bytes.ts";

/** One answer to the question that was asked, at the end of its chain of CNAMEs. */
export interface DnsAddress {
  /** 16 bytes, IPv4 as ::ffff:a.b.c.d. */
  readonly address: Uint8Array;
  /** The lowest time to live on the way from the question to the address. */
  readonly ttlSeconds: number;
}

/** What a DNS message (RFC 1035 §4) says of its first question. */
export interface DnsMessage {
  readonly id: number;
  readonly isResponse: boolean;
  /** The answer did not fit: the rest was to be had by TCP. */
  readonly isTruncated: boolean;
  /** RFC 1035 §4.1.1, with the upper bits of EDNS (RFC 6891 §6.1.3) when they are there. */
  readonly responseCode: number;
  /** The name that was asked for, in lower case, without the last dot; "" for the root. */
  readonly name: string;
  /** 1 A, 28 AAAA, ... */
  readonly type: number;
  readonly addresses: readonly DnsAddress[];
}

export const dnsType = { a: 1, cname: 5, aaaa: 28, opt: 41 } as const;

const headerBytes = 12;
const classInternet = 1;
/** RFC 1035 §3.1. */
const nameBytesMax = 255;
/** No name needs more: it has at most 127 labels. */
const jumpsMax = 128;
/** More than any resolver sends in 1,232 bytes. */
const recordsMax = 128;

/**
 * Reads a message, which may be cut off: what is whole of it counts. Returns undefined for bytes that are no DNS message
 * with a question.
 *
 *      0                1                2                3
 *     +----------------+----------------+----------------+----------------+
 *     | id                              |QR| opcode |AA TC RD|RA  Z| RCODE |
 *     | questions                       | answers                         |
 *     | authorities                     | additional                      |
 *     | question: name, type, class; then records: name, type, class, TTL, length, data
 */
export function parseDnsMessage(bytes: Uint8Array, start: number, length: number): DnsMessage | undefined {
  const end = start + length;
  if (length < headerBytes || end > bytes.length || readUnsigned16(bytes, start + 4) === 0) return undefined;
  const flags = readUnsigned16(bytes, start + 2);
  const reader = new NameReader(bytes, start, end);
  const name = reader.read(start + headerBytes);
  let offset = reader.next;
  if (name === undefined || offset + 4 > end) return undefined;
  const type = readUnsigned16(bytes, offset);
  offset += 4;
  for (let i = 1; i < readUnsigned16(bytes, start + 4); i++) {
    if (reader.read(offset) === undefined || reader.next + 4 > end) return undefined;
    offset = reader.next + 4;
  }
  const records = readRecords(reader, offset, readUnsigned16(bytes, start + 6));
  const extended = readExtendedCode(reader, records.next, start);
  return {
    id: readUnsigned16(bytes, start),
    isResponse: (flags & 0x8000) !== 0,
    isTruncated: (flags & 0x0200) !== 0,
    responseCode: (flags & 15) | (records.isWhole ? extended : 0),
    name,
    type,
    addresses: addressesOf(name, records.found),
  };
}

interface DnsRecord {
  readonly owner: string;
  readonly type: number;
  readonly ttlSeconds: number;
  readonly address?: Uint8Array;
  /** Of a CNAME. */
  readonly target?: string;
}

interface Records {
  readonly found: readonly DnsRecord[];
  /** Where the next record begins; meaningful when `isWhole`. */
  readonly next: number;
  readonly isWhole: boolean;
}

function readRecords(reader: NameReader, start: number, count: number): Records {
  const found: DnsRecord[] = [];
  let offset = start;
  for (let i = 0; i < count; i++) {
    const owner = reader.read(offset);
    const head = readHead(reader, reader.next);
    if (owner === undefined || head === undefined || i >= recordsMax) {
      return { found, next: offset, isWhole: false };
    }
    offset = head.data + head.length;
    const record = readRecord(reader, owner, head);
    if (record !== undefined) found.push(record);
  }
  return { found, next: offset, isWhole: true };
}

interface RecordHead {
  readonly type: number;
  readonly recordClass: number;
  readonly ttlSeconds: number;
  /** Where its data begins, and how long it is: inside the message. */
  readonly data: number;
  readonly length: number;
}

function readHead({ bytes, end }: NameReader, offset: number): RecordHead | undefined {
  if (offset + 10 > end) return undefined;
  const length = readUnsigned16(bytes, offset + 8);
  if (offset + 10 + length > end) return undefined;
  const ttl = readUnsigned32(bytes, offset + 4);
  return {
    type: readUnsigned16(bytes, offset),
    recordClass: readUnsigned16(bytes, offset + 2),
    ttlSeconds: ttl > 0x7fffffff ? 0 : ttl, // RFC 2181 §8
    data: offset + 10,
    length,
  };
}

function readRecord(reader: NameReader, owner: string, head: RecordHead): DnsRecord | undefined {
  const { type, recordClass, ttlSeconds, data, length } = head;
  if (recordClass !== classInternet) return undefined;
  if (type === dnsType.cname) {
    const target = reader.read(data);
    return target === undefined ? undefined : { owner, type, ttlSeconds, target };
  }
  if (type === dnsType.a && length === 4) {
    const address = new Uint8Array(16);
    address.fill(0xff, 10, 12);
    address.set(reader.bytes.subarray(data, data + 4), 12);
    return { owner, type, ttlSeconds, address };
  }
  if (type === dnsType.aaaa && length === 16) {
    return { owner, type, ttlSeconds, address: reader.bytes.slice(data, data + 16) };
  }
  return undefined;
}

/**
 * The addresses that the question leads to. A chain is followed whatever the order of its records; an address of a name that
 * nobody asked for is left out.
 */
function addressesOf(question: string, records: readonly DnsRecord[]): DnsAddress[] {
  const ttls = new Map([[question, 0x7fffffff]]);
  for (let i = 0, hasGrown = true; hasGrown && i < records.length; i++) {
    hasGrown = false;
    for (const { owner, target, ttlSeconds } of records) {
      const ttl = ttls.get(owner);
      if (target === undefined || ttl === undefined || ttls.has(target)) continue;
      ttls.set(target, Math.min(ttl, ttlSeconds));
      hasGrown = true;
    }
  }
  return records.flatMap(({ owner, address, ttlSeconds }) => {
    const ttl = ttls.get(owner);
    return address === undefined || ttl === undefined
      ? []
      : [{ address, ttlSeconds: Math.min(ttl, ttlSeconds) }];
  });
}

/** The upper eight bits of the response code, from the OPT record among the additional ones; 0 without one. */
function readExtendedCode(reader: NameReader, start: number, message: number): number {
  const { bytes } = reader;
  const [authorities, additional] = [readUnsigned16(bytes, message + 8), readUnsigned16(bytes, message + 10)];
  let offset = start;
  for (let i = 0; i < authorities + additional && i < recordsMax; i++) {
    if (reader.read(offset) === undefined) return 0;
    const head = readHead(reader, reader.next);
    if (head === undefined) return 0;
    if (i >= authorities && head.type === dnsType.opt) return bytes[head.data - 6]! << 4;
    offset = head.data + head.length;
  }
  return 0;
}

/** Reads names, which may point back to where a part of them stands already (RFC 1035 §4.1.4). */
class NameReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  /** Behind the name that was read last. */
  next = 0;
  readonly #start: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.#start = start;
    this.end = end;
  }

  /** undefined when the name runs over the end, goes in circles, or is too long. */
  read(offset: number): string | undefined {
    const labels: string[] = [];
    let at = offset;
    let total = 0;
    this.next = this.end;
    let hasJumped = false;
    for (let jumps = 0; jumps < jumpsMax; ) {
      if (at >= this.end) return undefined;
      const length = this.bytes[at]!;
      if (length === 0) {
        if (!hasJumped) this.next = at + 1;
        return labels.join(".");
      }
      if (length >= 0xc0) {
        if (at + 2 > this.end) return undefined;
        if (!hasJumped) this.next = at + 2;
        hasJumped = true;
        jumps++;
        at = this.#start + (readUnsigned16(this.bytes, at) & 0x3fff);
        continue;
      }
      total += length + 1;
      if (length > 63 || at + 1 + length > this.end || total >= nameBytesMax) return undefined;
      labels.push(labelText(this.bytes, at + 1, length));
      at += 1 + length;
    }
    return undefined;
  }
}

/** A label may hold any byte. What is not a letter, digit, `-` or `_` is written as RFC 1035 §5.1 has it: \DDD. */
function labelText(bytes: Uint8Array, start: number, length: number): string {
  let text = "";
  for (let i = start; i < start + length; i++) {
    const code = bytes[i]!;
    if (code >= 0x41 && code <= 0x5a) text += String.fromCharCode(code + 32);
    else if (
      (code >= 0x61 && code <= 0x7a) ||
      (code >= 0x30 && code <= 0x39) ||
      code === 0x2d ||
      code === 0x5f
    )
      text += String.fromCharCode(code);
    else text += `\\${String(code).padStart(3, "0")}`;
  }
  return text;
}
