import { observerOf } from "../flow/index.ts";
import type { LinkRow, LinksQuery, Store } from "../store/index.ts";
import type { Grouping, PortLink } from "../topology/index.ts";

export interface HistoryLinks {
  /** The window answered, whole minutes, or whole hours where minutes are kept no more. */
  readonly from: number;
  readonly to: number;
  readonly links: readonly PortLink[];
  /** Links beyond the limit, the lightest. */
  readonly linksLeftOut: number;
}

/** The heaviest links of a past window, per server port, in the shape the live map has them. */
export async function readLinks(
  store: Pick<Store, "links">,
  query: Omit<LinksQuery, "grouping">,
  grouping: Grouping | undefined,
): Promise<HistoryLinks> {
  const { from, to, rows, linksLeftOut } = await store.links({ ...query, grouping });
  return { from, to, links: rows.map(readLink), linksLeftOut };
}

function readLink({ observers, ...link }: LinkRow): PortLink {
  return {
    ...link,
    observers: observers.map((seen) => ({ ...observerOf(seen.id), ...seen })),
    active: 0,
    sentRate: 0,
    receivedRate: 0,
  };
}
