import { formatAddress, isLoopback, isPrivateAddress, parseAddress } from "../../flow/index.ts";
import type { Peer, PeerTable, UnresolvedReason } from "../../topology/index.ts";
import { AddressTable, addressWords } from "../address-table.ts";
import { networkOf } from "../networks/fallback-network.ts";
import type { ClusterIndex, ResolvedAddress } from "./cluster-index.ts";
import type { PodObject, ServiceObject } from "./objects.ts";
import type { Workload } from "./owners.ts";
import { toldPod } from "./told-pod.ts";

export interface ClusterPeersDependencies {
  readonly peers: PeerTable;
  readonly index: ClusterIndex;
  /** The top of what owns a pod. */
  workloadOf(pod: PodObject): Workload;
  /** Unix ms. */
  now(): number;
}

export interface ClusterPeers {
  /**
   * The row of the pod, service or node that had an address at `time` (unix ms); 0 when none did. The address is four words from
   * `words[at]` on, and bytes from `bytes[offset]` on; port and IANA protocol are those of the same end.
   */
  peerOf(
    words: Uint32Array,
    at: number,
    bytes: Uint8Array,
    offset: number,
    time: number,
    port: number,
    protocol: number,
  ): number;
  /**
   * What a bare address of the cluster is kept as: a key of its own, since it may turn out to be a pod's, but only for this time.
   * Undefined for one that is surely not the cluster's.
   */
  provisionalKey(id: string, address: string, bytes: Uint8Array, offset: number): string | undefined;
  /** Why an address of the cluster is nobody's by what is known now; undefined for one that is not the cluster's. */
  unresolvedReason(bytes: Uint8Array, offset: number): UnresolvedReason | undefined;
  /** The pod whose container, or whose control group, a peer is. */
  identify(peer: Peer): Peer;
  /** Gives the rows of which something else is known what is known now. */
  refresh(keys: ReadonlySet<string>, addresses: ReadonlySet<string>): void;
  /** Look-ups of addresses that are the cluster's but nobody's, by reason: each address once per change. */
  unresolved(): ReadonlyMap<UnresolvedReason, number>;
}

/** Answers kept at most; beyond, they are asked for anew. */
const answersMax = 262_144;
/** Peers that are asked for their reason in a second: some 10 ms. */
const explainedAtOnce = 10_000;
const podKind = "pod:";

/**
 * Joins what is known of a cluster to rows of the PeerTable. A pod is `pod:UID`: its control groups tell the uid before any API
 * server is asked, it is never given to another pod, and no name or address of it changes. A service is `service:NAMESPACE/NAME`, which
 * is what people and other pods call it, over its deletions too; a node the host that it is.
 */
