import { formatProtocol, type Observer } from "../flow/index.ts";
import { type LinkCounter, linkCounters } from "./link-counters.ts";
import type { Peer } from "./peer.ts";
import type {
  DerivedFacts,
  LinkObserver,
  LinkPort,
  Topology,
  TopologyLink,
  TopologyPeer,
} from "./topology.ts";

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

/** Figures of a link at one server port. */
export interface LinkTotals extends Record<LinkCounter, number> {
  active: number;
  /** Microseconds, null when nobody measured. */
  rttMicroseconds: number | null;
  /** The least there was. */
  rttMinMicroseconds: number | null;
  sentRate: number;
  receivedRate: number;
  lastSeen: number;
}

/** A peer as one end of links, with what follows from its address; none or one of them, or all where links were put together. */
export interface LinkEnd extends Omit<Peer, "address">, DerivedFacts {
  readonly addresses: readonly string[];
}

/** What follows from a peer's address and name. */
export type DescribePeer = (peer: Peer) => DerivedFacts;

/** One link at one server port and protocol, observers told apart but not added up. */
export interface PortLink extends LinkTotals {
  readonly client: LinkEnd;
  readonly server: LinkEnd;
  /** Whom the client called, where translation led to this server. */
  readonly called?: LinkEnd | undefined;
  readonly port: number;
  /** IANA number. */
  readonly protocol: number;
  readonly observers: readonly LinkObserver[];
}

/** What one observer said of a link at a port, as the live fold keeps it. */
export interface LinkPart extends LinkTotals {
  readonly client: Peer;
  readonly server: Peer;
  readonly called?: Peer | undefined;
  readonly port: number;
  readonly protocol: number;
  readonly observer: Observer;
  readonly isDuplicate: boolean;
}

export type TopologyMetric = "bytes" | "packets" | "connections" | "failed" | "retransmits";

export interface BuildOptions {
  readonly from: number;
  readonly to: number;
  readonly metric: TopologyMetric;
  readonly grouping?: Grouping | undefined;
  /** Links drawn at most: the heaviest by `metric`, open connections first. */
  readonly linksMax: number;
}

/**
 * Merges what several observers said into links per port: of a peer at an address, and by whom the client called, as history has
 * them, so that a filter means the same. A link that only duplicates speak of (a late report of a connection that has left the
 * window) is left out.
 */
export function mergeParts(parts: Iterable<LinkPart>, describe: DescribePeer = () => ({})): PortLink[] {
  const merged = new Map<string, MutablePortLink>();
  const ends = new EndTable(describe);
  for (const part of parts) {
    const client = ends.endOf(part.client);
    const server = ends.endOf(part.server);
    const called = part.called && ends.endOf(part.called);
    const key = `${client.row}>${server.row} ${called?.row ?? ""} ${part.port} ${part.protocol}`;
    let link = merged.get(key);
    if (link === undefined) {
      const { port, protocol } = part;
      link = {
        ...emptyTotals(),
        client: client.end,
        server: server.end,
        called: called?.end,
        port,
        protocol,
        observers: [],
        duplicates: [],
        isKnown: false,
      };
      merged.set(key, link);
    }
    if (!part.isDuplicate) {
      addTotals(link, part);
      link.isKnown = true;
    }
    link.lastSeen = Math.max(link.lastSeen, part.lastSeen);
    const { id, kind, name } = part.observer;
    const { bytesSent, bytesReceived, packets } = part;
    const seen = { id, kind, name, bytesSent, bytesReceived, packets };
    addObserver(part.isDuplicate ? link.duplicates : link.observers, seen);
  }
  return [...merged.values()].filter((link) => link.isKnown).map(joinObservers);
}

/**
 * What an observer saw, duplicates included. An agent's duplicates are the other ends of connections it already counts, an
 * exporter's are connections of which an agent has the better figures.
 */
