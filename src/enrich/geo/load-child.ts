import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { StringDecoder } from "node:string_decoder";
import { assert } from "../../flow/index.ts";
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

assert(process.send !== undefined, "runs as a child process");
setPriority(constants.priority.PRIORITY_LOW); // nobody waits for it
process.once("disconnect", () => process.exit());
const [, , kind = "", file = ""] = process.argv;
process.send(load({ kind: kind as GeoKind, file }), () => process.disconnect());
