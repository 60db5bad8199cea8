import type { DropReason } from "../flow/index.ts";

/** Drops are told apart by at most this many sources; the rest is counted under `~other`. */
const sourcesMax = 1000;

export interface DropCount {
  readonly reason: DropReason;
  readonly source: string;
  readonly count: number;
}

/** Counts drops by reason and source. Bounded: a flood of spoofed sources ends up in one. */
export class DropCounters {
  readonly #bySource = new Map<string, Map<DropReason, number>>();

  readonly drop = (reason: DropReason, source: string, count = 1): void => {
    const name = this.#bySource.has(source) || this.#bySource.size < sourcesMax ? source : "~other";
    let reasons = this.#bySource.get(name);
    if (reasons === undefined) {
      reasons = new Map();
      this.#bySource.set(name, reasons);
    }
    reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  };

  *counts(): Generator<DropCount> {
    for (const [source, reasons] of this.#bySource) {
      for (const [reason, count] of reasons) yield { reason, source, count };
    }
  }
}
