import type { Status } from "../data/answers.ts";

/** Records per second of all exporters, from two looks at the status; undefined before there are two. */
export interface RecordLook {
  readonly records: number;
  readonly at: number;
  readonly perSecond: number | undefined;
}

export function lookAtRecords(status: Status, at: number, before: RecordLook | undefined): RecordLook {
  const { records } = status.collector;
  if (before === undefined || at <= before.at) return { records, at, perSecond: undefined };
  // A restarted server counts from 0 again.
  const more = Math.max(0, records - before.records);
  return { records, at, perSecond: (more * 1000) / (at - before.at) };
}

export function dropCount(status: Status): number {
  return status.collector.exporters.reduce(
    (sum, { drops }) => sum + Object.values(drops).reduce((of, count) => of + count, 0),
    0,
  );
}
