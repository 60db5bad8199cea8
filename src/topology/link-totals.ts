import type { LinkCounter } from "./link-counters.ts";
import type { LinkObserver } from "./topology.ts";

/** Figures of a link at one server port. */
export interface LinkTotals extends Record<LinkCounter, number> {
  active: number;
  /** Microseconds, null when nobody measured. */
  rttMicroseconds: number | null;
  /** The least there was. */
  rttMinMicroseconds: number | null;
  sentRate: number;
  receivedRate: number;
  lastSeen: number;
}

/** One more of nothing: the same fields in the same order, so that all of them are alike to the engine. */
export function emptyTotals(): LinkTotals {
  return {
    bytesSent: 0,
    bytesReceived: 0,
    packets: 0,
    connections: 0,
    failed: 0,
    refused: 0,
    timedOut: 0,
    unreachable: 0,
    reset: 0,
    lost: 0,
    retransmits: 0,
    connectMicroseconds: 0,
    connectCount: 0,
    active: 0,
    rttMicroseconds: null,
    rttMinMicroseconds: null,
    sentRate: 0,
    receivedRate: 0,
    lastSeen: 0,
  };
}

/** Written out: it is done for every link of a live map each second, and by names out of a list it takes ten times as long. */
export function addTotals(sum: LinkTotals, part: LinkTotals): void {
  sum.bytesSent += part.bytesSent;
  sum.bytesReceived += part.bytesReceived;
  sum.packets += part.packets;
  sum.connections += part.connections;
  sum.failed += part.failed;
  sum.refused += part.refused;
  sum.timedOut += part.timedOut;
  sum.unreachable += part.unreachable;
  sum.reset += part.reset;
  sum.lost += part.lost;
  sum.retransmits += part.retransmits;
  sum.connectMicroseconds += part.connectMicroseconds;
  sum.connectCount += part.connectCount;
  sum.active += part.active;
  sum.sentRate += part.sentRate;
  sum.receivedRate += part.receivedRate;
  if (part.lastSeen > sum.lastSeen) sum.lastSeen = part.lastSeen;
  // The slowest port is what somebody looking for trouble wants to see.
  if (part.rttMicroseconds !== null)
    sum.rttMicroseconds = Math.max(sum.rttMicroseconds ?? 0, part.rttMicroseconds);
  if (part.rttMinMicroseconds !== null)
    sum.rttMinMicroseconds = Math.min(sum.rttMinMicroseconds ?? Infinity, part.rttMinMicroseconds);
}

/** A LinkObserver that is still added to. */
export type SeenBy = { -readonly [Name in keyof LinkObserver]: LinkObserver[Name] };

/** Adds what an observer saw to those of a link, which are a few. The list's are its own. */
export function addObserver(observers: SeenBy[], seen: LinkObserver): void {
  const { id, kind, name, bytesSent, bytesReceived, packets } = seen;
  for (const known of observers) {
    if (known.id !== id) continue;
    known.bytesSent += bytesSent;
    known.bytesReceived += bytesReceived;
    known.packets += packets;
    return;
  }
  observers.push({ id, kind, name, bytesSent, bytesReceived, packets });
}
