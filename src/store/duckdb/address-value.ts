import { formatAddress, parseAddress } from "../../flow/index.ts";

/** An address is stored as a number, so that a range of addresses is a range of numbers. */
export function addressValue(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = 0; i < 16; i++) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}

export function addressValueOfText(text: string): bigint | null {
  const bytes = parseAddress(text);
  return bytes === undefined ? null : addressValue(bytes);
}

export function addressText(value: bigint): string {
  const bytes = new Uint8Array(16);
  for (let i = 15, rest = value; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return formatAddress(bytes);
}
