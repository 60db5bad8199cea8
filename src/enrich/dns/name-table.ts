import { addressKey } from "../address-key.ts";

/** For how long what a resolver said is believed, and how much of it is kept. */
export interface NameTableConfig {
  /** Addresses kept at most, over all network namespaces; about 200 bytes each. */
  readonly namesMax: number;
  /** Resolvers answer with times to live of seconds; who asked goes on using the address. */
  readonly floorSeconds: number;
  readonly ceilingSeconds: number;
}

export const nameTableDefaults: NameTableConfig = {
  namesMax: 65_536,
  floorSeconds: 300,
  ceilingSeconds: 86_400,
};

interface Entry {
  readonly name: string;
  readonly untilSeconds: number;
}

/**
 * Names of addresses, as the workloads of this machine looked them up. An address has one name per network namespace, the
 * last that was asked for. Time is an argument: unix seconds.
 */
export class NameTable {
  readonly #config: NameTableConfig;
  /** By namespace and address, the longest known first. */
  readonly #entries = new Map<string, Entry>();
  /** By address alone: what any namespace learned last. */
  readonly #anywhere = new Map<string, Entry>();

  constructor(config: NameTableConfig = nameTableDefaults) {
    this.#config = config;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Returns whether the address is known by another name than before. The address is the 16 bytes at `bytes[offset]`. */
  remember(
    namespace: number,
    bytes: Uint8Array,
    offset: number,
    name: string,
    ttlSeconds: number,
    seconds: number,
  ): boolean {
    const { floorSeconds, ceilingSeconds, namesMax } = this.#config;
    const address = addressKey(bytes, offset);
    const untilSeconds = seconds + Math.min(ceilingSeconds, Math.max(floorSeconds, ttlSeconds));
    const before = this.#anywhere.get(address);
    replace(this.#entries, `${namespace} ${address}`, { name, untilSeconds }, namesMax);
    replace(this.#anywhere, address, { name, untilSeconds }, namesMax);
    return before?.name !== name;
  }

  /** The name of an address in a namespace, or in any when none is given; "" when there is none, or it is too old. */
  nameOf(bytes: Uint8Array, offset: number, seconds: number, namespace?: number): string {
    const address = addressKey(bytes, offset);
    const entry =
      namespace === undefined ? this.#anywhere.get(address) : this.#entries.get(`${namespace} ${address}`);
    return entry === undefined || entry.untilSeconds < seconds ? "" : entry.name;
  }

  /** Forgets what is too old. */
  sweep(seconds: number): void {
    for (const entries of [this.#entries, this.#anywhere]) {
      for (const [key, { untilSeconds }] of entries) if (untilSeconds < seconds) entries.delete(key);
    }
  }
}

/** Puts an entry last. Beyond the bound the one that was learned longest ago goes. */
function replace(entries: Map<string, Entry>, key: string, entry: Entry, entriesMax: number): void {
  entries.delete(key);
  if (entries.size >= entriesMax) entries.delete(entries.keys().next().value!);
  entries.set(key, entry);
}
