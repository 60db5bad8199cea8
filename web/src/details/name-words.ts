import { formatFilterTerm } from "../../../src/query/index.ts";
import type { TopologyPeer } from "../../../src/topology/topology.ts";
import type { Agents, LookedUpName } from "../data/answers.ts";
import { countOf, formatCount, formatMilliseconds } from "../units/units.ts";

/** Names that stand for several. A map: a workload may ask for `constructor`, which every object has. */
const together: ReadonlyMap<string, string> = new Map([
  ["~reverse", "names of addresses"],
  ["~other", "other names"],
]);

export function nameText({ name }: Pick<LookedUpName, "name">): string {
  return together.get(name) ?? (name === "" ? "the root" : name);
}

/**
 * The filter's term for links to what a name leads to: to the Service, where it is one of a cluster's. Undefined where it never led
 * anywhere, or stands for several names.
 */
export function nameTerm({ name, answers, failures }: LookedUpName): string | undefined {
  if (answers <= failures || name === "" || together.has(name)) return undefined;
  const [, service, namespace] = /^([^.]+)\.([^.]+)\.svc\./.exec(name) ?? [];
  if (service === undefined || namespace === undefined) return formatFilterTerm("server.name", name);
  return `${formatFilterTerm("server.service", service)} ${formatFilterTerm("server.namespace", namespace)}`;
}

/** What went wrong, "" when nothing did. */
export function troubleText({ failureCounts, timedOut }: LookedUpName): string {
  const codes = Object.entries(failureCounts).map(
    ([code, count]) => `${formatCount(count)} ${code === "other" ? "failed" : code}`,
  );
  return (timedOut > 0 ? [...codes, `${formatCount(timedOut)} timed out`] : codes).join(", ");
}

export function latencyText({ latencyMeanMs, latencyMaxMs }: LookedUpName): string {
  if (latencyMeanMs === null) return "";
  return `mean ${formatMilliseconds(latencyMeanMs)}, max ${formatMilliseconds(latencyMaxMs)}`;
}

/** Kinds of what runs on a machine that may have an agent. */
const ownKinds: ReadonlySet<string> = new Set(["process", "unit", "container", "pod", "node"]);

/** Whether names are to be expected of any of these. */
export function areNamesExpected(peers: readonly TopologyPeer[]): boolean {
  return peers.some(({ kind }) => ownKinds.has(kind));
}

/** What no agent reads the sockets of, and groups of it. */
const foreignKinds: ReadonlySet<string> = new Set(["host", "service", "country", "as", "domain", "other"]);

/** Whether names may be known of any of these: of the outside nobody knows what it asks. Of nobody nothing is known. */
export function mayLookUp(peers: readonly TopologyPeer[]): boolean {
  return peers.length === 0 || peers.some(({ kind }) => !foreignKinds.has(kind));
}

/** Why there are no names. An agent has seen those whose process or container it knows. */
export function whyNoNames(peers: readonly TopologyPeer[], agents: Agents | undefined): string {
  const seen = peers.filter(({ process, container }) => process !== "" || container !== "");
  if (seen.length === 0)
    return `No agent sees the DNS of ${peers.length === 1 ? "this peer" : "these peers"}.`;
  const machines = new Set(seen.map(({ node }) => node.split("/", 1)[0]!));
  const off = (agents?.agents ?? []).flatMap(({ node, parts }) =>
    machines.has(node) ? parts.filter(({ name, isOn }) => name === "dns" && !isOn) : [],
  );
  const isAllOff = off.length > 0 && off.length === machines.size;
  if (!isAllOff) return "No lookup was seen in this time. DNS over TCP, TLS or HTTPS is not read.";
  const why = off[0]!.reason === "" ? "" : `: ${off[0]!.reason}`;
  return machines.size === 1
    ? `The agent on ${[...machines][0]} does not read DNS${why}.`
    : `The agents on its ${countOf(machines.size, "machine")} do not read DNS${why}.`;
}
