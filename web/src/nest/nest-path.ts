import type { TopologyPeer } from "../../../src/topology/topology.ts";

export type NestKind =
  | "namespace"
  | "workload"
  | "node"
  | "network"
  | "internet"
  | "country"
  | "system"
  | "domain";

/** A group that opens and closes on the map. Its id is the one that the API gives the same thing when it is asked to group by it. */
export interface NestGroup {
  readonly id: string;
  readonly kind: NestKind;
  readonly name: string;
}

/** The groups around a peer, the outermost first: namespace → workload; machine; network; internet → country → AS → domain. */
export function nestPath(peer: TopologyPeer): readonly NestGroup[] {
  let path = paths.get(peer);
  if (path === undefined) {
    path = pathOf(peer);
    paths.set(peer, path);
  }
  return path;
}

/** Peers are replaced when they change, so a path is good for as long as its peer. */
const paths = new WeakMap<TopologyPeer, readonly NestGroup[]>();

/** What the server folded already stands on the map itself. */
const folded: ReadonlySet<TopologyPeer["kind"]> = new Set([
  ...(["other", "network", "node", "namespace", "country", "as", "domain"] as const),
]);

/** Whether an id is a group's, whatever is on the map. */
export function isGroupId(id: string): boolean {
  return /^(?:(?:namespace|workload|node|network|country|as|domain):|internet$)/.test(id);
}

function pathOf(peer: TopologyPeer): readonly NestGroup[] {
  const { kind, namespace, node, group } = peer;
  if (folded.has(kind)) return [];
  if (namespace !== undefined && namespace !== "") return clusterPath(peer, namespace);
  if (node !== "") return [{ id: `node:${group}`, kind: "node", name: group }];
  if (group === "internet") return internetPath(peer);
  return [{ id: `network:${group}`, kind: "network", name: group === "" ? "elsewhere" : group }];
}

function clusterPath(
  { kind, workload = "", workloadKind = "" }: TopologyPeer,
  namespace: string,
): NestGroup[] {
  const path: NestGroup[] = [{ id: `namespace:${namespace}`, kind: "namespace", name: namespace }];
  if (workload !== "" && kind !== "workload" && kind !== "service")
    path.push({ id: `workload:${namespace}/${workloadKind}/${workload}`, kind: "workload", name: workload });
  return path;
}

/** What is not known of an address is left out on the way to it. */
function internetPath({ country, countryName, asNumber, asName, domain }: TopologyPeer): NestGroup[] {
  const path: NestGroup[] = [{ id: "internet", kind: "internet", name: "internet" }];
  let within = "";
  if (country !== undefined) {
    within = country;
    path.push({ id: `country:${country}`, kind: "country", name: countryName ?? country });
  }
  if (asNumber !== undefined) {
    within = `${within}/${asNumber}`;
    path.push({ id: `as:${within}`, kind: "system", name: asName ?? `AS${asNumber}` });
  }
  if (domain !== undefined) path.push({ id: `domain:${within}/${domain}`, kind: "domain", name: domain });
  return path;
}
