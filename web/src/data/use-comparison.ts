import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { baseBounds } from "../time/time-range.ts";
import type { View } from "../view.ts";
import { fetchMap } from "./api.ts";
import { useServerClock } from "./server-clock.ts";
import type { TopologyStore } from "./topology-store.ts";
import { linksMax } from "./use-topology.ts";

/** A live window moves on, and what it is compared with moves along. */
const refreshMilliseconds = 60_000;

export interface ComparisonState {
  readonly isAsked: boolean;
  readonly isFailed: boolean;
}

/** Keeps the store beside the window that the view is compared with. */
export function useComparison(
  store: TopologyStore,
  { range, compare, filter, group }: View,
): ComparisonState {
  const clock = useServerClock();
  const { data, isError, isFetching } = useQuery({
    queryKey: ["base", range, compare, filter, group],
    queryFn: async ({ signal }) => {
      const { from, to } = baseBounds(range, compare!, await clock.ask());
      const grouping = group === "peer" ? undefined : group;
      return fetchMap(
        { from: Math.round(from), to: Math.round(to), filter, group: grouping, limit: linksMax },
        signal,
      );
    },
    enabled: compare !== undefined,
    refetchInterval: range.kind === "between" ? false : refreshMilliseconds,
  });
  useEffect(() => store.compareWith(compare === undefined ? undefined : data), [store, compare, data]);
  return { isAsked: isFetching, isFailed: isError };
}
