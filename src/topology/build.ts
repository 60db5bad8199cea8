import { formatProtocol } from "../flow/index.ts";
import { addObserver, addTotals, emptyTotals, type LinkTotals, type SeenBy } from "./link-totals.ts";
import type { LinkEnd, PortLink } from "./merge-parts.ts";
import type { LinkPort, Topology, TopologyLink, TopologyPeer } from "./topology.ts";

/** What the peers of a topology are folded to; undefined leaves them as they are. */
export const groupings = [
  "namespace",
  "workload",
  "pod",
  "node",
  "address",
  "network",
  "country",
  "asn",
  "domain",
] as const;
export type Grouping = (typeof groupings)[number];

export type TopologyMetric = "bytes" | "packets" | "connections" | "failed" | "retransmits";

export interface BuildOptions {
  readonly from: number;
  readonly to: number;
  readonly metric: TopologyMetric;
  readonly grouping?: Grouping | undefined;
  /** Links drawn at most: the heaviest by `metric`, open connections first. */
  readonly linksMax: number;
}

/** Links per pair of peers, the heaviest first, and the peers they join. */
export function buildTopology(links: Iterable<PortLink>, options: BuildOptions): Topology {
  const { from, to, metric, grouping, linksMax } = options;
  const peers = new Map<string, MutablePeer>();
  /** An end is the same object in all its links, mostly: what it is drawn as is asked once. */
  const drawnAs = new Map<LinkEnd, MutablePeer>();
  const peerOf = (end: LinkEnd) => {
    let peer = drawnAs.get(end);
    if (peer === undefined) {
      peer = mergePeer(peers, drawnPeer(end, grouping), end.id);
      drawnAs.set(end, peer);
    }
    return peer;
  };
  /** By the rows of both peers: a text for each of many links would take longer than all else. */
  const pairs = new Map<number, MutableLink>();
  for (const link of links) {
    const client = peerOf(link.client);
    const server = peerOf(link.server);
    const key = client.row * rowsMax + server.row;
    let pair = pairs.get(key);
    if (pair === undefined) {
      pair = newPair(client, server, link);
      pairs.set(key, pair);
    } else addPort(pair, link);
    addTotals(pair.totals, link);
    if (link.called?.kind === "service") addService(pair, link.called);
    for (const observer of link.observers) addObserver(pair.observers, observer);
  }
  const ordered = [...pairs.values()].sort(
    (a, b) =>
      b.totals.active - a.totals.active ||
      metricOf(b.totals, metric) - metricOf(a.totals, metric) ||
      compareTexts(a.client.peer.id, b.client.peer.id) ||
      compareTexts(a.server.peer.id, b.server.peer.id),
  );
  const drawn = ordered.slice(0, linksMax);
  const drawnPeers = new Map<string, TopologyPeer>();
  for (const { client, server } of drawn) {
    for (const { peer, addresses } of [client, server])
      if (!drawnPeers.has(peer.id)) drawnPeers.set(peer.id, { ...peer, addresses: addresses.toSorted() });
  }
  return {
    from,
    to,
    peers: [...drawnPeers.values()],
    links: drawn.map(freezeLink),
    truncated: { peers: peers.size - drawnPeers.size, links: ordered.length - drawn.length },
  };
}

/**
 * What stands for a peer on the map. Under `node`, a host without an agent stays itself; under `namespace` and `workload` so does
 * whatever is not in one. What has no country, autonomous system or domain is drawn by its network.
 */
export function drawnPeer(end: LinkEnd, grouping?: Grouping): TopologyPeer {
  const { id, kind, name, node, network, process, container, addresses, namespace = "" } = end;
  const group = namespace || node || network || "elsewhere";
  const whole = { node: "", process: "", container: "", addresses };
  switch (grouping) {
    case "address": {
      const address = addresses[0] ?? name;
      return {
        ...whole,
        id: `host:${address}`,
        kind: "host",
        name: address,
        group: node || network || "elsewhere",
        node,
      };
    }
    case "country": {
      const { country = "", countryName = country } = end;
      if (country === "") return drawnNetwork(end);
      const facts = { name: countryName, group: "countries", country, countryName };
      return { ...whole, id: `country:${country}`, kind: "country", ...facts };
    }
    case "asn": {
      const { asNumber = 0, asName = "" } = end;
      if (asNumber === 0) return drawnNetwork(end);
      const facts = { name: asName || `AS${asNumber}`, group: "autonomous systems", asNumber, asName };
      return { ...whole, id: `as:${asNumber}`, kind: "as", ...facts };
    }
    case "domain": {
      const { domain = "" } = end;
      if (domain === "") return drawnNetwork(end);
      return { ...whole, id: `domain:${domain}`, kind: "domain", name: domain, group: "domains", domain };
    }
    case "network":
      return drawnNetwork(end);
    case "node":
      if (node !== "") return { ...whole, id: `node:${node}`, kind: "node", name: node, group: node, node };
      break;
    case "namespace":
      if (namespace !== "")
        return {
          ...whole,
          id: `namespace:${namespace}`,
          kind: "namespace",
          name: namespace,
          group: "namespaces",
          namespace,
        };
      break;
    case "workload": {
      const { workload = "", workloadKind = "" } = end;
      if (workload === "") break;
      const of = { namespace, workload, workloadKind };
      return {
        ...whole,
        id: `workload:${namespace}/${workloadKind}/${workload}`,
        kind: "workload",
        name: workload,
        group,
        ...of,
      };
    }
  }
  return { id, kind, name, group, addresses, node, process, container, ...kubernetesFacts(end) };
}

