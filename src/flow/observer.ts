import { assert } from "./assert.ts";
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

/** Rows for observers, so that a batch carries a number. Row 0 is nobody. Bounded by whoever interns (exporter limit). */
export class ObserverTable {
  readonly #rows: Observer[] = [{ id: "", kind: "agent", name: "" }];
  readonly #keys: number[] = [0];
  readonly #rowById = new Map<string, number>();

  intern(observer: Observer): number {
    const known = this.#rowById.get(observer.id);
    if (known !== undefined) return known;
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

  /** The key under which the store keeps the observer: the same in every process. */
  key(row: number): number {
    return this.#keys[row]!;
  }

  get count(): number {
    return this.#rows.length;
  }
}
