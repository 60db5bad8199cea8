/**
 * Snappy's block format (format_description.txt of google/snappy), the writing half: remote write takes nothing else. Texts are found
 * again within 64 KiB, the longest match at the last place that had the same four octets.
 */

const blockBytes = 1 << 16;
const hashBits = 14;
/** The last octets of a block are not looked at: four are read at once, and short matches gain nothing. */
const marginBytes = 15;

const table = new Uint16Array(1 << hashBits);

/** A snappy block of the octets. */
export function compressSnappy(input: Uint8Array): Uint8Array<ArrayBuffer> {
  const output = new Uint8Array(32 + input.length + Math.ceil(input.length / 6));
  let end = 0;
  for (let rest = input.length; ; rest = Math.floor(rest / 128)) {
    output[end++] = rest < 128 ? rest : (rest % 128) | 0x80;
    if (rest < 128) break;
  }
  for (let start = 0; start < input.length; start += blockBytes)
    end = writeBlock(input, start, Math.min(start + blockBytes, input.length), output, end);
  return output.slice(0, end);
}

function writeBlock(input: Uint8Array, start: number, end: number, output: Uint8Array, to: number): number {
  table.fill(0);
  let at = start;
  let written = start;
  let place = to;
  while (at < end - marginBytes) {
    const word = readWord(input, at);
    const hash = Math.imul(word, 0x1e35a7bd) >>> (32 - hashBits);
    const candidate = start + table[hash]!;
    table[hash] = at - start;
    if (candidate >= at || readWord(input, candidate) !== word) {
      at += 1 + ((at - written) >> 5); // what does not repeat is passed over faster and faster
      continue;
    }
    place = writeLiteral(input, written, at, output, place);
    let length = 4;
    while (at + length < end && input[candidate + length] === input[at + length]) length++;
    place = writeCopy(at - candidate, length, output, place);
    at += length;
    written = at;
  }
  return writeLiteral(input, written, end, output, place);
}

function readWord(input: Uint8Array, at: number): number {
  return input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16) | (input[at + 3]! << 24);
}

/** Tag 00: length less one in the tag's six bits, or in one or two octets behind it. */
function writeLiteral(input: Uint8Array, from: number, end: number, output: Uint8Array, to: number): number {
  const length = end - from - 1;
  if (length < 0) return to;
  let place = to;
  if (length < 60) output[place++] = length << 2;
  else if (length < 256) {
    output[place++] = 60 << 2;
    output[place++] = length;
  } else {
    output[place++] = 61 << 2;
    output[place++] = length & 0xff;
    output[place++] = length >> 8;
  }
  output.set(input.subarray(from, end), place);
  return place + length + 1;
}

/** Tag 01: length 4 to 11, offset of 11 bits; tag 10: length 1 to 64, offset of 16 bits. */
function writeCopy(offset: number, length: number, output: Uint8Array, to: number): number {
  let place = to;
  let rest = length;
  while (rest > 64) {
    const part = rest >= 68 ? 64 : 60; // what is left is 4 or longer
    output[place++] = ((part - 1) << 2) | 2;
    output[place++] = offset & 0xff;
    output[place++] = offset >> 8;
    rest -= part;
  }
  if (rest < 12 && offset < 2048) {
    output[place++] = ((offset >> 8) << 5) | ((rest - 4) << 2) | 1;
    output[place++] = offset & 0xff;
    return place;
  }
  output[place++] = ((rest - 1) << 2) | 2;
  output[place++] = offset & 0xff;
  output[place++] = offset >> 8;
  return place;
}
