import { type FlowBatch, type FlowColumns, grown, type ReportDrop, RowIndex } from "../flow/index.ts";
import { clientEnd } from "./client-end.ts";
import { InterfacePairs } from "./interface-pairs.ts";
import { connectionCounters, type LinkCounter, linkCounters } from "./link-counters.ts";
import { observedEnd } from "./observed-end.ts";
import type { VisitOpen } from "./stitcher.ts";

/** Kept per minute of the window, in the order of `linkCounters`; those of connections stand behind bytes and packets. */
const counterCount = linkCounters.length;
const counterAt = Object.fromEntries(linkCounters.map((name, i) => [name, i])) as Record<LinkCounter, number>;
const connectionsAt = counterAt.connections;
const connectCountAt = counterAt.connectCount;

/** Which link at which port, and who says so. Rows of the PeerTable and the ObserverTable. */
interface EntryKey {
  readonly clientPeer: number;
  readonly serverPeer: number;
  /** Whom the client called, where translation led to the server; 0 where it did not. */
  readonly calledPeer: number;
  readonly port: number;
  readonly protocol: number;
  readonly observer: number;
  readonly isDuplicate: boolean;
  /** The observer's interfaces on the client's and on the server's side, 0 where it said none. */
  readonly clientInterface: number;
  readonly serverInterface: number;
}

/** Totals of one link at one port by one observer, over the live window. A copy. */
export interface LiveEntry extends EntryKey, Readonly<Record<LinkCounter, number>> {
  /** Microseconds, 0 when nobody measured. */
  readonly rtt: number;
  /** The least of the window, microseconds, 0 when nobody measured. */
  readonly rttMin: number;
  readonly active: number;
  /** Bytes per second, smoothed. */
  readonly sentRate: number;
  readonly receivedRate: number;
  /** Unix ms. */
  readonly lastSeen: number;
}

export interface LiveFoldConfig {
  /** Minutes of the window; also how long an idle link stays. */
  readonly windowMinutes: number;
  readonly entriesMax: number;
}

export const liveFoldDefaults: LiveFoldConfig = { windowMinutes: 15, entriesMax: 50_000 };

/** Of the entries, what exporters' links may take. */
const exportersShare = 0.8;
/** Weight of the newest second in a rate: most of a change shows within 3 s, a lone burst fades in about 10 s. */
const rateWeight = 0.3;

/** Words of a key: client peer, server peer, port and protocol and duplicate mark, observer, called peer, interfaces. */
const keyWords = 7;
const calledAt = 4;
const interfacesAt = 5;

/** One row to add, for history that comes back from the store. */
export interface FoldPart extends EntryKey {
  readonly totals: Readonly<Record<LinkCounter, number>>;
  /** 0 when nobody measured. */
  readonly rttMicroseconds: number;
  readonly rttMinMicroseconds: number;
  readonly lastSeen: number;
}

/**
 * The live map's memory: links of the last minutes, with rates and open connections now. Columns beside a RowIndex. Time
 * only moves by `tick`; a row is added to the current minute. Bounded: a link beyond `entriesMax` is a counted drop.
 */
export class LiveFold {
  readonly #config: LiveFoldConfig;
  readonly #drop: ReportDrop;
  readonly #index: RowIndex;
  readonly #calledIndex: RowIndex;
  #calledRows = new Uint32Array(64);
  readonly #interfacePairs: InterfacePairs;
  #capacity = 1024;
  /** A ring, each minute a column of its own: adding to the current one touches no memory of the others. */
  #minutes: Float64Array[];
  #totals = new Float64Array(1024 * counterCount);
  /** The least round trip time per minute, 0 when nobody measured; and of the window. */
  #minuteRttMin: Uint32Array[];
  #rttMin = new Uint32Array(1024);
  /** Bytes since the last tick, sent and received, and their rates. */
  #second = new Float64Array(1024 * 2);
  #rates = new Float64Array(1024 * 2);
  #rtt = new Float64Array(1024);
  #lastSeen = new Float64Array(1024);
  #active = new Uint32Array(1024);
  #minute = 0;
  #lastTick = 0;

