import type { LookupFigures } from "../data/answers.ts";

type Trouble = Pick<LookupFigures, "failureCounts" | "timedOutCount" | "queryCount">;

function troubleCount({ failureCounts, timedOutCount }: Trouble): number {
  return Object.values(failureCounts).reduce((sum, count) => sum + count, timedOutCount);
}

export function isTroubled(figures: Trouble): boolean {
  return troubleCount(figures) > 0;
}

/** Those with the most time-outs first, since a resolver is not to blame for names that do not exist; then the most asked. */
export function worstFirst<T extends Trouble>(rows: readonly T[]): T[] {
  return [...rows].sort((a, b) => b.timedOutCount - a.timedOutCount || b.queryCount - a.queryCount);
}
