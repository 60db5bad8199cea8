/**
 * The framing every netlink protocol shares (include/uapi/linux/netlink.h), numbers in the machine's order, which is
 * little-endian wherever Portolan reads the kernel:
 *
 *  0               4       6       8               12              16
 *  +---------------+-------+-------+---------------+---------------+-------------- - -
 *  | length        | type  | flags | sequence      | port id       | payload, padded to 4
 *  +---------------+-------+-------+---------------+---------------+-------------- - -
 *
 * An attribute is the same in small: u16 length, u16 type, payload, padded to 4.
 */
export const messageHeaderBytes = 16;
const attributeHeaderBytes = 4;

export const messageType = { noop: 1, error: 2, done: 3, overrun: 4 } as const;
export const messageFlag = {
  request: 0x1,
  acknowledge: 0x4,
  /** The table changed while it was dumped: rows may be missing (NLM_F_DUMP_INTR). */
  dumpInterrupted: 0x10,
  /** NLM_F_ROOT | NLM_F_MATCH */
  dump: 0x300,
  /** Of an error message: the request is not repeated in it. */
  capped: 0x100,
  /** Of an error message: attributes follow. */
  hasAttributes: 0x200,
} as const;

const attributeTypeMask = 0x3fff; // without NLA_F_NESTED and NLA_F_NET_BYTEORDER

export function readU16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Walks the messages of one datagram. Reused; what it points at is valid until the next `next` or `open`. */
export class MessageWalk {
  bytes: Uint8Array = new Uint8Array();
  type = 0;
  flags = 0;
  sequence = 0;
  /** The payload in `bytes`, without its padding. */
  start = 0;
  end = 0;
  /** Bytes were left that are no whole message. */
  isTruncated = false;
  #next = 0;
  #limit = 0;

  open(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.bytes = bytes;
    this.#next = start;
    this.#limit = Math.min(end, bytes.length);
    this.isTruncated = false;
  }

  /** Moves to the next message; false when there is no further whole one. */
  next(): boolean {
    const { bytes } = this;
    const at = this.#next;
    if (at >= this.#limit) return false;
    const length = at + messageHeaderBytes <= this.#limit ? readU32(bytes, at) : 0;
    if (length < messageHeaderBytes || length > this.#limit - at) {
      this.isTruncated = true;
      this.#next = this.#limit;
      return false;
    }
    this.type = readU16(bytes, at + 4);
    this.flags = readU16(bytes, at + 6);
    this.sequence = readU32(bytes, at + 8);
    this.start = at + messageHeaderBytes;
    this.end = at + length;
    this.#next = at + padded(length);
    return true;
  }
}

/** Walks the attributes in a stretch of bytes. Reused; one walk for each depth of nesting. */
export class AttributeWalk {
  /** Without the flags for nesting and byte order. */
  type = 0;
  /** The payload, without its padding. */
  start = 0;
  end = 0;
  isTruncated = false;
  #bytes: Uint8Array = new Uint8Array();
  #next = 0;
  #limit = 0;

  open(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#next = start;
    this.#limit = Math.min(end, bytes.length);
    this.isTruncated = false;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Moves to the next attribute; false when there is no further whole one. */
  next(): boolean {
    const bytes = this.#bytes;
    const at = this.#next;
    if (at >= this.#limit) return false;
    const length = at + attributeHeaderBytes <= this.#limit ? readU16(bytes, at) : 0;
    if (length < attributeHeaderBytes || length > this.#limit - at) {
      this.isTruncated = true;
      this.#next = this.#limit;
      return false;
    }
    this.type = readU16(bytes, at + 2) & attributeTypeMask;
    this.start = at + attributeHeaderBytes;
    this.end = at + length;
    this.#next = at + padded(length);
    return true;
  }
}

export interface MessageParts {
  readonly type: number;
  readonly flags: number;
  readonly sequence?: number;
  /** One after the other: the protocol's own header, then attributes. */
  readonly payload: readonly Uint8Array[];
}

export function writeMessage({ type, flags, sequence = 0, payload }: MessageParts): Uint8Array {
  const length = payload.reduce((sum, part) => sum + padded(part.length), messageHeaderBytes);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  let at = messageHeaderBytes;
  for (const part of payload) {
    bytes.set(part, at);
    at += padded(part.length);
  }
  return bytes;
}

/** With its padding. */
export function writeAttribute(type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(padded(attributeHeaderBytes + payload.length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, attributeHeaderBytes + payload.length, true);
  view.setUint16(2, type, true);
  bytes.set(payload, attributeHeaderBytes);
  return bytes;
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}
