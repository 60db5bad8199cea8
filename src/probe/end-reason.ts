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

/** IANA's flowEndReason (element 136): idle 1, active 2, end of flow 3, forced 4, lack of resources 5. */
export function flowEndReason(reason: EndReason): number {
  switch (reason) {
    case endReason.reset:
    case endReason.fin:
      return 3;
    case endReason.maxlife:
      return 2;
    case endReason.octets:
    case endReason.evicted:
      return 5;
    case endReason.forced:
      return 4;
    default:
      return 1;
  }
}