export function createClusterPeers({
  peers,
  index,
  workloadOf,
  now,
}: ClusterPeersDependencies): ClusterPeers {
  const places = new AddressTable();
  let rows = new Uint32Array(1024);
  let times = new Float64Array(2048);
  let portsMatter = new Uint8Array(1024);
  let generation = peers.generation;
  let rangeChanges = index.rangeChanges;
  let reasonChanges = index.reasonChanges;
  /** The first row that is still to be asked for its reason. */
  let toExplain = Infinity;
  const unresolved = new Map<UnresolvedReason, number>();
  /** Ids of pods that agents told of before all pods were listed: they are looked at again then. */
  const toldEarly = new Set<string>();

  function forgetAnswers(): void {
    places.clear();
    generation = peers.generation;
    rangeChanges = index.rangeChanges;
  }

  function peerOf(
    words: Uint32Array,
    at: number,
    bytes: Uint8Array,
    offset: number,
    time: number,
    port: number,
    protocol: number,
  ): number {
    if (generation !== peers.generation || rangeChanges !== index.rangeChanges || places.count >= answersMax)
      forgetAnswers();
    const place = places.get(words, at);
    if (place !== 0 && portsMatter[place] === 0 && time >= times[place * 2]! && time < times[place * 2 + 1]!)
      return rows[place]!;
    if (isLoopback(bytes, offset)) return 0;
    const found = index.resolve(bytes, offset, time, port, protocol);
    const row = rowOf(found, bytes, offset);
    if (row === 1) return row; // there may be room later
    if (place === 0 && found.kind === "unresolved")
      unresolved.set(found.reason, (unresolved.get(found.reason) ?? 0) + 1);
    remember(place || addPlace(words, at), row, found);
    return row;
  }

  function addPlace(words: Uint32Array, at: number): number {
    const place = places.count + 1; // 0 is none
    if (place >= rows.length) {
      rows = grown(rows, new Uint32Array(rows.length * 2));
      times = grown(times, new Float64Array(times.length * 2));
      portsMatter = grown(portsMatter, new Uint8Array(portsMatter.length * 2));
    }
    places.set(words, at, place);
    return place;
  }

  function remember(place: number, row: number, { since, until, dependsOnPort }: ResolvedAddress): void {
    rows[place] = row;
    times[place * 2] = since;
    times[place * 2 + 1] = until;
    portsMatter[place] = dependsOnPort ? 1 : 0;
  }

  function rowOf(found: ResolvedAddress, bytes: Uint8Array, offset: number): number {
    if (found.kind === "external" || found.kind === "unresolved") return 0;
    return peers.intern(peerFor(found, formatAddress(bytes, offset), networkOf(bytes, offset)));
  }

  function peerFor(
    found: Exclude<ResolvedAddress, { readonly kind: "external" | "unresolved" }>,
    address: string,
    network: string,
  ): Peer {
    if (found.kind === "pod") return podPeer(found.pod, { ...bare, address, network });
    if (found.kind === "service") return servicePeer(found.service, address);
    const { name } = found.node;
    const near = network === "internet" ? "nodes" : network;
    return { ...bare, id: `host:${name}`, kind: "node", name, address, node: name, network: near };
  }

  function servicePeer({ namespace, name }: ServiceObject, address: string): Peer {
    const id = `service:${namespace}/${name}`;
    return { ...bare, id, kind: "service", name, address, network: "services", namespace, service: name };
  }

  /** What is seen of the pod, with what is known of it. */
  function podPeer(pod: PodObject, seen: Peer): Peer {
    const { name: workload, kind: workloadKind } = workloadOf(pod);
    const { key, uid: podUid, name, namespace, labels, node, addresses } = pod;
    return {
      ...{ address: seen.address, process: seen.process, container: seen.container },
      ...{ id: `${podKind}${key}`, kind: "pod", name, node: node || seen.node },
      network: addresses.includes(seen.address) ? "pods" : seen.network,
      ...{ podUid, namespace, pod: name, workload, workloadKind, service: index.servicesOf(pod), labels },
      ...(seen.storedAs === undefined ? {} : { storedAs: seen.storedAs }),
    };
  }

  function identify(peer: Peer): Peer {
    if (peer.kind !== "container" && peer.kind !== "pod" && (peer.podUid ?? "") === "") return peer;
    const key = peer.kind === "pod" ? peer.id.slice(podKind.length) : (peer.podUid ?? "");
    const pod = key === "" ? index.pods.ofContainer(peer.container) : index.pods.ofUid(key);
    if (pod !== undefined) return podPeer(pod, peer);
    const told = toldPod(peer);
    if (told !== undefined) return believed(told, peer);
    // Its name comes when the pod does; until then the container's has to do.
    const reason = index.pods.isWhole ? "pod_not_told" : "pods_not_known_yet";
    return key === "" ? peer : { ...peer, id: `${podKind}${key}`, kind: "pod", unresolved: reason };
  }

  /** What an agent says of a pod is taken, but where all pods are listed and this is none of them, it is not known who that is. */
  function believed(told: Peer, peer: Peer): Peer {
    if (peer === told && !toldEarly.has(told.id)) return peer; // the server knew it itself once
    if (index.pods.isWhole) return { ...told, unresolved: "pod_not_told" };
    if (toldEarly.size < peers.rowsMax) toldEarly.add(told.id);
    return told;
  }

  /** An address that was nobody's when it was first seen, and is now known to have been somebody's then. */
  function identifyAddress(peer: Peer): Peer {
    const seen = Number(peer.storedAs!.slice(peer.storedAs!.lastIndexOf(" ") + 1));
    const bytes = parseAddress(peer.address);
    if (bytes === undefined) return peer;
    const found = index.resolve(bytes, 0, seen, 0, 0);
    if (found.kind === "external" || found.kind === "unresolved") return explain(peer);
    return { ...peerFor(found, peer.address, networkOf(bytes)), storedAs: peer.storedAs! };
  }

  /** A host that is known by its address alone, of which it is now known whether it should be somebody. */
  function explain(peer: Peer): Peer {
    const bytes = peer.id === `host:${peer.address}` ? parseAddress(peer.address) : undefined;
    const reason = bytes && !isLoopback(bytes, 0) ? index.unresolvedReason(bytes) : undefined;
    if (reason === peer.unresolved) return peer;
    const { unresolved: _, ...rest } = peer;
    return reason === undefined ? rest : { ...rest, unresolved: reason };
  }

  /** Nodes come and go all the time in a large cluster, and there may be many peers: a part of them at a time. */
  function explainSome(): void {
    if (toExplain >= peers.rowsEnd) {
      if (reasonChanges === index.reasonChanges) {
        if (index.pods.isWhole) toldEarly.clear();
        return;
      }
      reasonChanges = index.reasonChanges; // what changes meanwhile is another round's
      toExplain = 0;
    }
    const end = toExplain + explainedAtOnce;
    const revised = (peer: Peer) => {
      if (peer.kind === "host") return explain(peer);
      const isDoubted = peer.unresolved !== undefined || toldEarly.has(peer.id);
      return peer.kind === "pod" && isDoubted ? identify(peer) : peer;
    };
    peers.revise(revised, toExplain, end);
    toExplain = end;
  }

  return {
    peerOf,
    identify,
    unresolvedReason: (bytes, offset) => index.unresolvedReason(bytes, offset),
    provisionalKey(id, address, bytes, offset) {
      const isCandidate =
        !isLoopback(bytes, offset) && (isPrivateAddress(bytes, offset) || index.isInside(bytes, offset));
      return isCandidate ? `${id}@${address} ${now()}` : undefined;
    },
    refresh(keys, addresses) {
      explainSome();
      if (keys.size === 0 && addresses.size === 0) return;
      for (const address of addresses) {
        const place = places.get(addressWords(parseAddress(address)!, 0), 0);
        if (place !== 0) times[place * 2] = Infinity; // no time is within
      }
      const containers = new Set([...keys].flatMap((key) => index.pods.get(key)?.containerIds ?? []));
      peers.revise((peer) => {
        if (peer.kind === "pod") return keys.has(peer.id.slice(podKind.length)) ? identify(peer) : peer;
        if (peer.kind === "container" && (containers.has(peer.container) || keys.has(peer.podUid ?? "")))
          return identify(peer);
        const isBare = peer.storedAs !== undefined && peer.kind === "host";
        return isBare && addresses.has(peer.address) ? identifyAddress(peer) : peer;
      });
    },
    unresolved: () => unresolved,
  };
}

const bare: Peer = {
  id: "",
  kind: "host",
  name: "",
  address: "",
  node: "",
  network: "",
  process: "",
  container: "",
};

function grown<T extends Uint8Array | Uint32Array | Float64Array>(old: T, larger: T): T {
  larger.set(old as never);
  return larger;
}