function joinObservers({ duplicates, isKnown: _, ...link }: MutablePortLink): PortLink {
  for (const seen of duplicates) {
    const counted = link.observers.find(({ id }) => id === seen.id);
    if (counted === undefined || seen.kind === "exporter") addObserver(link.observers, seen);
  }
  return link;
}

/** Links per pair of peers, the heaviest first, and the peers they join. */
export function buildTopology(links: Iterable<PortLink>, options: BuildOptions): Topology {
  const { from, to, metric, grouping, linksMax } = options;
  const pairs = new Map<string, MutableLink>();
  const peers = new Map<string, MutablePeer>();
  for (const link of links) {
    const client = mergePeer(peers, drawnPeer(link.client, grouping));
    const server = mergePeer(peers, drawnPeer(link.server, grouping));
    const id = `${client}>${server}`;
    let pair = pairs.get(id);
    if (pair === undefined) {
      pair = { ...emptyTotals(), id, client, server, ports: new Map(), observers: [], services: new Set() };
      pairs.set(id, pair);
    }
    addTotals(pair, link);
    addPort(pair.ports, link);
    if (link.called?.kind === "service" && pair.services.size < servicesMax)
      pair.services.add(`${link.called.namespace ?? ""}/${link.called.name}`);
    for (const observer of link.observers) addObserver(pair.observers, observer);
  }
  const ordered = [...pairs.values()].sort(
    (a, b) => b.active - a.active || metricOf(b, metric) - metricOf(a, metric) || (a.id < b.id ? -1 : 1),
  );
  const drawn = ordered.slice(0, linksMax);
  const drawnPeers = new Map<string, TopologyPeer>();
  for (const { client, server } of drawn) {
    for (const id of [client, server]) {
      const { peer, addresses } = peers.get(id)!;
      drawnPeers.set(id, { ...peer, addresses: addresses.toSorted() });
    }
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

interface MutablePortLink extends LinkTotals {
  readonly client: LinkEnd;
  readonly server: LinkEnd;
  readonly called: LinkEnd | undefined;
  readonly port: number;
  readonly protocol: number;
  readonly observers: LinkObserver[];
  /** What was seen but is not counted. */
  readonly duplicates: LinkObserver[];
  /** Somebody's figures count: not only duplicates. */
  isKnown: boolean;
}

interface MutableLink extends LinkTotals {
  readonly id: string;
  readonly client: string;
  readonly server: string;
  readonly ports: Map<string, LinkPort>;
  readonly observers: LinkObserver[];
  readonly services: Set<string>;
}

interface MutablePeer {
  peer: TopologyPeer;
  least: string;
  readonly addresses: string[];
}

/** Addresses shown per peer at most. */
const addressesMax = 32;

/** Addresses of a peer, as one end of links. */
interface KnownEnd {
  readonly row: number;
  readonly end: LinkEnd;
}

/** One LinkEnd per peer and address. */
class EndTable {
  readonly #describe: DescribePeer;
  readonly #ends = new Map<string, KnownEnd>();
  /** The same object again is the same end: asked before the text is put together. */
  readonly #byPeer = new Map<Peer, KnownEnd>();

  constructor(describe: DescribePeer) {
    this.#describe = describe;
  }

  endOf(peer: Peer): KnownEnd {
    let known = this.#byPeer.get(peer);
    if (known !== undefined) return known;
    const { address, ...facts } = peer;
    const key = `${facts.id} ${address}`;
    known = this.#ends.get(key);
    if (known === undefined) {
      const addresses = address === "" ? [] : [address];
      known = { row: this.#ends.size, end: { ...facts, ...this.#describe(peer), addresses } };
      this.#ends.set(key, known);
    }
    this.#byPeer.set(peer, known);
    return known;
  }
}

/** What a peer is like at its least address is told: the same whatever comes first. */
function mergePeer(peers: Map<string, MutablePeer>, peer: TopologyPeer): string {
  const known = peers.get(peer.id);
  const least = peer.addresses[0] ?? "";
  if (known === undefined) peers.set(peer.id, { peer, least, addresses: [...peer.addresses] });
  else {
    if (least < known.least) [known.peer, known.least] = [peer, least];
    for (const address of peer.addresses) addAddress(known.addresses, address);
  }
  return peer.id;
}

function addAddress(addresses: string[], address: string): void {
  if (address !== "" && addresses.length < addressesMax && !addresses.includes(address))
    addresses.push(address);
}

function emptyTotals(): LinkTotals {
  return {
    ...(Object.fromEntries(linkCounters.map((name) => [name, 0])) as Record<LinkCounter, number>),
    active: 0,
    rttMicroseconds: null,
    rttMinMicroseconds: null,
    sentRate: 0,
    receivedRate: 0,
    lastSeen: 0,
  };
}

function addTotals(sum: LinkTotals, part: LinkTotals): void {
  for (const name of linkCounters) sum[name] += part[name];
  sum.active += part.active;
  sum.sentRate += part.sentRate;
  sum.receivedRate += part.receivedRate;
  sum.lastSeen = Math.max(sum.lastSeen, part.lastSeen);
  // The slowest port is what somebody looking for trouble wants to see.
  if (part.rttMicroseconds !== null)
    sum.rttMicroseconds = Math.max(sum.rttMicroseconds ?? 0, part.rttMicroseconds);
  if (part.rttMinMicroseconds !== null)
    sum.rttMinMicroseconds = Math.min(sum.rttMinMicroseconds ?? Infinity, part.rttMinMicroseconds);
}

function addObserver(
  observers: LinkObserver[],
  { id, kind, name, bytesSent, bytesReceived, packets }: LinkObserver,
): void {
  const at = observers.findIndex((known) => known.id === id);
  const known = observers[at];
  if (known === undefined) observers.push({ id, kind, name, bytesSent, bytesReceived, packets });
  else {
    observers[at] = {
      ...known,
      bytesSent: known.bytesSent + bytesSent,
      bytesReceived: known.bytesReceived + bytesReceived,
      packets: known.packets + packets,
    };
  }
}

function addPort(ports: Map<string, LinkPort>, link: PortLink): void {
  const { port, bytesSent, bytesReceived, connections } = link;
  const protocol = formatProtocol(link.protocol);
  const key = `${port}/${protocol}`;
  const known = ports.get(key) ?? { port, protocol, bytesSent: 0, bytesReceived: 0, connections: 0 };
  ports.set(key, {
    ...known,
    bytesSent: known.bytesSent + bytesSent,
    bytesReceived: known.bytesReceived + bytesReceived,
    connections: known.connections + connections,
  });
}

function metricOf(totals: LinkTotals, metric: TopologyMetric): number {
  return metric === "bytes" ? totals.bytesSent + totals.bytesReceived : totals[metric];
}

/** Ports listed per link at most; the heaviest. */
const portsMax = 20;
/** Services listed per link at most. */
const servicesMax = 20;

function freezeLink({ ports, services, ...totals }: MutableLink): TopologyLink {
  const { rttMicroseconds, rttMinMicroseconds, connectMicroseconds, connectCount, ...counted } = totals;
  const { refused, timedOut, unreachable, reset, lost, ...rest } = counted;
  const heaviest = [...ports.values()]
    .sort((a, b) => b.bytesSent + b.bytesReceived - (a.bytesSent + a.bytesReceived) || a.port - b.port)
    .slice(0, portsMax);
  return {
    ...rest,
    ports: heaviest,
    ...(services.size === 0 ? {} : { services: [...services].sort() }),
    failures: { refused, timedOut, unreachable, reset, lost },
    rttMs: rttMicroseconds === null ? null : rttMicroseconds / 1000,
    rttMinMs: rttMinMicroseconds === null ? null : rttMinMicroseconds / 1000,
    connectMs: connectCount === 0 ? null : connectMicroseconds / connectCount / 1000,
    sentRate: Math.round(rest.sentRate),
    receivedRate: Math.round(rest.receivedRate),
  };
}
