import { grown, RowIndex } from "../flow/index.ts";

/** Pairs told apart per link, port and exporter at most: by how many ways a router may lead its packets. */
const pairsMax = 32;

/** How many pairs of interfaces there are of each link: an exporter may name whichever numbers it likes, in every record others. */
export class InterfacePairs {
  readonly #index: RowIndex;
  #counts = new Uint8Array(64);

  /** Links are told apart by so many words. */
  constructor(keyWords: number, linksMax: number) {
    this.#index = new RowIndex(keyWords, linksMax, 64);
  }

  /** Counts one more pair of a link; false when it has as many as there may be. */
  add(link: Uint32Array): boolean {
    this.#index.probe.set(link);
    const before = this.#index.count;
    const row = this.#index.findOrAdd();
    if (row < 0) return false;
    if (row >= this.#counts.length) this.#counts = grown(this.#counts, row * 2);
    if (row === before) this.#counts[row] = 0;
    if (this.#counts[row]! >= pairsMax) return false;
    this.#counts[row]!++;
    return true;
  }

  clear(): void {
    this.#index.clear();
  }
}
