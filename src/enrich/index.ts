/**
 * An address, or a socket's owner, in; a row of the PeerTable out, and what is known of an address by itself. Knows /proc, what
 * container runtimes tell of their containers, this machine's addresses and the user's networks; does not know who asks, nor what the rows
 * are used for. What a server alone asks, a Kubernetes API server, databases of places and systems, the DNS, has doors of its own:
 * `kubernetes/`, `geo/` and `dns/`; an agent does without the memory that they take. What an agent asks an API server is behind `node-pods/`.
 */
export { type AddressFacts, type AddressFactsTable, createAddressFacts } from "./address-facts.ts";
export { type AddressPeers, createAddressPeers } from "./address-peers.ts";
export { type CgroupPlace, parseCgroupPath, parseProcCgroup } from "./cgroup-path.ts";
export { askNameSources, type ContainerNames, createContainerNames } from "./container-names.ts";
export { AskedNames } from "./dns/asked-names.ts";
export {
  createLookups,
  type DnsSighting,
  type LookupFigures,
  type LookupReport,
  type Lookups,
  lookupsDefaults,
} from "./dns/lookups.ts";
export { NameTable, type NameTableConfig, nameTableDefaults } from "./dns/name-table.ts";
export { ResolverTrust, resolverTrustDefaults } from "./dns/resolver-trust.ts";
export { findInCluster } from "./kubernetes/in-cluster.ts";
export { localAddresses } from "./local-addresses.ts";
export type { NameSource } from "./name-source.ts";
export { networkOf } from "./networks/fallback-network.ts";
export { NetworkTable, networkProblem, type OwnNetwork, repeatedRanges } from "./networks/network-table.ts";
export { createSocketOwners, type SocketOwner, type SocketOwners } from "./socket-owners.ts";
