import { type AskedCounter, type AskedName, askedCounters } from "../../topology/index.ts";
import { floorTo, hourMilliseconds } from "./window-parts.ts";

/** A row of `asked_names`: what became of a peer's questions for a name, some of those of an hour. */
export interface AskedRow extends Record<AskedCounter, number> {
  /** Unix ms of the hour's start. */
  readonly time: number;
  /** Of the peer: `PeerTable.key`. */
  readonly identity: number;
  readonly name: string;
  /** Unix ms. */
  lastSeen: number;
}

/** Names of the same peer and hour are one row of a commit; beyond so many rows they are left. */
const rowsMax = 65_536;

/**
 * Names that wait for the next commit. Who tells them may have as many rows as are left free: one alone gets half, and whoever comes
 * next finds some, however many hold their share (dynamic thresholds, Choudhury and Hahne 1998).
 */
export class AskedBuffer {
  #rows = new Map<string, AskedRow>();
  #countOf = new Map<string, number>();

  get count(): number {
    return this.#rows.size;
  }

  /** False when there is no room for more of that source's. */
  add(identity: number, asked: AskedName, seen: number, source: string): boolean {
    const time = floorTo(seen, hourMilliseconds);
    const together = `${time} ${identity} ${asked.name}`;
    const known = this.#rows.get(together);
    if (known !== undefined) {
      for (const counter of askedCounters) known[counter] = added(counter, known[counter], asked[counter]);
      known.lastSeen = Math.max(known.lastSeen, seen);
      return true;
    }
    const count = this.#countOf.get(source) ?? 0;
    if (count >= rowsMax - this.#rows.size) return false;
    this.#countOf.set(source, count + 1);
    const { peer: _, name, ...counts } = asked;
    this.#rows.set(together, { ...counts, time, identity, name, lastSeen: seen });
    return true;
  }

  take(): AskedRow[] {
    const rows = [...this.#rows.values()];
    this.#rows = new Map();
    this.#countOf = new Map();
    return rows;
  }
}

function added(counter: AskedCounter, one: number, other: number): number {
  return counter === "latencyMaxMicroseconds" ? Math.max(one, other) : one + other;
}
