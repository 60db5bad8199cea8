import { grown } from "../../flow/index.ts";

/** A table in memory whose rows the file finds by a number that is the same in every process. */
export interface IdentityTable<T> {
  get(row: number): T;
  /** A whole number from 0 to 2^53; another when the row has become somebody else's. */
  key(row: number): number;
}

/** What one commit names of a table, each at its place: what waits names it by that. Place 0 is nobody. */
export interface Naming<T> {
  readonly rows: readonly number[];
  readonly identities: readonly number[];
  /** Those of the file; 0 where it has to be asked, or gives one. */
  readonly keys: readonly number[];
  /** By their identities those of which the file has to be asked: from an earlier run it may have them. */
  readonly newcomers: ReadonlyMap<number, T>;
}

/**
 * Who is named by what waits for the next commit. Keys are numbers that the file gives, which are known when its transaction has asked it: until
 * then a peer is a place in this list, that begins anew with each commit. So one that was not carried out leaves nothing behind.
 */
export class NamedRows<T> {
  readonly #table: IdentityTable<T>;
  #rows = [0];
  #identities = [0];
  #keys = [0];
  /** By place, of those whose key was not known: as they were then, since the row may become another's. */
  #newcomers = new Map<number, T>();
  /** By row of the table: the place, or 0. */
  #placeOf = new Uint32Array(1024);
  /** By row of the table: the key in the file, or 0, and of which identity it is. */
  #keyOf = new Float64Array(1024);
  #identityOf = new Float64Array(1024);

  constructor(table: IdentityTable<T>) {
    this.#table = table;
  }

  /** A row's place, from 1 on; whoever gets it writes it into what waits. */
  place(row: number): number {
    const place = this.#placeOf[row];
    const isItsOwn = place !== undefined && place > 0 && this.#identities[place] === this.#table.key(row);
    return isItsOwn ? place : this.#add(row);
  }

  /** Everything that was named since. */
  take(): Naming<T> {
    const newcomers = new Map<number, T>();
    for (const [place, newcomer] of this.#newcomers) {
      const [row, identity] = [this.#rows[place]!, this.#identities[place]!];
      this.#keys[place] = this.#knownKey(row, identity); // the commit before this one may have told
      if (this.#keys[place] === 0) newcomers.set(identity, newcomer);
    }
    const taken = { rows: this.#rows, identities: this.#identities, keys: this.#keys, newcomers };
    for (const row of this.#rows) this.#placeOf[row] = 0;
    this.#rows = [0];
    this.#identities = [0];
    this.#keys = [0];
    this.#newcomers = new Map();
    return taken;
  }

  /** What was taken is in the file, under these keys by place. */
  learn({ rows, identities }: Naming<T>, keys: Float64Array): void {
    for (let place = 1; place < rows.length; place++) {
      this.#keyOf[rows[place]!] = keys[place]!;
      this.#identityOf[rows[place]!] = identities[place]!;
    }
  }

  /** The file may not have any more what nothing names in it: of everybody it is asked anew. */
  forget(): void {
    this.#keyOf.fill(0);
  }

  #add(row: number): number {
    this.#grow(row + 1);
    const place = this.#rows.push(row) - 1;
    const identity = this.#table.key(row);
    const key = this.#knownKey(row, identity);
    this.#identities.push(identity);
    this.#keys.push(key);
    this.#placeOf[row] = place;
    if (key === 0) this.#newcomers.set(place, this.#table.get(row));
    return place;
  }

  #knownKey(row: number, identity: number): number {
    return this.#identityOf[row] === identity ? this.#keyOf[row]! : 0;
  }

  #grow(count: number): void {
    if (count <= this.#placeOf.length) return;
    const length = 2 ** Math.ceil(Math.log2(count));
    this.#placeOf = grown(this.#placeOf, length);
    this.#keyOf = grown(this.#keyOf, length);
    this.#identityOf = grown(this.#identityOf, length);
  }
}
