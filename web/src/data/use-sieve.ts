import { useEffect, useMemo } from "react";
import type { View } from "../view.ts";
import type { Sieve } from "./sieve.ts";
import type { TopologyStore } from "./topology-store.ts";
import { useDiff } from "./use-diff.ts";

/**
 * Lets through what the view's quick filters leave. A link that the store does not know at all yet counts as new; its first minute tells
 * whether it was there long ago.
 */
export function useSieve(store: TopologyStore, { range, filter, group, only, heaviest }: View): void {
  // Links of groups have no history of their own.
  const isNewOnly = only.includes("new") && group === "peer";
  const diff = useDiff(isNewOnly ? { range, filter, compare: "before", factor: 1 } : undefined);
  const hidesIdle = only.includes("busy") && range.kind === "live";
  const sieve = useMemo((): Sieve | undefined => {
    if (!isNewOnly && !hidesIdle && heaviest === undefined) return undefined;
    const known = diff?.links.filter(({ change, firstSeen }) => change !== "new" || firstSeen < diff.from);
    return {
      ...{ hidesIdle, heaviest },
      ...(known !== undefined && { known: new Set(known.map(({ id }) => id)) }),
    };
  }, [isNewOnly, hidesIdle, heaviest, diff]);
  useEffect(() => store.siftWith(sieve), [store, sieve]);
}
