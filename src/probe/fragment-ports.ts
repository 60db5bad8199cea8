import { keyWord } from "../packet/index.ts";

/** Packets whose fragments may be on their way at a time; a newer one takes the place of one that shares it. */
const placeCount = 4096;
const entryWords = 11;
/** Fragments wait for each other no longer (RFC 791 §3.2 has 15 s, RFC 8200 §4.5 60 s). */
const lifeMilliseconds = 60_000;

/**
 * Ports of packets that came in fragments: only the first has them, and the later ones belong to the same flow. One that comes before its
 * first, or long after, is counted without ports.
 */
export class FragmentPorts {
  readonly #entries = new Int32Array(placeCount * entryWords);
  readonly #times = new Float64Array(placeCount);

  /** The key at `at` is that of a first fragment. */
  remember(keys: Int32Array, at: number, id: number, time: number): void {
    const place = placeOf(keys, at, id);
    const entries = this.#entries;
    const base = place * entryWords;
    for (let i = 0; i < 8; i++) entries[base + i] = keys[at + i]!;
    entries[base + 8] = keys[at + keyWord.protocol]!;
    entries[base + 9] = id;
    entries[base + 10] = keys[at + keyWord.ports]!;
    this.#times[place] = time;
  }

  /** Writes the ports into the key of a later fragment, when they are known. */
  recall(keys: Int32Array, at: number, id: number, time: number): void {
    const place = placeOf(keys, at, id);
    const entries = this.#entries;
    const base = place * entryWords;
    if (time - this.#times[place]! > lifeMilliseconds) return;
    for (let i = 0; i < 8; i++) if (entries[base + i] !== keys[at + i]) return;
    if (entries[base + 8] !== keys[at + keyWord.protocol] || entries[base + 9] !== id) return;
    keys[at + keyWord.ports] = entries[base + 10]!;
  }
}

function placeOf(keys: Int32Array, at: number, id: number): number {
  const hash = Math.imul(keys[at + 3]! ^ Math.imul(keys[at + 7]!, 0x9e3779b1) ^ id, 0x85ebca6b);
  return (hash ^ (hash >>> 15)) & (placeCount - 1);
}
