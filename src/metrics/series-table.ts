import { grown, RowIndex } from "../flow/index.ts";

/** Rows that are known beside those that are told by name, so that a heavy newcomer shows. A multiple of the limit. */
const rowsPerLimit = 4;
const keptPerLimit = 2;
/** Weights halve in this time: heavy is who is heavy now. */
const halfLifeMilliseconds = 300_000;
/** A row that has a series keeps it against one that is a little heavier. */
const namedBonus = 1.5;
const rankMilliseconds = 15_000;

export interface SeriesTableConfig {
  /** 32-bit words of a key. */
  readonly keyWords: number;
  /** Counters per series. */
  readonly counters: number;
  /** Series told by their own name. */
  readonly limit: number;
  /** How long a series without news is told. */
  readonly staleMilliseconds: number;
}

/**
 * Counters of many series, of which the `limit` heaviest are told by name and the rest as one, `~other`. Whatever is added goes to
 * exactly one of them, at the time it is added, and nothing is ever moved or taken back: no counter goes down, and their sum is all
 * there was. A series that loses its name keeps its figures and goes on from there when it gets it back; what came meanwhile is in
 * `~other`. Only one that was forgotten begins at 0 again, as after a restart.
 *
 * Which are heaviest is looked at every 15 seconds. Rows move then: nobody may be reading.
 */
export class SeriesTable<L = unknown> {
  readonly #config: SeriesTableConfig;
  readonly #index: RowIndex;
  readonly #labels: (L | undefined)[] = [];
  #capacity = 1024;
  #weights = new Float64Array(1024);
  #lastSeen = new Float64Array(1024);
  #isNamed = new Uint8Array(1024);
  #namedCount = 0;
  #hasOther = false;
  #lastRanked = 0;
  /** Counters of all series, those of `~other` first. What `enter` returns is a place here, until the next call. */
  values: Float64Array;

  constructor(config: SeriesTableConfig) {
    this.#config = config;
    this.#index = new RowIndex(config.keyWords, config.limit * rowsPerLimit);
    this.values = new Float64Array((this.#capacity + 1) * config.counters);
  }

  /** The key is written here before `enter` and `find`. */
  get probe(): Uint32Array {
    return this.#index.probe;
  }

  /** Rows known, whether they have a series of their own or not. */
  get count(): number {
    return this.#index.count;
  }

  get namedCount(): number {
    return this.#namedCount;
  }

  /** Whether anything was ever added under `~other`. */
  get hasOther(): boolean {
    return this.#hasOther;
  }

  isNamed(row: number): boolean {
    return this.#isNamed[row] === 1;
  }

  word(row: number, index: number): number {
    return this.#index.word(row, index);
  }

  /** Where a row's counters begin in `values`. */
  placeOf(row: number): number {
    return (row + 1) * this.#config.counters;
  }

  /** Where to add for the probe's key: the place of its series, or 0, which is `~other`. */
  enter(weight: number, now: number): number {
    const before = this.#index.count;
    const row = this.#index.findOrAdd();
    if (row < 0) {
      this.#hasOther = true;
      return 0;
    }
    if (row === before) this.#begin(row);
    this.#weights[row]! += weight;
    this.#lastSeen[row] = now;
    if (this.#isNamed[row] === 1) return (row + 1) * this.#config.counters;
    this.#hasOther = true;
    return 0;
  }

  /** The probe's row, or -1. */
  find(): number {
    return this.#index.find();
  }

  /** What a row is told by: made once, kept as long as the row. */
  labels(row: number, make: (row: number) => L): L {
    const known = this.#labels[row];
    if (known !== undefined) return known;
    const made = make(row);
    this.#labels[row] = made;
    return made;
  }

  /** Whether it is time for `rank`. */
  isDue(now: number): boolean {
    return now - this.#lastRanked >= rankMilliseconds;
  }

  /** Forgets what had no news and is not `isHeld`, and gives the heaviest their names. */
  rank(now: number, isHeld: (row: number) => boolean = () => false): void {
    const decay = this.#lastRanked === 0 ? 1 : 0.5 ** ((now - this.#lastRanked) / halfLifeMilliseconds);
    this.#lastRanked = now;
    for (let row = 0; row < this.count; row++) this.#weights[row]! *= decay;
    const since = now - this.#config.staleMilliseconds;
    const least = this.#leastKept();
    this.#keep((row) => {
      if (this.#lastSeen[row]! <= since && !isHeld(row)) return false;
      return this.#isNamed[row] === 1 || this.#weights[row]! >= least;
    });
    this.#name();
  }

  /** What a row without a name has to weigh to be kept, when there are too many. */
  #leastKept(): number {
    const { limit } = this.#config;
    if (this.count <= (limit * (rowsPerLimit + keptPerLimit)) / 2) return 0;
    return this.#weights.slice(0, this.count).sort()[this.count - limit * keptPerLimit]!;
  }

  #name(): void {
    const { limit } = this.#config;
    const scores = this.#weights.slice(0, this.count);
    for (let row = 0; row < this.count; row++) if (this.#isNamed[row] === 1) scores[row]! *= namedBonus;
    const threshold = this.count <= limit ? -1 : scores.slice().sort()[this.count - limit]!;
    this.#namedCount = 0;
    for (let row = 0; row < this.count; row++) {
      this.#isNamed[row] = scores[row]! > threshold ? 1 : 0;
      this.#namedCount += this.#isNamed[row]!;
    }
    // Of those that weigh the same, the first.
    for (let row = 0; row < this.count && this.#namedCount < limit; row++) {
      if (this.#isNamed[row] === 1 || scores[row] !== threshold) continue;
      this.#isNamed[row] = 1;
      this.#namedCount++;
    }
  }

  #keep(isWanted: (row: number) => boolean): void {
    const { counters } = this.#config;
    this.#index.compact(isWanted, (from, to) => {
      this.#weights[to] = this.#weights[from]!;
      this.#lastSeen[to] = this.#lastSeen[from]!;
      this.#isNamed[to] = this.#isNamed[from]!;
      this.#labels[to] = this.#labels[from];
      this.values.copyWithin((to + 1) * counters, (from + 1) * counters, (from + 2) * counters);
    });
    if (this.#labels.length > this.count) this.#labels.length = this.count;
  }

  #begin(row: number): void {
    if (row >= this.#capacity) this.#grow();
    const { counters, limit } = this.#config;
    this.values.fill(0, (row + 1) * counters, (row + 2) * counters);
    this.#weights[row] = 0;
    this.#isNamed[row] = this.#namedCount < limit ? 1 : 0;
    this.#namedCount += this.#isNamed[row]!;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#weights = grown(this.#weights, this.#capacity);
    this.#lastSeen = grown(this.#lastSeen, this.#capacity);
    this.#isNamed = grown(this.#isNamed, this.#capacity);
    this.values = grown(this.values, (this.#capacity + 1) * this.#config.counters);
  }
}
