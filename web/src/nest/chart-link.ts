import type { LinkObserver, LinkPort, TopologyLink } from "../../../src/topology/topology.ts";

/** A link between two signs: one of the topology's, or several of them under one curve. */
export interface ChartLink extends LinkFigures {
  readonly id: string;
  readonly client: string;
  readonly server: string;
  readonly members: readonly ComparedLink[];
}

/** Of links that add up; all of a `TopologyLink` that a curve is drawn from. */
export interface LinkFigures {
  bytesSent: number;
  bytesReceived: number;
  packets: number;
  connections: number;
  active: number;
  failed: number;
  retransmits: number;
  sentRate: number;
  receivedRate: number;
  lastSeen: number;
  rttMs: number | null;
  rttMinMs: number | null;
  isSeenByAgent: boolean;
  isSeenByExporter: boolean;
  /** Bytes per second in the window compared with; -1 when nothing is compared. */
  baseRate: number;
  /** In which of the two windows compared it was seen at all: a link that only fails carries no bytes in either. */
  seenIn: SeenIn;
}

export type SeenIn = "this" | "base" | "both";

/** A link with what it carried in another window; set when two are compared. */
export type ComparedLink = TopologyLink & { readonly baseRate?: number; readonly seenIn?: SeenIn };

type FoldedLinks = ReadonlyMap<string, ChartLink & { readonly members: ComparedLink[] }>;

/** What stands alone and did not change is taken over from the last time: of very many links few change at once. */
export function foldLinks(
  links: ReadonlyMap<string, ComparedLink>,
  signOf: ReadonlyMap<string, string>,
  signs: ReadonlyMap<string, { readonly isGroup: boolean }>,
  before: FoldedLinks = new Map(),
): FoldedLinks {
  const folded = new Map<string, ChartLink & { members: ComparedLink[] }>();
  for (const link of links.values()) {
    const client = signOf.get(link.client);
    const server = signOf.get(link.server);
    if (client === undefined || server === undefined) continue;
    // What a closed group says within itself is told when it opens.
    if (client === server && signs.get(client)!.isGroup) continue;
    const id = client === link.client && server === link.server ? link.id : `${client}>${server}`;
    const known = folded.get(id);
    const last = before.get(id);
    if (known === undefined) {
      const isSame = last?.members.length === 1 && last.members[0] === link;
      folded.set(id, isSame ? last : { ...figuresOf(link), id, client, server, members: [link] });
      continue;
    }
    const own = known === last ? { ...known, members: [...known.members] } : known;
    if (own !== known) folded.set(id, own);
    own.members.push(link);
    addFigures(own, link);
  }
  return folded;
}

export function figuresOf(link: ComparedLink): LinkFigures {
  const { sentRate = 0, receivedRate = 0, baseRate = -1, seenIn = "this" } = link;
  return {
    bytesSent: link.bytesSent,
    bytesReceived: link.bytesReceived,
    packets: link.packets,
    connections: link.connections,
    active: link.active,
    failed: link.failed,
    retransmits: link.retransmits,
    sentRate,
    receivedRate,
    lastSeen: link.lastSeen,
    rttMs: link.rttMs,
    rttMinMs: link.rttMinMs,
    baseRate,
    seenIn,
    isSeenByAgent: link.observers.some(({ kind }) => kind === "agent"),
    isSeenByExporter: link.observers.some(({ kind }) => kind === "exporter"),
  };
}

function addFigures(sum: LinkFigures, link: ComparedLink): void {
  sum.bytesSent += link.bytesSent;
  sum.bytesReceived += link.bytesReceived;
  sum.packets += link.packets;
  sum.connections += link.connections;
  sum.active += link.active;
  sum.failed += link.failed;
  sum.retransmits += link.retransmits;
  sum.sentRate += link.sentRate ?? 0;
  sum.receivedRate += link.receivedRate ?? 0;
  sum.lastSeen = Math.max(sum.lastSeen, link.lastSeen);
  // The slowest is what somebody who looks for trouble wants to see, against its own best.
  if (link.rttMs !== null && link.rttMs > (sum.rttMs ?? -1)) {
    sum.rttMs = link.rttMs;
    sum.rttMinMs = link.rttMinMs;
  }
  for (const { kind } of link.observers) {
    if (kind === "agent") sum.isSeenByAgent = true;
    else sum.isSeenByExporter = true;
  }
  if (link.baseRate !== undefined) sum.baseRate = Math.max(0, sum.baseRate) + link.baseRate;
  if (link.seenIn !== undefined && link.seenIn !== sum.seenIn) sum.seenIn = "both";
}

const portsMax = 20;

/** The heaviest ports of all members. */
export function portsOf(members: readonly TopologyLink[]): readonly LinkPort[] {
  if (members.length === 1) return members[0]!.ports;
  const ports = new Map<string, LinkPort>();
  for (const link of members) {
    for (const port of link.ports) {
      const key = `${port.port}/${port.protocol}`;
      const known = ports.get(key);
      ports.set(key, known === undefined ? port : sumOfPorts(known, port));
    }
  }
  const total = (port: LinkPort) => port.bytesSent + port.bytesReceived;
  return [...ports.values()].sort((a, b) => total(b) - total(a) || a.port - b.port).slice(0, portsMax);
}

function sumOfPorts(a: LinkPort, b: LinkPort): LinkPort {
  return {
    ...a,
    bytesSent: a.bytesSent + b.bytesSent,
    bytesReceived: a.bytesReceived + b.bytesReceived,
    connections: a.connections + b.connections,
  };
}

/** All members as one link, whole: for whoever looks at it closely. */
export function mergeLinks(
  id: string,
  client: string,
  server: string,
  members: readonly ComparedLink[],
): ComparedLink {
  const [first] = members;
  if (members.length === 1 && first!.id === id) return first!;
  const sum = figuresOf(first!);
  for (const link of members.slice(1)) addFigures(sum, link);
  const failures = { refused: 0, timedOut: 0, unreachable: 0, reset: 0, lost: 0 };
  let [connectMilliseconds, connectCount] = [0, 0];
  const observers = new Map<string, LinkObserver>();
  for (const link of members) {
    for (const reason of Object.keys(failures) as (keyof typeof failures)[])
      failures[reason] += link.failures[reason];
    if (link.connectMs !== null) {
      const weight = Math.max(1, link.connections);
      connectMilliseconds += link.connectMs * weight;
      connectCount += weight;
    }
    for (const observer of link.observers) {
      const known = observers.get(observer.id);
      observers.set(observer.id, known === undefined ? observer : sumOfObservers(known, observer));
    }
  }
  const services = new Set(members.flatMap((link) => link.services ?? []));
  const { isSeenByAgent: _agent, isSeenByExporter: _exporter, baseRate, seenIn, ...figures } = sum;
  return {
    ...figures,
    ...{ id, client, server, failures },
    ports: portsOf(members),
    observers: [...observers.values()],
    connectMs: connectCount === 0 ? null : connectMilliseconds / connectCount,
    ...(services.size === 0 ? {} : { services: [...services].sort() }),
    ...(baseRate < 0 ? {} : { baseRate, seenIn }),
  };
}

function sumOfObservers(a: LinkObserver, b: LinkObserver): LinkObserver {
  return {
    ...a,
    bytesSent: a.bytesSent + b.bytesSent,
    bytesReceived: a.bytesReceived + b.bytesReceived,
    packets: a.packets + b.packets,
  };
}
