/**
 * Peers, links and what is done with them: who is client, which observer counts, folding, layout. Pure: no clock,
 * no store, no sockets.
 */
export { otherPeer, type Peer, type PeerKind, PeerTable, peerKey } from "./peer.ts";
export type { LinkObserver, LinkPort, Topology, TopologyChange, TopologyLink, TopologyPeer } from "./topology.ts";
