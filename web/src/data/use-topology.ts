import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import type { Topology } from "../../../src/topology/topology.ts";
import type { TimeRange } from "../time/time-range.ts";
import { timeParams } from "../time/time-range.ts";
import type { Grouping } from "../view.ts";
import { fetchMap } from "./api.ts";
import { createLive, type LiveState } from "./live.ts";
import { type Problem, ProblemError } from "./problem.ts";
import { type ServerClock, useServerClock } from "./server-clock.ts";
import type { TopologyStore } from "./topology-store.ts";

/** Renders again when the topology moved, at most once per frame. */
export function useTopologyVersion(store: TopologyStore): number {
  return useSyncExternalStore(store.subscribe, store.version);
}

export type FeedState =
  | LiveState
  /** A range of the past is shown, which was answered at `at` (Unix milliseconds, by the server's clock). */
  | { readonly kind: "shown"; readonly at: number }
  | { readonly kind: "failed"; readonly problem: Problem | undefined };

export interface Feed {
  readonly state: FeedState;
  /** Whether the store holds an answer to this very question. */
  readonly isAnswered: boolean;
  readonly reload: () => void;
}

export interface FeedQuestion {
  readonly range: TimeRange;
  readonly filter: string;
  readonly group: Grouping;
}

/** Links asked for: what can be looked at on one map. */
export const linksMax = 5000;

/** Keeps the store filled with what is asked: the live stream, or one map of the past. The last picture stays meanwhile. */
export function useFeed(store: TopologyStore, { range, filter, group }: FeedQuestion): Feed {
  const [state, setState] = useState<FeedState>({ kind: "connecting" });
  const [answered, setAnswered] = useState("");
  const [round, setRound] = useState(0);
  const question = JSON.stringify({ range, filter, group, round });
  const clock = useServerClock();
  const latest = useRef({ range, filter, group, clock });
  latest.current = { range, filter, group, clock };

  useEffect(() => {
    const asked = latest.current;
    const params = {
      filter: asked.filter,
      group: asked.group === "peer" ? undefined : asked.group,
      limit: linksMax,
    };
    setState({ kind: "connecting" });
    if (asked.range.kind === "live") {
      const live = createLive(params, {
        onMap: (json) => {
          store.readMap(json);
          setAnswered(question);
        },
        onChange: (json) => store.readChange(json),
        onState: setState,
      });
      live.start();
      return live.stop;
    }
    const take = (topology: Topology) => {
      store.setMap(topology);
      setAnswered(question);
    };
    return fetchPast({ ...params, ...timeParams(asked.range) }, { clock: asked.clock, take, setState });
  }, [store, question]);

  return { state, isAnswered: answered === question, reload: () => setRound(round + 1) };
}

interface PastReader {
  readonly clock: ServerClock;
  take(topology: Topology): void;
  setState(state: FeedState): void;
}

function fetchPast(
  params: Parameters<typeof fetchMap>[0],
  { clock, take, setState }: PastReader,
): () => void {
  const request = new AbortController();
  fetchMap(params, request.signal).then(
    async (topology) => {
      take(topology);
      const at = await clock.ask();
      if (!request.signal.aborted) setState({ kind: "shown", at });
    },
    (error: unknown) => {
      if (request.signal.aborted) return;
      const problem = error instanceof ProblemError ? error.problem : undefined;
      if (problem?.status === 400) setState({ kind: "refused", problem });
      else setState({ kind: "failed", problem });
    },
  );
  return () => request.abort();
}
