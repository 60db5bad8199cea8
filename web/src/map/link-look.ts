import type { SeenIn } from "../nest/chart-link.ts";

/** How a link is drawn: by its health, or, when two windows are compared, by how it changed. */
export type LinkLook = "active" | "slow" | "warning" | "idle" | "new" | "gone" | "grown" | "shrunk" | "same";

/** What decides it; links of the topology and folded ones both have it. */
export interface LookedAt {
  readonly failed: number;
  readonly retransmits: number;
  readonly packets: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly active: number;
  readonly lastSeen: number;
  readonly rttMs?: number | null;
  readonly rttMinMs?: number | null;
  readonly sentRate?: number;
  readonly receivedRate?: number;
  /** Bytes per second in the window compared with; negative or missing when nothing is compared. */
  readonly baseRate?: number;
  readonly seenIn?: SeenIn;
}

/** A link without traffic for this long is idle. */
const idleMilliseconds = 30_000;
/** Against its own past: so many times the least there was, and so much more. */
const slowFactor = 3;
const slowMilliseconds = 15;
/** More or less than the other window by half is a change worth a colour. */
const changeFactor = 1.5;

interface Interval {
  readonly from: number;
  readonly to: number;
}

export function linkLook(link: LookedAt, interval: Interval, isLive: boolean): LinkLook {
  if (link.baseRate !== undefined && link.baseRate >= 0) return changeLook(link, interval);
  if (hasTrouble(link)) return "warning";
  const now = (link.sentRate ?? 0) + (link.receivedRate ?? 0);
  if (isLive && now === 0 && link.active === 0 && interval.to - link.lastSeen > idleMilliseconds)
    return "idle";
  return isSlow(link) ? "slow" : "active";
}

/** Both windows' means are compared: a rate of this moment would make every pause a change. */
export function changeLook(
  {
    bytesSent,
    bytesReceived,
    baseRate = 0,
    seenIn,
  }: Pick<LookedAt, "bytesSent" | "bytesReceived" | "baseRate" | "seenIn">,
  { from, to }: Interval,
): "new" | "gone" | "grown" | "shrunk" | "same" {
  if (seenIn === "base") return "gone";
  if (seenIn === "this") return "new";
  const rate = (bytesSent + bytesReceived) / Math.max(1, (to - from) / 1000);
  if (rate > baseRate * changeFactor) return "grown";
  return rate * changeFactor < baseRate ? "shrunk" : "same";
}

/** Failed connections, or more than one packet in fifty sent again. */
export function hasTrouble({
  failed,
  retransmits,
  packets,
}: Pick<LookedAt, "failed" | "retransmits" | "packets">): boolean {
  return failed > 0 || (retransmits >= 5 && retransmits > packets / 50);
}

/** Round trips take much longer than they did at best. */
export function isSlow({ rttMs, rttMinMs }: Pick<LookedAt, "rttMs" | "rttMinMs">): boolean {
  if (typeof rttMs !== "number" || typeof rttMinMs !== "number") return false;
  return rttMs > rttMinMs * slowFactor && rttMs - rttMinMs > slowMilliseconds;
}

/** Bytes per second: now where the live map knows it, else the interval's mean. */
export function linkRate(
  link: Pick<LookedAt, "bytesSent" | "bytesReceived" | "sentRate" | "receivedRate">,
  { from, to }: Interval,
  isLive: boolean,
): number {
  const now = (link.sentRate ?? 0) + (link.receivedRate ?? 0);
  if (isLive && now > 0) return now;
  return (link.bytesSent + link.bytesReceived) / Math.max(1, (to - from) / 1000);
}
