/** 16 bytes as a string of 8 characters: any will do, and it is short. */
export function addressKey(bytes: Uint8Array, offset: number): string {
  let key = "";
  for (let i = offset; i < offset + 16; i += 2) key += String.fromCharCode((bytes[i]! << 8) | bytes[i + 1]!);
  return key;
}
