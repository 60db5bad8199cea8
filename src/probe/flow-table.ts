import { assert } from "../flow/index.ts";
import { keyWord, keyWords, mplsLabelsMax, type PacketBatch, packetDirection } from "../packet/index.ts";
import type { FlowTableConfig } from "./config.ts";
import { Deadlines } from "./deadlines.ts";
import { type EndReason, endReason } from "./end-reason.ts";
import { EvictionQueue } from "./eviction.ts";
import { FlowIndex } from "./flow-index.ts";
import { doubleOf, rowDoubles, rowWords, stateBit, wordOf } from "./flow-row.ts";
import { backwardMillisecondsMax, type PacketCounts, PacketGroup } from "./packet-group.ts";
import { rowWordsOf } from "./row-words.ts";
import { TimerWheel } from "./timer-wheel.ts";

const protocolTcp = 6;
const flagFin = 1;
const flagSyn = 2;
const flagRst = 4;
const flagAck = 16;
/** Packets of a direction are counted in 32 bits. */
const packetsMax = 0x7fffffff;

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
  readonly counts: PacketCounts;
  readonly #report: ReportFlow;
  readonly #group: PacketGroup;
  readonly #index: FlowIndex;
  readonly #deadlines: Deadlines;
  readonly #wheel: TimerWheel;
  readonly #eviction: EvictionQueue;
  readonly #octetsMax: number;
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

  constructor(config: FlowTableConfig, report: ReportFlow) {
    const { flowsMax, level, mplsLabels, octetsMax, timeouts } = config;
    assert(flowsMax >= 1 && flowsMax <= 2 ** 24, "rows are numbered in 24 bits");
    this.config = config;
    this.#report = report;
    this.words = rowWordsOf(flowsMax * rowWords);
    this.doubles = new Float64Array(this.words.buffer);
    this.mplsLabels = rowWordsOf(flowsMax * Math.min(mplsLabels, mplsLabelsMax));
    this.#group = new PacketGroup(config);
    this.counts = this.#group.counts;
    this.#index = new FlowIndex(this.words, flowsMax, level === "ether");
    this.#deadlines = new Deadlines(timeouts, this.words, this.doubles);
    this.#wheel = new TimerWheel(flowsMax);
    this.#eviction = new EvictionQueue(flowsMax);
    this.#octetsMax = octetsMax === 0 ? Number.MAX_VALUE : octetsMax;
    this.#free = rowWordsOf(flowsMax);
  }

  get flowCount(): number {
    return this.#flowCount;
  }

  /** Latest time of a packet or of `advance`, unix milliseconds. */
  get now(): number {
    return this.#now;
  }

  /**
   * Adds the packets of a batch to their flows, by groups of runs: first the keys of a group, then a look at where their flows lie, then
   * the flows. The look is what makes it fast with many flows: the memory of all the group's flows is fetched at the same time, not
   * one after the other.
   */
  add(batch: PacketBatch): void {
    const group = this.#group;
    for (let from = 0; from < batch.count; ) {
      from = group.read(batch, from, this.#now, this.#nextCheck);
      // Packets without a flow are a sign of time all the same.
      if (group.size === 0) this.#keepTime(batch.times[from - 1]!);
      this.#index.fetch(group.hashes, group.size);
      if (group.isTimely) this.#countRuns(batch, 0, group.size);
      else this.#countByClock(batch);
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
    this.visit((row) => {
      if ((this.words[row * rowWords + wordOf.state]! & stateBit.isDrained) === 0) this.#report(row, reason);
    });
    this.#clear();
  }

  /** Forgets every flow, without a report. Answers with how many there were. */
  deleteAll(): number {
    const deleted = this.#flowCount;
    this.#clear();
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
    const idle = this.#deadlines.idle(row, this.#now);
    const age = this.#deadlines.age(row, this.#now);
    if (age < idle) return { time: age, reason: this.#ageReason(row) };
    return { time: idle, reason: this.#deadlines.idleReason(row) };
  }

  /** Flows may be due, or the clock is another: before each run it is looked at. */
  #countByClock(batch: PacketBatch): void {
    const { firsts, size } = this.#group;
    for (let i = 0; i < size; i++) {
      this.#keepTime(batch.times[firsts[i]!]!);
      this.#countRuns(batch, i, i + 1);
    }
  }

  /** A run that only adds to its flow takes no more than what stands here; packets that begin or end something go elsewhere. */
  #countRuns(batch: PacketBatch, from: number, to: number): void {
    const { keys, hashes, firsts, lasts, packetCounts } = this.#group;
    const { words, doubles } = this;
    const { times } = batch;
    const index = this.#index;
    for (let i = from; i < to; i++) {
      const first = firsts[i]!;
      const time = times[first]!;
      if (time > this.#now) this.#now = time;
      const at = i * keyWords;
      let found = index.find(keys, at, hashes[i]!);
      if (found < 0) found = this.#insert(at, hashes[i]!) << 1;
      const row = found >> 1;
      const direction = found & 1;
      const base = row * rowWords;
      const doubleBase = row * rowDoubles + direction;
      const before = words[base + wordOf.packets + direction]!;
      const packetCount = before + packetCounts[i]!;
      words[base + wordOf.packets + direction] = packetCount;
      const octets = doubles[doubleBase + doubleOf.octets]! + keys[at + keyWord.octets]!;
      doubles[doubleBase + doubleOf.octets] = octets;
      if (before === 0) this.#beginDirection(row, direction, at, time, batch.directions[first]!);
      else if (time < doubles[doubleBase + doubleOf.start]!) doubles[doubleBase + doubleOf.start] = time;
      const lastTime = times[lasts[i]!]!;
      if (lastTime > doubles[doubleBase + doubleOf.end]!) doubles[doubleBase + doubleOf.end] = lastTime;
      if (lastTime > this.#now) this.#now = lastTime;
      const tcpFlags = keys[at + keyWord.facts]! & 0xff;
      words[base + wordOf.flagsAndClasses]! |= tcpFlags << (direction << 3);
      if ((tcpFlags & (flagFin | flagSyn | flagRst)) !== 0) this.#noteTcp(row, direction, tcpFlags);
      if (octets > this.#octetsMax || packetCount >= packetsMax) {
        this.#wheel.remove(row);
        this.#endOrDrain(row, endReason.octets);
      }
    }
  }

  #keepTime(time: number): void {
    if (time > this.#now) {
      this.#now = time;
      if (time >= this.#nextCheck) this.#expireDue();
    } else if (time < this.#now - backwardMillisecondsMax && !this.config.isSoftflowd) this.#turnBack(time);
  }

  /** A row for a flow that is not there yet. */
  #insert(at: number, hash: number): number {
    if (this.#flowCount === this.config.flowsMax) this.#evict();
    const row = this.#freeCount > 0 ? this.#free[--this.#freeCount]! : this.#usedRows++;
    this.#flowCount++;
    this.#index.add(row, hash);
    const group = this.#group;
    const { keys } = group;
    const words = this.words;
    const base = row * rowWords;
    for (let i = 0; i <= wordOf.vlans; i++) words[base + i] = keys[at + i]!;
    if (this.config.level === "ether") {
      words[base + wordOf.macsHigh] = keys[at + keyWord.macsHigh]!;
      words[base + wordOf.macOfALow] = keys[at + keyWord.sourceMacLow]!;
      words[base + wordOf.macOfBLow] = keys[at + keyWord.destinationMacLow]!;
    }
    words[base + wordOf.state] = stateOfNew(keys, at);
    words[base + wordOf.flagsAndClasses] = 0;
    words[base + wordOf.icmpTypeCodes] = 0;
    this.#clearCounters(row);
    const { mplsLabels } = this.config;
    for (let i = 0; i < mplsLabels; i++) this.mplsLabels[row * mplsLabels + i] = group.mplsLabel(i);
    return row;
  }

  #clearCounters(row: number): void {
    const base = row * rowDoubles;
    const doubles = this.doubles;
    for (let i = doubleOf.octets; i < doubleOf.octets + 6; i++) doubles[base + i] = 0;
    this.words[row * rowWords + wordOf.packets] = 0;
    this.words[row * rowWords + wordOf.packets + 1] = 0;
  }

  /** Its first packet since the flow was last reported. */
  #beginDirection(row: number, direction: number, at: number, time: number, seenAs: number): void {
    const words = this.words;
    const base = row * rowWords;
    const doubleBase = row * rowDoubles + direction;
    const isFirst = words[base + wordOf.packets + (direction ^ 1)] === 0;
    this.doubles[doubleBase + doubleOf.start] = time;
    this.doubles[doubleBase + doubleOf.end] = time;
    const shift = 16 + (direction << 3);
    const facts = this.#group.keys[at + keyWord.facts]!;
    // softflowd 1.1.0 keeps it of the flow's first packet alone.
    if (isFirst || !this.config.isSoftflowd)
      words[base + wordOf.flagsAndClasses]! |= ((facts >>> 8) & 0xff) << shift;
    words[base + wordOf.icmpTypeCodes]! |= (facts >>> 16) << (direction << 4);
    const state = words[base + wordOf.state]!;
    let next = state & ~stateBit.isDrained;
    if (seenAs === packetDirection.outbound) next |= stateBit.outbound0 << direction;
    else if (seenAs === packetDirection.inbound) next |= stateBit.inbound0 << direction;
    words[base + wordOf.state] = next;
    // A flow that was reported for its age is in the wheel already; a new one is not.
    if (isFirst && (state & stateBit.isDrained) === 0) this.#schedule(row);
  }

  #noteTcp(row: number, direction: number, tcpFlags: number): void {
    const state = this.words[row * rowWords + wordOf.state]!;
    let next = state;
    // Another connection between the same ports: that the one before ended says nothing of it.
    if ((tcpFlags & (flagSyn | flagAck)) === flagSyn && !this.config.isSoftflowd)
      next &= ~(stateBit.finOfA | stateBit.finOfB | stateBit.reset);
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
    const due = Math.min(this.#deadlines.idle(row, this.#now), this.#deadlines.age(row, this.#now));
    this.#wheel.add(row, Math.ceil(due / 1000) - this.#baseSecond);
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
    if (this.#deadlines.idle(row, now) <= now) {
      this.#report(row, this.#deadlines.idleReason(row));
      this.#remove(row);
    } else if (this.#deadlines.age(row, now) <= now) this.#endOrDrain(row, this.#ageReason(row));
    else this.#schedule(row);
  };

  /** A connection that both ends have closed, or one has reset, is over, however soon its turn to be reported comes. */
  #ageReason(row: number): EndReason {
    const reason = this.#deadlines.idleReason(row);
    const isOver = reason === endReason.fin || reason === endReason.reset;
    return isOver && !this.config.isSoftflowd ? reason : endReason.maxlife;
  }

  /** Reports a flow that goes on, or may. It keeps its place, and with it who began; it leaves when it is silent as long again. */
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

  #evict(): void {
    const row = this.#eviction.take(this.#lastSeen);
    this.#wheel.remove(row);
    if ((this.words[row * rowWords + wordOf.state]! & stateBit.isDrained) === 0)
      this.#report(row, endReason.evicted);
    this.#remove(row);
  }

  readonly #lastSeen = (row: number) => {
    if (!this.isUsed(row)) return 0;
    return this.#deadlines.lastSeen(row) || 1; // reported and silent since: before all others
  };

  /** Frees a row. It is out of the wheel. */
  #remove(row: number): void {
    this.#index.remove(row);
    this.words[row * rowWords + wordOf.state] = freeState;
    this.#free[this.#freeCount++] = row;
    this.#flowCount--;
  }

  /** All rows at once: one by one each would be looked for. */
  #clear(): void {
    this.#index.clear();
    this.#wheel.clear();
    this.#eviction.clear();
    this.#freeCount = 0;
    this.#usedRows = 0;
    this.#flowCount = 0;
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

/** Who began: of TCP the handshake says it, otherwise whoever is seen first. */
function stateOfNew(keys: Int32Array, at: number): number {
  if ((keys[at + keyWord.protocol]! & 0xff) !== protocolTcp) return stateBit.initiatorIsCertain;
  const handshake = keys[at + keyWord.facts]! & (flagSyn | flagAck);
  if (handshake === flagSyn) return stateBit.initiatorIsCertain;
  return handshake === (flagSyn | flagAck) ? stateBit.initiatorIsCertain | stateBit.initiatorIsB : 0;
}
