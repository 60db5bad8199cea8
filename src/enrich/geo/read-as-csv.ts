import { cleanText, grown, isMappedIPv4, parseAddress } from "../../flow/index.ts";
import type { AsRangeColumns } from "./as-ranges.ts";

/** With more lines than this share that are not of the form, it is another kind of file. */
const wrongShareMax = 0.01;
const linesMax = 4_000_000;

/**
 * Reads lines `FIRST,LAST,NUMBER,NAME`, addresses inclusive, as ip-location-db has them; a name may be quoted (RFC 4180).
 * Returns what is wrong, in words, when it is something else. Lines need not be in order; of ranges that overlap the one
 * that begins first counts.
 */
export function readAsCsv(lines: Iterable<string>): AsRangeColumns | string {
  const systems = new SystemTable();
  const ipv4 = new RangeRows();
  const ipv6 = new RangeRows();
  let lineCount = 0;
  let wrongCount = 0;
  for (const line of lines) {
    if (line === "") continue;
    if (++lineCount > linesMax) return `has more than ${linesMax} lines`;
    if (!readLine(line, systems, ipv4, ipv6)) wrongCount++;
  }
  if (lineCount === 0) return "is empty";
  if (wrongCount > lineCount * wrongShareMax) {
    return `${wrongCount} of ${lineCount} lines are not FIRST,LAST,NUMBER,NAME, such as 192.0.2.0,192.0.2.255,64500,Example`;
  }
  const [four, six] = [ipv4.inOrder(), ipv6.inOrder()];
  const systemOfRange = new Uint32Array(four.length + six.length);
  for (const [i, row] of four.entries()) systemOfRange[i] = ipv4.system(row);
  for (const [i, row] of six.entries()) systemOfRange[four.length + i] = ipv6.system(row);
  return {
    firstIPv4: four.map((row) => ipv4.word(row, 3)),
    lastIPv4: four.map((row) => ipv4.word(row, 7)),
    firstIPv6: ipv6.addresses(six, 0),
    lastIPv6: ipv6.addresses(six, 4),
    systemOfRange,
    ...systems.columns(),
  };
}

/** Whether the line was of the form. */
function readLine(line: string, systems: SystemTable, ipv4: RangeRows, ipv6: RangeRows): boolean {
  const [firstText = "", lastText = "", numberText = ""] = line.split(",", 3);
  const first = parseAddress(firstText);
  const last = parseAddress(lastText);
  const number = /^\d{1,10}$/.test(numberText) ? Number(numberText) : 0;
  if (first === undefined || last === undefined || number === 0 || number > 0xffffffff) return false;
  if (isMappedIPv4(first) !== isMappedIPv4(last) || Buffer.compare(first, last) > 0) return false;
  const nameAt = firstText.length + lastText.length + numberText.length + 3;
  (isMappedIPv4(first) ? ipv4 : ipv6).add(first, last, systems.row(number, line.slice(nameAt)));
  return true;
}

/** Rows of first address, last address (four words each) and system. */
class RangeRows {
  #words = new Uint32Array(9 * 1024);
  #count = 0;

  add(first: Uint8Array, last: Uint8Array, system: number): void {
    const at = this.#count++ * 9;
    if (at === this.#words.length) this.#words = grown(this.#words, at * 2);
    for (let i = 0; i < 4; i++) {
      this.#words[at + i] = wordOf(first, i);
      this.#words[at + 4 + i] = wordOf(last, i);
    }
    this.#words[at + 8] = system;
  }

  word(row: number, index: number): number {
    return this.#words[row * 9 + index]!;
  }

  system(row: number): number {
    return this.word(row, 8);
  }

  /** Rows by their first address, without those that begin within one before. */
  inOrder(): Uint32Array {
    const rows = Uint32Array.from({ length: this.#count }, (_, row) => row);
    rows.sort((a, b) => this.#compare(a, 0, b, 0));
    let before = -1;
    return rows.filter((row) => {
      const isApart = before < 0 || this.#compare(before, 4, row, 0) < 0;
      if (isApart) before = row;
      return isApart;
    });
  }

  /** The words of these rows' first (`from` 0) or last (`from` 4) addresses. */
  addresses(rows: Uint32Array, from: 0 | 4): Uint32Array {
    const words = new Uint32Array(rows.length * 4);
    for (const [i, row] of rows.entries())
      words.set(this.#words.subarray(row * 9 + from, row * 9 + from + 4), i * 4);
    return words;
  }

  #compare(a: number, aFrom: number, b: number, bFrom: number): number {
    for (let i = 0; i < 4; i++) {
      const difference = this.word(a, aFrom + i) - this.word(b, bFrom + i);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

function wordOf(bytes: Uint8Array, index: number): number {
  const at = index * 4;
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** Each number and name once: half a million ranges are of eighty thousand systems. */
class SystemTable {
  readonly #rows = new Map<string, number>();
  readonly #numbers: number[] = [];
  readonly #names: string[] = [];

  row(number: number, written: string): number {
    const key = `${number},${written}`;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const added = this.#numbers.length;
    this.#rows.set(key, added);
    this.#numbers.push(number);
    const quoted = /^"(.*)"$/.exec(written)?.[1];
    this.#names.push(cleanText(quoted?.replaceAll('""', '"') ?? written, 100));
    return added;
  }

  columns(): Pick<AsRangeColumns, "numbers" | "names" | "nameEnds"> {
    const bytes = this.#names.map((name) => Buffer.from(name));
    let end = 0;
    const nameEnds = Uint32Array.from(bytes, ({ length }) => (end += length));
    // Not Buffer.concat, which may give a part of a pool that other buffers share.
    const names = new Uint8Array(end);
    for (const [i, name] of bytes.entries()) names.set(name, nameEnds[i]! - name.length);
    return { numbers: Uint32Array.from(this.#numbers), names, nameEnds };
  }
}
