import { useQuery } from "@tanstack/react-query";
import { baseBounds, type CompareWith, rangeBounds, type TimeRange } from "../time/time-range.ts";
import type { Diff } from "./answers.ts";
import { fetchDiff } from "./api.ts";
import { useServerClock } from "./server-clock.ts";

/** A live window moves on, and the one before it too. */
const refreshMilliseconds = 30_000;
const linksMax = 5000;

export interface DiffQuestion {
  readonly range: TimeRange;
  readonly compare: CompareWith;
  readonly filter: string;
  /** 1 tells of every link, a large one only of what is new or gone. */
  readonly factor: number;
}

/** What the store says of two windows; undefined while it is not asked, and before the answer. */
export function useDiff(question: DiffQuestion | undefined): Diff | undefined {
  const clock = useServerClock();
  const { data } = useQuery({
    queryKey: ["diff", question],
    queryFn: async ({ signal }) => {
      const time = await clock.ask();
      const { range, compare, filter, factor } = question!;
      const [now, base] = [rangeBounds(range, time), baseBounds(range, compare, time)];
      const times = {
        ...{ from: Math.round(now.from), to: Math.round(now.to) },
        ...{ baseFrom: Math.round(base.from), baseTo: Math.round(base.to) },
      };
      return fetchDiff({ ...times, filter, factor, limit: linksMax }, signal);
    },
    enabled: question !== undefined,
    refetchInterval: question?.range.kind === "between" ? false : refreshMilliseconds,
  });
  return question === undefined ? undefined : data;
}
