import type { LinkTable } from "./schema.ts";

export const minuteMilliseconds = 60_000;
export const hourMilliseconds = 60 * minuteMilliseconds;
export const dayMilliseconds = 24 * hourMilliseconds;

/** What is in which table of links. */
export interface RollUpMarks {
  /** Records up to this id are in `link_minutes`. */
  readonly rolledUpId: number;
  /** Unix ms, a whole hour: minutes before it are there no more. */
  readonly minutesFrom: number;
  /** Unix ms: hours before it are in `link_hours`, days before it in `link_days`. */
  readonly hoursThrough: number;
  readonly daysThrough: number;
}

/** Rows of a table whose time is from `from` up to, not including, `to`. */
export interface TablePart {
  readonly table: LinkTable;
  readonly from: number;
  readonly to: number;
}

/** A window as it can be answered: whole minutes, or whole hours where it reaches back behind the minutes that are kept. */
export interface Window {
  readonly from: number;
  readonly to: number;
  readonly step: number | undefined;
}

export function windowOf(
  { from, to, step }: { readonly from: number; readonly to: number; readonly step?: number | undefined },
  { minutesFrom }: RollUpMarks,
): Window {
  const unitAt = (time: number) => (time < minutesFrom ? hourMilliseconds : minuteMilliseconds);
  const start = floorTo(from, unitAt(from));
  return {
    from: start,
    to: ceilTo(to, unitAt(to - 1)),
    step: step !== undefined && start < minutesFrom ? ceilTo(step, hourMilliseconds) : step,
  };
}

/** The coarsest tables that together hold exactly the window, each bucket of `step` apart. */
export function windowParts({ from, to, step }: Window, marks: RollUpMarks): TablePart[] {
  const isSplit = (unit: number) => step !== undefined && step % unit !== 0;
  const levels = [
    { table: "link_days", unit: dayMilliseconds, through: isSplit(dayMilliseconds) ? 0 : marks.daysThrough },
    {
      table: "link_hours",
      unit: hourMilliseconds,
      through: isSplit(hourMilliseconds) ? 0 : marks.hoursThrough,
    },
    { table: "link_minutes", unit: minuteMilliseconds, through: Number.POSITIVE_INFINITY },
  ] as const;
  return divide(from, to, levels);
}

interface Level {
  readonly table: LinkTable;
  readonly unit: number;
  readonly through: number;
}

function divide(from: number, to: number, [level, ...finer]: readonly Level[]): TablePart[] {
  if (level === undefined || from >= to) return [];
  const { table, unit, through } = level;
  const first = ceilTo(from, unit);
  const end = Math.min(floorTo(to, unit), through);
  if (first >= end) return divide(from, to, finer);
  return [...divide(from, first, finer), { table, from: first, to: end }, ...divide(end, to, finer)];
}

export function floorTo(time: number, unit: number): number {
  return Math.floor(time / unit) * unit;
}

export function ceilTo(time: number, unit: number): number {
  return Math.ceil(time / unit) * unit;
}
