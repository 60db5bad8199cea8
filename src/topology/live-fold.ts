import type { FlowBatch, ReportDrop } from "../flow/index.ts";
import { clientEnd, type VisitOpen } from "./stitch.ts";

/** Totals of one link at one port by one observer, over the live window. */
export interface LiveEntry {
  readonly clientPeer: number;
  readonly serverPeer: number;
  readonly port: number;
  readonly protocol: number;
  readonly observer: number;
  readonly isDuplicate: boolean;
  bytesSent: number;
  bytesReceived: number;
  packets: number;
  connections: number;
  failed: number;
  retransmits: number;
  /** Microseconds, 0 when nobody measured. */
  rtt: number;
  active: number;
  /** Bytes per second, smoothed. */
  sentRate: number;
  receivedRate: number;
  /** Unix ms. */
  lastSeen: number;
}

export interface LiveFoldConfig {
  /** Minutes of the window; also how long an idle link stays. */
  readonly windowMinutes: number;
  readonly entriesMax: number;
}

export const liveFoldDefaults: LiveFoldConfig = { windowMinutes: 15, entriesMax: 50_000 };

/** Counters kept per minute, in this order. */
const counters = ["bytesSent", "bytesReceived", "packets", "connections", "failed", "retransmits"] as const;
const counterCount = counters.length;
/** Weight of the newest second in a rate: most of a change shows within 3 s, a lone burst fades in about 10 s. */
const rateWeight = 0.3;

interface Entry extends LiveEntry {
  /** `windowMinutes` times `counterCount`, a ring by minute. */
  readonly minutes: Float64Array;
  secondSent: number;
  secondReceived: number;
}

/** One row to add, for history that comes back from the store. */
export interface FoldPart {
  readonly clientPeer: number;
  readonly serverPeer: number;
  readonly port: number;
  readonly protocol: number;
  readonly observer: number;
  readonly isDuplicate: boolean;
  readonly totals: Pick<LiveEntry, (typeof counters)[number]>;
  readonly rttMicroseconds: number;
  readonly lastSeen: number;
}

/**
 * The live map's memory: links of the last minutes, with rates and open connections now. Time only moves by `tick`;
 * a row is added to the current minute. Bounded: a link beyond `entriesMax` is a counted drop.
 */
export class LiveFold {
  readonly #config: LiveFoldConfig;
  readonly #drop: ReportDrop;
  readonly #entries = new Map<number, Entry[]>();
  #count = 0;
  #minute = 0;
  #lastTick = 0;

  constructor(config: LiveFoldConfig, drop: ReportDrop) {
    this.#config = config;
    this.#drop = drop;
  }

  get count(): number {
    return this.#count;
  }

  get windowMilliseconds(): number {
    return this.#config.windowMinutes * 60_000;
  }

