import { observerOf, parseProtocol } from "../flow/index.ts";
import type { AggregateQuery, AggregateRow, Dimension, Store } from "../store/index.ts";
import type { LinkEnd, PeerKind, PortLink } from "../topology/index.ts";

const endFacts = ["", ".kind", ".name", ".address", ".node", ".network", ".process", ".container"] as const;
const dimensions: readonly Dimension[] = [
  ...endFacts.map((fact) => `client${fact}` as const),
  ...endFacts.map((fact) => `server${fact}` as const),
  "port",
  "protocol",
];

export interface HistoryLinks {
  /** The window answered, whole minutes. */
  readonly from: number;
  readonly to: number;
  readonly links: readonly PortLink[];
  /** Links beyond the limit, the lightest. */
  readonly linksLeftOut: number;
}

/** The links of a past window, per server port, in the shape the live map has them. */
export async function readLinks(
  store: Store,
  query: Omit<AggregateQuery, "by" | "step">,
): Promise<HistoryLinks> {
  const { from, to, rows, groupsLeftOut } = await store.aggregate({ ...query, by: dimensions });
  return { from, to, links: rows.map(readLink), linksLeftOut: groupsLeftOut };
}

function readLink({ group, observers, time: _, ...totals }: AggregateRow): PortLink {
  const [port = "0", protocol = "0"] = group.slice(endFacts.length * 2);
  return {
    ...totals,
    client: readEnd(group, 0),
    server: readEnd(group, endFacts.length),
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
