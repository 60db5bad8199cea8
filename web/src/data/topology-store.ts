import type { Topology, TopologyChange } from "../../../src/topology/topology.ts";
import { TopologyState } from "./topology-state.ts";

/** Whoever keeps a copy in step: the map's worker. */
export interface TopologyFollower {
  setMap(topology: Topology): void;
  apply(change: TopologyChange): void;
}

/**
 * The page's topology. Followers hear each message; React hears at most once per frame, and reads `version` to know
 * that something moved.
 */
export class TopologyStore {
  readonly state = new TopologyState();
  #version = 0;
  #last: Topology | undefined;
  #isNotifying = false;
  readonly #listeners = new Set<() => void>();
  readonly #followers = new Set<TopologyFollower>();

  setMap(topology: Topology): void {
    this.state.setMap(topology);
    this.#last = topology;
    for (const follower of this.#followers) follower.setMap(topology);
    this.#notify();
  }

  apply(change: TopologyChange): void {
    this.state.apply(change);
    this.#last = undefined;
    for (const follower of this.#followers) follower.apply(change);
    this.#notify();
  }

  /** A new follower first gets everything. */
  follow(follower: TopologyFollower): () => void {
    this.#followers.add(follower);
    if (this.#version > 0) follower.setMap(this.#last ?? this.#everything());
    return () => this.#followers.delete(follower);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly version = (): number => this.#version;

  #everything(): Topology {
    const { from, to, peers, links, truncated } = this.state;
    return { from, to, peers: [...peers.values()], links: [...links.values()], truncated };
  }

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
