/**
 * An address, or a socket's owner, in; a row of the PeerTable out. Knows /proc and this machine's addresses; does not know
 * who asks, nor what the rows are used for.
 */
export { type AddressPeers, createAddressPeers } from "./address-peers.ts";
export { containerIdOf, containerIdOfProcess } from "./container-id.ts";
export {
  createLookups,
  type DnsSighting,
  type LookupFigures,
  type LookupReport,
  type Lookups,
  lookupsDefaults,
} from "./dns/lookups.ts";
export { NameTable, type NameTableConfig, nameTableDefaults } from "./dns/name-table.ts";
export { networkOf } from "./network.ts";
export { createSocketOwners, type SocketOwner, type SocketOwners } from "./socket-owners.ts";