  constructor(config: LiveFoldConfig, drop: ReportDrop) {
    this.#config = config;
    this.#drop = drop;
    this.#index = new RowIndex(keyWords, config.entriesMax);
    this.#calledIndex = new RowIndex(calledAt, config.entriesMax, 64);
    this.#interfacePairs = new InterfacePairs(interfacesAt, config.entriesMax);
    this.#minutes = Array.from({ length: config.windowMinutes }, () => new Float64Array(1024 * counterCount));
    this.#minuteRttMin = Array.from({ length: config.windowMinutes }, () => new Uint32Array(1024));
  }

  get count(): number {
    return this.#index.count;
  }

  get windowMilliseconds(): number {
    return this.#config.windowMinutes * 60_000;
  }

  /** Adds every row; peers, client end and duplicates are decided. */
  fold({ columns, count }: FlowBatch): void {
    for (let row = 0; row < count; row++) {
      const sourceIsClient = columns.clientEnd[row] !== clientEnd.destination;
      const source = columns.sourcePeer[row]!;
      const destination = columns.destinationPeer[row]!;
      const entry = this.#rowOf(
        sourceIsClient ? source : destination,
        sourceIsClient ? destination : source,
        sourceIsClient ? columns.destinationTransportPort[row]! : columns.sourceTransportPort[row]!,
        columns.protocolIdentifier[row]!,
        columns.observer[row]!,
        columns.calledPeer[row]!,
        columns.isDuplicate[row]!,
        sourceIsClient ? columns.ingressInterface[row]! : columns.egressInterface[row]!,
        sourceIsClient ? columns.egressInterface[row]! : columns.ingressInterface[row]!,
        columns.observedEnd[row] !== observedEnd.neither,
      );
      if (entry < 0) continue;
      const factor = columns.samplingInterval[row]! || 1;
      const forward = columns.octetDeltaCount[row]! * factor;
      const backward = columns.reverseOctetDeltaCount[row]! * factor;
      const sent = sourceIsClient ? forward : backward;
      const received = sourceIsClient ? backward : forward;
      this.#second[entry * 2]! += sent;
      this.#second[entry * 2 + 1]! += received;
      const minute = this.#minuteColumn(this.#minute);
      const packets = columns.packetDeltaCount[row]! + columns.reversePacketDeltaCount[row]!;
      this.#addTraffic(entry, minute, sent, received, packets * factor);
      this.#addConnection(entry, minute, columns, row);
      const seen = columns.collectionTimeMilliseconds[row]!;
      if (seen > this.#lastSeen[entry]!) this.#lastSeen[entry] = seen;
    }
  }

