import type { LayoutNode } from "./layout.ts";
import type { Topology } from "./topology.ts";

/** Each peer in the container of its group, the heaviest in the middle: what is laid out where groups do not open and close. */
export function nodesByGroup({ peers, links }: Pick<Topology, "peers" | "links">): LayoutNode[] {
  const bytes = new Map<string, number>();
  for (const { client, server, bytesSent, bytesReceived } of links) {
    bytes.set(client, (bytes.get(client) ?? 0) + bytesSent + bytesReceived);
    bytes.set(server, (bytes.get(server) ?? 0) + bytesSent + bytesReceived);
  }
  const containerOf = (group: string) => `group ${group}`;
  const groups = new Set(peers.map(({ group }) => group));
  return [
    ...[...groups].map((group) => ({ id: containerOf(group), parent: "", isContainer: true, weight: 0 })),
    ...peers.map(({ id, group }) => ({
      ...{ id, parent: containerOf(group), isContainer: false },
      weight: bytes.get(id) ?? 0,
    })),
  ];
}
