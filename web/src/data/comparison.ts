import type { Topology, TopologyChange, TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import type { ComparedLink } from "../nest/chart-link.ts";

interface Known {
  readonly peers: ReadonlyMap<string, TopologyPeer>;
  readonly links: ReadonlyMap<string, TopologyLink>;
}

/** Puts what each link carried in another window beside what it carries; what is only in the other window is there with nothing. */
export class Comparison {
  readonly #peers: ReadonlyMap<string, TopologyPeer>;
  readonly #links: ReadonlyMap<string, TopologyLink>;
  readonly #seconds: number;

  constructor({ from, to, peers, links }: Topology) {
    this.#peers = new Map(peers.map((peer) => [peer.id, peer]));
    this.#links = new Map(links.map((link) => [link.id, link]));
    this.#seconds = Math.max(1, (to - from) / 1000);
  }

  whole(topology: Topology): Topology {
    const links = new Set(topology.links.map(({ id }) => id));
    const peers = new Set(topology.peers.map(({ id }) => id));
    const gone = [...this.#links.values()].filter(({ id }) => !links.has(id)).map((link) => this.#gone(link));
    const goneEnds = new Set(gone.flatMap(({ client, server }) => [client, server]));
    return {
      ...topology,
      links: [...topology.links.map((link) => this.#beside(link)), ...gone],
      peers: [
        ...topology.peers,
        ...[...this.#peers.values()].filter(({ id }) => goneEnds.has(id) && !peers.has(id)),
      ],
    };
  }

  /** A link that the live map forgot is not gone when the other window has it: it stays, with nothing. */
  change(change: TopologyChange, { links, peers }: Known): TopologyChange {
    const gone = change.goneLinks.flatMap((id) => this.#links.get(id) ?? []).map((link) => this.#gone(link));
    const needed = new Set(gone.flatMap(({ client, server }) => [client, server]));
    for (const { id, client, server } of this.#links.values())
      if (!links.has(id)) {
        needed.add(client);
        needed.add(server);
      }
    const back = [...needed].filter((id) => !peers.has(id) && change.gonePeers.includes(id));
    return {
      ...change,
      links: [...change.links.map((link) => this.#beside(link)), ...gone],
      peers: [...change.peers, ...back.flatMap((id) => this.#peers.get(id) ?? [])],
      goneLinks: change.goneLinks.filter((id) => !this.#links.has(id)),
      gonePeers: change.gonePeers.filter((id) => !needed.has(id)),
    };
  }

  #beside(link: TopologyLink): ComparedLink {
    const base = this.#links.get(link.id);
    return base === undefined
      ? { ...link, baseRate: 0, seenIn: "this" }
      : { ...link, baseRate: this.#rate(base), seenIn: "both" };
  }

  #gone(link: TopologyLink): ComparedLink {
    return {
      ...link,
      ...{ bytesSent: 0, bytesReceived: 0, packets: 0, connections: 0, active: 0, failed: 0, retransmits: 0 },
      ...{ sentRate: 0, receivedRate: 0, rttMs: null, rttMinMs: null, connectMs: null },
      baseRate: this.#rate(link),
      seenIn: "base",
    };
  }

  #rate({ bytesSent, bytesReceived }: TopologyLink): number {
    return (bytesSent + bytesReceived) / this.#seconds;
  }
}
