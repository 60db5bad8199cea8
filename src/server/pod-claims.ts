import { remoteLimits } from "./remote-agent.ts";

interface Claimant {
  /** The one told longest ago is the first. */
  readonly uids: Set<string>;
  /** Unix ms. */
  toldMilliseconds: number;
}

export interface PodClaimsConfig {
  /** Pods of one machine that are remembered: several times what a node has. */
  readonly ofNodeMax: number;
  /** Of all; then the machine that was silent for longest is forgotten. */
  readonly podsMax: number;
  /** A machine of which nothing was told for so long has none: it may be called otherwise now. */
  readonly silentMilliseconds: number;
}

export const podClaimsDefaults: PodClaimsConfig = {
  ofNodeMax: 1024,
  podsMax: 262_144,
  silentMilliseconds: 20 * remoteLimits.silentMilliseconds,
};

/**
 * Which machine a pod is on: the one whose agent told of it first, since a pod never moves, and its uid tells nobody else to be its own. So
 * that no agent speaks for another machine's pods.
 */
export class PodClaims {
  readonly #config: PodClaimsConfig;
  readonly #now: () => number;
  /** By machine; the one told longest ago is the first. */
  readonly #claimants = new Map<string, Claimant>();
  readonly #nodeByUid = new Map<string, string>();

  constructor(now: () => number, config: PodClaimsConfig = podClaimsDefaults) {
    this.#now = now;
    this.#config = config;
  }

  get count(): number {
    return this.#nodeByUid.size;
  }

  /** Whether the pod is this machine's: it is from now on, if it was nobody's. */
  claim(uid: string, node: string): boolean {
    const holder = this.#nodeByUid.get(uid) ?? node;
    if (holder !== node) {
      if (this.#now() - this.#claimants.get(holder)!.toldMilliseconds < this.#config.silentMilliseconds)
        return false;
      this.#forget(holder);
    }
    const { uids } = this.#claimants.get(node) ?? { uids: new Set<string>() };
    this.#claimants.delete(node);
    this.#claimants.set(node, { uids, toldMilliseconds: this.#now() });
    uids.delete(uid);
    uids.add(uid);
    this.#nodeByUid.set(uid, node);
    if (uids.size > this.#config.ofNodeMax) this.#release(uids, uids.values().next().value!);
    while (this.count > this.#config.podsMax) this.#forget(this.#claimants.keys().next().value!);
    return true;
  }

  /** Whether the pod is known to be this machine's. */
  isOf(node: string, uid: string | undefined): boolean {
    return uid !== undefined && this.#nodeByUid.get(uid) === node;
  }

  #forget(node: string): void {
    const { uids } = this.#claimants.get(node)!;
    for (const uid of uids) this.#release(uids, uid);
    this.#claimants.delete(node);
  }

  #release(uids: Set<string>, uid: string): void {
    uids.delete(uid);
    this.#nodeByUid.delete(uid);
  }
}
