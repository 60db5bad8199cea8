import { formatLabels, type Sample } from "./exposition.ts";
import type { SeriesTable } from "./series-table.ts";

type Labels = Readonly<Record<string, string>>;

/** Labels of a series, and as they are written. */
export interface WrittenLabels {
  readonly labels: Labels;
  readonly text: string;
}

export const withText = (labels: Labels): WrittenLabels => ({ labels, text: formatLabels(labels) });

/** Those of what is not told by name. */
export const otherLabels = (...names: readonly string[]): WrittenLabels =>
  withText(Object.fromEntries(names.map((name) => [name, "~other"])));

/** One counter of every series that is told by name, and of the rest as one. */
export function* samplesOf(
  table: SeriesTable<WrittenLabels>,
  { make, other }: { make: (row: number) => WrittenLabels; other: WrittenLabels },
  counter: number,
): Generator<Sample> {
  if (table.hasOther) yield { ...other, value: table.values[counter]! };
  for (let row = 0, end = table.count; row < end; row++) {
    if (!table.isNamed(row)) continue;
    const { labels, text } = table.labels(row, make);
    yield { labels, text, value: table.values[table.placeOf(row) + counter]! };
  }
}
