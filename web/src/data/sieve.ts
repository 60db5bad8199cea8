import type { Topology, TopologyChange } from "../../../src/topology/topology.ts";
import { linkLook } from "../map/link-look.ts";
import type { ComparedLink } from "../nest/chart-link.ts";
import type { TopologyState } from "./topology-state.ts";

/** Which links are left of a map, where more is asked than the filter language, which knows no other link, can say. */
export interface Sieve {
  /** Those that were there before the window: only the others are left. */
  readonly known?: ReadonlySet<string>;
  readonly hidesIdle: boolean;
  /** The heaviest so many, by the bytes of the window. */
  readonly heaviest: number | undefined;
}

export interface Sifted {
  readonly topology: Topology;
  readonly hiddenLinks: number;
}

/** What is left, and the peers at its ends; the links themselves are as they were. */
export function sift(whole: Topology, { known, hidesIdle, heaviest }: Sieve): Sifted {
  const isLeft = (link: ComparedLink) =>
    known?.has(link.id) !== true &&
    // By itself, however it changed: a link that is gone is idle now.
    !(hidesIdle && linkLook({ ...link, baseRate: -1, failed: 0, retransmits: 0 }, whole, true) === "idle");
  let links = whole.links.filter(isLeft);
  if (heaviest !== undefined && links.length > heaviest) {
    const weight = (link: ComparedLink) => link.bytesSent + link.bytesReceived;
    links = [...links].sort((a, b) => weight(b) - weight(a) || (a.id < b.id ? -1 : 1)).slice(0, heaviest);
  }
  const ends = new Set(links.flatMap(({ client, server }) => [client, server]));
  return {
    topology: { ...whole, links, peers: whole.peers.filter(({ id }) => ends.has(id)) },
    hiddenLinks: whole.links.length - links.length,
  };
}

/** What somebody with `state` needs to have `next`. What is the very same object has not changed. */
export function changeTo(state: TopologyState, next: Topology): TopologyChange {
  const links = new Set(next.links.map(({ id }) => id));
  const peers = new Set(next.peers.map(({ id }) => id));
  return {
    ...next,
    links: next.links.filter((link) => state.links.get(link.id) !== link),
    peers: next.peers.filter((peer) => state.peers.get(peer.id) !== peer),
    goneLinks: [...state.links.keys()].filter((id) => !links.has(id)),
    gonePeers: [...state.peers.keys()].filter((id) => !peers.has(id)),
  };
}
