import { grown, isLoopback, RowIndex } from "../flow/index.ts";

/** Addresses kept at most; about 40 bytes each. */
const addressesMax = 262_144;

/**
 * Addresses whose connections an agent on another machine reports, as its reports have shown. Its next report comes later than an
 * exporter's record may: whoever judges that record should wait. Beyond the bound new addresses are not kept until others are forgotten.
 */
export class ReportedAddresses {
  readonly #index = new RowIndex(4, addressesMax, 64);
  readonly #probeBytes = new Uint8Array(this.#index.probe.buffer);
  /** Rows of the ObserverTable: the agent that told of the address last. */
  #observer = new Uint32Array(64);
  /** Unix seconds. */
  #lastSeen = new Uint32Array(64);

  get count(): number {
    return this.#index.count;
  }

  /** The address is the four words at `words[at]`. Loopback addresses are every machine's own. */
  note(words: Uint32Array, at: number, observer: number, seconds: number): void {
    this.#writeProbe(words, at);
    if (isLoopback(this.#probeBytes, 0)) return;
    const row = this.#index.findOrAdd();
    if (row < 0) return;
    if (row >= this.#observer.length) {
      this.#observer = grown(this.#observer, row * 2);
      this.#lastSeen = grown(this.#lastSeen, row * 2);
    }
    this.#observer[row] = observer;
    this.#lastSeen[row] = seconds;
  }

  has(words: Uint32Array, at: number): boolean {
    if (this.count === 0) return false;
    this.#writeProbe(words, at);
    return this.#index.find() >= 0;
  }

  /** The agent is not heard any more: nobody has to wait for it. */
  forgetObserver(observer: number): void {
    this.#keep((row) => this.#observer[row] !== observer);
  }

  /** Forgets the addresses that were not told of since. */
  sweep(seconds: number): void {
    this.#keep((row) => this.#lastSeen[row]! >= seconds);
  }

  #keep(isWanted: (row: number) => boolean): void {
    this.#index.compact(isWanted, (from, to) => {
      this.#observer[to] = this.#observer[from]!;
      this.#lastSeen[to] = this.#lastSeen[from]!;
    });
  }

  #writeProbe(words: Uint32Array, at: number): void {
    const { probe } = this.#index;
    for (let i = 0; i < 4; i++) probe[i] = words[at + i]!;
  }
}
