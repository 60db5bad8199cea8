import { exportFormat, type MessageReport } from "../flow/index.ts";

/** What happened in front of a message, in the unit that its stream's numbers count; reused. */
export interface SequenceVerdict {
  received: number;
  /** Below zero when a message that was given up for lost has come late. */
  lost: number;
  isReordered: boolean;
  isDuplicate: boolean;
  isRestart: boolean;
}

/**
 * How an exporter counts. The standards: v5 and IPFIX count records before the message (RFC 7011 §3.1), v9 and sFlow
 * messages. In the field, softflowd's IPFIX counts the message's own records too, and leaves options data out; others count
 * messages in IPFIX, or records in v9.
 */
interface Convention {
  readonly unit: "records" | "messages";
  readonly leavesOptionsOut: boolean;
  readonly countsOwnMessage: boolean;
}

const recordCount: Convention = { unit: "records", leavesOptionsOut: false, countsOwnMessage: false };
const messageCount: Convention = { unit: "messages", leavesOptionsOut: false, countsOwnMessage: false };
const conventions: readonly Convention[] = [
  recordCount,
  messageCount,
  { unit: "records", leavesOptionsOut: true, countsOwnMessage: false },
  { unit: "records", leavesOptionsOut: false, countsOwnMessage: true },
  { unit: "records", leavesOptionsOut: true, countsOwnMessage: true },
];
/** A convention replaces the one in use when it was right so many times more; one that was never right goes at once. */
const convictionCount = 3;
/** Until something has come true, so many messages are no evidence of a loss: the convention may be another. */
const doubtCount = 3;
/** What was right long ago counts no more than this. */
const matchesMax = 64;
/** Messages are late by at most so many others; a number that goes further back is a new count. */
const lateMessages = 32;
/** A gap larger than this is no loss but another count: nobody loses so much and goes on. */
const lostMax = 10_000_000;
/** Gaps remembered, to be closed by messages that come late. */
const gapsMax = 16;
/** So many datagrams in a row are no copies of one. */
const repeatsMax = 3;
/** Export times are in whole seconds. */
const sentLaterMilliseconds = 2000;
/** Uptime goes back a little between messages that were reordered. */
const uptimeSlackMilliseconds = 60_000;

interface Gap {
  start: number;
  length: number;
}

/** One convention's view of a stream. */
interface Hypothesis {
  readonly convention: Convention;
  /** The number the next message should have; undefined when the last one's records are not known. */
  expected: number | undefined;
  matches: number;
  /** How often it was right, since the stream began. */
  rightCount: number;
  received: number;
  lost: number;
  readonly gaps: Gap[];
}

/**
 * The numbers of one stream of messages: one port of an exporter, one version, one domain. All conventions are followed at
 * once, each with its own expectation and its own count of losses; the one whose expectations come true is believed.
 */
