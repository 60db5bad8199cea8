import type { TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import { type NestGroup, type NestKind, nestPath } from "./nest-path.ts";

/** A group with what is in it, of one topology. */
export interface TreeGroup extends NestGroup {
  /** Id of the group around it, "" for an outermost one. */
  readonly parent: string;
  readonly depth: number;
  readonly groups: Set<string>;
  readonly peers: string[];
  peerCount: number;
  bytes: number;
}

export interface NestTree {
  readonly groups: ReadonlyMap<string, TreeGroup>;
  /** Ids of the innermost group around each peer, "" for none. */
  readonly parentOf: ReadonlyMap<string, string>;
  readonly bytesOf: ReadonlyMap<string, number>;
}

export interface Flat {
  readonly peers: ReadonlyMap<string, TopologyPeer>;
  readonly links: ReadonlyMap<string, TopologyLink>;
}

/** On the internet a group around a single peer says no more than the peer: the peer stands in its place. */
const transparent: ReadonlySet<NestKind> = new Set(["country", "system", "domain"]);

export function buildTree({ peers, links }: Flat): NestTree {
  const bytesOf = new Map<string, number>();
  for (const { client, server, bytesSent, bytesReceived } of links.values()) {
    const bytes = bytesSent + bytesReceived;
    bytesOf.set(client, (bytesOf.get(client) ?? 0) + bytes);
    if (client !== server) bytesOf.set(server, (bytesOf.get(server) ?? 0) + bytes);
  }
  const counts = new Map<string, number>();
  for (const peer of peers.values())
    for (const { id } of nestPath(peer)) counts.set(id, (counts.get(id) ?? 0) + 1);
  const groups = new Map<string, TreeGroup>();
  const parentOf = new Map<string, string>();
  for (const peer of peers.values()) {
    const bytes = bytesOf.get(peer.id) ?? 0;
    let parent = "";
    let depth = 0;
    for (const step of nestPath(peer)) {
      if (transparent.has(step.kind) && counts.get(step.id) === 1) continue;
      let group = groups.get(step.id);
      if (group === undefined) {
        group = { ...step, parent, depth, groups: new Set(), peers: [], peerCount: 0, bytes: 0 };
        groups.set(step.id, group);
        groups.get(parent)?.groups.add(step.id);
      }
      group.peerCount++;
      group.bytes += bytes;
      parent = step.id;
      depth++;
    }
    groups.get(parent)?.peers.push(peer.id);
    parentOf.set(peer.id, parent);
  }
  return { groups, parentOf, bytesOf };
}
