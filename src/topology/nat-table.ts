import { assert, grown, hasPorts, isLoopback, type ReportDrop, RowIndex } from "../flow/index.ts";
import { type ConnectionTuple, isReversed } from "./connection-table.ts";

/** Words of a key: two addresses of four words, lower end first, the two ports in one word, protocol, scope. */
const keyWords = 11;
const portsWord = 8;
const protocolWord = 9;
const scopeWord = 10;

/** A packet passes few translators: two nodes, each of which may change both ends, are two steps. */
const stepsMax = 4;
/** Of a full table, the share that leaves at once: looking for the oldest costs a walk through all. */
const evictedShare = 1 / 8;

export interface NatTableConfig {
  /** Connections remembered at most. Memory grows with use, to about 200 bytes each. */
  readonly connectionsMax: number;
}

export const natTableDefaults: NatTableConfig = { connectionsMax: 200_000 };

/** A connection as its translator tells of it (`TranslatedConnection` of the conntrack observer). */
export interface Translation {
  /**
   * Four addresses of 16 bytes: original source, original destination, reply source (who answers), reply destination (whom that
   * sees calling).
   */
  readonly addresses: Uint8Array;
  /** Of protocols without ports, 0. */
  readonly originalSourcePort: number;
  readonly originalDestinationPort: number;
  readonly replySourcePort: number;
  readonly replyDestinationPort: number;
  readonly protocol: number;
  /** The translator's network namespace, as `connectionScope` has it: whose loopback addresses they are. 0 when it is not known. */
  readonly networkNamespace: number;
  /** Unix ms at which it was over, if not some seconds later; 0 of one that is not over. */
  readonly endedMilliseconds: number;
}

/** Which end of a record is a socket's own, so that no translation can have changed it. */
export const ownEnd = { neither: 0, source: 1, destination: 2 } as const;

/**
 * Undoes address translation: from a tuple as somebody on the way saw it to its connection's true ends, who opened it and
 * who answers.
 *
 *     client -> service   |translator|   node -> backend        true: client -> backend
 *        "before"                            "after"
 *
 * Every translation makes a pair: the tuple before it, and the one after, which is the reply tuple's mirror. A look-up walks the pairs back to
 * the first tuple, whose source is the true one, and on to the last, whose destination is; so a packet that several nodes translate is
 * followed through all of them. The newest translation of a tuple counts. A tuple that is not here costs one probe.
 *
 * One table for all network namespaces and nodes: a pod's packet is translated in its node's namespace, and maybe again on another node. A
 * tuple with a loopback address has the namespace in its key, and no other has: so a proxy beside its client, to which the client's
 * calls are redirected (client -> service becomes client -> 127.0.0.1), is found from the client's tuple, which is the same everywhere.
 *
 * A translation that is over stays, for records that come late; it is not applied to what began after its end. Of a TCP socket that was
 * open before, nobody knows when it began: then it counts whether its tuple was seen to be opened since.
 */
