import type { PeerFacts, Topology, TopologyChange, TopologyLink, TopologyPeer } from "./topology.ts";

/** What a client that has `before` needs to have `after`. Links and peers are compared by what is shown of them. */
export function diffTopology(before: Topology, after: Topology): TopologyChange {
  const oldLinks = new Map(before.links.map((link) => [link.id, link]));
  const oldPeers = new Map(before.peers.map((peer) => [peer.id, peer]));
  const links = after.links.filter((link) => !isSameLink(oldLinks.get(link.id), link));
  const peers = after.peers.filter((peer) => !isSamePeer(oldPeers.get(peer.id), peer));
  for (const { id } of after.links) oldLinks.delete(id);
  for (const { id } of after.peers) oldPeers.delete(id);
  return {
    from: after.from,
    to: after.to,
    peers,
    links,
    gonePeers: [...oldPeers.keys()],
    goneLinks: [...oldLinks.keys()],
    truncated: after.truncated,
  };
}

function isSameLink(a: TopologyLink | undefined, b: TopologyLink): boolean {
  return (
    a !== undefined &&
    a.lastSeen === b.lastSeen &&
    a.active === b.active &&
    a.sentRate === b.sentRate &&
    a.receivedRate === b.receivedRate &&
    a.bytesSent === b.bytesSent &&
    a.bytesReceived === b.bytesReceived &&
    a.packets === b.packets &&
    a.connections === b.connections &&
    a.failed === b.failed &&
    a.retransmits === b.retransmits &&
    a.failures.reset === b.failures.reset &&
    a.failures.lost === b.failures.lost &&
    a.failures.refused === b.failures.refused &&
    a.failures.timedOut === b.failures.timedOut &&
    a.failures.unreachable === b.failures.unreachable &&
    a.rttMs === b.rttMs &&
    a.rttMinMs === b.rttMinMs &&
    a.connectMs === b.connectMs &&
    a.ports.length === b.ports.length &&
    a.observers.length === b.observers.length
  );
}

function isSamePeer(a: TopologyPeer | undefined, b: TopologyPeer): boolean {
  return (
    a !== undefined &&
    a.name === b.name &&
    a.kind === b.kind &&
    a.group === b.group &&
    a.unresolved === b.unresolved &&
    shownFacts.every((fact) => a[fact] === b[fact]) &&
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, i) => address === b.addresses[i])
  );
}

/** All of PeerFacts but a country's name, which goes with its code. */
const shownFacts = [
  ...(["network", "site", "vlan", "domain", "country"] as const),
  ...(["city", "latitude", "longitude", "asNumber", "asName"] as const),
] satisfies readonly (keyof PeerFacts)[];
