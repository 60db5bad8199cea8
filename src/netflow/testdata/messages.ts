/** Writes flow messages for tests and benchmarks: the clear opposite of the decoder. Numbers may be bigint for 64 bits. */
export type SpecifiedField = readonly [id: number, length: number, enterprise?: number];

export function unsigned(value: number | bigint, width: number): Uint8Array {
  const bytes = new Uint8Array(width);
  let rest = BigInt(value);
  for (let i = width - 1; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** A value behind its length (RFC 7011 §7), in the long form when it must or `isLong` asks for it. */
export function variable(value: Uint8Array, isLong = value.length > 254): Uint8Array {
  return isLong
    ? concat(Uint8Array.of(255), unsigned(value.length, 2), value)
    : concat(Uint8Array.of(value.length), value);
}

export function set(id: number, ...bodies: readonly Uint8Array[]): Uint8Array {
  const body = concat(...bodies);
  return concat(unsigned(id, 2), unsigned(4 + body.length, 2), body);
}

const specifier = ([id, length, enterprise]: SpecifiedField) =>
  enterprise === undefined
    ? concat(unsigned(id, 2), unsigned(length, 2))
    : concat(unsigned(id | 0x8000, 2), unsigned(length, 2), unsigned(enterprise, 4));

export function template(id: number, fields: readonly SpecifiedField[]): Uint8Array {
  return concat(unsigned(id, 2), unsigned(fields.length, 2), ...fields.map(specifier));
}

export function ipfixOptionsTemplate(
  id: number,
  scopes: readonly SpecifiedField[],
  fields: readonly SpecifiedField[],
): Uint8Array {
  const count = unsigned(scopes.length + fields.length, 2);
  return concat(unsigned(id, 2), count, unsigned(scopes.length, 2), ...[...scopes, ...fields].map(specifier));
}

export function v9OptionsTemplate(
  id: number,
  scopes: readonly SpecifiedField[],
  fields: readonly SpecifiedField[],
): Uint8Array {
  const lengths = concat(unsigned(scopes.length * 4, 2), unsigned(fields.length * 4, 2));
  return concat(unsigned(id, 2), lengths, ...[...scopes, ...fields].map(specifier));
}

export interface HeaderOptions {
  readonly seconds?: number;
  readonly uptime?: number;
  readonly domain?: number;
  readonly count?: number;
  readonly sampling?: number;
  readonly sequence?: number;
}

/** The export time of messages that do not say: 2025-10-09 08:53:20 UTC. */
export const exportSeconds = 1_760_000_000;

export function ipfixMessage(options: HeaderOptions, ...sets: readonly Uint8Array[]): Uint8Array {
  const body = concat(...sets);
  const { seconds = exportSeconds, domain = 0, sequence = 0 } = options;
  const header = [unsigned(10, 2), unsigned(16 + body.length, 2), unsigned(seconds, 4), unsigned(sequence, 4)];
  return concat(...header, unsigned(domain, 4), body);
}

export function v9Message(options: HeaderOptions, ...sets: readonly Uint8Array[]): Uint8Array {
  const { seconds = exportSeconds, uptime = 100_000, domain = 0, count = 1, sequence = 0 } = options;
  const header = [unsigned(9, 2), unsigned(count, 2), unsigned(uptime, 4), unsigned(seconds, 4)];
  return concat(...header, unsigned(sequence, 4), unsigned(domain, 4), ...sets);
}

export function v5Message(options: HeaderOptions, ...records: readonly Uint8Array[]): Uint8Array {
  const { seconds = exportSeconds, uptime = 100_000, domain = 0, count = records.length, sampling = 0 } = options;
  const { sequence = 0 } = options;
  const header = [unsigned(5, 2), unsigned(count, 2), unsigned(uptime, 4), unsigned(seconds, 4), unsigned(0, 4)];
  return concat(...header, unsigned(sequence, 4), unsigned(domain, 2), unsigned(sampling, 2), ...records);
}

export interface V5Record {
  readonly source?: string;
  readonly destination?: string;
  readonly packets?: number;
  readonly octets?: number;
  readonly first?: number;
  readonly last?: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly protocol?: number;
}

export function ipv4(text: string): Uint8Array {
  return Uint8Array.from(text.split("."), Number);
}

export function v5Record(record: V5Record): Uint8Array {
  const { packets = 1, octets = 100, first = 90_000, last = 95_000, protocol = 6 } = record;
  const { sourcePort = 40_000, destinationPort = 443 } = record;
  return concat(
    ipv4(record.source ?? "10.0.0.1"),
    ipv4(record.destination ?? "10.0.0.2"),
    unsigned(0, 4),
    unsigned(1, 2),
    unsigned(2, 2),
    ...[packets, octets, first, last].map((value) => unsigned(value, 4)),
    ...[sourcePort, destinationPort].map((value) => unsigned(value, 2)),
    Uint8Array.of(0, 0x1b, protocol, 0),
    ...[64_512, 64_513].map((value) => unsigned(value, 2)),
    Uint8Array.of(24, 24, 0, 0),
  );
}
