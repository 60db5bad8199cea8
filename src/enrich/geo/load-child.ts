import { closeSync, openSync, readFileSync, readSync, statSync, writeSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { StringDecoder } from "node:string_decoder";
import type { AsRangeColumns } from "./as-ranges.ts";
import { checkMmdb } from "./check-mmdb.ts";
import type { GeoKind } from "./geo-facts.ts";
import { readAsCsv } from "./read-as-csv.ts";

export interface LoadOrder {
  readonly kind: GeoKind;
  readonly file: string;
}

/** What is in a file, or in words what is wrong with it. */
export type LoadAnswer =
  | { readonly form: "mmdb"; readonly bytes: Uint8Array }
  | { readonly form: "ranges"; readonly columns: AsRangeColumns }
  | { readonly form: "problem"; readonly problem: string };

/** What the first line of the answer says. */
export interface LoadHead {
  readonly form: LoadAnswer["form"];
  readonly problem: string;
  /** In bytes, in the order in which they follow. */
  readonly lengths: readonly (readonly [name: string, length: number])[];
}

/** It is held in memory. */
const fileBytesMax = 2 ** 30;

/** Reads and checks one file. */
function load({ kind, file }: LoadOrder): LoadAnswer {
  try {
    const about = statSync(file);
    if (!about.isFile()) return problem("is no file");
    if (about.size > fileBytesMax) return problem(`is larger than ${fileBytesMax / 2 ** 30} GiB`);
    if (file.toLowerCase().endsWith(".csv")) {
      if (kind !== "asn")
        return problem("is a CSV file, which only geo.asn takes; give a MaxMind database (.mmdb)");
      const columns = readAsCsv(linesOf(file));
      return typeof columns === "string" ? problem(columns) : { form: "ranges", columns };
    }
    const bytes = readFileSync(file);
    const wrong = checkMmdb(bytes, kind);
    return wrong === undefined ? { form: "mmdb", bytes } : problem(wrong);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return problem(`cannot be read: ${code ?? message}`);
  }
}

const problem = (text: string): LoadAnswer => ({ form: "problem", problem: text });

/** Longest line that is looked at: a file without line ends is no CSV file. */
const lineLengthMax = 1 << 20;

function* linesOf(file: string): Generator<string> {
  const descriptor = openSync(file, "r");
  try {
    const decoder = new StringDecoder("utf8");
    const chunk = Buffer.alloc(1 << 18);
    let rest = "";
    for (let length = 1; length > 0; ) {
      length = readSync(descriptor, chunk);
      const lines = (rest + decoder.write(chunk.subarray(0, length))).split(/\r?\n/);
      rest = lines.pop() ?? "";
      yield* lines;
      if (rest.length > lineLengthMax) throw new Error("a line of it is longer than a megabyte");
    }
    if (rest !== "") yield rest;
  } finally {
    closeSync(descriptor);
  }
}

/** A line that says what follows, then the bytes of the columns, one behind the other. */
function write(answer: LoadAnswer): void {
  const parts = columnsOf(answer);
  const lengths = parts.map(([name, column]) => [name, column.byteLength] as const);
  const problem = answer.form === "problem" ? answer.problem : "";
  const head: LoadHead = { form: answer.form, problem, lengths };
  writeAll(Buffer.from(`${JSON.stringify(head)}\n`));
  for (const [, column] of parts)
    writeAll(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
}

function columnsOf(answer: LoadAnswer): [name: string, column: Uint8Array | Uint32Array][] {
  if (answer.form === "problem") return [];
  if (answer.form === "mmdb") return [["bytes", answer.bytes]];
  // Bytes last, so that words stay where words can be read.
  return Object.entries(answer.columns).sort(([, a], [, b]) => b.BYTES_PER_ELEMENT - a.BYTES_PER_ELEMENT);
}

function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

setPriority(constants.priority.PRIORITY_LOW); // nobody waits for it
const [, , kind = "", file = ""] = process.argv;
write(load({ kind: kind as GeoKind, file }));