export class NatTable {
  readonly #resultWords = new Uint32Array(8);
  readonly #resultBytes = new Uint8Array(this.#resultWords.buffer);
  /** What `undo` found, in its record's direction; valid until the next call. */
  readonly result = tupleOf(this.#resultWords.subarray(0, 4), this.#resultWords.subarray(4, 8));
  /** Whether the source of the record that `undo` found is the end that opened the connection. */
  isFromOpener = true;
  /** Whether the last `undo` knew of a translation, whether or not the record's own ends are the true ones. Then `called` is set. */
  isTranslated = false;
  /** What the opener called: the destination of the first tuple. */
  readonly called = new Uint32Array(4);
  calledPort = 0;
  /** What is being undone: filled per record, so that nothing is allocated. */
  readonly #record = { seconds: 0, beganMilliseconds: 0, isOwn: false };
  readonly #index: RowIndex;
  readonly #connectionsMax: number;
  readonly #drop: ReportDrop;
  /** Place of the tuple after translation plus 1, 0 when it is not translated further. A place is twice the row, plus `isOpenerFirst`. */
  #after = new Uint32Array(1024);
  /** Place of the tuple before translation plus 1, 0 when nothing translated it before. */
  #before = new Uint32Array(1024);
  /** Whether the end that opened the connection is the key's first: 1, else 0. */
  #isOpenerFirst = new Uint8Array(1024);
  /** Unix seconds of the last use. */
  #lastUsedSeconds = new Uint32Array(1024);
  /** Of the tuple before: unix ms at which its translation was over; 0 while it is not. */
  #endedMilliseconds = new Float64Array(1024);
  /** Of the tuple before: whether a connection was opened after that, so that its translation is nobody's who does not say when it began. */
  #isReused = new Uint8Array(1024);
  #connectionCount = 0;
  /** Four addresses as FlowBatch has them, and the tuples in terms of them. */
  readonly #words = new Uint32Array(16);
  readonly #bytes = new Uint8Array(this.#words.buffer);
  readonly #beforeTuple = tupleOf(this.#words.subarray(0, 4), this.#words.subarray(4, 8));
  readonly #afterTuple = tupleOf(this.#words.subarray(12, 16), this.#words.subarray(8, 12));

  constructor({ connectionsMax }: NatTableConfig, drop: ReportDrop) {
    this.#connectionsMax = connectionsMax;
    this.#drop = drop;
    this.#index = new RowIndex(keyWords, 2 * connectionsMax);
  }

  /** The two tuples of the translation that was entered last; valid until the next is. */
  get before(): ConnectionTuple {
    return this.#beforeTuple;
  }

  get after(): ConnectionTuple {
    return this.#afterTuple;
  }

  /** Translations remembered. */
  get count(): number {
    return this.#connectionCount;
  }

  /**
   * Remembers a translation, in the place of the tuple's earlier one. False when there is nothing to undo, or a loopback address of nobody
   * knows which namespace. When the table is full, those unused longest leave, as a counted drop (`nat_limit`).
   */
  enter(entry: Translation, seconds: number): boolean {
    if (!this.#readTuples(entry)) return false;
    const { before: beforeTuple, after: afterTuple } = this;
    this.#makeRoom();
    const before = this.#placeOf(beforeTuple);
    const after = this.#placeOf(afterTuple);
    if (before >> 1 === after >> 1) return false;
    if (this.#after[before >> 1] === 0) this.#connectionCount++;
    this.#endedMilliseconds[before >> 1] = 0;
    this.#isReused[before >> 1] = 0;
    this.#after[before >> 1] = after + 1;
    this.#before[after >> 1] = before + 1;
    this.#lastUsedSeconds[before >> 1] = seconds;
    this.#lastUsedSeconds[after >> 1] = seconds;
    return true;
  }

  /**
   * Notes that a translation is over, at its `endedMilliseconds`. Not of protocols without ports: what two hosts exchange at the same time
   * is one tuple, of which the others go on.
   */
  end(entry: Translation): void {
    if (!hasPorts(entry.protocol) || !this.#readTuples(entry)) return;
    const before = this.#findPlace(this.#beforeTuple);
    const after = this.#findPlace(this.#afterTuple);
    if (before < 0 || after < 0 || this.#after[before >> 1] !== after + 1) return; // another has taken its tuple
    this.#endedMilliseconds[before >> 1] = entry.endedMilliseconds;
  }

  /**
   * Whether the ends of a record's tuple are not the true ones, which then are in `result`. The record may be written in either direction. It
   * counts as a use of the translation. `beganMilliseconds` is when that began of which the record tells, 0 when that is not known; `own` is
   * one of `ownEnd`.
   */
  undo(
    tuple: ConnectionTuple,
    seconds: number,
    beganMilliseconds = 0,
    own: number = ownEnd.neither,
  ): boolean {
    this.isTranslated = false;
    if (this.#connectionCount === 0) return false;
    const isSwapped = this.#writeProbe(tuple);
    const row = this.#index.find();
    if (row < 0) return false;
    const place = (row << 1) | this.#isOpenerFirst[row]!;
    const isFromOpener = (this.#isOpenerFirst[row] === 1) !== isSwapped;
    const record = this.#record;
    record.seconds = seconds;
    record.beganMilliseconds = beganMilliseconds;
    record.isOwn = own !== ownEnd.neither;
    const [ownOpener, ownAnswerer] = isFromOpener
      ? [ownEnd.source, ownEnd.destination]
      : [ownEnd.destination, ownEnd.source];
    const first = own === ownOpener ? place : this.#walk(this.#before, place);
    const last = own === ownAnswerer ? place : this.#walk(this.#after, place);
    if (first === place && last === place) return false;
    this.isFromOpener = isFromOpener;
    this.isTranslated = true;
    this.calledPort = this.#copyEnd(first >> 1, (first & 1) === 0, this.called);
    const { result } = this;
    result.protocol = tuple.protocol;
    const opener = isFromOpener ? result.source : result.destination;
    const answerer = isFromOpener ? result.destination : result.source;
    const openerPort = this.#copyEnd(first >> 1, (first & 1) === 1, opener);
    const answererPort = this.#copyEnd(last >> 1, (last & 1) === 0, answerer);
    const ported = hasPorts(tuple.protocol);
    // Of ICMP a record may have its type where others have ports: that stays.
    result.sourcePort = ported ? (isFromOpener ? openerPort : answererPort) : tuple.sourcePort;
    result.destinationPort = ported ? (isFromOpener ? answererPort : openerPort) : tuple.destinationPort;
    result.scope = this.#scopeOf(first >> 1, last >> 1, isFromOpener);
    return !isSame(tuple, result);
  }

  /** Forgets translations not used since `seconds`. */
  sweep(seconds: number): void {
    this.#forget((row) => this.#lastUsedSeconds[row]! < seconds);
  }

  /** The last place that the links lead to; all on the way are used. */
  #walk(links: Uint32Array, from: number): number {
    let place = from;
    for (let steps = 0; ; steps++) {
      const row = place >> 1;
      const next = links[row]!;
      // The same tuple the other way round, entered later, is another connection's.
      const isOthers = this.#isOpenerFirst[row] !== (place & 1);
      if (next === 0 || isOthers || steps === stepsMax) return place;
      const nextRow = (next - 1) >> 1;
      if (this.#isOver(links === this.#after ? row : nextRow)) return place;
      this.#use(row);
      this.#use(nextRow);
      place = next - 1;
    }
  }

  #use(row: number): void {
    if (this.#lastUsedSeconds[row]! < this.#record.seconds) this.#lastUsedSeconds[row] = this.#record.seconds;
  }

  /** Whether the translation of a tuple was over before that began of which the record tells. */
  #isOver(before: number): boolean {
    const ended = this.#endedMilliseconds[before]!;
    if (ended === 0) return false;
    const { beganMilliseconds, isOwn } = this.#record;
    if (beganMilliseconds === 0) return isOwn && this.#isReused[before] === 1;
    if (beganMilliseconds <= ended) return false;
    if (isOwn) this.#isReused[before] = 1;
    return true;
  }

  /** Whose loopback address is in `result`, 0 when none is. */
  #scopeOf(first: number, last: number, isFromOpener: boolean): number {
    const openerScope = this.#index.word(first, scopeWord);
    const answererScope = this.#index.word(last, scopeWord);
    if (openerScope === 0 && answererScope === 0) return 0;
    const [opener, answerer] = isFromOpener ? [0, 16] : [16, 0];
    if (openerScope !== 0 && isLoopback(this.#resultBytes, opener)) return openerScope;
    return answererScope !== 0 && isLoopback(this.#resultBytes, answerer) ? answererScope : 0;
  }

  /** The tuples before and after; false when they are the same, or have a loopback address of nobody knows whom. */
  #readTuples(entry: Translation): boolean {
    const { networkNamespace, protocol, addresses } = entry;
    const [isLocalSource, isLocalDestination, isLocalAnswerer, isLocalCaller] = [0, 16, 32, 48].map((at) =>
      isLoopback(addresses, at),
    );
    const isLocalBefore = isLocalSource || isLocalDestination;
    const isLocalAfter = isLocalAnswerer || isLocalCaller;
    if (networkNamespace === 0 && (isLocalBefore || isLocalAfter)) return false;
    this.#bytes.set(addresses);
    const before = this.#beforeTuple;
    before.sourcePort = entry.originalSourcePort;
    before.destinationPort = entry.originalDestinationPort;
    before.protocol = protocol;
    before.scope = isLocalBefore ? networkNamespace : 0;
    const after = this.#afterTuple;
    after.sourcePort = entry.replyDestinationPort;
    after.destinationPort = entry.replySourcePort;
    after.protocol = protocol;
    after.scope = isLocalAfter ? networkNamespace : 0;
    return !isSame(before, after);
  }

  /** The place of a tuple whose source is towards whoever opened the connection, or -1. */
  #findPlace(tuple: ConnectionTuple): number {
    const isOpenerFirst = this.#writeProbe(tuple) ? 0 : 1;
    const row = this.#index.find();
    return row < 0 || this.#isOpenerFirst[row] !== isOpenerFirst ? -1 : (row << 1) | isOpenerFirst;
  }

  /** The place of a tuple whose source is towards whoever opened the connection; what was known of the other direction goes. */
  #placeOf(tuple: ConnectionTuple): number {
    const isOpenerFirst = this.#writeProbe(tuple) ? 0 : 1;
    const row = this.#index.findOrAdd();
    assert(row >= 0, "room was made");
    if (row >= this.#after.length) this.#grow(this.#after.length * 2);
    if (this.#isOpenerFirst[row] !== isOpenerFirst) {
      if (this.#after[row] !== 0) this.#connectionCount--;
      this.#after[row] = 0;
      this.#before[row] = 0;
      this.#isOpenerFirst[row] = isOpenerFirst;
    }
    return (row << 1) | isOpenerFirst;
  }

  /** For the two tuples to be entered, unless they are known: then it is the same connection, told once more. */
  #makeRoom(): void {
    const isFull = () =>
      this.#connectionCount >= this.#connectionsMax || this.#index.count + 2 > 2 * this.#connectionsMax;
    if (!isFull()) return;
    this.#writeProbe(this.#afterTuple);
    const after = this.#index.find();
    this.#writeProbe(this.#beforeTuple);
    const before = this.#index.find();
    if (after >= 0 && before >= 0 && this.#after[before] !== 0) return;
    while (isFull()) this.#evict();
  }

  #copyEnd(row: number, isFirst: boolean, to: Uint32Array): number {
    const from = isFirst ? 0 : 4;
    for (let i = 0; i < 4; i++) to[i] = this.#index.word(row, from + i);
    const ports = this.#index.word(row, portsWord);
    return isFirst ? ports >>> 16 : ports & 0xffff;
  }

  /** Returns whether the tuple's destination is the key's first end. */
  #writeProbe(t: ConnectionTuple): boolean {
    const { probe } = this.#index;
    const isSwapped = isReversed(t);
    const first = isSwapped ? t.destination : t.source;
    const second = isSwapped ? t.source : t.destination;
    for (let i = 0; i < 4; i++) {
      probe[i] = first[t.at + i]!;
      probe[4 + i] = second[t.at + i]!;
    }
    const ported = hasPorts(t.protocol);
    const firstPort = isSwapped ? t.destinationPort : t.sourcePort;
    const secondPort = isSwapped ? t.sourcePort : t.destinationPort;
    probe[portsWord] = ported ? (firstPort << 16) | secondPort : 0;
    probe[protocolWord] = t.protocol;
    probe[scopeWord] = t.scope;
    return isSwapped;
  }

  /** Those unused longest, the share of the table that makes it worth the walk; among the same second those entered first. */
  #evict(): void {
    const rowCount = this.#index.count;
    const leavingCount = Math.max(2, Math.ceil(rowCount * evictedShare));
    const bySeconds = this.#lastUsedSeconds.slice(0, rowCount).sort();
    const limit = bySeconds[leavingCount - 1]!;
    let ties = leavingCount;
    for (let i = 0; i < leavingCount && bySeconds[i]! < limit; i++) ties--;
    const before = this.#connectionCount;
    this.#forget((row) => {
      const used = this.#lastUsedSeconds[row]!;
      return used < limit || (used === limit && ties-- > 0);
    });
    if (before > this.#connectionCount) this.#drop("nat_limit", "nat", before - this.#connectionCount);
  }

  /** Asks once of each row, in their order. A row that loses its last partner goes too: alone it says nothing. */
  #forget(isLeaving: (row: number) => boolean): void {
    const rowCount = this.#index.count;
    const isStale = new Uint8Array(rowCount);
    for (let row = 0; row < rowCount; row++) isStale[row] = isLeaving(row) ? 1 : 0;
    const isKept = new Uint8Array(rowCount);
    for (const links of [this.#after, this.#before]) {
      for (let row = 0; row < rowCount; row++) {
        if (isStale[row] === 1 || links[row] === 0) continue;
        const partner = (links[row]! - 1) >> 1;
        if (isStale[partner] === 1) links[row] = 0;
        else isKept[row] = isKept[partner] = 1;
      }
    }
    const rowAfter = new Uint32Array(rowCount);
    let keptCount = 0;
    for (let row = 0; row < rowCount; row++) if (isKept[row] === 1) rowAfter[row] = keptCount++;
    this.#connectionCount = 0;
    const move = (link: number) =>
      link === 0 ? 0 : ((rowAfter[(link - 1) >> 1]! << 1) | ((link - 1) & 1)) + 1;
    for (let row = 0; row < rowCount; row++) {
      if (isKept[row] === 0) continue;
      this.#after[row] = move(this.#after[row]!);
      this.#before[row] = move(this.#before[row]!);
      if (this.#after[row] !== 0) this.#connectionCount++;
    }
    this.#index.compact(
      (row) => isKept[row] === 1,
      (from, to) => {
        this.#after[to] = this.#after[from]!;
        this.#before[to] = this.#before[from]!;
        this.#isOpenerFirst[to] = this.#isOpenerFirst[from]!;
        this.#lastUsedSeconds[to] = this.#lastUsedSeconds[from]!;
        this.#endedMilliseconds[to] = this.#endedMilliseconds[from]!;
        this.#isReused[to] = this.#isReused[from]!;
      },
    );
    // Rows are given out again as the columns have them: without partners.
    this.#after.fill(0, keptCount, rowCount);
    this.#before.fill(0, keptCount, rowCount);
  }

  #grow(capacity: number): void {
    this.#after = grown(this.#after, capacity);
    this.#before = grown(this.#before, capacity);
    this.#isOpenerFirst = grown(this.#isOpenerFirst, capacity);
    this.#lastUsedSeconds = grown(this.#lastUsedSeconds, capacity);
    this.#endedMilliseconds = grown(this.#endedMilliseconds, capacity);
    this.#isReused = grown(this.#isReused, capacity);
  }
}

function tupleOf(source: Uint32Array, destination: Uint32Array) {
  return { source, destination, at: 0, sourcePort: 0, destinationPort: 0, protocol: 0, scope: 0 };
}

function isSame(a: ConnectionTuple, b: ConnectionTuple): boolean {
  if (a.sourcePort !== b.sourcePort || a.destinationPort !== b.destinationPort) return false;
  if (a.scope !== b.scope) return false;
  for (let i = 0; i < 4; i++) {
    if (a.source[a.at + i] !== b.source[b.at + i]) return false;
    if (a.destination[a.at + i] !== b.destination[b.at + i]) return false;
  }
  return true;
}
