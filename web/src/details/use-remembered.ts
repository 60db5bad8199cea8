import { useQuery } from "@tanstack/react-query";
import type { LinkHistory, PeerHistory } from "../data/answers.ts";
import { fetchLink, fetchPeer } from "../data/api.ts";
import { ProblemError } from "../data/problem.ts";
import { type TimeRange, timeParams } from "../time/time-range.ts";

export interface Remembered<T> {
  readonly history: T | undefined;
  /** Why there is none; undefined while it is asked for. */
  readonly reason: string | undefined;
}

const refreshMilliseconds = 60_000;

/** What the store knows of a peer beyond the window. */
export function useRememberedPeer(id: string, range: TimeRange): Remembered<PeerHistory> {
  return useRemembered(["peer", id, range], range, (signal) =>
    fetchPeer(id, { ...timeParams(range), limit: 1 }, signal),
  );
}

export function useRememberedLink(id: string, range: TimeRange): Remembered<LinkHistory> {
  return useRemembered(["link", id, range], range, (signal) => fetchLink(id, timeParams(range), signal));
}

function useRemembered<T>(
  queryKey: readonly unknown[],
  range: TimeRange,
  queryFn: (signal: AbortSignal) => Promise<T>,
): Remembered<T> {
  const { data, error } = useQuery({
    queryKey,
    queryFn: ({ signal }) => queryFn(signal),
    refetchInterval: range.kind === "between" ? false : refreshMilliseconds,
  });
  return { history: error === null ? data : undefined, reason: error === null ? undefined : reasonOf(error) };
}

function reasonOf(error: Error): string {
  if (!(error instanceof ProblemError)) return "The server does not answer.";
  if (error.problem.status === 404) return "It is not on the live map, and nothing is stored of it.";
  return `${error.message}.`;
}
