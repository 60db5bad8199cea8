import { observerOf, parseProtocol } from "../flow/index.ts";
import type { AggregateQuery, AggregateRow, Dimension, Store } from "../store/index.ts";
import type { Grouping, LinkEnd, PeerKind, PortLink } from "../topology/index.ts";

/** Facts of an end, in the order of PeerFacts. */
const endFacts = ["", ".kind", ".name", ".address", ".node", ".network", ".process", ".container"] as const;
type Fact = (typeof endFacts)[number];

/**
 * What links are ranked by: the two peers, or what stands for them. A host under `node` stays itself. The store does not keep
 * namespaces and workloads yet: peers are ranked one by one.
 */
const rankedFact: Readonly<Record<Grouping | "none", Fact>> = {
  none: "",
  node: "",
  namespace: "",
  workload: "",
  pod: "",
  address: ".address",
  network: ".network",
};

/** The ranked fact of each end first, then all facts of each, then port and protocol. */
function dimensionsOf(grouping: Grouping | undefined): Dimension[] {
  const ranked = rankedFact[grouping ?? "none"];
  const facts = (end: "client" | "server") => endFacts.map((fact) => `${end}${fact}` as const);
  return [`client${ranked}`, `server${ranked}`, ...facts("client"), ...facts("server"), "port", "protocol"];
}
const rankedCount = 2;

export interface HistoryLinks {
  /** The window answered, whole minutes. */
  readonly from: number;
  readonly to: number;
  readonly links: readonly PortLink[];
  /** Links beyond the limit, the lightest. */
  readonly linksLeftOut: number;
}

/** The heaviest links of a past window, per server port, in the shape the live map has them. */
export async function readLinks(
  store: Store,
  query: Omit<AggregateQuery, "by" | "step" | "rankBy">,
  grouping: Grouping | undefined,
): Promise<HistoryLinks> {
  const by = dimensionsOf(grouping);
  const { from, to, rows, groupsLeftOut } = await store.aggregate({ ...query, by, rankBy: rankedCount });
  return { from, to, links: rows.map(readLink), linksLeftOut: groupsLeftOut };
}

function readLink({ group, observers, time: _, ...totals }: AggregateRow): PortLink {
  const [port = "0", protocol = "0"] = group.slice(rankedCount + endFacts.length * 2);
  return {
    ...totals,
    client: readEnd(group, rankedCount),
    server: readEnd(group, rankedCount + endFacts.length),
    port: Number(port),
    protocol: parseProtocol(protocol) ?? 0,
    observers: observers.map((seen) => ({ ...observerOf(seen.id), ...seen })),
    active: 0,
    sentRate: 0,
    receivedRate: 0,
  };
}

function readEnd(group: readonly string[], at: number): LinkEnd {
  const [id = "", kind = "", name = "", address = "", node = "", network = "", process = "", container = ""] =
    group.slice(at, at + endFacts.length);
  return {
    id,
    kind: kind as PeerKind,
    name,
    addresses: address === "" ? [] : [address],
    node,
    network,
    process,
    container,
  };
}