export class SequenceStream {
  readonly #hypotheses: readonly Hypothesis[];
  #believed: Hypothesis;
  #lastNumber: number | undefined;
  #lastExportMilliseconds = 0;
  #judgedCount = 0;
  #lastRecordCount = 0;
  /** Messages in a row that all had the last number. */
  #repeatCount = 0;
  #uptime: number | undefined;
  /** Numbers seen last, a ring. */
  readonly #recent = new Float64Array(lateMessages).fill(-1);
  #recentAt = 0;
  readonly #verdict: SequenceVerdict = {
    received: 0,
    lost: 0,
    isReordered: false,
    isDuplicate: false,
    isRestart: false,
  };

  constructor(format: number) {
    const countsMessages = format === exportFormat.netflow9 || format === exportFormat.sflow5;
    const followed = format === exportFormat.sflow5 ? [messageCount] : conventions;
    this.#hypotheses = followed.map((convention) => ({
      convention,
      expected: undefined,
      matches: 0,
      rightCount: 0,
      received: 0,
      lost: 0,
      gaps: [],
    }));
    const standard = countsMessages ? messageCount : recordCount;
    this.#believed = this.#hypotheses.find(({ convention }) => convention === standard)!;
  }

  /** Units received, and units missing, since the stream began. */
  get receivedCount(): number {
    return this.#believed.received;
  }

  get lostCount(): number {
    const { rightCount, lost } = this.#believed;
    return rightCount === 0 && this.#judgedCount <= doubtCount ? 0 : lost;
  }

  /** How often the number of a message was the one that was expected. */
  get rightCount(): number {
    return this.#believed.rightCount;
  }

  get unit(): "records" | "datagrams" {
    return this.#believed.convention.unit === "records" ? "records" : "datagrams";
  }

  get countsOwnMessage(): boolean {
    return this.#believed.convention.countsOwnMessage;
  }

  /** False for an exporter that always sends the same number. */
  get isNumbered(): boolean {
    return this.#repeatCount <= repeatsMax;
  }

  /** Judges a message; the verdict is valid until the next. */
  take(message: Readonly<MessageReport>): Readonly<SequenceVerdict> {
    const verdict = this.#verdict;
    const { receivedCount, lostCount } = this;
    verdict.isReordered = verdict.isDuplicate = false;
    verdict.isRestart = this.#hasRestarted(message);
    if (verdict.isRestart) this.#forget();
    const ahead = this.#lastNumber === undefined ? 1 : (message.sequenceNumber - this.#lastNumber) | 0;
    this.#repeatCount = ahead === 0 ? this.#repeatCount + 1 : 0;
    if (ahead <= 0 && this.#isRepeated(message, ahead)) verdict.isDuplicate = this.isNumbered;
    else if (ahead < 0) {
      verdict.isReordered = true;
      for (const hypothesis of this.#hypotheses) takeLate(hypothesis, message);
    } else this.#takeNext(message);
    this.#recent[this.#recentAt++ % lateMessages] = message.sequenceNumber;
    this.#settle();
    verdict.received = this.receivedCount - receivedCount;
    verdict.lost = this.lostCount - lostCount;
    return verdict;
  }

  #takeNext(message: Readonly<MessageReport>): void {
    if (this.#lastNumber !== undefined) this.#judgedCount++;
    for (const hypothesis of this.#hypotheses) {
      if (!takeInOrder(hypothesis, message)) this.#verdict.isRestart = true;
    }
    this.#lastExportMilliseconds = message.exportMilliseconds ?? 0;
    this.#lastNumber = message.sequenceNumber;
    this.#lastRecordCount = message.recordCount;
    if (message.uptimeMilliseconds !== undefined) this.#uptime = message.uptimeMilliseconds;
  }

  /** A number may stand twice when the first message brought nothing that it counts. */
  #isRepeated({ sequenceNumber, recordCount }: Readonly<MessageReport>, ahead: number): boolean {
    if (ahead < 0) return this.#recent.includes(sequenceNumber) && !isInGap(this.#believed, sequenceNumber);
    const isCounted = this.#believed.convention.unit === "messages" || this.#lastRecordCount > 0;
    return isCounted && recordCount === this.#lastRecordCount;
  }

  /** Changes to a convention that explains more than the one in use. */
  #settle(): void {
    for (const hypothesis of this.#hypotheses) {
      const lead = this.#believed.rightCount === 0 ? 1 : convictionCount;
      if (hypothesis.matches >= this.#believed.matches + lead) this.#believed = hypothesis;
    }
  }

  /**
   * An exporter that begins anew: its uptime goes back, or its numbers do, further than a late message's or in a message that was sent
   * after the last. A late one was sent before.
   */
  #hasRestarted(message: Readonly<MessageReport>): boolean {
    const { uptimeMilliseconds, sequenceNumber, exportMilliseconds = 0 } = message;
    if (this.#lastNumber === undefined) return false;
    if (uptimeMilliseconds !== undefined && this.#uptime !== undefined) {
      const passed = (uptimeMilliseconds - this.#uptime) | 0; // right across the wrap of 49.7 days
      if (passed < -uptimeSlackMilliseconds) return true;
    }
    if (((sequenceNumber - this.#lastNumber) | 0) >= 0) return false;
    const wasSentLater = exportMilliseconds >= this.#lastExportMilliseconds + sentLaterMilliseconds;
    return (wasSentLater && this.#lastExportMilliseconds > 0) || !this.#isNear(sequenceNumber);
  }

  #isNear(sequenceNumber: number): boolean {
    let furthest = 0;
    for (const number of this.#recent) {
      if (number >= 0) furthest = Math.min(furthest, (number - this.#lastNumber!) | 0);
    }
    return ((sequenceNumber - this.#lastNumber!) | 0) >= furthest - lateMessages;
  }

  #forget(): void {
    this.#recent.fill(-1);
    this.#lastNumber = this.#uptime = undefined;
    for (const hypothesis of this.#hypotheses) {
      hypothesis.expected = undefined;
      hypothesis.gaps.length = 0;
    }
  }
}

/** False when the number lies so far ahead that it belongs to another count. */
function takeInOrder(hypothesis: Hypothesis, message: Readonly<MessageReport>): boolean {
  const { convention, expected, gaps } = hypothesis;
  const units = unitsOf(message, convention);
  if (Number.isNaN(units)) {
    hypothesis.expected = undefined;
    return true;
  }
  const start = firstNumber(message, convention, units);
  hypothesis.expected = (start + units) >>> 0;
  hypothesis.received += units;
  if (expected === undefined) return true;
  const ahead = (start - expected) | 0;
  if (ahead === 0) hypothesis.rightCount++;
  hypothesis.matches = Math.min(Math.max(0, hypothesis.matches + (ahead === 0 ? 1 : -1)), matchesMax);
  if (ahead > lostMax) return false;
  if (ahead > 0) {
    hypothesis.lost += ahead;
    gaps.push({ start: expected, length: ahead });
    if (gaps.length > gapsMax) gaps.shift();
  }
  return true;
}

function takeLate(hypothesis: Hypothesis, message: Readonly<MessageReport>): void {
  const units = unitsOf(message, hypothesis.convention);
  if (Number.isNaN(units)) return;
  hypothesis.received += units;
  hypothesis.lost -= closeGap(hypothesis.gaps, firstNumber(message, hypothesis.convention, units), units);
}

function isInGap({ gaps }: Hypothesis, number: number): boolean {
  return gaps.some(({ start, length }) => (number - start) >>> 0 < length);
}

/** Units of a message by a convention; NaN when its records are not known and count. */
function unitsOf(message: Readonly<MessageReport>, { unit, leavesOptionsOut }: Convention): number {
  if (unit === "messages") return 1;
  return message.recordCount - (leavesOptionsOut ? message.optionsRecordCount : 0);
}

/** The number of the message's first unit. */
function firstNumber(
  { sequenceNumber }: Readonly<MessageReport>,
  { countsOwnMessage }: Convention,
  units: number,
): number {
  return countsOwnMessage ? (sequenceNumber - units) >>> 0 : sequenceNumber;
}

/** Takes out of the gaps what a late message brings. Returns how many units that is. */
function closeGap(gaps: Gap[], start: number, units: number): number {
  for (const [i, gap] of gaps.entries()) {
    const offset = (start - gap.start) | 0;
    if (offset < 0 || offset >= gap.length) continue;
    const closed = Math.min(units, gap.length - offset);
    const behind = gap.length - offset - closed;
    gap.length = offset;
    if (behind > 0) gaps.splice(i + 1, 0, { start: (start + closed) >>> 0, length: behind });
    if (offset === 0) gaps.splice(i, 1);
    return closed;
  }
  return 0;
}
