import { type LinkCounter, type LinkEnd, linkCounters, otherPeer, type PortLink } from "../../topology/index.ts";

export function liveEnd(id: string, changes: Partial<LinkEnd> = {}): LinkEnd {
  const { address: _, ...nobody } = otherPeer;
  return { ...nobody, id, name: id, addresses: [], ...changes };
}

/** A link at one port as the live hub has it. */
export function liveLink(client: LinkEnd, server: LinkEnd): PortLink {
  const counters = Object.fromEntries(linkCounters.map((name) => [name, 1])) as Record<LinkCounter, number>;
  return {
    ...{ ...counters, client, server, port: 443, protocol: 6, observers: [] },
    ...{ active: 1, rttMicroseconds: null, rttMinMicroseconds: null, sentRate: 0, receivedRate: 0, lastSeen: 1 },
  };
}
