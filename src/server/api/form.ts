import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";

/** The forms in which an answer comes. */
export const forms = ["json", "csv", "ndjson"] as const;
export type Form = (typeof forms)[number];

/** RFC 4180, and one JSON text per line. */
export const mediaTypes: Readonly<Record<Form, string>> = {
  json: "application/json",
  csv: "text/csv",
  ndjson: "application/x-ndjson",
};

/** What a cell may hold. */
export type Cell = string | number | boolean | null;
export type Row = readonly Cell[];

/** An answer as rows: for tables and lines. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: Iterable<Row> | AsyncIterable<Row>;
}

/** What `format` says, else the first form that `Accept` likes best (RFC 9110 §12.5.1); JSON when it likes none. */
export function chooseForm(format: Form | undefined, accept: string | undefined): Form {
  if (format !== undefined) return format;
  let best: Form = "json";
  let bestQuality = 0;
  for (const range of accept?.split(",") ?? []) {
    const [type = "", ...options] = range.split(";").map((part) => part.trim().toLowerCase());
    const form = forms.find((one) => type === mediaTypes[one]) ?? (isAny(type) ? "json" : undefined);
    const quality = Number(options.find((option) => option.startsWith("q="))?.slice(2) ?? 1);
    if (form !== undefined && quality > bestQuality) [best, bestQuality] = [form, quality];
  }
  return best;
}

function isAny(type: string): boolean {
  return type === "*/*" || type === "application/*";
}

/** Sent piece by piece, as whoever asked takes them. */
export function sendTable(reply: FastifyReply, form: Exclude<Form, "json">, name: string, table: Table) {
  const pieces = form === "csv" ? csvPieces(table) : linePieces(table);
  // HEAD is answered from the route of GET, and what that sends is read to its end for nobody.
  const isRead = reply.request.method !== "HEAD";
  const stream = Readable.from(isRead ? pieces : [], { objectMode: false, highWaterMark: 1 << 16 });
  // A browser keeps it as a file.
  if (form === "csv") reply.header("content-disposition", `attachment; filename="${name}.csv"`);
  return reply.header("content-type", `${mediaTypes[form]}; charset=utf-8`).send(stream);
}

const pieceLength = 1 << 16;

/** RFC 4180: a header, CRLF, quotes where they are needed. */
export async function* csvPieces({ columns, rows }: Table): AsyncGenerator<string> {
  let piece = `${columns.map(csvCell).join(",")}\r\n`;
  for await (const row of rows) {
    piece += `${row.map(csvCell).join(",")}\r\n`;
    if (piece.length < pieceLength) continue;
    yield piece;
    piece = "";
  }
  yield piece;
}

async function* linePieces({ columns, rows }: Table): AsyncGenerator<string> {
  let piece = "";
  for await (const row of rows) {
    piece += `${JSON.stringify(Object.fromEntries(columns.map((name, i) => [name, row[i]])))}\n`;
    if (piece.length < pieceLength) continue;
    yield piece;
    piece = "";
  }
  yield piece;
}

/**
 * A text that a spreadsheet would take for a formula gets an apostrophe before it: names come from strangers. Numbers are
 * ours, and may be negative.
 */
function csvCell(value: Cell): string {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  const text = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
