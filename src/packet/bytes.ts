/** Big-endian reads. The caller has checked that the bytes are there. */
export function readUnsigned16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

export function readUnsigned32(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>>
    0
  );
}

/** 48 bits, as the MAC address columns hold them. */
export function readMacAddress(bytes: Uint8Array, offset: number): number {
  return readUnsigned16(bytes, offset) * 0x100000000 + readUnsigned32(bytes, offset + 2);
}
