import type { FieldName } from "../flow/index.ts";

/** What agents add to a link: its name in a link's totals, and the field of flow records that is summed. */
export const connectionCounters = [
  ["connections", "connectionCount"],
  ["failed", "failedConnectionCount"],
  ["refused", "refusedConnectionCount"],
  ["timedOut", "timedOutConnectionCount"],
  ["unreachable", "unreachableConnectionCount"],
  ["reset", "resetConnectionCount"],
  ["lost", "lostConnectionCount"],
  ["retransmits", "retransmittedSegmentCount"],
  ["connectMicroseconds", "connectTimeMicroseconds"],
] as const satisfies readonly (readonly [string, FieldName])[];

/** Totals that are sums, in this order. `connectCount` is how many records `connectMicroseconds` is the sum of. */
export const linkCounters = [
  "bytesSent",
  "bytesReceived",
  "packets",
  ...connectionCounters.map(([name]) => name),
  "connectCount",
] as const;
export type LinkCounter = (typeof linkCounters)[number];
