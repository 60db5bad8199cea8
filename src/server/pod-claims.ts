import type { IngestHead } from "../ingest/index.ts";
import { remoteLimits } from "./remote-agent.ts";

/** Whose agent tells: the name of the machine, and its kernel, which agents in containers that play nodes share. */
export type Claimant = Pick<IngestHead, "node" | "machine" | "instance">;

interface Holder {
  machine: string;
  /** The pod told longest ago is the first. */
  readonly uids: Set<string>;
  /** Unix ms. */
  toldMilliseconds: number;
}

export interface PodClaimsConfig {
  /** Pods of one machine that are remembered: several times what a node has. */
  readonly ofNodeMax: number;
  /** Of all; then the machine that was silent for longest is forgotten. */
  readonly podsMax: number;
  /** A machine of which nothing was told for so long has none. */
  readonly silentMilliseconds: number;
}

export const podClaimsDefaults: PodClaimsConfig = {
  ofNodeMax: 1024,
  podsMax: 262_144,
  silentMilliseconds: 20 * remoteLimits.silentMilliseconds,
};

/**
 * Which machine a pod is on: the one whose agent told of it first, since a pod never moves, and its uid tells nobody else to be its own. So
 * that no agent speaks for another machine's pods. A machine may get another name, or start anew as another kernel: one of the two is enough.
 */
export class PodClaims {
  readonly #config: PodClaimsConfig;
  readonly #now: () => number;
  /** By name of the machine; the one told longest ago is the first. */
  readonly #holders = new Map<string, Holder>();
  readonly #nodeByUid = new Map<string, string>();

  constructor(now: () => number, config: PodClaimsConfig = podClaimsDefaults) {
    this.#now = now;
    this.#config = config;
  }

  get count(): number {
    return this.#nodeByUid.size;
  }

  /** Whether the pod is this machine's: it is from now on, if it was nobody's. */
  claim(uid: string, { node, machine: told, instance }: Claimant): boolean {
    const machine = told || instance;
    const known = this.#nodeByUid.get(uid) ?? node;
    const isOurs = known === node || this.#holders.get(known)?.machine === machine;
    if (!isOurs && !this.#forgetSilent(known)) return false;
    const name = isOurs ? known : node;
    const { uids } = this.#holders.get(name) ?? { uids: new Set<string>() };
    this.#holders.delete(name);
    this.#holders.set(name, { machine, uids, toldMilliseconds: this.#now() });
    uids.delete(uid);
    uids.add(uid);
    this.#nodeByUid.set(uid, name);
    if (uids.size > this.#config.ofNodeMax) this.#release(uids, uids.values().next().value!);
    while (this.count > this.#config.podsMax) this.#forget(this.#holders.keys().next().value!);
    return true;
  }

  #forgetSilent(node: string): boolean {
    const silent = this.#now() - this.#holders.get(node)!.toldMilliseconds;
    if (silent < this.#config.silentMilliseconds) return false;
    this.#forget(node);
    return true;
  }

  #forget(node: string): void {
    const { uids } = this.#holders.get(node)!;
    for (const uid of uids) this.#release(uids, uid);
    this.#holders.delete(node);
  }

  #release(uids: Set<string>, uid: string): void {
    uids.delete(uid);
    this.#nodeByUid.delete(uid);
  }
}
