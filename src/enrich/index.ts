/**
 * An address, or a socket's owner, in; a row of the PeerTable out, and what is known of an address by itself. Knows /proc, what
 * container runtimes tell of their containers, a Kubernetes API server of its cluster, this machine's addresses, the user's networks and databases of places and
 * systems; does not know who asks, nor what the rows are used for.
 */
export { type AddressFacts, type AddressFactsTable, createAddressFacts } from "./address-facts.ts";
export { type AddressPeers, createAddressPeers } from "./address-peers.ts";
export { type CgroupPlace, parseCgroupPath, parseProcCgroup } from "./cgroup-path.ts";
export { askNameSources, type ContainerNames, createContainerNames } from "./container-names.ts";
export { domainOf } from "./dns/domain.ts";
export {
  createLookups,
  type DnsSighting,
  type LookupFigures,
  type LookupReport,
  type Lookups,
  lookupsDefaults,
} from "./dns/lookups.ts";
export { NameTable, type NameTableConfig, nameTableDefaults } from "./dns/name-table.ts";
export {
  createReverseNames,
  type ReverseMode,
  type ReverseNames,
  type ReverseNamesStatus,
  reverseModes,
  reverseNamesDefaults,
} from "./dns/reverse-names.ts";
export type { Attribution } from "./geo/attribution.ts";
export { createGeo, type Geo, type GeoConfig, geoDefaults } from "./geo/geo.ts";
export { geoKinds } from "./geo/geo-facts.ts";
export type { GeoFileStatus } from "./geo/geo-file.ts";
export { loadFile as loadGeoFile } from "./geo/load-file.ts";
export {
  type AccessSettings,
  ClusterIndex,
  type ClusterPeers,
  clusterRules,
  createKubernetes,
  findAccess,
  formatRule,
  type Kubernetes,
  type KubernetesDependencies,
  type KubernetesStatus,
  type PolicyRule,
} from "./kubernetes/index.ts";
export { localAddresses } from "./local-addresses.ts";
export type { NameSource } from "./name-source.ts";
export { networkOf } from "./networks/fallback-network.ts";
export { NetworkTable, networkProblem, type OwnNetwork, repeatedRanges } from "./networks/network-table.ts";
export { createSocketOwners, type SocketOwner, type SocketOwners } from "./socket-owners.ts";