function drawnNetwork({ network, addresses }: LinkEnd): TopologyPeer {
  return {
    ...{ node: "", process: "", container: "", addresses },
    id: `network:${network}`,
    kind: "network",
    name: network || "elsewhere",
    group: "networks",
  };
}

/** Those that are known: of most peers none. */
function kubernetesFacts({ namespace, pod, workload, workloadKind, service, labels, unresolved }: LinkEnd) {
  return {
    ...(namespace ? { namespace } : {}),
    ...(pod ? { pod } : {}),
    ...(workload ? { workload } : {}),
    ...(workloadKind ? { workloadKind } : {}),
    ...(service ? { service } : {}),
    ...(labels ? { labels } : {}),
    ...(unresolved ? { unresolved } : {}),
  };
}

interface MutableLink {
  readonly client: MutablePeer;
  readonly server: MutablePeer;
  readonly totals: LinkTotals;
  /** Of most there is one; the others by port and protocol. */
  readonly firstPort: MutablePort;
  otherPorts: Map<number, MutablePort> | undefined;
  readonly observers: SeenBy[];
  services: Set<string> | undefined;
}

type MutablePort = { -readonly [Name in Exclude<keyof LinkPort, "protocol">]: LinkPort[Name] } & {
  /** IANA number. */
  readonly protocol: number;
};

interface MutablePeer {
  readonly row: number;
  peer: TopologyPeer;
  /** Where `peer` is from: the least address, and there the least id. */
  least: string;
  leastId: string;
  readonly addresses: string[];
}

/** More rows than there are peers in any map. */
const rowsMax = 2 ** 26;
/** Addresses shown per peer at most. */
const addressesMax = 32;

/** What a peer is like at its least address is told, of several ends there the one with the least id: the same whatever comes first. */
function mergePeer(peers: Map<string, MutablePeer>, peer: TopologyPeer, id: string): MutablePeer {
  const known = peers.get(peer.id);
  const least = peer.addresses[0] ?? "";
  if (known === undefined) {
    const merged = { row: peers.size, peer, least, leastId: id, addresses: [...peer.addresses] };
    peers.set(peer.id, merged);
    return merged;
  }
  if (least < known.least || (least === known.least && id < known.leastId))
    [known.peer, known.least, known.leastId] = [peer, least, id];
  for (const address of peer.addresses) addAddress(known.addresses, address);
  return known;
}

function addAddress(addresses: string[], address: string): void {
  if (address !== "" && addresses.length < addressesMax && !addresses.includes(address))
    addresses.push(address);
}

function newPair(client: MutablePeer, server: MutablePeer, link: PortLink): MutableLink {
  return {
    client,
    server,
    totals: emptyTotals(),
    firstPort: portOf(link),
    otherPorts: undefined,
    observers: [],
    services: undefined,
  };
}

function portOf({ port, protocol, bytesSent, bytesReceived, connections }: PortLink): MutablePort {
  return { port, protocol, bytesSent, bytesReceived, connections };
}

function addPort(pair: MutableLink, link: PortLink): void {
  const { port, protocol, bytesSent, bytesReceived, connections } = link;
  const { firstPort } = pair;
  const key = port * 256 + protocol;
  const isFirst = firstPort.port === port && firstPort.protocol === protocol;
  const known = isFirst ? firstPort : pair.otherPorts?.get(key);
  if (known === undefined) {
    pair.otherPorts ??= new Map();
    pair.otherPorts.set(key, portOf(link));
    return;
  }
  known.bytesSent += bytesSent;
  known.bytesReceived += bytesReceived;
  known.connections += connections;
}

function addService(pair: MutableLink, { namespace = "", name }: LinkEnd): void {
  pair.services ??= new Set();
  if (pair.services.size < servicesMax) pair.services.add(`${namespace}/${name}`);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function metricOf(totals: LinkTotals, metric: TopologyMetric): number {
  return metric === "bytes" ? totals.bytesSent + totals.bytesReceived : totals[metric];
}

/** Ports listed per link at most; the heaviest. */
const portsMax = 20;
/** Services listed per link at most. */
const servicesMax = 20;

function freezeLink(pair: MutableLink): TopologyLink {
  const { totals, firstPort, otherPorts, observers, services } = pair;
  const [client, server] = [pair.client.peer.id, pair.server.peer.id];
  const { bytesSent, bytesReceived, packets, connections, active, failed, retransmits, lastSeen } = totals;
  const { refused, timedOut, unreachable, reset, lost, connectMicroseconds, connectCount } = totals;
  const heaviest = [firstPort, ...(otherPorts?.values() ?? [])]
    .sort((a, b) => b.bytesSent + b.bytesReceived - (a.bytesSent + a.bytesReceived) || a.port - b.port)
    .slice(0, portsMax);
  return {
    ...{ id: `${client}>${server}`, client, server },
    ...{ bytesSent, bytesReceived, packets, connections, active, failed, retransmits },
    ports: heaviest.map((each) => ({ ...each, protocol: formatProtocol(each.protocol) })),
    observers,
    ...(services === undefined ? {} : { services: [...services].sort() }),
    failures: { refused, timedOut, unreachable, reset, lost },
    rttMs: milliseconds(totals.rttMicroseconds),
    rttMinMs: milliseconds(totals.rttMinMicroseconds),
    connectMs: connectCount === 0 ? null : connectMicroseconds / connectCount / 1000,
    sentRate: Math.round(totals.sentRate),
    receivedRate: Math.round(totals.receivedRate),
    lastSeen,
  };
}

function milliseconds(microseconds: number | null): number | null {
  return microseconds === null ? null : microseconds / 1000;
}