  /** Adds every row; peers, client end and duplicates are decided. */
  fold({ columns, count }: FlowBatch): void {
    for (let row = 0; row < count; row++) {
      const sourceIsClient = columns.clientEnd[row] !== clientEnd.destination;
      const entry = this.#entryOf(
        sourceIsClient ? columns.sourcePeer[row]! : columns.destinationPeer[row]!,
        sourceIsClient ? columns.destinationPeer[row]! : columns.sourcePeer[row]!,
        sourceIsClient ? columns.destinationTransportPort[row]! : columns.sourceTransportPort[row]!,
        columns.protocolIdentifier[row]!,
        columns.observer[row]!,
        columns.isDuplicate[row]! !== 0,
      );
      if (entry === undefined) continue;
      const factor = columns.samplingInterval[row]! || 1;
      const forward = columns.octetDeltaCount[row]! * factor;
      const backward = columns.reverseOctetDeltaCount[row]! * factor;
      const packets = (columns.packetDeltaCount[row]! + columns.reversePacketDeltaCount[row]!) * factor;
      const sent = sourceIsClient ? forward : backward;
      const received = sourceIsClient ? backward : forward;
      const minutes = entry.minutes;
      const at = this.#bucket(this.#minute);
      minutes[at]! += sent;
      minutes[at + 1]! += received;
      minutes[at + 2]! += packets;
      minutes[at + 3]! += columns.connectionCount[row]!;
      minutes[at + 4]! += columns.failedConnectionCount[row]!;
      minutes[at + 5]! += columns.retransmittedSegmentCount[row]!;
      entry.bytesSent += sent;
      entry.bytesReceived += received;
      entry.packets += packets;
      entry.connections += columns.connectionCount[row]!;
      entry.failed += columns.failedConnectionCount[row]!;
      entry.retransmits += columns.retransmittedSegmentCount[row]!;
      entry.secondSent += sent;
      entry.secondReceived += received;
      const rtt = columns.roundTripTimeMicroseconds[row]!;
      if (rtt > 0) entry.rtt = entry.rtt === 0 ? rtt : entry.rtt + (rtt - entry.rtt) / 8;
      entry.lastSeen = Math.max(entry.lastSeen, columns.collectionTimeMilliseconds[row]!);
    }
  }

  /** Puts back what a minute of the window held before a restart. */
  restore(part: FoldPart, minute: number): void {
    if (minute <= this.#minute - this.#config.windowMinutes || minute > this.#minute) return;
    const entry = this.#entryOf(
      part.clientPeer,
      part.serverPeer,
      part.port,
      part.protocol,
      part.observer,
      part.isDuplicate,
    );
    if (entry === undefined) return;
    const at = this.#bucket(minute);
    counters.forEach((name, i) => {
      entry.minutes[at + i]! += part.totals[name];
      entry[name] += part.totals[name];
    });
    if (part.rttMicroseconds > 0) entry.rtt = part.rttMicroseconds;
    entry.lastSeen = Math.max(entry.lastSeen, part.lastSeen);
  }

  /**
   * Moves time to `now` (unix ms): rates settle, open connections are counted anew, minutes that left the window are
   * taken off, idle links without an open connection leave.
   */
  tick(now: number, forEachOpen: (visit: VisitOpen) => void): void {
    const seconds = this.#lastTick === 0 ? 1 : Math.max(0.001, (now - this.#lastTick) / 1000);
    const keep = (1 - rateWeight) ** seconds;
    this.#lastTick = now;
    for (const entry of this.#all()) {
      entry.sentRate = settle(entry.sentRate * keep + (entry.secondSent / seconds) * (1 - keep));
      entry.receivedRate = settle(entry.receivedRate * keep + (entry.secondReceived / seconds) * (1 - keep));
      entry.secondSent = 0;
      entry.secondReceived = 0;
      entry.active = 0;
    }
    forEachOpen((client, server, port, protocol) => this.#countOpen(client, server, port, protocol));
    const minute = Math.floor(now / 60_000);
    if (this.#minute === 0) this.#minute = minute;
    const steps = Math.min(minute - this.#minute, this.#config.windowMinutes);
    for (let step = steps; step > 0; step--) this.#forgetMinute(minute - step + 1);
    if (steps > 0) {
      this.#minute = minute;
      this.#removeIdle(now);
    }
  }

  /** One open connection now, counted on the entry that carries the link's totals. */
  #countOpen(clientPeer: number, serverPeer: number, port: number, protocol: number): void {
    const entries = this.#entries.get(hashOf(clientPeer, serverPeer, port, protocol));
    const entry = entries?.find(
      (e) =>
        !e.isDuplicate &&
        e.clientPeer === clientPeer &&
        e.serverPeer === serverPeer &&
        e.port === port &&
        e.protocol === protocol,
    );
    if (entry !== undefined) entry.active++;
  }

  /** Every entry that carries something. Valid until the next call that changes the fold. */
  *entries(): Generator<LiveEntry> {
    yield* this.#all();
  }

  *#all(): Generator<Entry> {
    for (const entries of this.#entries.values()) yield* entries;
  }

  #entryOf(
    clientPeer: number,
    serverPeer: number,
    port: number,
    protocol: number,
    observer: number,
    isDuplicate: boolean,
  ): Entry | undefined {
    const hash = hashOf(clientPeer, serverPeer, port, protocol);
    let entries = this.#entries.get(hash);
    if (entries !== undefined) {
      for (const e of entries) {
        if (
          e.observer === observer &&
          e.isDuplicate === isDuplicate &&
          e.clientPeer === clientPeer &&
          e.serverPeer === serverPeer &&
          e.port === port &&
          e.protocol === protocol
        ) {
          return e;
        }
      }
    }
    if (this.#count >= this.#config.entriesMax) {
      this.#drop("link_limit", "live");
      return undefined;
    }
    const entry = createEntry(clientPeer, serverPeer, port, protocol, observer, isDuplicate, this.#config);
    if (entries === undefined) {
      entries = [];
      this.#entries.set(hash, entries);
    }
    entries.push(entry);
    this.#count++;
    return entry;
  }

  #bucket(minute: number): number {
    return (minute % this.#config.windowMinutes) * counterCount;
  }

  /** Empties the bucket that `minute` is about to use, and takes it off the totals. */
  #forgetMinute(minute: number): void {
    const at = this.#bucket(minute);
    for (const entry of this.#all()) {
      counters.forEach((name, i) => {
        entry[name] -= entry.minutes[at + i]!;
      });
      entry.minutes.fill(0, at, at + counterCount);
    }
  }

  #removeIdle(now: number): void {
    for (const [hash, entries] of this.#entries) {
      const kept = entries.filter((e) => e.active > 0 || e.lastSeen > now - this.windowMilliseconds);
      this.#count -= entries.length - kept.length;
      if (kept.length === 0) this.#entries.delete(hash);
      else if (kept.length < entries.length) this.#entries.set(hash, kept);
    }
  }
}

/** A number for a link at a port; several may share one, so entries are compared whole. */
function hashOf(clientPeer: number, serverPeer: number, port: number, protocol: number): number {
  const pair = Math.imul(clientPeer, 0x9e3779b1) ^ Math.imul(serverPeer, 0x85ebca6b);
  return (pair ^ Math.imul((port << 8) | protocol, 0xc2b2ae35)) | 0;
}

/** Rates below a byte per second are none. */
function settle(rate: number): number {
  return rate < 1 ? 0 : rate;
}

function createEntry(
  clientPeer: number,
  serverPeer: number,
  port: number,
  protocol: number,
  observer: number,
  isDuplicate: boolean,
  { windowMinutes }: LiveFoldConfig,
): Entry {
  return {
    clientPeer,
    serverPeer,
    port,
    protocol,
    observer,
    isDuplicate,
    bytesSent: 0,
    bytesReceived: 0,
    packets: 0,
    connections: 0,
    failed: 0,
    retransmits: 0,
    rtt: 0,
    active: 0,
    sentRate: 0,
    receivedRate: 0,
    lastSeen: 0,
    minutes: new Float64Array(windowMinutes * counterCount),
    secondSent: 0,
    secondReceived: 0,
  };
}
