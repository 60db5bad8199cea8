import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { DuckDBInstance } from "@duckdb/node-api";
import { OperatingError } from "../errors.ts";

type ColumnType = "BIGINT" | "DOUBLE" | "BOOLEAN" | "VARCHAR";

/**
 * Writes lines of JSON, each an object with the same members, as a Parquet file. Whole numbers become BIGINT, others DOUBLE; what is
 * null in every line becomes text. The lines wait in a temporary file, since only the last of them shows the types.
 */
export async function writeParquet(path: string, lines: Readable): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "portolan-parquet-"));
  const waiting = join(folder, "lines");
  try {
    const types = new Map<string, ColumnType | undefined>();
    await pipeline(noteTypes(lines, types), createWriteStream(waiting));
    if (types.size === 0)
      throw new OperatingError(
        "answer_empty",
        "nothing was found: a Parquet file has columns, so none was written",
      );
    await convert(waiting, path, types);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function* noteTypes(lines: Readable, types: Map<string, ColumnType | undefined>) {
  for await (const line of linesOf(lines)) {
    if (line === "") continue;
    for (const [name, value] of Object.entries(JSON.parse(line) as Record<string, unknown>))
      types.set(name, wider(types.get(name), value));
    yield `${line}\n`;
  }
}

/** readline's iteration does not end when what it reads breaks. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  yield rest;
}

function wider(known: ColumnType | undefined, value: unknown): ColumnType | undefined {
  if (value === null) return known;
  const type =
    typeof value === "boolean"
      ? "BOOLEAN"
      : typeof value !== "number"
        ? "VARCHAR"
        : Number.isSafeInteger(value)
          ? "BIGINT"
          : "DOUBLE";
  if (known === undefined || known === type) return type;
  return [known, type].every((one) => one === "BIGINT" || one === "DOUBLE") ? "DOUBLE" : "VARCHAR";
}

/** Names and paths are quoted: they come from a server and from whoever asks. */
async function convert(from: string, to: string, types: ReadonlyMap<string, ColumnType | undefined>) {
  const options = { autoinstall_known_extensions: "false", autoload_known_extensions: "false" };
  const instance = await DuckDBInstance.create(":memory:", options);
  const connection = await instance.connect();
  const columns = [...types].map(([name, type = "VARCHAR"]) => `${quoted(name)}: '${type}'`);
  try {
    await connection.run(
      `COPY (FROM read_json(${quoted(from)}, format = 'newline_delimited', columns = {${columns.join(", ")}}))
       TO ${quoted(to)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  } catch (cause) {
    const [reason = ""] = (cause as Error).message.split("\n");
    throw new OperatingError("answer_broken", `${to}: not written: ${reason}`, cause);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
