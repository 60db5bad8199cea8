/**
 * What became of a peer's questions for a name, in the order in which they travel and are stored. `answerCount` is of all answers, failures
 * too; of these by response code (IANA's DNS RCODEs) those that say something, and the others together. Latencies are of answers.
 */
export const askedCounters = [
  "queryCount",
  "answerCount",
  "nxdomainCount",
  "servfailCount",
  "refusedCount",
  "otherFailureCount",
  "timedOutCount",
  "latencySumMicroseconds",
  "latencyMaxMicroseconds",
] as const;
export type AskedCounter = (typeof askedCounters)[number];

/** A name that a peer asked the DNS for, and how often since the last report. `peer` is a row of the `PeerTable`. */
export interface AskedName extends Readonly<Record<AskedCounter, number>> {
  readonly peer: number;
  /** In lower case, without the last dot; `~other` for those beyond a bound, `~reverse` for names of addresses. */
  readonly name: string;
}

/** In place of names beyond a bound. */
export const otherNames = "~other";
