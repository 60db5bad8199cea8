import { assert } from "../flow/index.ts";
import {
  FlowKeyReader,
  fragmentKind,
  keyWord,
  keyWords,
  mplsLabelsMax,
  type PacketBatch,
  type PacketKind,
  packetDirection,
  packetKind,
} from "../packet/index.ts";
import { type FlowTableConfig, trackLevels } from "./config.ts";
import { type EndReason, endReason } from "./end-reason.ts";
import { EvictionQueue } from "./eviction.ts";
import { doubleOf, rowDoubles, rowWords, stateBit, wordOf } from "./flow-row.ts";
import { FragmentPorts } from "./fragment-ports.ts";
import { icmpKey } from "./icmp.ts";
import { TimerWheel } from "./timer-wheel.ts";

const protocolTcp = 6;
const protocolUdp = 17;
const protocolIcmp = 1;
const protocolIcmpV6 = 58;
const flagFin = 1;
const flagSyn = 2;
const flagRst = 4;
const flagAck = 16;
/** A clock that goes back by more than this is another clock: what was before it is reported first. */
const backwardMillisecondsMax = 60_000;
/** As many as there is memory on its way at a time, and their keys fit into the nearest cache. */
const groupPacketsMax = 64;
const firstSlots = 16_384;
/** Packets of a direction are counted in 32 bits. */
const packetsMax = 0x7fffffff;

// Of this process alone, as in RowIndex: whoever knew how keys are mixed could choose many for one slot.
const [seed, factor1, factor2, factor3] = crypto
  .getRandomValues(new Int32Array(4))
  .map((word) => word | 1) as unknown as [number, number, number, number];

/** What was not counted as part of a flow, and how the packets came. */
export interface PacketCounts {
  /** Looked at, after sampling; the others below are part of it. */
  packetCount: number;
  /** Part of a flow. */
  countedPackets: number;
  sampledOut: number;
  fragmentCount: number;
  notIpCount: number;
  tooShortCount: number;
  linkUnknownCount: number;
  /** IPv6 where it cannot be exported and was not asked for. */
  ipv6LeftOutCount: number;
  /** The capture's clock went back, and flows were reported early. */
  clockBackwardCount: number;
}

/** Called for each flow, or part of one, that is over; the row is valid until it returns. */
export type ReportFlow = (row: number, reason: EndReason) => void;

/**
 * The flows of the moment. Packets go in by batches; flows come out by `report` when they are idle, old, ended, or when there is no room
 * for another. Time is that of the packets, and of `advance` when there are none.
 */
export class FlowTable {
  readonly config: FlowTableConfig;
  /** The rows, as `flow-row.ts` describes them. */
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  /** `config.mplsLabels` per row: of the flow's first packet with labels, 0 for none. */
  readonly mplsLabels: Int32Array;
  readonly counts: PacketCounts = {
    packetCount: 0,
    countedPackets: 0,
    sampledOut: 0,
    fragmentCount: 0,
    notIpCount: 0,
    tooShortCount: 0,
    linkUnknownCount: 0,
    ipv6LeftOutCount: 0,
    clockBackwardCount: 0,
  };
  readonly #report: ReportFlow;
  readonly #reader: FlowKeyReader;
  /** The group: words of its keys, their hashes, which packets of the batch they are, the rows they probably lie in. */
  readonly #keys: Int32Array;
  readonly #groupMax: number;
  readonly #groupHashes: Int32Array;
  readonly #groupPackets: Int32Array;
  readonly #groupRows: Int32Array;
  #groupSize = 0;
  /** Says nothing; that it is kept keeps what it sums up from being left out by the compiler. */
  fetched = 0;
  readonly #level: number;
  readonly #fragments = new FragmentPorts();
  /** Two words per slot: hash, row + 1. A power of two of slots, at least twice the flows; linear probing. Grows with the flows. */
  #slots = new Int32Array(firstSlots * 2);
  #mask = firstSlots - 1;
  readonly #hashes: Int32Array;
  readonly #wheel: TimerWheel;
  readonly #eviction: EvictionQueue;
  /** Rows that were used and are free, the last freed on top: what is in the cache is used again. */
  readonly #free: Int32Array;
  #freeCount = 0;
  /** Rows ever used. */
  #usedRows = 0;
  #flowCount = 0;
  /** The clock: the latest time seen. */
  #now = 0;
  #nextCheck = Number.NEGATIVE_INFINITY;
  #baseSecond = 0;
  #sampleCount = 0;

