import { assert } from "./assert.ts";
import type { ReportDrop } from "./drop-reason.ts";
import { identityKey } from "./identity-key.ts";

/** Whatever saw a record: an agent, or an exporter. */
export interface Observer {
  /** `agent:NODE` or `exporter:ADDRESS`. */
  readonly id: string;
  readonly kind: "agent" | "exporter";
  readonly name: string;
}

/** The observer that an id names: the part after the colon is its name. */
export function observerOf(id: string): Observer {
  const colon = id.indexOf(":");
  return { id, kind: id.startsWith("agent:") ? "agent" : "exporter", name: id.slice(colon + 1) };
}

/** Stands for all beyond the bound. */
const otherObserver: Observer = { id: "agent:~other", kind: "agent", name: "~other" };
export const observersMax = 65_536;

/**
 * Rows for observers, so that a batch carries a number. Row 0 is nobody. Rows are never freed, since the store and caches refer to
 * them: beyond `rowsMax` all are `~other`, and each look-up that ends there is a counted drop (`observer_limit`).
 */
export class ObserverTable {
  readonly #rowsMax: number;
  readonly #drop: ReportDrop;
  readonly #rows: Observer[] = [{ id: "", kind: "agent", name: "" }];
  readonly #keys: number[] = [0];
  readonly #rowById = new Map<string, number>();

  constructor(rowsMax = observersMax, drop: ReportDrop = () => {}) {
    this.#rowsMax = rowsMax;
    this.#drop = drop;
  }

  intern(observer: Observer): number {
    const known = this.#rowById.get(observer.id);
    if (known !== undefined) return known;
    if (this.#rows.length < this.#rowsMax) return this.#add(observer);
    this.#drop("observer_limit", "observers");
    return this.#rowById.get(otherObserver.id) ?? this.#add(otherObserver);
  }

  #add(observer: Observer): number {
    const row = this.#rows.push(observer) - 1;
    this.#keys.push(identityKey(observer.id));
    this.#rowById.set(observer.id, row);
    return row;
  }

  get(row: number): Observer {
    const observer = this.#rows[row];
    assert(observer !== undefined, "observer rows come from intern");
    return observer;
  }

  /** A number for the observer, the same in every process: the store finds it again by that. */
  key(row: number): number {
    return this.#keys[row]!;
  }

  get count(): number {
    return this.#rows.length;
  }
}
