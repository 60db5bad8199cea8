import { readUnsigned32 } from "../packet/index.ts";

export { readUnsigned16, readUnsigned32 } from "../packet/index.ts";

/** An integer of any length (RFC 7011 §6.2); above 2^53 the nearest double. Of more than 8 bytes the last 8 count. */
export function readUnsigned(bytes: Uint8Array, offset: number, width: number): number {
  const end = offset + width;
  let high = 0;
  for (let i = Math.max(offset, end - 8); i < end - 4; i++) high = high * 256 + bytes[i]!;
  let low = 0;
  for (let i = Math.max(offset, end - 4); i < end; i++) low = low * 256 + bytes[i]!;
  return high * 0x100000000 + low;
}

/** A float64, or a float32 as RFC 7011 §6.2 allows instead; NaN in other widths. */
export function readFloat(bytes: Uint8Array, offset: number, width: number): number {
  if (width !== 4 && width !== 8) return Number.NaN;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, width);
  return width === 8 ? view.getFloat64(0) : view.getFloat32(0);
}

/** Seconds from 1900 (NTP, RFC 5905 §6) to 1970. */
const ntpToUnixSeconds = 2_208_988_800;

/**
 * Unix milliseconds of a 64-bit NTP time (RFC 7011 §6.1.9, §6.1.10), rounded down; 0, an unset field, stays 0.
 * Seconds that would lie before 1970 belong to the era that begins in 2036.
 */
export function readNtpMilliseconds(bytes: Uint8Array, offset: number): number {
  const seconds = readUnsigned32(bytes, offset);
  const fraction = readUnsigned32(bytes, offset + 4);
  if (seconds === 0 && fraction === 0) return 0;
  const era = seconds < ntpToUnixSeconds ? 0x100000000 : 0;
  return (seconds + era - ntpToUnixSeconds) * 1000 + Math.floor((fraction * 1000) / 0x100000000);
}

export function isZeroFilled(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}

export function areBytesEqual(stored: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (stored.length !== end - start) return false;
  for (let i = 0; i < stored.length; i++) if (stored[i] !== bytes[start + i]) return false;
  return true;
}