  constructor(config: FlowTableConfig, report: ReportFlow) {
    assert(config.flowsMax >= 1 && config.flowsMax <= 2 ** 24, "rows are numbered in 24 bits");
    this.config = config;
    this.#report = report;
    const { flowsMax, level } = config;
    this.#level = trackLevels.indexOf(level);
    // The reader keeps the labels of one packet only.
    this.#groupMax = config.mplsLabels > 0 ? 1 : groupPacketsMax;
    this.#reader = new FlowKeyReader({ groupSize: this.#groupMax, withMacs: level === "ether" });
    this.#keys = this.#reader.words;
    this.#groupHashes = new Int32Array(this.#groupMax);
    this.#groupPackets = new Int32Array(this.#groupMax);
    this.#groupRows = new Int32Array(this.#groupMax);
    // Memory that nobody has written yet costs none: all of it is taken now.
    this.words = new Int32Array(flowsMax * rowWords);
    this.doubles = new Float64Array(this.words.buffer);
    this.mplsLabels = new Int32Array(flowsMax * Math.min(config.mplsLabels, mplsLabelsMax));
    this.#hashes = new Int32Array(flowsMax);
    this.#free = new Int32Array(flowsMax);
    this.#wheel = new TimerWheel(flowsMax);
    this.#eviction = new EvictionQueue(flowsMax);
  }

  get flowCount(): number {
    return this.#flowCount;
  }

  /** Latest time of a packet or of `advance`, unix milliseconds. */
  get now(): number {
    return this.#now;
  }

  /**
   * Adds the packets of a batch to their flows, by groups: first the keys of a group, then a look at where their flows lie, then
   * the flows. The look is what makes it fast with many flows: the memory of all the group's flows is fetched at the same time, not
   * one after the other.
   */
  add(batch: PacketBatch): void {
    for (let from = 0; from < batch.count; ) {
      from = this.#readGroup(batch, from);
      this.#fetchGroup();
      this.#countGroup(batch);
    }
  }

