import type { Topology, TopologyChange } from "../../../src/topology/topology.ts";
import { Comparison } from "./comparison.ts";
import { changeTo, type Sieve, sift } from "./sieve.ts";
import { TopologyState } from "./topology-state.ts";

/** Whoever keeps a copy in step: the map's worker. It is given a Topology or a TopologyChange as JSON. */
export interface TopologyFollower {
  take(json: string): void;
}

/**
 * The page's topology. Followers hear each message; React hears at most once per frame, and reads `version` to know
 * that something moved.
 */
export class TopologyStore {
  readonly state = new TopologyState();
  #version = 0;
  #last: Topology | undefined;
  #comparison: Comparison | undefined;
  #sieve: Sieve | undefined;
  #hiddenLinks = 0;
  /** What came last, whole and without what it is compared with. */
  readonly #plain = new TopologyState();
  #isNotifying = false;
  readonly #listeners = new Set<() => void>();
  readonly #followers = new Set<TopologyFollower>();

  get isCompared(): boolean {
    return this.#comparison !== undefined;
  }

  /** Links that came and that the sieve keeps back. */
  get hiddenLinks(): number {
    return this.#hiddenLinks;
  }

  setMap(topology: Topology): void {
    this.#plain.setMap(topology);
    this.#show(topology);
  }

  /** A whole map as it came. Followers have it before it is read here, so that they read it at the same time. */
  readMap(json: string): void {
    const isTold = this.#tellAsItCame(json);
    const topology = JSON.parse(json) as Topology;
    this.#plain.setMap(topology);
    this.#show(topology, isTold);
  }

  apply(change: TopologyChange): void {
    this.#apply(change);
  }

  readChange(json: string): void {
    const isTold = this.#tellAsItCame(json);
    this.#apply(JSON.parse(json) as TopologyChange, isTold);
  }

  #apply(change: TopologyChange, isTold = false): void {
    this.#plain.apply(change);
    const compared = this.#sieve
      ? changeTo(this.state, this.#sifted(wholeOf(this.#plain)))
      : (this.#comparison?.change(change, this.#plain) ?? change);
    this.state.apply(compared);
    this.#last = undefined;
    if (!isTold) this.#tell(compared);
    this.#notify();
  }

  /** Only where nothing is compared or kept back do followers see what came. */
  #tellAsItCame(json: string): boolean {
    if (this.#sieve !== undefined || this.#comparison !== undefined) return false;
    for (const follower of this.#followers) follower.take(json);
    return true;
  }

  #tell(message: Topology | TopologyChange): void {
    if (this.#followers.size === 0) return;
    const json = JSON.stringify(message);
    for (const follower of this.#followers) follower.take(json);
  }

  /** From now on all is shown beside another window, or, with undefined, by itself. */
  compareWith(base: Topology | undefined): void {
    if (base === undefined && this.#comparison === undefined) return;
    this.#comparison = base && new Comparison(base);
    if (this.#version > 0) this.#show(wholeOf(this.#plain));
  }

  /** From now on only what the sieve leaves is shown, or, with undefined, all. */
  siftWith(sieve: Sieve | undefined): void {
    if (sieve === this.#sieve) return;
    this.#sieve = sieve;
    if (this.#version > 0) this.#show(wholeOf(this.#plain));
  }

  #sifted(topology: Topology): Topology {
    const compared = this.#comparison?.whole(topology) ?? topology;
    const { topology: left, hiddenLinks } = this.#sieve
      ? sift(compared, this.#sieve)
      : { topology: compared, hiddenLinks: 0 };
    this.#hiddenLinks = hiddenLinks;
    return left;
  }

  #show(topology: Topology, isTold = false): void {
    const compared = this.#sifted(topology);
    this.state.setMap(compared);
    this.#last = compared;
    if (!isTold) this.#tell(compared);
    this.#notify();
  }

  /** A new follower first gets everything. */
  follow(follower: TopologyFollower): () => void {
    this.#followers.add(follower);
    if (this.#version > 0) follower.take(JSON.stringify(this.#last ?? wholeOf(this.state)));
    return () => this.#followers.delete(follower);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly version = (): number => this.#version;

  #notify(): void {
    this.#version++;
    if (this.#isNotifying) return;
    this.#isNotifying = true;
    requestAnimationFrame(() => {
      this.#isNotifying = false;
      for (const listener of this.#listeners) listener();
    });
  }
}

function wholeOf({ from, to, peers, links, truncated }: TopologyState): Topology {
  return { from, to, peers: [...peers.values()], links: [...links.values()], truncated };
}
