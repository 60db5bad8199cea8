/** Writes packets for tests: the clear opposite of the readers. Headers are parts, outermost first, to be joined. */
import { parseAddress } from "../../flow/index.ts";

export function unsigned(value: number, width: number): Uint8Array {
  const bytes = new Uint8Array(width);
  for (let i = width - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  return bytes;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}

export const sourceMac = 0x02_00_00_00_00_01;
export const destinationMac = 0x02_00_00_00_00_02;

export function ethernet(type: number): Uint8Array {
  return concat(unsigned(destinationMac, 6), unsigned(sourceMac, 6), unsigned(type, 2));
}

export function vlan(id: number, type: number, priority = 0): Uint8Array {
  return concat(unsigned(priority * 0x2000 + id, 2), unsigned(type, 2));
}

export function mplsEntry(label: number, isBottom: boolean, ttl = 64): Uint8Array {
  return unsigned(label * 4096 + (isBottom ? 256 : 0) + ttl, 4);
}

/** 4 bytes of an IPv4 address, 16 of IPv6. */
export function address(text: string): Uint8Array {
  const bytes = parseAddress(text)!;
  return text.includes(":") ? bytes : bytes.subarray(12);
}

export interface IPOptions {
  readonly source?: string;
  readonly destination?: string;
  readonly payloadLength?: number;
  readonly trafficClass?: number;
  readonly ttl?: number;
  readonly id?: number;
  /** Flags and fragment offset. */
  readonly fragment?: number;
  readonly options?: Uint8Array;
  readonly flowLabel?: number;
}

export function ipv4(protocol: number, given: IPOptions = {}): Uint8Array {
  const { source = "192.0.2.1", destination = "198.51.100.2", payloadLength = 80, options } = given;
  const { trafficClass = 0, ttl = 63, id = 0x1234, fragment = 0x4000 } = given;
  const optionBytes = options ?? new Uint8Array();
  const length = 20 + optionBytes.length;
  return concat(
    unsigned(0x40 + length / 4, 1),
    unsigned(trafficClass, 1),
    ...[length + payloadLength, id, fragment].map((value) => unsigned(value, 2)),
    unsigned(ttl, 1),
    unsigned(protocol, 1),
    unsigned(0, 2),
    address(source),
    address(destination),
    optionBytes,
  );
}

export function ipv6(next: number, given: IPOptions = {}): Uint8Array {
  const { source = "2001:db8::1", destination = "2001:db8:1::2", payloadLength = 80 } = given;
  const { trafficClass = 0, ttl = 62, flowLabel = 0xabcde } = given;
  return concat(
    unsigned(6 * 2 ** 28 + trafficClass * 2 ** 20 + flowLabel, 4),
    unsigned(payloadLength, 2),
    unsigned(next, 1),
    unsigned(ttl, 1),
    address(source),
    address(destination),
  );
}

export function tcp(source: number, destination: number, flags = 0x18): Uint8Array {
  const ports = [source, destination].map((port) => unsigned(port, 2));
  return concat(...ports, unsigned(0, 8), unsigned(0x5000 + flags, 2), unsigned(0, 6));
}

export function udp(source: number, destination: number): Uint8Array {
  return concat(...[source, destination, 8, 0].map((value) => unsigned(value, 2)));
}

export function icmp(type: number, code: number): Uint8Array {
  return concat(unsigned(type, 1), unsigned(code, 1), unsigned(0, 6));
}