  /** Lets time go on without packets. */
  advance(time: number): void {
    if (time <= this.#now) return;
    this.#now = time;
    if (time >= this.#nextCheck) this.#expireDue();
  }

  /** Reports every flow. */
  expireAll(reason: EndReason = endReason.forced): void {
    for (let row = 0; row < this.#usedRows; row++) if (this.isUsed(row)) this.#end(row, reason);
    this.#eviction.clear();
  }

  /** Forgets every flow, without a report. Answers with how many there were. */
  deleteAll(): number {
    const deleted = this.#flowCount;
    for (let row = 0; row < this.#usedRows; row++) {
      if (!this.isUsed(row)) continue;
      this.#wheel.remove(row);
      this.#remove(row);
    }
    this.#eviction.clear();
    return deleted;
  }

  /** Whether a row that was in use still is, or is again. */
  isUsed(row: number): boolean {
    return row < this.#usedRows && this.words[row * rowWords + wordOf.state]! >= 0;
  }

  /** Calls `visit` with each row in use. */
  visit(visit: (row: number) => void): void {
    for (let row = 0; row < this.#usedRows; row++) if (this.isUsed(row)) visit(row);
  }

  /** Why and when a flow will be reported if no packet comes. */
  deadlineOf(row: number): { readonly time: number; readonly reason: EndReason } {
    const idle = this.#idleDeadline(row);
    const age = this.#ageDeadline(row);
    if (age < idle) return { time: age, reason: endReason.maxlife };
    return { time: idle, reason: this.#idleReason(row) };
  }

  /** Reads the keys of the next packets that are part of flows; returns the first packet behind them. */
  #readGroup(batch: PacketBatch, from: number): number {
    const { view, offsets, capturedLengths, wireLengths, linkTypes, count } = batch;
    const { sampling } = this.config;
    const reader = this.#reader;
    let size = 0;
    let i = from;
    for (; i < count && size < this.#groupMax; i++) {
      if (sampling > 1 && ++this.#sampleCount % sampling !== 0) {
        this.counts.sampledOut++;
        continue;
      }
      const start = offsets[i]!;
      const end = start + capturedLengths[i]!;
      const kind = reader.read(view, start, end, linkTypes[i]!, wireLengths[i]!, size);
      this.counts.packetCount++;
      if (kind !== packetKind.flow) {
        this.#ignore(kind);
        // Without a flow it is a sign of time all the same.
        if (size === 0) this.#keepTime(batch.times[i]!);
      } else if (this.#finishKey(batch.interfaces[i]!, size * keyWords, batch.times[i]!)) {
        this.#groupHashes[size] = this.#hash(size * keyWords);
        this.#groupPackets[size++] = i;
      }
    }
    this.#groupSize = size;
    return i;
  }

  #ignore(kind: PacketKind): void {
    const { counts } = this;
    if (kind === packetKind.notIp) counts.notIpCount++;
    else if (kind === packetKind.tooShort) counts.tooShortCount++;
    else counts.linkUnknownCount++;
  }

  /** Leaves in the key what the level tells flows apart by. False when the packet is not counted. */
  #finishKey(captureInterface: number, base: number, time: number): boolean {
    const words = this.#keys;
    const protocolWord = words[base + keyWord.protocol]!;
    if (protocolWord > 0xff && !this.config.withIPv6) {
      this.counts.ipv6LeftOutCount++;
      return false;
    }
    this.counts.countedPackets++;
    if (this.#reader.fragment !== fragmentKind.none) this.#joinFragment(base, time);
    const protocol = protocolWord & 0xff;
    if (protocol === protocolIcmp || protocol === protocolIcmpV6) this.#keyIcmp(protocol, base);
    const level = this.#level;
    if (level < 2) {
      words[base + keyWord.ports] = 0;
      if (level < 1) words[base + keyWord.protocol] = protocolWord & 0x100;
    }
    if (level < 4) words[base + keyWord.vlans] = 0;
    if (captureInterface !== 0) words[base + keyWord.protocol]! |= captureInterface << 16;
    if (this.config.isSoftflowd && level >= 4) this.#keyDirection(base);
    return true;
  }

  /** Touches slots and rows of the group.*/
  #fetchGroup(): void {
    const hashes = this.#groupHashes;
    const slots = this.#slots;
    const mask = this.#mask;
    const words = this.words;
    let sum = 0;
    for (let i = 0; i < this.#groupSize; i++) this.#groupRows[i] = slots[(hashes[i]! & mask) * 2 + 1]!;
    for (let i = 0; i < this.#groupSize; i++) {
      const row = this.#groupRows[i]!;
      if (row !== 0) sum += words[(row - 1) * rowWords]! + words[(row - 1) * rowWords + 16]!;
    }
    this.fetched = sum;
  }

  #countGroup(batch: PacketBatch): void {
    const packets = this.#groupPackets;
    const { times } = batch;
    for (let i = 0; i < this.#groupSize; i++) {
      const packet = packets[i]!;
      this.#keepTime(times[packet]!);
      const found = this.#find(i * keyWords, this.#groupHashes[i]!);
      this.#addPacket(found >> 1, found & 1, i * keyWords, batch, packet);
    }
  }

  #keepTime(time: number): void {
    if (time > this.#now) {
      this.#now = time;
      if (time >= this.#nextCheck) this.#expireDue();
    } else if (time < this.#now - backwardMillisecondsMax && !this.config.isSoftflowd) this.#turnBack(time);
  }

  #joinFragment(base: number, time: number): void {
    this.counts.fragmentCount++;
    if (this.config.isSoftflowd) return;
    const { fragment, fragmentId } = this.#reader;
    if (fragment === fragmentKind.first) this.#fragments.remember(this.#keys, base, fragmentId, time);
    else this.#fragments.recall(this.#keys, base, fragmentId, time);
  }

  /**
   * Both directions of an exchange have one key: both halves of the ports are what the question's type is. softflowd 1.1.0 has type and code as
   * the destination's port.
   */
  #keyIcmp(protocol: number, base: number): void {
    const typeCode = this.#keys[base + keyWord.facts]! >>> 16;
    const type = this.config.isSoftflowd ? 0 : icmpKey(protocol, typeCode);
    this.#keys[base + keyWord.ports] = this.config.isSoftflowd ? typeCode : (type << 16) | type;
  }

  /** softflowd 1.1.0 keeps the VLAN per direction: a tagged frame and its answer are two flows. */
  #keyDirection(base: number): void {
    const keys = this.#keys;
    if (keys[base + keyWord.vlans] !== 0 && isSourceLower(keys, base))
      keys[base + keyWord.protocol]! |= 0x200;
  }

