/** Writes DNS messages for tests, as a resolver would; `rcode` may have EDNS's upper bits. */
export interface DnsSketch {
  readonly id?: number;
  readonly name: string;
  readonly type?: number;
  readonly isQuery?: boolean;
  readonly isTruncated?: boolean;
  readonly rcode?: number;
  readonly answers?: readonly DnsSketchRecord[];
}

export interface DnsSketchRecord {
  readonly name: string;
  /** A dotted address, 16 bytes, or the name a CNAME leads to. */
  readonly a?: string;
  readonly aaaa?: Uint8Array;
  readonly cname?: string;
  readonly ttl?: number;
}

export function writeName(name: string): Uint8Array {
  const labels = name === "" ? [] : name.split(".");
  return Uint8Array.from([...labels.flatMap((label) => [label.length, ...Buffer.from(label)]), 0]);
}

export function writeDns(sketch: DnsSketch): Uint8Array {
  const { id = 1, name, type = 1, isQuery = false, isTruncated = false, rcode = 0, answers = [] } = sketch;
  const flags = (isQuery ? 0x0100 : 0x8180) | (isTruncated ? 0x0200 : 0) | (rcode & 15);
  const question = [...writeName(name), ...u16(type), ...u16(1)];
  const opt = [0, ...u16(41), ...u16(1232), rcode >> 4, 0, 0, 0, 0, 0];
  return Uint8Array.from([
    ...[id, flags, 1, answers.length, 0, 1].flatMap(u16),
    ...question,
    ...answers.flatMap((record) => writeRecord(record, name)),
    ...opt,
  ]);
}

/** A record of the question's own name points back to it, as resolvers do. */
function writeRecord({ name, a, aaaa, cname, ttl = 300 }: DnsSketchRecord, question: string): number[] {
  const owner = name === question ? [0xc0, 12] : [...writeName(name)];
  const [type, data] =
    cname !== undefined
      ? [5, [...writeName(cname)]]
      : aaaa !== undefined
        ? [28, [...aaaa]]
        : [1, a!.split(".").map(Number)];
  return [...owner, ...u16(type), ...u16(1), ...u16(ttl >>> 16), ...u16(ttl & 0xffff), ...u16(data.length), ...data];
}

function u16(value: number): number[] {
  return [(value >> 8) & 255, value & 255];
}
