import { assert } from "../../flow/index.ts";
import { escapePattern, type Filter, type FilterEnd } from "../../query/index.ts";
import type { PeerHistory } from "../../store/index.ts";
import {
  buildTopology,
  drawnPeer,
  type LinkEnd,
  type PortLink,
  type TopologyPeer,
} from "../../topology/index.ts";
import type { PeerFactsTable } from "../peer-facts.ts";
import { Problem } from "../problem.ts";

/** The links with this peer at that end, and whatever else is wanted of them. */
export function withPeer(end: FilterEnd, id: string, more?: Filter): Filter {
  const term: Filter = {
    ...{ kind: "term", field: "id", end },
    test: { kind: "text", patterns: [escapePattern(id).toLowerCase()] },
  };
  return more === undefined ? term : { kind: "and", parts: [term, more] };
}

/** As a map draws it. */
export function drawnHistory({ peers }: PeerHistory): TopologyPeer {
  const [newest] = peers;
  assert(newest !== undefined, "a peer that is known is known somewhere");
  const { address: _, firstSeen: __, lastSeen: ___, ...facts } = newest;
  const addresses = peers.map(({ address }) => address).filter((address) => address !== "");
  const end: LinkEnd = { ...facts, addresses };
  return drawnPeer(end, undefined);
}

export function withFacts(peer: TopologyPeer, peerFacts: PeerFactsTable): TopologyPeer {
  return { ...peer, ...peerFacts.factsOf(peer) };
}

/** What details are told from, of peers and of links. */
export interface DetailDependencies<Asked> {
  readonly store: Asked;
  readonly peerFacts: PeerFactsTable;
  /** Of the live map: it knows peers and links a minute before the store does. A data folder that is only read has none. */
  liveLinks(): readonly PortLink[];
  now(): number;
}

/** As the live map draws it; undefined where it is not on it. One pass over the links, and of those one for each of its addresses. */
export function livePeer(
  links: readonly PortLink[],
  id: string,
  peerFacts: PeerFactsTable,
): TopologyPeer | undefined {
  const ends = new Set<LinkEnd>();
  const isNew = (end: LinkEnd) => {
    if (end.id !== id || ends.has(end)) return false;
    ends.add(end);
    return true;
  };
  const chosen = links.filter(({ client, server }) => isNew(client) || isNew(server));
  const { peers } = buildTopology(chosen, { from: 0, to: 0, metric: "bytes", linksMax: 1 });
  const peer = peers.find((each) => each.id === id);
  return peer && withFacts(peer, peerFacts);
}

export function peerUnknown(id: string): Problem {
  return new Problem(
    404,
    "peer_unknown",
    `no peer ${JSON.stringify(id.slice(0, 200))} in what is kept; ids are those of /api/v1/map without group`,
  );
}
