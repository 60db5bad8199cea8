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
  /** What observers said of their interfaces, to be asked for; history has it where it is asked. */
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
  const merged = new Map<string, MutableLink>();
  const ends = new EndTable(describe);
  for (const part of parts) {
    const client = ends.endOf(part.client);
    const server = ends.endOf(part.server);
    const called = part.called && ends.endOf(part.called);
    const key = `${client.row}>${server.row} ${called?.row ?? ""} ${part.port} ${part.protocol}`;
    let link = merged.get(key);
    if (link === undefined) {
      link = newLink(client.end, server.end, called?.end, part);
      merged.set(key, link);
    }
    if (!part.isDuplicate) {
      addTotals(link.link, part);
      link.isKnown = true;
    } else if (part.lastSeen > link.link.lastSeen) link.link.lastSeen = part.lastSeen;
    addInterfaces(link, part);
    const { id, kind, name } = part.observer;
    const { bytesSent, bytesReceived, packets } = part;
    const seen = { id, kind, name, bytesSent, bytesReceived, packets };
    if (part.isDuplicate) link.duplicates ??= [];
    addObserver(part.isDuplicate ? link.duplicates! : link.link.observers, seen);
  }
  const links: PortLink[] = [];
  for (const { link, duplicates, isKnown } of merged.values()) {
    if (!isKnown) continue;
    if (duplicates !== undefined) joinObservers(link.observers, duplicates);
    links.push(link);
  }
  return links;
}

interface MutableLink {
  readonly link: PortLink & { readonly observers: SeenBy[]; interfaces: readonly LinkInterfaces[] };
  /** What was seen but is not counted. */
  duplicates: SeenBy[] | undefined;
  /** Somebody's figures count: not only duplicates. */
  isKnown: boolean;
}

function newLink(
  client: LinkEnd,
  server: LinkEnd,
  called: LinkEnd | undefined,
  { port, protocol }: LinkPart,
): MutableLink {
  const link = { ...emptyTotals(), client, server, called, port, protocol, observers: [], interfaces: [] };
  return { link, duplicates: undefined, isKnown: false };
}

/** Of links without: most have no others. */
const noInterfaces: readonly LinkInterfaces[] = [{ client: 0, server: 0 }];

function addInterfaces(
  { link }: MutableLink,
  { clientInterface: client, serverInterface: server }: LinkPart,
) {
  const { interfaces } = link;
  if (interfaces.some((known) => known.client === client && known.server === server)) return;
  const areNone = client === 0 && server === 0 && interfaces.length === 0;
  link.interfaces = areNone ? noInterfaces : [...interfaces, { client, server }];
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
