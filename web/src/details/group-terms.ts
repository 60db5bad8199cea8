import { type FilterFieldInfo, filterFields, formatFilterTerm } from "../../../src/query/index.ts";
import type { TopologyPeer } from "../../../src/topology/topology.ts";
import type { Gathered } from "../nest/gather.ts";
import type { NestKind } from "../nest/nest-path.ts";

export const groupLabels: Record<NestKind, string> = {
  namespace: "Namespace",
  workload: "Workload",
  node: "Machine",
  network: "Network",
  internet: "Internet",
  country: "Country",
  system: "Autonomous system",
  domain: "Domain",
};

type End = "client" | "server";

/** Peers of a group named one by one at most. */
const namedMax = 60;

/** The filter's term for a peer or a group at one end, or at either. Where the language has no word for the group, its peers are named. */
export function gatheredTerm({ id, peers, group }: Gathered, end?: End): string {
  if (group === undefined) return pinTerm(peers[0]!, end);
  const own = groupTerm(id, group.kind, group.name, peers, end);
  if (own !== undefined) return own;
  const values = peers
    .slice(0, namedMax)
    .map((peer) => formatFilterTerm(nameOf("id", end), peer.id).replace(/^[^:]*:/, ""));
  return `${nameOf("id", end)}:${values.join(",")}`;
}

/** Folded peers are found by what they were folded to. */
export function pinTerm(peer: TopologyPeer, end?: End): string {
  const { id, kind, name, namespace = "", workload = "" } = peer;
  const of = (field: string, value: string) => formatFilterTerm(nameOf(field, end), value);
  switch (kind) {
    case "network":
    case "node":
    case "namespace":
    case "domain":
      return of(kind, name);
    case "country":
      return of("country", peer.country ?? name);
    case "as":
      return of("asn", String(peer.asNumber ?? name));
    case "workload":
      return `${of("namespace", namespace)} ${of("workload", workload)}`;
  }
  return of("id", id);
}

function groupTerm(
  id: string,
  kind: NestKind,
  name: string,
  peers: readonly TopologyPeer[],
  end?: End,
): string | undefined {
  switch (kind) {
    case "internet":
      return formatFilterTerm(nameOf("network", end), "internet");
    case "network":
      return formatFilterTerm(nameOf("network", end), name);
    case "node":
      return formatFilterTerm(nameOf("node", end), name);
    case "namespace":
      return ownField("namespace", name, end);
    case "workload": {
      const namespace = ownField("namespace", peers[0]?.namespace ?? "", end);
      const workload = ownField("workload", name, end);
      return namespace && workload && `${namespace} ${workload}`;
    }
    case "country":
      return ownField("country", id.slice("country:".length), end);
    case "domain":
      return ownField("domain", name, end);
    case "system":
      return ownField("asn", String(peers[0]?.asNumber ?? ""), end);
  }
}

const known: ReadonlySet<string> = new Set(filterFields.map(({ name }: FilterFieldInfo) => name));

/** Only what this version of the language knows. */
function ownField(name: string, value: string, end?: End): string | undefined {
  return known.has(name) && value !== "" ? formatFilterTerm(nameOf(name, end), value) : undefined;
}

type FieldName = Parameters<typeof formatFilterTerm>[0];

function nameOf(name: string, end: End | undefined): FieldName {
  return (end === undefined ? name : `${end}.${name}`) as FieldName;
}
