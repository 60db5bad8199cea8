import { readFileSync, statSync } from "node:fs";
import { formatAddress, isLoopback, parseAddress } from "../../flow/index.ts";

export interface ResolverTrustConfig {
  /** Addresses that somebody named as resolvers to be believed. */
  readonly resolvers: readonly string[];
  /** Files that say whom this machine asks (resolv.conf(5)); those that are not there say nothing. */
  readonly files: readonly string[];
  /** Network namespace (inode) in which those files' loopback addresses are the machine's; 0 when unknown. */
  readonly networkNamespace: number;
  /** Whoever has not asked for so long, does not ask. */
  readonly askedSeconds: number;
}

/** Of a process in a pod that shares the machine's processes, the files are the pod's, and the machine's under /proc/1/root. */
export function resolverTrustDefaults(resolvers: readonly string[] = []): ResolverTrustConfig {
  const paths = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
  return {
    resolvers,
    files: paths.flatMap((path) => [path, `/proc/1/root${path}`]),
    networkNamespace: statSync("/proc/self/ns/net", { throwIfNoEntry: false })?.ino ?? 0,
    askedSeconds: 600,
  };
}

const resolversMax = 256;
const namespacesMax = 4096;
/** resolv.conf(5) allows three; systemd-resolved lists one for each link. */
const ownMax = 64;

/**
 * Whose answers name addresses for everybody on the machine. A name is an address's, whoever asked: a workload with a resolver of its
 * own could otherwise call any address as it likes. Believed is whom the machine's files name, whom somebody named, and whom most network
 * namespaces ask (the resolver of a cluster). Time is an argument: unix seconds.
 */
export class ResolverTrust {
  readonly #config: ResolverTrustConfig;
  #own = new Set<string>();
  /** When each network namespace last asked anybody, and each resolver beyond its own. */
  readonly #askers = new Map<number, number>();
  readonly #asked = new Map<string, Map<number, number>>();

  constructor(config: ResolverTrustConfig = resolverTrustDefaults()) {
    this.#config = config;
    this.#readOwn();
  }

  /** A namespace asks a resolver, at the 16 bytes at `bytes[offset]`. */
  note(bytes: Uint8Array, offset: number, networkNamespace: number, seconds: number): void {
    putLast(this.#askers, networkNamespace, seconds, namespacesMax);
    if (isLoopback(bytes, offset)) return; // in each namespace it is another
    const resolver = formatAddress(bytes, offset);
    let asking = this.#asked.get(resolver);
    if (asking === undefined) {
      if (this.#asked.size >= resolversMax && !this.#forgetOne()) return;
      asking = new Map();
      this.#asked.set(resolver, asking);
    }
    putLast(asking, networkNamespace, seconds, namespacesMax);
  }

  isBelieved(bytes: Uint8Array, offset: number, networkNamespace: number): boolean {
    const resolver = formatAddress(bytes, offset);
    if (isLoopback(bytes, offset))
      return this.#own.has(resolver) && networkNamespace === this.#config.networkNamespace;
    if (this.#own.has(resolver)) return true;
    const count = this.#asked.get(resolver)?.size ?? 0;
    return count >= 2 && count * 2 > this.#askers.size;
  }

  /** Reads the files anew, and forgets who has not asked for a while. */
  sweep(seconds: number): void {
    this.#readOwn();
    const since = seconds - this.#config.askedSeconds;
    for (const times of [this.#askers, ...this.#asked.values()])
      for (const [namespace, asked] of times) if (asked < since) times.delete(namespace);
    for (const [resolver, { size }] of this.#asked) if (size === 0) this.#asked.delete(resolver);
  }

  /** One that a single namespace asks makes room; those that several ask are few. */
  #forgetOne(): boolean {
    for (const [resolver, { size }] of this.#asked) if (size < 2) return this.#asked.delete(resolver);
    return false;
  }

  #readOwn(): void {
    const lines = this.#config.files.flatMap(readLines);
    const named = lines.flatMap((line) => /^\s*nameserver\s+([^\s%]+)/.exec(line)?.[1] ?? []);
    const addresses = [...this.#config.resolvers, ...named.slice(0, ownMax)].map((text) =>
      parseAddress(text),
    );
    this.#own = new Set(
      addresses.flatMap((address) => (address === undefined ? [] : formatAddress(address, 0))),
    );
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").slice(0, 65_536).split("\n");
  } catch {
    return []; // it says nothing
  }
}

/** Beyond the bound whoever asked longest ago goes. */
function putLast(times: Map<number, number>, key: number, seconds: number, timesMax: number): void {
  times.delete(key);
  if (times.size >= timesMax) times.delete(times.keys().next().value!);
  times.set(key, seconds);
}