  #addTraffic(row: number, minute: Float64Array, sent: number, received: number, packets: number): void {
    const at = row * counterCount;
    minute[at]! += sent;
    minute[at + 1]! += received;
    minute[at + 2]! += packets;
    this.#totals[at]! += sent;
    this.#totals[at + 1]! += received;
    this.#totals[at + 2]! += packets;
  }

  /** What only agents know of a row; an exporter's row has none of it. */
  #addConnection(entry: number, minute: Float64Array, columns: FlowColumns, row: number): void {
    const rtt = columns.roundTripTimeMicroseconds[row]!;
    const ended = columns.resetConnectionCount[row]! | columns.lostConnectionCount[row]!;
    const tried = columns.connectionCount[row]! | columns.failedConnectionCount[row]!;
    if ((rtt | ended | tried | columns.retransmittedSegmentCount[row]!) === 0) return;
    for (let i = 0; i < connectionCounters.length; i++) {
      const value = columns[connectionCounters[i]![1]][row]!;
      if (value > 0) this.#add(entry, minute, connectionsAt + i, value);
    }
    if (columns.connectTimeMicroseconds[row]! > 0) this.#add(entry, minute, connectCountAt, 1);
    const rttMin = columns.minimumRoundTripTimeMicroseconds[row]!;
    if (rttMin > 0) this.#lowerRttMin(entry, this.#minute, rttMin);
    const known = this.#rtt[entry]!;
    if (rtt > 0) this.#rtt[entry] = known === 0 ? rtt : known + (rtt - known) / 8;
  }

  /** Puts back what a minute of the window held before a restart. */
  restore(part: FoldPart, minute: number): void {
    if (minute <= this.#minute - this.#config.windowMinutes || minute > this.#minute) return;
    const entry = this.#rowOf(
      part.clientPeer,
      part.serverPeer,
      part.port,
      part.protocol,
      part.observer,
      part.calledPeer,
      part.isDuplicate ? 1 : 0,
      part.clientInterface,
      part.serverInterface,
      true,
    );
    if (entry < 0) return;
    const column = this.#minuteColumn(minute);
    linkCounters.forEach((name, i) => {
      this.#add(entry, column, i, part.totals[name]);
    });
    if (part.rttMinMicroseconds > 0) this.#lowerRttMin(entry, minute, part.rttMinMicroseconds);
    if (part.rttMicroseconds > 0) this.#rtt[entry] = part.rttMicroseconds;
    this.#lastSeen[entry] = Math.max(this.#lastSeen[entry]!, part.lastSeen);
  }

  /**
   * Moves time to `now` (unix ms): rates settle, open connections are counted anew, minutes that left the window are
   * taken off, idle links without an open connection leave.
   */
  tick(now: number, forEachOpen: (visit: VisitOpen) => void): void {
    const seconds = this.#lastTick === 0 ? 1 : Math.max(0.001, (now - this.#lastTick) / 1000);
    const keep = (1 - rateWeight) ** seconds;
    this.#lastTick = now;
    for (let i = 0; i < this.count * 2; i++) {
      const rate = this.#rates[i]! * keep + (this.#second[i]! / seconds) * (1 - keep);
      this.#rates[i] = rate < 1 ? 0 : rate; // below a byte per second there is none
    }
    this.#second.fill(0, 0, this.count * 2);
    this.countOpen(forEachOpen);
    const minute = Math.floor(now / 60_000);
    if (this.#minute === 0) this.#minute = minute;
    const steps = Math.min(minute - this.#minute, this.#config.windowMinutes);
    for (let step = steps; step > 0; step--) this.#forgetMinute(minute - step + 1);
    if (steps > 0) {
      this.#minute = minute;
      this.#removeIdle(now);
    }
  }

  /** How many connections of each entry are open, anew. */
  countOpen(forEachOpen: (visit: VisitOpen) => void): void {
    this.#active.fill(0, 0, this.count);
    this.#indexCalled();
    forEachOpen((client, server, port, protocol, observer) => {
      this.#countOpen(client, server, port, protocol, observer);
    });
  }

  /** Every entry there is. The fold must not change meanwhile. */
  *entries(): Generator<LiveEntry> {
    for (let row = 0; row < this.count; row++) yield this.#read(row);
  }

  #read(row: number): LiveEntry {
    const totals = this.#totals;
    const at = row * counterCount;
    const mixed = this.#index.word(row, 2);
    return {
      clientPeer: this.#index.word(row, 0),
      serverPeer: this.#index.word(row, 1),
      port: mixed >>> 16,
      protocol: (mixed >>> 8) & 0xff,
      isDuplicate: (mixed & 1) !== 0,
      observer: this.#index.word(row, 3),
      calledPeer: this.#index.word(row, 4),
      clientInterface: this.#index.word(row, 5),
      serverInterface: this.#index.word(row, 6),
      bytesSent: totals[at + counterAt.bytesSent]!,
      bytesReceived: totals[at + counterAt.bytesReceived]!,
      packets: totals[at + counterAt.packets]!,
      connections: totals[at + counterAt.connections]!,
      failed: totals[at + counterAt.failed]!,
      refused: totals[at + counterAt.refused]!,
      timedOut: totals[at + counterAt.timedOut]!,
      unreachable: totals[at + counterAt.unreachable]!,
      reset: totals[at + counterAt.reset]!,
      lost: totals[at + counterAt.lost]!,
      retransmits: totals[at + counterAt.retransmits]!,
      connectMicroseconds: totals[at + counterAt.connectMicroseconds]!,
      connectCount: totals[at + counterAt.connectCount]!,
      rtt: this.#rtt[row]!,
      rttMin: this.#rttMin[row]!,
      active: this.#active[row]!,
      sentRate: this.#rates[row * 2]!,
      receivedRate: this.#rates[row * 2 + 1]!,
      lastSeen: this.#lastSeen[row]!,
    };
  }

  #minuteColumn(minute: number): Float64Array {
    return this.#minutes[minute % this.#config.windowMinutes]!;
  }

  #add(row: number, minute: Float64Array, counter: number, value: number): void {
    minute[row * counterCount + counter]! += value;
    this.#totals[row * counterCount + counter]! += value;
  }

  #lowerRttMin(row: number, minute: number, microseconds: number): void {
    const ofMinute = this.#minuteRttMin[minute % this.#config.windowMinutes]!;
    ofMinute[row] = leastKnown(ofMinute[row]!, microseconds);
    this.#rttMin[row] = leastKnown(this.#rttMin[row]!, microseconds);
  }

  #writeProbe(
    client: number,
    server: number,
    port: number,
    protocol: number,
    observer: number,
    called: number,
    duplicate: number,
    clientInterface: number,
    serverInterface: number,
  ): void {
    const { probe } = this.#index;
    probe[0] = client;
    probe[1] = server;
    probe[2] = (port << 16) | (protocol << 8) | duplicate;
    probe[3] = observer;
    probe[4] = called;
    probe[5] = clientInterface;
    probe[6] = serverInterface;
  }

  #rowOf(
    client: number,
    server: number,
    port: number,
    protocol: number,
    observer: number,
    called: number,
    duplicate: number,
    clientInterface: number,
    serverInterface: number,
    isAgent: boolean,
  ): number {
    this.#writeProbe(
      client,
      server,
      port,
      protocol,
      observer,
      called,
      duplicate,
      clientInterface,
      serverInterface,
    );
    const known = this.#index.find();
    return known >= 0 ? known : this.#addRow(isAgent);
  }

  /** A row for the probe's key; where its link has too many pairs of interfaces already, that of none. */
  #addRow(isAgent: boolean): number {
    const { probe } = this.#index;
    const hasInterfaces = probe[interfacesAt] !== 0 || probe[interfacesAt + 1] !== 0;
    if (hasInterfaces && !this.#interfacePairs.add(probe.subarray(0, interfacesAt))) {
      this.#drop("interface_limit", "live");
      probe.fill(0, interfacesAt);
      const known = this.#index.find();
      if (known >= 0) return known;
    }
    // The last part is for agents: anybody can send exporters' records.
    const isFull = !isAgent && this.count >= this.#config.entriesMax * exportersShare;
    const row = isFull ? -1 : this.#index.findOrAdd();
    if (row < 0) this.#drop("link_limit", "live");
    else this.#clearRow(row);
    return row;
  }

  /** Of the links that have stayed. */
  #countInterfacePairs(): void {
    const link = new Uint32Array(interfacesAt);
    this.#interfacePairs.clear();
    for (let row = 0; row < this.count; row++) {
      const word = (i: number) => this.#index.word(row, i);
      if (word(interfacesAt) === 0 && word(interfacesAt + 1) === 0) continue;
      for (let i = 0; i < interfacesAt; i++) link[i] = word(i);
      this.#interfacePairs.add(link);
    }
  }

  /** Who counts open connections does not know whom their clients called: by the rest of the key, the entry where that is known. */
  #indexCalled(): void {
    this.#calledIndex.clear();
    for (let row = 0; row < this.count; row++) {
      if (this.#index.word(row, calledAt) === 0 || (this.#index.word(row, 2) & 1) !== 0) continue;
      for (let i = 0; i < calledAt; i++) this.#calledIndex.probe[i] = this.#index.word(row, i);
      const place = this.#calledIndex.findOrAdd();
      if (place >= this.#calledRows.length) this.#calledRows = grown(this.#calledRows, place * 2);
      this.#calledRows[place] = row;
    }
  }

  /** One open connection now, counted on the entry of its best observer: an agent, which knows no interfaces. */
  #countOpen(client: number, server: number, port: number, protocol: number, observer: number): void {
    this.#writeProbe(client, server, port, protocol, observer, 0, 0, 0, 0);
    this.#calledIndex.probe.set(this.#index.probe.subarray(0, calledAt));
    const place = this.#calledIndex.count === 0 ? -1 : this.#calledIndex.find();
    const row = place < 0 ? this.#index.find() : this.#calledRows[place]!;
    if (row >= 0) this.#active[row]!++;
  }

  /** Empties the column that `minute` is about to use. */
  #forgetMinute(minute: number): void {
    const end = this.count * counterCount;
    this.#minuteColumn(minute).fill(0, 0, end);
    // Added up anew, so that an absurd record leaves with its minute and takes nothing with it.
    this.#totals.fill(0, 0, end);
    for (const column of this.#minutes) for (let i = 0; i < end; i++) this.#totals[i]! += column[i]!;
    this.#minuteRttMin[minute % this.#config.windowMinutes]!.fill(0, 0, this.count);
    this.#rttMin.fill(0, 0, this.count);
    for (const column of this.#minuteRttMin)
      for (let row = 0; row < this.count; row++)
        this.#rttMin[row] = leastKnown(this.#rttMin[row]!, column[row]!);
  }

  #removeIdle(now: number): void {
    const idleSince = now - this.windowMilliseconds;
    this.#index.compact(
      (row) => this.#active[row]! > 0 || this.#lastSeen[row]! > idleSince,
      (from, to) => {
        for (const [column, width] of this.#columns())
          column.copyWithin(to * width, from * width, (from + 1) * width);
      },
    );
    this.#countInterfacePairs();
  }

  #clearRow(row: number): void {
    if (row >= this.#capacity) this.#grow();
    for (const [column, width] of this.#columns()) column.fill(0, row * width, (row + 1) * width);
  }

  #columns(): readonly (readonly [Float64Array | Uint32Array, width: number])[] {
    return [
      ...this.#minutes.map((column) => [column, counterCount] as const),
      ...this.#minuteRttMin.map((column) => [column, 1] as const),
      [this.#rttMin, 1],
      [this.#totals, counterCount],
      [this.#second, 2],
      [this.#rates, 2],
      [this.#rtt, 1],
      [this.#lastSeen, 1],
      [this.#active, 1],
    ];
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#minutes = this.#minutes.map((column) => grown(column, this.#capacity * counterCount));
    this.#totals = grown(this.#totals, this.#capacity * counterCount);
    this.#minuteRttMin = this.#minuteRttMin.map((column) => grown(column, this.#capacity));
    this.#rttMin = grown(this.#rttMin, this.#capacity);
    this.#second = grown(this.#second, this.#capacity * 2);
    this.#rates = grown(this.#rates, this.#capacity * 2);
    this.#rtt = grown(this.#rtt, this.#capacity);
    this.#lastSeen = grown(this.#lastSeen, this.#capacity);
    this.#active = grown(this.#active, this.#capacity);
  }
}

/** The lesser of two times of which 0 is not known. */
function leastKnown(a: number, b: number): number {
  return a === 0 || (b !== 0 && b < a) ? b : a;
}
