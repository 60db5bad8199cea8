import { exportFormat, type MessageReport } from "../flow/index.ts";
import type { LossStatus } from "./exporter-status.ts";
import { RecentCounter } from "./recent.ts";
import { SequenceStream } from "./sequence.ts";

/** Streams of one exporter whose numbers are followed; of more the one that began first is given up. */
const streamsMax = 256;

/** What is lost of one exporter's datagrams: each of its streams counts for itself. */
export class Loss {
  readonly #streams = new Map<number | string, SequenceStream>();
  /** Of streams given up, by unit. */
  readonly #retired = { records: [0, 0], datagrams: [0, 0] } as Record<
    "records" | "datagrams",
    [number, number]
  >;
  readonly #recentReceived = new RecentCounter();
  readonly #recentLost = new RecentCounter();
  #reorderedCount = 0;
  #duplicateCount = 0;
  #restartCount = 0;
  #countsOwnMessage = false;

  take(message: Readonly<MessageReport>, port: number, nowMilliseconds: number): void {
    const key = streamKey(message, port);
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      if (this.#streams.size >= streamsMax) this.#retireFirst();
      stream = new SequenceStream(message.format);
      this.#streams.set(key, stream);
    }
    const verdict = stream.take(message);
    this.#recentReceived.add(verdict.received, nowMilliseconds);
    this.#recentLost.add(verdict.lost, nowMilliseconds);
    if (verdict.isReordered) this.#reorderedCount++;
    if (verdict.isDuplicate) this.#duplicateCount++;
    if (verdict.isRestart) this.#restartCount++;
    this.#countsOwnMessage = stream.countsOwnMessage;
  }

  describe(nowMilliseconds: number): LossStatus {
    const sums = structuredClone(this.#retired);
    for (const { unit, receivedCount, lostCount } of this.#streams.values()) {
      sums[unit][0] += receivedCount;
      sums[unit][1] += lostCount;
    }
    const unit = sums.records[0] > sums.datagrams[0] ? "records" : "datagrams";
    return {
      unit,
      receivedCount: sums[unit][0],
      lostCount: sums[unit][1],
      reorderedCount: this.#reorderedCount,
      duplicateCount: this.#duplicateCount,
      restartCount: this.#restartCount,
      countsOwnMessage: this.#countsOwnMessage,
      recentLostCount: Math.max(0, this.#recentLost.recent(nowMilliseconds)),
      recentReceivedCount: Math.max(0, this.#recentReceived.recent(nowMilliseconds)),
    };
  }

  #retireFirst(): void {
    for (const [key, { unit, receivedCount, lostCount }] of this.#streams) {
      this.#retired[unit][0] += receivedCount;
      this.#retired[unit][1] += lostCount;
      this.#streams.delete(key);
      return;
    }
  }
}

/** A stream is a port, version and domain (16, 4 and 32 bits: an exact number); in sFlow an agent and sub-agent. */
function streamKey(message: Readonly<MessageReport>, port: number): number | string {
  const { format, observationDomainId, agent } = message;
  if (format === exportFormat.sflow5) return `${agent}/${observationDomainId}`;
  return (format * 0x10000 + port) * 0x100000000 + observationDomainId;
}
