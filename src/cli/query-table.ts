import { type CellKind, formatCell } from "./query-cells.ts";

export interface Column {
  readonly title: string;
  readonly kind: CellKind;
}

/** An answer for people. */
export interface PrintedTable {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly unknown[])[];
  /** What was asked, and what was left out. */
  readonly note: string;
}

const gap = "  ";
const narrowest = 10;

/** Lines of at most `width` characters: long texts are cut in their middle, then columns on the right are left out. */
export function formatTable({ columns, rows, note }: PrintedTable, width: number): string {
  const cells = rows.map((row) => columns.map(({ kind }, i) => formatCell(kind, row[i])));
  const shown = columns.map(({ title, kind }, i) => ({
    ...{ title, kind, i },
    width: cells.reduce((widest, row) => Math.max(widest, row[i]!.length), title.length),
  }));
  const total = () => shown.reduce((sum, column) => sum + column.width, gap.length * (shown.length - 1));
  while (total() > width) {
    const widest = shown
      .filter(({ kind, width }) => kind === "text" && width > narrowest)
      .sort((a, b) => b.width - a.width)[0];
    if (widest !== undefined)
      widest.width = Math.max(narrowest, widest.width - Math.max(1, Math.ceil((total() - width) / 4)));
    else if (shown.length > 1) shown.pop();
    else break;
  }
  const line = (texts: readonly string[]) =>
    shown
      .map(({ kind, i, width }) => {
        const text = shorten(texts[i]!, width);
        return kind === "text" || kind === "time" ? text.padEnd(width) : text.padStart(width);
      })
      .join(gap)
      .trimEnd();
  const left = columns.length - shown.length;
  const leftOut = left === 0 ? "" : `; ${left} columns do not fit, -o csv has them`;
  return [line(columns.map(({ title }) => title)), ...cells.map(line), "", `${note}${leftOut}`, ""].join(
    "\n",
  );
}

/** Both ends of a name tell more than its beginning. */
function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  const head = Math.ceil((width - 1) / 2);
  const tail = width - 1 - head;
  return `${text.slice(0, head)}…${tail === 0 ? "" : text.slice(-tail)}`;
}
