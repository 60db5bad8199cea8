import { domainOf } from "../enrich/dns/index.ts";
import type { AddressFacts, AddressFactsTable } from "../enrich/index.ts";
import type { DerivedFacts, Peer, PeerFacts, Topology, TopologyPeer } from "../topology/index.ts";

export interface PeerFactsTable {
  /** What is known of a peer by its addresses and its name. */
  factsOf(peer: TopologyPeer): PeerFacts;
  /** What can be asked for of a peer at one address. */
  derivedOf(peer: Peer): DerivedFacts;
  /** The same topology, its peers with their facts. */
  describe(topology: Topology): Topology;
}

/** Facts of an address as they are shown. */
interface Shown {
  readonly own: PeerFacts;
  readonly place: PeerFacts;
  readonly all: PeerFacts;
  readonly derived: DerivedFacts;
}

const nothing: PeerFacts = {};
/** What is drawn for peers in many places, or says itself where they are. */
const manyPlaces: ReadonlySet<TopologyPeer["kind"]> = new Set(["other", "node", "country", "as", "domain"]);

/**
 * Of a peer with several addresses the one that is somewhere on the internet tells where it is, the first what network it is
 * in. What a network or a machine is drawn from is many places: it has none.
 */
export function createPeerFacts({ factsOf: factsOfAddress }: AddressFactsTable): PeerFactsTable {
  /** Put together once: every live view shows them every second. */
  const shown = new WeakMap<AddressFacts, Shown>();

  function shownOf(facts: AddressFacts): Shown {
    let known = shown.get(facts);
    if (known === undefined) {
      const [own, place] = [ownFacts(facts), placeFacts(facts)];
      const { network: _, ...derivedOwn } = own;
      known = { own, place, all: { ...own, ...place }, derived: { ...derivedOwn, ...place } };
      shown.set(facts, known);
    }
    return known;
  }

  function placeOf({ addresses }: TopologyPeer): PeerFacts {
    for (const address of addresses) {
      const facts = factsOfAddress(address);
      if (facts !== undefined && (facts.country !== "" || facts.asNumber !== null))
        return shownOf(facts).place;
    }
    return nothing;
  }

  function derivedOf(peer: Peer): DerivedFacts {
    if (peer.kind === "other" || peer.kind === "node") return nothing;
    const facts = factsOfAddress(peer.address);
    if (facts === undefined) return nothing;
    const domain = peer.kind === "host" ? domainOf(peer.name) : "";
    return domain === "" ? shownOf(facts).derived : { ...shownOf(facts).derived, domain };
  }

  function factsOf(peer: TopologyPeer): PeerFacts {
    if (manyPlaces.has(peer.kind)) return nothing;
    const first = factsOfAddress(peer.addresses[0] ?? "");
    if (first === undefined) return nothing;
    if (peer.kind === "network") return shownOf(first).own;
    const domain = peer.kind === "host" ? domainOf(peer.name) : "";
    const known =
      peer.addresses.length === 1 ? shownOf(first).all : { ...shownOf(first).own, ...placeOf(peer) };
    return domain === "" ? known : { ...known, domain };
  }

  return {
    factsOf,
    derivedOf,
    describe: (topology) => ({
      ...topology,
      peers: topology.peers.map((peer) => ({ ...peer, ...factsOf(peer) })),
    }),
  };
}

function ownFacts({ network, site, vlan }: AddressFacts): PeerFacts {
  return { network, ...(site === "" ? {} : { site }), ...(vlan === null ? {} : { vlan }) };
}

function placeFacts(facts: AddressFacts): PeerFacts {
  const { country, countryName, city, latitude, longitude, asNumber, asName } = facts;
  return {
    ...(country === "" ? {} : { country, countryName }),
    ...(city === "" ? {} : { city }),
    ...(latitude === null || longitude === null ? {} : { latitude, longitude }),
    ...(asNumber === null ? {} : { asNumber }),
    ...(asName === "" ? {} : { asName }),
  };
}
