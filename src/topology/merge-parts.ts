import type { Observer } from "../flow/index.ts";
import { addObserver, addTotals, emptyTotals, type LinkTotals, type SeenBy } from "./link-totals.ts";
import type { Peer } from "./peer.ts";
import type { DerivedFacts, LinkObserver } from "./topology.ts";

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
  /** What observers said of their interfaces, to be asked for; history has it where it is asked. A few, the first that were told. */
  readonly interfaces?: readonly LinkInterfaces[];
}

/** An exporter's interfaces on the client's and on the server's side, 0 where it said none. */
export interface LinkInterfaces {
  readonly client: number;
  readonly server: number;
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
  readonly clientInterface: number;
  readonly serverInterface: number;
}

/**
 * Merges what several observers said into links per port: of a peer at an address, and by whom the client called, as history has
 * them, so that a filter means the same. A link that only duplicates speak of (a late report of a connection that has left the
 * window) is left out.
 */
export function mergeParts(parts: Iterable<LinkPart>, describe: DescribePeer = () => ({})): PortLink[] {
  const merged = new Map<string, Merging>();
  const ends = new EndTable(describe);
  for (const part of parts) {
    const client = ends.endOf(part.client);
    const server = ends.endOf(part.server);
    const called = part.called && ends.endOf(part.called);
    const key = `${client.row}>${server.row} ${called?.row ?? ""} ${part.port} ${part.protocol}`;
    let merging = merged.get(key);
    if (merging === undefined) {
      merging = beginLink(client.end, server.end, called?.end, part);
      merged.set(key, merging);
    } else addInterfaces(merging.link.interfaces, part);
    const { link } = merging;
    if (!part.isDuplicate) {
      addTotals(link, part);
      merging.isKnown = true;
    } else if (part.lastSeen > link.lastSeen) link.lastSeen = part.lastSeen;
    const { id, kind, name } = part.observer;
    const { bytesSent, bytesReceived, packets } = part;
    const seen = { id, kind, name, bytesSent, bytesReceived, packets };
    if (part.isDuplicate) merging.duplicates ??= [];
    addObserver(part.isDuplicate ? merging.duplicates! : link.observers, seen);
  }
  const links: PortLink[] = [];
  for (const { link, duplicates, isKnown } of merged.values()) {
    if (!isKnown) continue;
    if (duplicates !== undefined) joinObservers(link.observers, duplicates);
    links.push(link);
  }
  return links;
}

/** A link while parts are added to it. */
interface Merging {
  readonly link: PortLink & { readonly observers: SeenBy[]; readonly interfaces: LinkInterfaces[] };
  /** What was seen but is not counted. */
  duplicates: SeenBy[] | undefined;
  /** Somebody's figures count: not only duplicates. */
  isKnown: boolean;
}

function beginLink(client: LinkEnd, server: LinkEnd, called: LinkEnd | undefined, part: LinkPart): Merging {
  const { port, protocol } = part;
  const interfaces = [interfacesOf(part)];
  const link = { ...emptyTotals(), client, server, called, port, protocol, observers: [], interfaces };
  return { link, duplicates: undefined, isKnown: false };
}

/** Told per link at most: exporters say what they like. */
const interfacesMax = 32;
/** One for all: most links have no others. */
const noInterfaces: LinkInterfaces = { client: 0, server: 0 };

function interfacesOf({ clientInterface: client, serverInterface: server }: LinkPart): LinkInterfaces {
  return client === 0 && server === 0 ? noInterfaces : { client, server };
}

function addInterfaces(interfaces: LinkInterfaces[], part: LinkPart): void {
  const { clientInterface, serverInterface } = part;
  for (const { client, server } of interfaces)
    if (client === clientInterface && server === serverInterface) return;
  if (interfaces.length < interfacesMax) interfaces.push(interfacesOf(part));
}

/**
 * What an observer saw, duplicates included. An agent's duplicates are the other ends of connections it already counts, an
 * exporter's are connections of which an agent has the better figures.
 */
function joinObservers(observers: SeenBy[], duplicates: readonly SeenBy[]): void {
  for (const seen of duplicates) {
    const counted = observers.find(({ id }) => id === seen.id);
    if (counted === undefined || seen.kind === "exporter") addObserver(observers, seen);
  }
}

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
