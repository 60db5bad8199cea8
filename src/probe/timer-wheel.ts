import { rowWordsOf } from "./row-words.ts";

const none = -1;
const wheelSeconds = 1024;

/**
 * Rows by the second in which they are due. A packet touches nothing here: when a row's second comes, whoever asks looks whether it is
 * really due, and otherwise puts it where it belongs by then. Deadlines farther than the wheel is long come by
 * more than once.
 */
export class TimerWheel {
  /** Per row: next, previous (or -1 - place, for the first), second. */
  readonly #links: Int32Array;
  readonly #heads = new Int32Array(wheelSeconds).fill(none);
  #now = 0;

  constructor(rowsMax: number) {
    this.#links = rowWordsOf(rowsMax * 3);
  }

  /** Begins anew at a second; no row may be in it. */
  reset(second: number): void {
    this.#now = second;
  }

  /** Forgets every row. */
  clear(): void {
    this.#heads.fill(none);
  }

  add(row: number, second: number): void {
    const links = this.#links;
    const due = second <= this.#now ? this.#now + 1 : second;
    const place = due & (wheelSeconds - 1);
    const first = this.#heads[place]!;
    links[row * 3] = first;
    links[row * 3 + 1] = -1 - place;
    links[row * 3 + 2] = due;
    if (first !== none) links[first * 3 + 1] = row;
    this.#heads[place] = row;
  }

  remove(row: number): void {
    const links = this.#links;
    const next = links[row * 3]!;
    const previous = links[row * 3 + 1]!;
    if (previous < 0) this.#heads[-1 - previous] = next;
    else links[previous * 3] = next;
    if (next !== none) links[next * 3 + 1] = previous;
  }

  /**
   * Goes on to a second, and calls `visit` with each row whose second has come; the row is out of the wheel then, and `visit` may add
   * it again, but touches no other.
   */
  advance(second: number, visit: (row: number) => void): void {
    // After a pause longer than the wheel every place comes by once.
    const from = Math.max(this.#now + 1, second - wheelSeconds + 1);
    if (second <= this.#now) return;
    this.#now = second;
    for (let at = from; at <= second; at++) {
      const place = at & (wheelSeconds - 1);
      let row = this.#heads[place]!;
      // What is put back during the visit is at the head, and later than now.
      this.#heads[place] = none;
      let waiting = none;
      while (row !== none) {
        const next: number = this.#links[row * 3]!;
        this.#links[row * 3] = waiting;
        waiting = row;
        row = next;
      }
      while (waiting !== none) {
        const next: number = this.#links[waiting * 3]!;
        const due = this.#links[waiting * 3 + 2]!;
        if (due > second) this.add(waiting, due);
        else visit(waiting);
        waiting = next;
      }
    }
  }
}
