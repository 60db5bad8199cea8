/**
 * An address, or a socket's owner, in; a row of the PeerTable out. Knows /proc, what container runtimes tell of their
 * containers and a Kubernetes API server of its cluster, and this machine's addresses; does not know who asks, nor what the rows are
 * used for.
 */
export { type AddressPeers, createAddressPeers } from "./address-peers.ts";
export { type CgroupPlace, parseCgroupPath, parseProcCgroup } from "./cgroup-path.ts";
export { askNameSources, type ContainerNames, createContainerNames } from "./container-names.ts";
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
export type { NameSource } from "./name-source.ts";
export { networkOf } from "./network.ts";
export { createSocketOwners, type SocketOwner, type SocketOwners } from "./socket-owners.ts";
