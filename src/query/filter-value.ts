import { type Cidr, parseCidr, parseProtocol } from "../flow/index.ts";
import type { CompareOperator, FilterTest } from "./filter.ts";
import type { FilterValueKind } from "./filter-fields.ts";
import { literalOf } from "./pattern.ts";

/** Checks the patterns written behind a `field:`; undefined at the first that the field does not accept. */
export function readTests(
  kind: FilterValueKind,
  patterns: readonly string[],
): FilterTest[] | { readonly wrong: number } {
  if (kind === "text") return [{ kind: "text", patterns }];
  if (kind === "address" || kind === "network") return readRanges(kind, patterns);
  if (kind === "asn") return readSystems(patterns);
  const values: number[] = [];
  for (const [i, pattern] of patterns.entries()) {
    const value = readNumber(kind, pattern);
    if (value === undefined) return { wrong: i };
    values.push(value);
  }
  return [{ kind: "number", values }];
}

/** Checks what stands behind `<`, `<=`, `>`, `>=` or `=`. */
export function readCompare(
  kind: FilterValueKind,
  operator: CompareOperator,
  pattern: string,
): FilterTest | undefined {
  const value = readNumber(kind, pattern);
  return value === undefined ? undefined : { kind: "compare", operator, value };
}

/** Whether a kind has an order, and so comparisons. */
export function isOrdered(kind: FilterValueKind): boolean {
  return kind === "port" || kind === "bytes" || kind === "count" || kind === "duration";
}

/** A network can be a name or a range: names and ranges become two tests, of which either may hold. */
function readRanges(
  kind: "address" | "network",
  patterns: readonly string[],
): FilterTest[] | { readonly wrong: number } {
  const ranges: Cidr[] = [];
  const names: string[] = [];
  for (const [i, pattern] of patterns.entries()) {
    const range = parseRange(pattern);
    if (range !== undefined) ranges.push(range);
    else if (kind === "network") names.push(pattern);
    else return { wrong: i };
  }
  const tests: FilterTest[] = [];
  if (ranges.length > 0) tests.push({ kind: "address", ranges });
  if (names.length > 0) tests.push({ kind: "text", patterns: names });
  return tests;
}

/** An autonomous system's number or name: two tests, of which either may hold. */
function readSystems(patterns: readonly string[]): FilterTest[] {
  const values = patterns.map((pattern) => readNumber("asn", pattern));
  const numbers = values.filter((value) => value !== undefined);
  const names = patterns.filter((_, i) => values[i] === undefined);
  const tests: FilterTest[] = [];
  if (numbers.length > 0) tests.push({ kind: "number", values: numbers });
  if (names.length > 0) tests.push({ kind: "text", patterns: names });
  return tests;
}

/** An address, a CIDR, or an IPv4 prefix written `10.1.*`. */
export function parseRange(pattern: string): Cidr | undefined {
  const prefix = /^((?:\d{1,3}\.){1,3})\*$/.exec(pattern)?.[1];
  if (prefix === undefined) return parseCidr(pattern);
  const parts = prefix.split(".").slice(0, -1);
  return parseCidr(`${[...parts, "0", "0", "0"].slice(0, 4).join(".")}/${parts.length * 8}`);
}

function readNumber(kind: FilterValueKind, pattern: string): number | undefined {
  const text = literalOf(pattern);
  if (text === undefined) return undefined;
  switch (kind) {
    case "port":
      return readWhole(text, 65535);
    case "protocol":
      return parseProtocol(text);
    case "asn":
      return readWhole(/^(?:as)?(\d{1,10})$/i.exec(text)?.[1], 2 ** 32 - 1);
    case "vlan":
      return readWhole(text, 4095);
    case "interface":
      return readWhole(text, 2 ** 32 - 1);
    case "bytes":
      return readQuantity(text, byteUnits);
    case "count":
      return readQuantity(text, countUnits);
    case "duration":
      return readQuantity(text, durationUnits);
    default:
      return undefined;
  }
}

function readWhole(text: string | undefined, max: number): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) <= max ? Number(text) : undefined;
}

function readQuantity(text: string, units: ReadonlyMap<string, number>): number | undefined {
  const [, digits, unit] = /^(\d{1,16}(?:\.\d{1,9})?)([a-zµ]*)$/i.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  const factor = units.get(unit.toLowerCase());
  return factor === undefined ? undefined : Number(digits) * factor;
}

const countUnits = new Map([
  ["", 1],
  ["k", 1e3],
  ["m", 1e6],
  ["g", 1e9],
]);

const byteUnits = new Map([
  ...countUnits,
  ["b", 1],
  ["kb", 1e3],
  ["mb", 1e6],
  ["gb", 1e9],
  ["tb", 1e12],
  ["kib", 2 ** 10],
  ["mib", 2 ** 20],
  ["gib", 2 ** 30],
  ["tib", 2 ** 40],
]);

/** Milliseconds. */
const durationUnits = new Map([
  ["", 1],
  ["us", 1e-3],
  ["µs", 1e-3],
  ["ms", 1],
  ["s", 1e3],
]);