  /** Row << 1 | direction of the key's flow; a new row when there is none. */
  #find(at: number, hash: number): number {
    const keys = this.#keys;
    const words = this.words;
    const slots = this.#slots;
    const mask = this.#mask;
    const address = keys[at + 3]!;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const used = slots[slot * 2 + 1]!;
      if (used === 0) return this.#insert(at, hash) << 1;
      if (slots[slot * 2] !== hash) continue;
      const base = (used - 1) * rowWords;
      if (words[base + 3] === address && this.#isForward(at, base)) return (used - 1) << 1;
      if (words[base + 7] === address && this.#isBackward(at, base)) return ((used - 1) << 1) | 1;
    }
  }

  #isForward(at: number, base: number): boolean {
    const keys = this.#keys;
    const words = this.words;
    if (
      words[base + 8] !== keys[at + 8] ||
      words[base + 9] !== keys[at + 9] ||
      words[base + 10] !== keys[at + 10]
    )
      return false;
    if (
      words[base + 7] !== keys[at + 7] ||
      words[base + 2] !== keys[at + 2] ||
      words[base + 6] !== keys[at + 6]
    )
      return false;
    if (words[base] !== keys[at] || words[base + 1] !== keys[at + 1]) return false;
    if (words[base + 4] !== keys[at + 4] || words[base + 5] !== keys[at + 5]) return false;
    if (this.#level < 5) return true;
    return (
      words[base + wordOf.macsHigh] === keys[at + keyWord.macsHigh] &&
      words[base + wordOf.macOfALow] === keys[at + keyWord.sourceMacLow] &&
      words[base + wordOf.macOfBLow] === keys[at + keyWord.destinationMacLow]
    );
  }

  #isBackward(at: number, base: number): boolean {
    const keys = this.#keys;
    const words = this.words;
    const ports = keys[at + 8]!;
    if (words[base + 8] !== ((ports << 16) | (ports >>> 16))) return false;
    if (words[base + 9] !== keys[at + 9] || words[base + 10] !== keys[at + 10]) return false;
    if (
      words[base + 3] !== keys[at + 7] ||
      words[base + 6] !== keys[at + 2] ||
      words[base + 2] !== keys[at + 6]
    )
      return false;
    if (words[base + 4] !== keys[at] || words[base + 5] !== keys[at + 1]) return false;
    if (words[base] !== keys[at + 4] || words[base + 1] !== keys[at + 5]) return false;
    if (this.#level < 5) return true;
    const high = keys[at + keyWord.macsHigh]!;
    return (
      words[base + wordOf.macsHigh] === ((high << 16) | (high >>> 16)) &&
      words[base + wordOf.macOfALow] === keys[at + keyWord.destinationMacLow] &&
      words[base + wordOf.macOfBLow] === keys[at + keyWord.sourceMacLow]
    );
  }

