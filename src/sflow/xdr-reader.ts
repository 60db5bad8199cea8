import { writeMappedIPv4 } from "../flow/index.ts";
import { readUnsigned32 } from "../packet/index.ts";

/**
 * Reads XDR (RFC 4506) between two offsets. Reading beyond the end gives 0 and is remembered, so that the caller asks once,
 * after it has read everything.
 */
export class XdrReader {
  bytes: Uint8Array = new Uint8Array();
  offset = 0;
  end = 0;
  isOverrun = false;

  begin(bytes: Uint8Array, offset: number, end: number): void {
    this.bytes = bytes;
    this.offset = offset;
    this.end = end;
    this.isOverrun = false;
  }

  get rest(): number {
    return this.end - this.offset;
  }

  unsigned(): number {
    const at = this.skip(4);
    return at < 0 ? 0 : readUnsigned32(this.bytes, at);
  }

  /** 64 bits; above 2^53 the nearest double. */
  unsigned64(): number {
    const high = this.unsigned();
    return high * 0x100000000 + this.unsigned();
  }

  /** Steps over octets and returns where they are; -1 when they are not all there. */
  skip(octets: number): number {
    const at = this.offset;
    if (octets > this.end - at) {
      this.isOverrun = true;
      return -1;
    }
    this.offset = at + octets;
    return at;
  }

  /** A type (0 unknown, 1 IPv4, 2 IPv6) and the address, written in its 16 bytes; one that is unknown leaves them. */
  address(target: Uint8Array, targetOffset: number): void {
    const type = this.unsigned();
    if (type === 0) return;
    const at = type === 1 ? this.skip(4) : type === 2 ? this.skip(16) : this.skip(Number.POSITIVE_INFINITY);
    if (at < 0) return;
    if (type === 1) writeMappedIPv4(target, targetOffset, this.bytes, at);
    else for (let i = 0; i < 16; i++) target[targetOffset + i] = this.bytes[at + i]!;
  }
}

/** Opaque data is filled up to a multiple of four octets (RFC 4506 §4.10). */
export function padded(octets: number): number {
  return Math.ceil(octets / 4) * 4;
}
