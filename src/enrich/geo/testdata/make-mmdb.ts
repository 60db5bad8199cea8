import { parseCidr } from "../../../flow/index.ts";

type Value = string | number | boolean | Float | Buffer | readonly Value[] | { readonly [name: string]: Value };

/** A number that is written as a double. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export interface MmdbOptions {
  readonly recordBits?: 24 | 28 | 32;
  readonly ipVersion?: 4 | 6;
  readonly databaseType?: string;
  readonly builtSeconds?: number;
}

/** A MaxMind DB with these records by range. Ranges must not hold one another. */
export function makeMmdb(records: Readonly<Record<string, Value>>, options: MmdbOptions = {}): Buffer {
  const { recordBits = 28, ipVersion = 6, databaseType = "Test-Database", builtSeconds = 1_700_000_000 } = options;
  /** Each node's children: another node, a record, or nothing. */
  const nodes: [Child, Child][] = [[undefined, undefined]];
  for (const [range, record] of Object.entries(records)) {
    const { address, prefixLength } = parseCidr(range)!;
    const isIPv4 = !range.includes(":");
    // IPv4 is at ::/96 of a tree of version 6, which is not where the mapped form is.
    const bits = [...address].flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => (byte >> bit) & 1));
    const path = isIPv4 ? bits.slice(96, prefixLength) : bits.slice(0, prefixLength);
    if (isIPv4 && ipVersion === 6) path.unshift(...new Array<number>(96).fill(0));
    let node = 0;
    for (const bit of path.slice(0, -1)) {
      const child = nodes[node]![bit as 0 | 1];
      if (typeof child === "number") node = child;
      else node = nodes[node]![bit as 0 | 1] = nodes.push([undefined, undefined]) - 1;
    }
    nodes[node]![path.at(-1) as 0 | 1] = { record };
  }
  const data: Buffer[] = [];
  let dataLength = 0;
  const numberOf = (child: Child): number => {
    if (child === undefined) return nodes.length;
    if (typeof child === "number") return child;
    const at = dataLength;
    const bytes = encode(child.record);
    data.push(bytes);
    dataLength += bytes.length;
    return nodes.length + 16 + at;
  };
  const tree = nodes.map(([left, right]) => encodeNode(numberOf(left), numberOf(right), recordBits));
  const metadata = encode({
    node_count: nodes.length,
    record_size: recordBits,
    ip_version: ipVersion,
    database_type: databaseType,
    languages: ["en"],
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: builtSeconds,
    description: { en: "made for a test" },
  });
  const marker = Buffer.from("\xab\xcd\xefMaxMind.com", "latin1");
  return Buffer.concat([...tree, Buffer.alloc(16), ...data, marker, metadata]);
}

type Child = number | { readonly record: Value } | undefined;

function encodeNode(left: number, right: number, recordBits: 24 | 28 | 32): Buffer {
  const bytes = Buffer.alloc(recordBits / 4);
  switch (recordBits) {
    case 24:
      bytes.writeUIntBE(left, 0, 3);
      bytes.writeUIntBE(right, 3, 3);
      break;
    case 28:
      bytes.writeUIntBE(left & 0xffffff, 0, 3);
      bytes[3] = ((left >> 24) << 4) | (right >> 24);
      bytes.writeUIntBE(right & 0xffffff, 4, 3);
      break;
    case 32:
      bytes.writeUInt32BE(left, 0);
      bytes.writeUInt32BE(right, 4);
  }
  return bytes;
}

/** The format's types: 2 text, 3 double, 6 unsigned 32 bits, 7 map, 11 array, 14 boolean. */
function encode(value: Value): Buffer {
  if (typeof value === "string") {
    const bytes = Buffer.from(value);
    return Buffer.concat([control(2, bytes.length), bytes]);
  }
  if (typeof value === "number") {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return Buffer.concat([control(6, 4), bytes]);
  }
  if (Buffer.isBuffer(value)) return value; // already in the format
  if (typeof value === "boolean") return control(14, value ? 1 : 0);
  if (value instanceof Float) {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value.value);
    return Buffer.concat([control(3, 8), bytes]);
  }
  if (Array.isArray(value)) return Buffer.concat([control(11, value.length), ...value.map(encode)]);
  const entries = Object.entries(value as Record<string, Value>);
  return Buffer.concat([control(7, entries.length), ...entries.flatMap(([name, inner]) => [encode(name), encode(inner)])]);
}

function control(type: number, size: number): Buffer {
  const head = size < 29 ? [size] : size < 285 ? [29, size - 29] : [30, (size - 285) >> 8, (size - 285) & 0xff];
  const [first = 0, ...rest] = head;
  return type < 8 ? Buffer.from([(type << 5) | first, ...rest]) : Buffer.from([first, type - 7, ...rest]);
}
