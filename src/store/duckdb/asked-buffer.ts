import { type AskedCounter, type AskedName, askedCounters } from "../../topology/index.ts";
import { floorTo, hourMilliseconds } from "./window-parts.ts";

/** A row of `asked_names`: what became of a peer's questions for a name, some of those of an hour. */
export interface AskedRow extends Record<AskedCounter, number> {
  /** Unix ms of the hour's start. */
  readonly time: number;
  /** Of the peer. */
  readonly key: number;
  readonly name: string;
  /** Unix ms. */
  lastSeen: number;
}

/** Names of the same peer and hour are one row of a commit; beyond so many rows they are left. */
const rowsMax = 65_536;

/** Names that wait for the next commit. */
export class AskedBuffer {
  #rows = new Map<string, AskedRow>();

  get count(): number {
    return this.#rows.size;
  }

  /** False when there is no room. */
  add(key: number, asked: AskedName, seen: number): boolean {
    const time = floorTo(seen, hourMilliseconds);
    const identity = `${time} ${key} ${asked.name}`;
    const known = this.#rows.get(identity);
    if (known !== undefined) {
      for (const counter of askedCounters) known[counter] = together(counter, known[counter], asked[counter]);
      known.lastSeen = Math.max(known.lastSeen, seen);
      return true;
    }
    if (this.#rows.size >= rowsMax) return false;
    const { peer: _, name, ...counts } = asked;
    this.#rows.set(identity, { ...counts, time, key, name, lastSeen: seen });
    return true;
  }

  take(): AskedRow[] {
    const rows = [...this.#rows.values()];
    this.#rows = new Map();
    return rows;
  }
}

function together(counter: AskedCounter, one: number, other: number): number {
  return counter === "latencyMaxMicroseconds" ? Math.max(one, other) : one + other;
}
