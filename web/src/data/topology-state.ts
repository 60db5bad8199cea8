import type { Topology, TopologyChange, TopologyPeer } from "../../../src/topology/topology.ts";

import type { ComparedLink } from "../nest/chart-link.ts";

/** Peers and links as the page knows them now: a full topology, then changes. Kept once on the page, once in the map's worker. */
export class TopologyState {
  from = 0;
  to = 0;
  truncated = { peers: 0, links: 0 };
  readonly peers = new Map<string, TopologyPeer>();
  readonly links = new Map<string, ComparedLink>();

  setMap({ from, to, peers, links, truncated }: Topology): void {
    this.peers.clear();
    this.links.clear();
    this.#take({ from, to, peers, links, truncated });
  }

  apply(change: TopologyChange): void {
    for (const id of change.goneLinks) this.links.delete(id);
    for (const id of change.gonePeers) this.peers.delete(id);
    this.#take(change);
  }

  clear(): void {
    this.setMap({ from: 0, to: 0, peers: [], links: [], truncated: { peers: 0, links: 0 } });
  }

  #take({ from, to, peers, links, truncated }: Topology): void {
    this.from = from;
    this.to = to;
    this.truncated = truncated;
    for (const peer of peers) this.peers.set(peer.id, peer);
    for (const link of links) this.links.set(link.id, link);
  }
}
