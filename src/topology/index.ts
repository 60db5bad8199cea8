/**
 * Peers, links and what is done with them: who is client, which observer counts, folding, merging, layout. Pure: no
 * clock, no store, no sockets.
 */

export { type AskedCounter, type AskedName, askedCounters, otherNames } from "./asked-name.ts";
export {
  type BuildOptions,
  buildTopology,
  drawnPeer,
  type Grouping,
  groupings,
  type TopologyMetric,
} from "./build.ts";
export { diffTopology } from "./change.ts";
export { clientEnd } from "./client-end.ts";
export { emptyLayout, type LayoutState, layout } from "./layout.ts";
export { nodesByGroup } from "./layout-nodes.ts";
export { type LinkCounter, linkCounters } from "./link-counters.ts";
export type { LinkTotals } from "./link-totals.ts";
export { type LiveEntry, LiveFold, type LiveFoldConfig, liveFoldDefaults } from "./live-fold.ts";
export { liveParts } from "./live-parts.ts";
export {
  type DescribePeer,
  type LinkEnd,
  type LinkInterfaces,
  type LinkPart,
  mergeParts,
  type PortLink,
} from "./merge-parts.ts";
export { createNat, type Nat } from "./nat.ts";
export { NatTable, type NatTableConfig, natTableDefaults, type Translation } from "./nat-table.ts";
export { observedEnd } from "./observed-end.ts";
export {
  otherPeer,
  type Peer,
  type PeerAccount,
  type PeerKind,
  PeerTable,
  type PodFacts,
  peerKey,
  peerKindOf,
  peerKinds,
  peerTexts,
  podFacts,
  podFactsOf,
} from "./peer.ts";
export { createStitcher, takeOutAttempts } from "./stitch.ts";
export {
  attemptControlBits,
  type StitchConfig,
  type Stitcher,
  stitchDefaults,
  type VisitOpen,
} from "./stitcher.ts";
export type {
  DerivedFacts,
  LinkFailures,
  LinkObserver,
  LinkPort,
  PeerFacts,
  Topology,
  TopologyChange,
  TopologyLink,
  TopologyPeer,
} from "./topology.ts";
export { type UnresolvedReason, unresolvedReasons } from "./unresolved.ts";
