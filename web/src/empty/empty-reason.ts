import type { FeedState } from "../data/use-topology.ts";
import type { TimeRange } from "../time/time-range.ts";

/** Why there is nothing to see; undefined when there is, or when the answer is still on its way. */
export type EmptyReason =
  | "all_is_hidden"
  | "filter_matches_nothing"
  | "range_is_empty"
  | "no_flows_yet"
  | "server_away";

export interface Situation {
  readonly peers: number;
  /** By the quick filters that are not of the filter language. */
  readonly hiddenLinks: number;
  readonly filter: string;
  readonly range: TimeRange;
  readonly feed: FeedState["kind"];
  /** Whether what is there answers the question asked now. */
  readonly isAnswered: boolean;
}

export function emptyReason({
  peers,
  hiddenLinks,
  filter,
  range,
  feed,
  isAnswered,
}: Situation): EmptyReason | undefined {
  if (peers > 0) return undefined;
  if (hiddenLinks > 0) return "all_is_hidden";
  if (!isAnswered) return feed === "away" || feed === "failed" ? "server_away" : undefined;
  if (filter !== "") return "filter_matches_nothing";
  return range.kind === "live" ? "no_flows_yet" : "range_is_empty";
}
