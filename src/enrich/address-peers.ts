import { type FlowBatch, formatAddress, isLoopback } from "../flow/index.ts";
import type { Peer, PeerTable } from "../topology/index.ts";
import { AddressTable, addressWords } from "./address-table.ts";
import type { ClusterPeers } from "./kubernetes/index.ts";
import { networkOf as fallbackNetworkOf } from "./networks/fallback-network.ts";

export interface AddressPeersDependencies {
  readonly peers: PeerTable;
  /** Name of this machine. */
  readonly node: string;
  /** This machine's own addresses, as text. */
  localAddresses(): readonly string[];
  /** The network an address is shown in; by default its /24 or /64, or "internet". */
  networkOf?(bytes: Uint8Array, offset: number): string;
  /** The name that workloads here know an address by, "" for none. */
  nameOf?(bytes: Uint8Array, offset: number): string;
  /** A cluster's pods, services and nodes come before bare hosts. */
  readonly cluster?: Pick<ClusterPeers, "peerOf" | "provisionalKey" | "unresolvedReason"> | undefined;
}

export interface AddressPeers {
  /** Fills the ends of every row that nobody has named yet. */
  enrich(batch: FlowBatch): void;
  /** An address has got a name: the host that was known by its address alone is shown by it. */
  rename(bytes: Uint8Array, offset: number, name: string): void;
  /** Whether a record of late had this address, and nobody had named its end. */
  has(bytes: Uint8Array, offset: number): boolean;
  /** Reads this machine's addresses again. */
  refresh(): void;
}

/**
 * Names bare addresses: this machine's own are the machine, any other is a host, shown by the name that a workload here looked
 * up. Its identity stays the address, since names come and go.
 */
export function createAddressPeers({
  peers,
  node,
  localAddresses,
  networkOf = fallbackNetworkOf,
  nameOf = () => "",
  cluster,
}: AddressPeersDependencies): AddressPeers {
  const known = new AddressTable();
  let generation = peers.generation;
  let local = new Set<string>();

  /** Of the address of a row, as words and as bytes. */
  function peerOf(words: Uint32Array, bytes: Uint8Array, row: number): number {
    const peer = known.get(words, row * 4);
    if (peer !== 0) return peer;
    const added = peers.intern(hostPeer(bytes, row * 16));
    // The row of "~other" is not remembered: there may be room for this address later.
    if (added > 1) known.set(words, row * 4, added);
    return added;
  }

  function hostPeer(bytes: Uint8Array, offset: number): Peer {
    const address = formatAddress(bytes, offset);
    const isLocal = isLoopback(bytes, offset) || local.has(address);
    const id = isLocal ? `host:${node}` : `host:${address}`;
    const unresolved = isLocal ? undefined : cluster?.unresolvedReason(bytes, offset);
    const storedAs = isLocal ? undefined : cluster?.provisionalKey(id, address, bytes, offset);
    return {
      id,
      kind: "host",
      name: isLocal ? node : nameOf(bytes, offset) || address,
      address,
      node: isLocal ? node : "",
      network: networkOf(bytes, offset),
      process: "",
      container: "",
      ...(storedAs === undefined ? {} : { storedAs }),
      ...(unresolved === undefined ? {} : { unresolved }),
    };
  }

  /** Whose address it was in the cluster when the flow began; 0 when it was nobody's. */
  function clusterPeerOf(
    { columns }: FlowBatch,
    row: number,
    words: Uint32Array,
    bytes: Uint8Array,
    ports: Uint16Array,
  ): number {
    if (cluster === undefined) return 0;
    const time = columns.flowStartMilliseconds[row]! || columns.collectionTimeMilliseconds[row]!;
    const protocol = columns.protocolIdentifier[row]!;
    return cluster.peerOf(words, row * 4, bytes, row * 16, time, ports[row]!, protocol);
  }

  function refresh(): void {
    const now = new Set(localAddresses());
    if (now.size === local.size && [...now].every((address) => local.has(address))) return;
    local = now;
    known.clear();
  }

  refresh();
  return {
    refresh,
    has: (bytes, offset) => known.get(addressWords(bytes, offset), 0) !== 0,
    rename(bytes, offset, name) {
      const address = formatAddress(bytes, offset);
      if (!local.has(address) && !isLoopback(bytes, offset))
        peers.rename({ id: `host:${address}`, address }, name);
    },
    enrich(batch) {
      const { columns, count, sourceWords, destinationWords, calledWords } = batch;
      if (generation !== peers.generation) {
        generation = peers.generation;
        known.clear();
      }
      const { sourcePeer, destinationPeer, sourceAddress, destinationAddress } = columns;
      const { sourceTransportPort, destinationTransportPort } = columns;
      const { calledPeer, originalDestinationAddress, originalDestinationTransportPort } = columns;
      for (let row = 0; row < count; row++) {
        if (sourcePeer[row] === 0)
          sourcePeer[row] =
            clusterPeerOf(batch, row, sourceWords, sourceAddress, sourceTransportPort) ||
            peerOf(sourceWords, sourceAddress, row);
        if (destinationPeer[row] === 0)
          destinationPeer[row] =
            clusterPeerOf(batch, row, destinationWords, destinationAddress, destinationTransportPort) ||
            peerOf(destinationWords, destinationAddress, row);
        // Always anew: what waits is not looked through when peers' rows are freed.
        if (isWritten(calledWords, row * 4))
          calledPeer[row] =
            clusterPeerOf(
              batch,
              row,
              calledWords,
              originalDestinationAddress,
              originalDestinationTransportPort,
            ) || peerOf(calledWords, originalDestinationAddress, row);
      }
    },
  };
}

function isWritten(words: Uint32Array, at: number): boolean {
  return (words[at]! | words[at + 1]! | words[at + 2]! | words[at + 3]!) !== 0;
}
