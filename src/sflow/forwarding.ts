/** Status of IANA's forwardingStatus: 2 dropped, in the two highest bits; the reason is below (RFC 7270 §4.12). */
const dropped = 2 << 6;
/** Status 3, consumed by the device, with the reason "terminate for us". */
export const terminatedHere = (3 << 6) | 3;

const reasons = {
  unknown: 0,
  aclDeny: 1,
  unroutable: 3,
  adjacency: 4,
  fragmentation: 5,
  badTtl: 9,
  policer: 10,
  wred: 11,
  reversePath: 12,
} as const;

/**
 * sFlow's reasons (ICMP's unreachable codes below 16, its own from 256 on: sFlow v5 §5, sFlow dropped packet notifications) as
 * the reasons of forwardingStatus; of the others only that the packet was dropped is kept.
 */
const reasonByCode: ReadonlyMap<number, number> = new Map([
  ...[0, 1, 5, 6, 7, 8, 11, 12].map((code) => [code, reasons.unroutable] as const),
  ...[9, 10, 13].map((code) => [code, reasons.aclDeny] as const),
  [4, reasons.fragmentation],
  [257, reasons.badTtl],
  [258, reasons.aclDeny],
  [260, reasons.wred],
  [261, reasons.policer],
  [262, reasons.fragmentation],
  [269, reasons.unroutable], // blackhole route
  [279, reasons.adjacency], // unresolved neighbour
  [280, reasons.reversePath],
  [281, reasons.unroutable],
]);

export function droppedStatus(code: number): number {
  return dropped | (reasonByCode.get(code) ?? reasons.unknown);
}
