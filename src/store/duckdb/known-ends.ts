import { otherPeer } from "../../topology/index.ts";
import type { StoredPeer } from "../store.ts";
import { readPeer, replacedColumns } from "./peer-columns.ts";
import type { SqlRow } from "./questions.ts";

/** Peers remembered at most, about 600 bytes each. */
const rememberedMax = 20_000;

/** What is told of a peer whatever its address. */
export type EndFacts = Omit<StoredPeer, "address">;

/** Of whom nothing is known. */
export const otherEnd: EndFacts = factsOf(otherPeer);

function factsOf({ address: _, ...facts }: StoredPeer): EndFacts {
  return facts;
}

export interface QuestionEnds {
  /** Peers by their keys; those that the file does not have are left out. The keys are ours, out of a statement. */
  read(
    keys: ReadonlySet<number>,
    rows: (sql: string) => Promise<SqlRow[]>,
  ): Promise<ReadonlyMap<number, EndFacts>>;
}

/**
 * Peers that answers told of before: reading them from the file takes longer than the rest of a map. Forgotten whenever one of the
 * file gets other facts.
 */
export class KnownEnds {
  readonly #peers = new Map<number, EndFacts>();
  #generation = 0;

  /** To be called when other facts are durable. */
  forget(): void {
    this.#generation++;
    this.#peers.clear();
  }

  /** For one question, from before its transaction begins: what it reads is remembered unless other facts are durable since. */
  forQuestion(): QuestionEnds {
    const generation = this.#generation;
    return { read: (keys, rows) => this.#read(keys, rows, generation) };
  }

  async #read(
    keys: ReadonlySet<number>,
    rows: (sql: string) => Promise<SqlRow[]>,
    generation: number,
  ): Promise<ReadonlyMap<number, EndFacts>> {
    const found = new Map<number, EndFacts>();
    const missing: number[] = [];
    for (const key of keys) {
      const known = this.#peers.get(key);
      if (known === undefined) missing.push(key);
      else found.set(key, known);
    }
    if (missing.length === 0) return found;
    const read = await rows(
      `SELECT key::DOUBLE AS key, ${replacedColumns.join(", ")} FROM peers WHERE key IN (${missing.join(", ")})`,
    );
    // What this question's transaction sees may be older than what is durable by now.
    const isNewest = generation === this.#generation;
    if (this.#peers.size + read.length > rememberedMax) this.#peers.clear();
    for (const row of read) {
      const facts = factsOf(readPeer(row));
      found.set(row.key as number, facts);
      if (isNewest && this.#peers.size < rememberedMax) this.#peers.set(row.key as number, facts);
    }
    return found;
  }
}
