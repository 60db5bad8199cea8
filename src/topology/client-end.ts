import { type FlowBatch, hasPorts } from "../flow/index.ts";

/** Values of the `clientEnd` column. */
export const clientEnd = { source: 1, destination: 2 } as const;

const icmp = 1;
const icmpv6 = 58;
/** ICMP and ICMPv6 types that answer, by protocol: echo reply, timestamp reply; echo reply, router and neighbour advertisement. */
const icmpAnswers = new Map([
  [icmp, new Set([0, 14])],
  [icmpv6, new Set([129, 134, 136])],
]);

/** Whether a protocol's packets say who asked, though it has no ports. */
export function isAsked(protocol: number): boolean {
  return protocol === icmp || protocol === icmpv6;
}

/**
 * Which end of an exporter's record is the client. With ports, the server has the lower one: services listen below the
 * range that clients are given theirs from. Without, an ICMP answer goes to the client; else the lower address is the
 * client, so that the two directions of a flow agree.
 */
export function guessClientEnd({ columns }: FlowBatch, row: number): number {
  const protocol = columns.protocolIdentifier[row]!;
  if (hasPorts(protocol)) {
    const difference = columns.sourceTransportPort[row]! - columns.destinationTransportPort[row]!;
    if (difference !== 0) return difference > 0 ? clientEnd.source : clientEnd.destination;
  }
  const answers = icmpAnswers.get(protocol);
  if (answers !== undefined) {
    return answers.has(columns.icmpTypeCode[row]! >> 8) ? clientEnd.destination : clientEnd.source;
  }
  for (let i = row * 16; i < row * 16 + 16; i++) {
    const difference = columns.sourceAddress[i]! - columns.destinationAddress[i]!;
    if (difference !== 0) return difference < 0 ? clientEnd.source : clientEnd.destination;
  }
  return clientEnd.source;
}
