import { isMappedIPv4 } from "../flow/index.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { isAbsent } from "./record-values.ts";

/** The text of an address that is there; nothing of one that is not (16 zero bytes). */
export function appendAddress(writer: ByteWriter, bytes: Uint8Array, offset: number): void {
  if (isMappedIPv4(bytes, offset)) appendIPv4(writer, bytes, offset + 12);
  else if (!isAbsent(bytes, offset)) appendIPv6(writer, bytes, offset);
}

/** Four bytes for each octet: its digits, then how many they are. */
const octetTexts = Uint8Array.from({ length: 256 * 4 }, (_, i) => {
  const text = String(i >> 2);
  return (i & 3) === 3 ? text.length : text.charCodeAt(i & 3) || 0;
});

export function appendIPv4(writer: ByteWriter, source: Uint8Array, offset: number): void {
  const { bytes } = writer;
  let at = writer.position;
  for (let i = 0; i < 4; i++) {
    if (i > 0) bytes[at++] = 46; // .
    const text = source[offset + i]! * 4;
    const length = octetTexts[text + 3]!;
    for (let digit = 0; digit < length; digit++) bytes[at++] = octetTexts[text + digit]!;
  }
  writer.position = at;
}

const hexDigits = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));
const colon = 58;

/** RFC 5952: no leading zeros, the longest run of at least two zero groups as `::`, the first of equally long ones. */
export function appendIPv6(writer: ByteWriter, source: Uint8Array, offset: number): void {
  const group = (i: number) => (source[offset + i * 2]! << 8) | source[offset + i * 2 + 1]!;
  let runStart = 8;
  let runLength = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && group(end) === 0) end++;
    if (end - i > runLength) [runStart, runLength] = [i, end - i];
    if (end > i) i = end;
  }
  for (let i = 0; i < 8; i++) {
    if (i === runStart) {
      writer.appendByte(colon);
      writer.appendByte(colon);
      i += runLength - 1;
      continue;
    }
    if (i > 0 && i !== runStart + runLength) writer.appendByte(colon);
    appendHex(writer, group(i));
  }
}

const wordBytes = new Uint8Array(16);

/** The address in four words of a list. */
export function appendIPv6Words(writer: ByteWriter, words: Uint32Array, at: number): void {
  for (let i = 0; i < 16; i++) wordBytes[i] = words[at + (i >> 2)]! >>> (24 - (i & 3) * 8);
  appendIPv6(writer, wordBytes, 0);
}

function appendHex(writer: ByteWriter, value: number): void {
  for (let shift = value > 0xfff ? 12 : value > 0xff ? 8 : value > 0xf ? 4 : 0; shift >= 0; shift -= 4)
    writer.appendByte(hexDigits[(value >>> shift) & 0xf]!);
}

/** `aa:bb:cc:dd:ee:ff` of a 48-bit number. */
export function appendMac(writer: ByteWriter, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  for (let i = 0; i < 6; i++) {
    if (i > 0) writer.appendByte(colon);
    const octet = i < 2 ? high >>> (8 - i * 8) : value >>> (40 - i * 8);
    writer.appendByte(hexDigits[(octet >>> 4) & 0xf]!);
    writer.appendByte(hexDigits[octet & 0xf]!);
  }
}
