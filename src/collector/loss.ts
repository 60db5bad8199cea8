import { exportFormat, type MessageReport } from "../flow/index.ts";
import type { LossStatus } from "./exporter-status.ts";
import { RecentCounter } from "./recent.ts";
import { SequenceStream } from "./sequence.ts";

/** Streams followed of one exporter. */
const streamsMax = 256;

/** Streams that may still be followed, of all exporters together: a stream takes about 1 kB. */
export interface StreamBudget {
  left: number;
}
export const streamsTotalMax = 65_536;

/** Messages between two looks at which scope is right. */
const believeEvery = 16;

type Unit = LossStatus["unit"];
/**
 * What a stream of numbers is counted over. The standards say: each session and domain for itself. In the field one count is shared by the
 * domains or ports of a device, or by all of it.
 */
const scopes = ["session", "domain", "device"] as const;
type Scope = (typeof scopes)[number];

/** What is lost of one exporter's datagrams. */
export class Loss {
  readonly #budget: StreamBudget;
  /** By scope and key; the one heard of last at the end. */
  readonly #streams: Record<Scope, Map<number | string, SequenceStream>> = {
    session: new Map(),
    domain: new Map(),
    device: new Map(),
  };
  readonly #recent: Record<Unit, { received: RecentCounter; lost: RecentCounter }> = {
    records: { received: new RecentCounter(), lost: new RecentCounter() },
    datagrams: { received: new RecentCounter(), lost: new RecentCounter() },
  };
  #believed: Scope = "session";
  #messageCount = 0;
  #mostLost = 0;
  #reorderedCount = 0;
  #duplicateCount = 0;
  #restartCount = 0;
  #countsOwnMessage = false;

  constructor(budget: StreamBudget) {
    this.#budget = budget;
  }

  take(message: Readonly<MessageReport>, port: number, nowMilliseconds: number): void {
    for (const scope of scopes) {
      // While there is one session, what is wider is the same.
      if (scope !== "session" && this.#streams.session.size < 2) continue;
      const stream = this.#takeStream(scope, keyOf(scope, message, port), message.format);
      const verdict = stream?.take(message);
      if (stream === undefined || verdict === undefined || scope !== this.#believed) continue;
      const { received, lost } = this.#recent[stream.unit];
      received.add(verdict.received, nowMilliseconds);
      lost.add(verdict.lost, nowMilliseconds);
      if (verdict.isReordered) this.#reorderedCount++;
      if (verdict.isDuplicate) this.#duplicateCount++;
      if (verdict.isRestart) this.#restartCount++;
      this.#countsOwnMessage = stream.countsOwnMessage;
    }
    if (this.#streams.session.size > 1 && ++this.#messageCount % believeEvery === 0) this.#believe();
  }

  /** Gives back what it holds of the budget. */
  forget(): void {
    for (const scope of scopes) {
      this.#budget.left += this.#streams[scope].size;
      this.#streams[scope].clear();
    }
  }

  describe(nowMilliseconds: number): LossStatus {
    const unit = this.#worseUnit();
    const { received, lost } = this.#sum(this.#believed, unit);
    this.#mostLost = Math.max(this.#mostLost, lost);
    const recent = this.#recent[unit];
    return {
      unit,
      receivedCount: received,
      lostCount: lost,
      lostCountEver: this.#mostLost,
      reorderedCount: this.#reorderedCount,
      duplicateCount: this.#duplicateCount,
      restartCount: this.#restartCount,
      countsOwnMessage: this.#countsOwnMessage,
      recentLostCount: Math.max(0, recent.lost.recent(nowMilliseconds)),
      recentReceivedCount: Math.max(0, recent.received.recent(nowMilliseconds)),
    };
  }

  /** The scope whose expectations came true most often. */
  #believe(): void {
    let best = this.#believed;
    for (const scope of scopes) if (this.#rightCount(scope) > this.#rightCount(best) + 2) best = scope;
    this.#believed = best;
  }

  #rightCount(scope: Scope): number {
    let count = 0;
    for (const stream of this.#streams[scope].values()) count += stream.rightCount;
    return count;
  }

  /** An exporter may speak v9 and v5: the unit of which more is lost, in share, is told. */
  #worseUnit(): Unit {
    const records = this.#sum(this.#believed, "records");
    const datagrams = this.#sum(this.#believed, "datagrams");
    const share = ({ received, lost }: typeof records) => lost / Math.max(1, received + lost);
    if (share(records) !== share(datagrams))
      return share(records) > share(datagrams) ? "records" : "datagrams";
    return records.received > datagrams.received ? "records" : "datagrams";
  }

  #sum(scope: Scope, unit: Unit): { received: number; lost: number } {
    const sum = { received: 0, lost: 0 };
    for (const stream of this.#streams[scope].values()) {
      if (stream.unit !== unit) continue;
      sum.received += stream.receivedCount;
      sum.lost += stream.lostCount;
    }
    return sum;
  }

  /** The stream of a key, moved to the end of the order; undefined when there is no room for another. */
  #takeStream(scope: Scope, key: number | string, format: number): SequenceStream | undefined {
    const streams = this.#streams[scope];
    let stream = streams.get(key);
    if (stream === undefined) {
      if (streams.size >= streamsMax) this.#giveUpLeast(streams);
      if (this.#budget.left === 0) return undefined;
      this.#budget.left--;
      stream = new SequenceStream(format);
      streams.set(key, stream);
    }
    return stream;
  }

  /** Makes room: the stream that was right least often goes, of those the one that began first. */
  #giveUpLeast(streams: Map<number | string, SequenceStream>): void {
    let least: number | string | undefined;
    let rightCount = Number.POSITIVE_INFINITY;
    for (const [key, stream] of streams) {
      if (stream.rightCount >= rightCount) continue;
      ({ rightCount } = stream);
      least = key;
      if (rightCount === 0) break;
    }
    streams.delete(least!);
    this.#budget.left++;
  }
}

/** Port, version and domain (16, 4 and 32 bits) are an exact number; in sFlow agent and sub-agent count. */
function keyOf(scope: Scope, message: Readonly<MessageReport>, port: number): number | string {
  const { format, observationDomainId, agent } = message;
  if (format === exportFormat.sflow5) return `${agent}/${observationDomainId}`;
  const domain = scope === "device" ? 0 : observationDomainId;
  return (format * 0x10000 + (scope === "session" ? port : 0)) * 0x100000000 + domain;
}