  /** The same for both directions. */
  #hash(at: number): number {
    const keys = this.#keys;
    const ports = keys[at + 8]!;
    const protocol = keys[at + 9]!;
    let a = Math.imul(keys[at + 3]! ^ seed, factor1) ^ (ports >>> 16);
    let b = Math.imul(keys[at + 7]! ^ seed, factor1) ^ (ports & 0xffff);
    if ((protocol & 0x100) !== 0) {
      a = foldAddress(a, keys[at]!, keys[at + 1]!, keys[at + 2]!);
      b = foldAddress(b, keys[at + 4]!, keys[at + 5]!, keys[at + 6]!);
    }
    a = Math.imul(a ^ (a >>> 15), factor2);
    b = Math.imul(b ^ (b >>> 15), factor2);
    let hash = ((a ^ (a >>> 13)) + (b ^ (b >>> 13))) | 0;
    hash = Math.imul(hash ^ protocol ^ Math.imul(keys[at + 10]!, factor1), factor3);
    return hash ^ (hash >>> 15);
  }

  #insert(at: number, hash: number): number {
    if (this.#flowCount === this.config.flowsMax) this.#evict();
    const row = this.#freeCount > 0 ? this.#free[--this.#freeCount]! : this.#usedRows++;
    this.#hashes[row] = hash;
    if (++this.#flowCount * 2 > this.#mask) this.#growSlots(row);
    const keys = this.#keys;
    const words = this.words;
    const base = row * rowWords;
    for (let i = 0; i <= wordOf.vlans; i++) words[base + i] = keys[at + i]!;
    if (this.#level === 5) {
      words[base + wordOf.macsHigh] = keys[at + keyWord.macsHigh]!;
      words[base + wordOf.macOfALow] = keys[at + keyWord.sourceMacLow]!;
      words[base + wordOf.macOfBLow] = keys[at + keyWord.destinationMacLow]!;
    }
    words[base + wordOf.state] = this.#stateOfNew(at);
    words[base + wordOf.flagsAndClasses] = 0;
    words[base + wordOf.icmpTypeCodes] = 0;
    this.#clearCounters(row);
    const slots = this.#slots;
    let slot = hash & this.#mask;
    while (slots[slot * 2 + 1] !== 0) slot = (slot + 1) & this.#mask;
    slots[slot * 2] = hash;
    slots[slot * 2 + 1] = row + 1;
    const { mplsLabels } = this.config;
    for (let i = 0; i < mplsLabels; i++)
      this.mplsLabels[row * mplsLabels + i] = i < this.#reader.mplsCount ? this.#reader.mplsLabels[i]! : 0;
    return row;
  }

  /** Twice the slots, for all rows in use but the one that is about to be. */
  #growSlots(newRow: number): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length / 2 - 1;
    for (let row = 0; row < this.#usedRows; row++) {
      if (row === newRow || !this.isUsed(row)) continue;
      const hash = this.#hashes[row]!;
      let slot = hash & mask;
      while (slots[slot * 2 + 1] !== 0) slot = (slot + 1) & mask;
      slots[slot * 2] = hash;
      slots[slot * 2 + 1] = row + 1;
    }
    this.#slots = slots;
    this.#mask = mask;
  }

  /** Who began: of TCP the handshake says it, otherwise whoever is seen first. */
  #stateOfNew(at: number): number {
    if ((this.#keys[at + keyWord.protocol]! & 0xff) !== protocolTcp) return stateBit.initiatorIsCertain;
    const handshake = this.#keys[at + keyWord.facts]! & (flagSyn | flagAck);
    if (handshake === flagSyn) return stateBit.initiatorIsCertain;
    return handshake === (flagSyn | flagAck) ? stateBit.initiatorIsCertain | stateBit.initiatorIsB : 0;
  }

  #clearCounters(row: number): void {
    const base = row * rowDoubles;
    const doubles = this.doubles;
    for (let i = doubleOf.octets; i < doubleOf.octets + 6; i++) doubles[base + i] = 0;
    this.words[row * rowWords + wordOf.packets] = 0;
    this.words[row * rowWords + wordOf.packets + 1] = 0;
  }

  #addPacket(row: number, direction: number, at: number, batch: PacketBatch, i: number): void {
    const keys = this.#keys;
    const words = this.words;
    const doubles = this.doubles;
    const base = row * rowWords;
    const doubleBase = row * rowDoubles + direction;
    const time = batch.times[i]!;
    const tcpFlags = keys[at + keyWord.facts]! & 0xff;
    const packets = words[base + wordOf.packets + direction]! + 1;
    words[base + wordOf.packets + direction] = packets;
    const octets = doubles[doubleBase + doubleOf.octets]! + keys[at + keyWord.octets]!;
    doubles[doubleBase + doubleOf.octets] = octets;
    let state = words[base + wordOf.state]!;
    if (packets === 1) {
      state = this.#beginDirection(row, direction, at, time, state, batch.directions[i]!);
    } else {
      if (time > doubles[doubleBase + doubleOf.end]!) doubles[doubleBase + doubleOf.end] = time;
      else if (time < doubles[doubleBase + doubleOf.start]!) doubles[doubleBase + doubleOf.start] = time;
    }
    if (tcpFlags !== 0) {
      words[base + wordOf.flagsAndClasses]! |= tcpFlags << (direction << 3);
      if ((tcpFlags & (flagFin | flagSyn | flagRst)) !== 0) this.#noteTcp(row, direction, tcpFlags, state);
    }
    const { octetsMax } = this.config;
    if ((octetsMax !== 0 && octets > octetsMax) || packets >= packetsMax) {
      this.#wheel.remove(row);
      this.#endOrDrain(row, endReason.octets);
    }
  }

  /** Answers with the state, which it also writes. */
  #beginDirection(
    row: number,
    direction: number,
    at: number,
    time: number,
    state: number,
    seenAs: number,
  ): number {
    const words = this.words;
    const base = row * rowWords;
    const doubleBase = row * rowDoubles + direction;
    const isFirst = words[base + wordOf.packets + (direction ^ 1)] === 0;
    this.doubles[doubleBase + doubleOf.start] = time;
    this.doubles[doubleBase + doubleOf.end] = time;
    const shift = 16 + (direction << 3);
    const facts = this.#keys[at + keyWord.facts]!;
    // softflowd 1.1.0 keeps it of the flow's first packet alone.
    if (isFirst || !this.config.isSoftflowd)
      words[base + wordOf.flagsAndClasses]! |= ((facts >>> 8) & 0xff) << shift;
    words[base + wordOf.icmpTypeCodes]! |= (facts >>> 16) << (direction << 4);
    let next = state & ~stateBit.isDrained;
    if (seenAs === packetDirection.outbound) next |= stateBit.outbound0 << direction;
    else if (seenAs === packetDirection.inbound) next |= stateBit.inbound0 << direction;
    words[base + wordOf.state] = next;
    // A flow that was reported for its age is in the wheel already; a new one is not.
    if (isFirst && (state & stateBit.isDrained) === 0) this.#schedule(row);
    return next;
  }

  #noteTcp(row: number, direction: number, tcpFlags: number, state: number): void {
    let next = state;
    if ((tcpFlags & flagFin) !== 0) next |= stateBit.finOfA << direction;
    if ((tcpFlags & flagRst) !== 0) next |= stateBit.reset;
    if ((tcpFlags & flagSyn) !== 0 && (state & stateBit.initiatorIsCertain) === 0) {
      const isAnswer = (tcpFlags & flagAck) !== 0;
      next |= stateBit.initiatorIsCertain;
      if ((direction === 1) !== isAnswer) next |= stateBit.initiatorIsB;
    }
    if (next === state) return;
    this.words[row * rowWords + wordOf.state] = next;
    // The end comes sooner now than the wheel knows.
    this.#wheel.remove(row);
    this.#schedule(row);
  }

  #schedule(row: number): void {
    const due = Math.min(this.#idleDeadline(row), this.#ageDeadline(row));
    this.#wheel.add(row, Math.ceil(due / 1000) - this.#baseSecond);
  }

  #idleDeadline(row: number): number {
    const base = row * rowDoubles + doubleOf.end;
    const last = Math.max(this.doubles[base]!, this.doubles[base + 1]!);
    return (last === 0 ? this.#now : last) + this.#idleSeconds(row) * 1000;
  }

  #idleSeconds(row: number): number {
    const { timeouts } = this.config;
    const protocol = this.words[row * rowWords + wordOf.protocol]! & 0xff;
    switch (protocol) {
      case protocolTcp: {
        const reason = this.#idleReason(row);
        if (reason === endReason.reset) return timeouts["tcp.rst"];
        if (reason === endReason.fin) return timeouts["tcp.fin"];
        return timeouts.tcp || timeouts.general;
      }
      case protocolUdp:
        return timeouts.udp || timeouts.general;
      case protocolIcmp:
      case protocolIcmpV6:
        return timeouts.icmp || timeouts.general;
      default:
        return timeouts.general;
    }
  }

  #idleReason(row: number): EndReason {
    const protocol = this.words[row * rowWords + wordOf.protocol]! & 0xff;
    const state = this.words[row * rowWords + wordOf.state]!;
    switch (protocol) {
      case protocolTcp: {
        const { timeouts } = this.config;
        if ((state & stateBit.reset) !== 0 && timeouts["tcp.rst"] > 0) return endReason.reset;
        const bothFins = stateBit.finOfA | stateBit.finOfB;
        if ((state & bothFins) === bothFins && timeouts["tcp.fin"] > 0) return endReason.fin;
        return endReason.tcp;
      }
      case protocolUdp:
        return endReason.udp;
      case protocolIcmp:
      case protocolIcmpV6:
        return endReason.icmp;
      default:
        return endReason.general;
    }
  }

  #ageDeadline(row: number): number {
    const { maxlife } = this.config.timeouts;
    if (maxlife === 0) return Number.MAX_SAFE_INTEGER;
    const base = row * rowDoubles + doubleOf.start;
    const first = this.doubles[base]!;
    const second = this.doubles[base + 1]!;
    const start = first === 0 ? second : second === 0 ? first : Math.min(first, second);
    return (start === 0 ? this.#now : start) + maxlife * 1000;
  }

  /** Reports what is due. */
  #expireDue(): void {
    const now = this.#now;
    if (this.#nextCheck === Number.NEGATIVE_INFINITY) this.#resetClock();
    this.#nextCheck = now + (this.config.timeouts.expint || 1) * 1000;
    this.#wheel.advance(Math.floor(now / 1000) - this.#baseSecond, this.#look);
  }

  readonly #look = (row: number) => {
    const now = this.#now;
    const state = this.words[row * rowWords + wordOf.state]!;
    if ((state & stateBit.isDrained) !== 0) {
      this.#remove(row); // silent since its last report
      return;
    }
    if (this.#idleDeadline(row) <= now) {
      this.#report(row, this.#idleReason(row));
      this.#remove(row);
    } else if (this.#ageDeadline(row) <= now) this.#endOrDrain(row, endReason.maxlife);
    else this.#schedule(row);
  };

  /** Reports a flow that goes on. It keeps its place, and with it who began; it leaves when it is silent as long again. */
  #endOrDrain(row: number, reason: EndReason): void {
    this.#report(row, reason);
    if (this.config.isSoftflowd) {
      this.#remove(row);
      return;
    }
    this.#clearCounters(row);
    const base = row * rowWords;
    this.words[base + wordOf.state]! |= stateBit.isDrained | stateBit.isContinued;
    this.words[base + wordOf.flagsAndClasses] = 0;
    this.words[base + wordOf.icmpTypeCodes] = 0;
    this.#schedule(row);
  }

  #end(row: number, reason: EndReason): void {
    this.#wheel.remove(row);
    if ((this.words[row * rowWords + wordOf.state]! & stateBit.isDrained) === 0) this.#report(row, reason);
    this.#remove(row);
  }

  #evict(): void {
    this.#end(this.#eviction.take(this.#lastSeen), endReason.evicted);
  }

  readonly #lastSeen = (row: number) => {
    if (!this.isUsed(row)) return 0;
    const base = row * rowDoubles + doubleOf.end;
    const last = Math.max(this.doubles[base]!, this.doubles[base + 1]!);
    return last === 0 ? 1 : last; // reported and silent since: before all others
  };

  /** Takes a row out of the slots, closing the gap, and frees it. It is out of the wheel. */
  #remove(row: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let gap = this.#hashes[row]! & mask;
    while (slots[gap * 2 + 1] !== row + 1) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; slots[slot * 2 + 1] !== 0; slot = (slot + 1) & mask) {
      const home = slots[slot * 2]! & mask;
      // Moves only what its home does not lie behind the gap of.
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      slots[gap * 2] = slots[slot * 2]!;
      slots[gap * 2 + 1] = slots[slot * 2 + 1]!;
      gap = slot;
    }
    slots[gap * 2 + 1] = 0;
    this.words[row * rowWords + wordOf.state] = freeState;
    this.#free[this.#freeCount++] = row;
    this.#flowCount--;
  }

  /** The clock is another: what was seen by the old one is reported. */
  #turnBack(time: number): void {
    this.counts.clockBackwardCount++;
    this.expireAll(endReason.forced);
    this.#now = time;
    this.#resetClock();
    this.#nextCheck = time;
  }

  #resetClock(): void {
    this.#baseSecond = Math.floor(this.#now / 1000) - 1;
    this.#wheel.reset(0);
  }
}

const freeState = -1;

function foldAddress(start: number, ...words: readonly [number, number, number]): number {
  let hash = start;
  for (const word of words) hash = Math.imul(hash ^ word ^ (hash >>> 15), factor2);
  return hash;
}

/** As memcmp of the addresses says. */
export function isSourceLower(keys: Int32Array, at: number): boolean {
  for (let i = at; i < at + 4; i++) {
    const source = keys[i]! >>> 0;
    const destination = keys[i + 4]! >>> 0;
    if (source !== destination) return source < destination;
  }
  return true;
}
