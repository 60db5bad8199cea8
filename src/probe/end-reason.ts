import { flowEndReason } from "../flow/index.ts";

/** Why a flow was reported, by softflowd's words where it has one. */
export const endReason = {
  general: 0,
  tcp: 1,
  reset: 2,
  fin: 3,
  udp: 4,
  icmp: 5,
  maxlife: 6,
  /** So many octets that a 32-bit counter might overflow. */
  octets: 7,
  /** There was no room for another flow. */
  evicted: 8,
  /** Asked for, or the end of the capture. */
  forced: 9,
} as const;
export type EndReason = (typeof endReason)[keyof typeof endReason];
export const endReasonCount = 10;

/** What is written into the `flowEndReason` column. */
export function flowEndReasonOf(reason: EndReason): number {
  switch (reason) {
    case endReason.reset:
    case endReason.fin:
      return flowEndReason.endOfFlow;
    case endReason.maxlife:
      return flowEndReason.activeTimeout;
    case endReason.octets:
    case endReason.evicted:
      return flowEndReason.lackOfResources;
    case endReason.forced:
      return flowEndReason.forcedEnd;
    default:
      return flowEndReason.idleTimeout;
  }
}
