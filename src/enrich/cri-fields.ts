/** Told of a field whose value has a length: a text or a message, between two offsets. Returns false when it is none. */
export type TakeField = (fieldNumber: number, start: number, end: number) => boolean;

/**
 *  key (varint)                value
 * +-------------------------+ +-----------------------------------------+
 * | field number | type (3) | | 0: varint   1: 8 bytes   5: 4 bytes     |
 * +-------------------------+ | 2: length (varint), as many bytes       |
 *                             +-----------------------------------------+
 *
 * Reads the fields of a protobuf message that have a length, and passes over the others: names need no more. Returns
 * false for bytes that are no message; never reads beyond `end`. Types 3 and 4 (groups) are not of proto3.
 */
export function readFields(bytes: Uint8Array, start: number, end: number, take: TakeField): boolean {
  let offset = start;

  /** -1 for one that has no end; imprecise above 2^53, where no length is that fits. */
  function readVarint(): number {
    let value = 0;
    for (let index = 0; index < 10 && offset < end; index++) {
      const byte = bytes[offset++]!;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    return -1;
  }

  while (offset < end) {
    const key = readVarint();
    if (key < 8 || key >= 2 ** 32) return false; // field numbers begin at 1, and have 29 bits
    const type = key % 8;
    const length = type === 1 ? 8 : type === 5 ? 4 : type === 0 || type === 2 ? readVarint() : -1;
    if (length === -1) return false;
    if (type === 0) continue;
    if (length > end - offset) return false;
    if (type === 2 && !take(Math.floor(key / 8), offset, offset + length)) return false;
    offset += length;
  }
  return true;
}
