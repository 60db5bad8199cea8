import type { TopologyPeer } from "../../../src/topology/topology.ts";
import { type ComparedLink, mergeLinks } from "./chart-link.ts";
import { type NestGroup, nestPath } from "./nest-path.ts";

/** What is behind a selection: a peer, or a group with all its peers. */
export interface Gathered {
  readonly id: string;
  readonly name: string;
  readonly peers: readonly TopologyPeer[];
  /** Undefined for a peer. */
  readonly group: NestGroup | undefined;
}

interface Flat {
  readonly peers: ReadonlyMap<string, TopologyPeer>;
  readonly links: ReadonlyMap<string, ComparedLink>;
}

export function gatherPeer({ peers }: Flat, id: string): Gathered | undefined {
  const peer = peers.get(id);
  if (peer !== undefined) return { id, name: peer.name || id, peers: [peer], group: undefined };
  let group: NestGroup | undefined;
  const inside: TopologyPeer[] = [];
  for (const one of peers.values()) {
    const found = nestPath(one).find((step) => step.id === id);
    if (found === undefined) continue;
    group = found;
    inside.push(one);
  }
  return group && { id, name: group.name, peers: inside, group };
}

/** A link of the topology, or all between two groups, or a group and a peer, as one. */
export function gatherLink(
  flat: Flat,
  id: string,
): { link: ComparedLink; client: Gathered; server: Gathered } | undefined {
  const known = flat.links.get(id);
  if (known !== undefined) {
    const [client, server] = [gatherPeer(flat, known.client), gatherPeer(flat, known.server)];
    return client && server && { link: known, client, server };
  }
  // Ids may have a ">" of their own: each is tried.
  for (let at = id.indexOf(">"); at > 0; at = id.indexOf(">", at + 1)) {
    const [client, server] = [gatherPeer(flat, id.slice(0, at)), gatherPeer(flat, id.slice(at + 1))];
    if (client === undefined || server === undefined) continue;
    const members = linksBetween(flat, client, server);
    if (members.length > 0) return { link: mergeLinks(id, client.id, server.id, members), client, server };
  }
  return undefined;
}

function linksBetween({ links }: Flat, client: Gathered, server: Gathered): ComparedLink[] {
  const clients = new Set(client.peers.map(({ id }) => id));
  const servers = new Set(server.peers.map(({ id }) => id));
  return [...links.values()].filter((link) => clients.has(link.client) && servers.has(link.server));
}
