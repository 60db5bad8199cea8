import { useMemo, useState } from "react";
import type { TopologyStore } from "../data/topology-store.ts";
import { useTopologyVersion } from "../data/use-topology.ts";
import { chooseTitle, filterOfClick } from "../filter/filter-click.ts";
import type { Selection } from "../view.ts";
import {
  cellTerm,
  comparedColumns,
  linkColumns,
  nextOrder,
  type SortOrder,
  sortLinks,
} from "./link-columns.ts";
import { VirtualTable } from "./virtual-table.tsx";

export interface LinksTableProps {
  readonly store: TopologyStore;
  readonly isLive: boolean;
  readonly isCompared: boolean;
  readonly filter: string;
  readonly onFilter: (filter: string) => void;
  readonly selection: Selection | undefined;
  readonly onSelect: (selection: Selection | undefined) => void;
}

/** The map as a table: the same links, the same selection. */
export function LinksTable({
  store,
  isLive,
  isCompared,
  filter,
  onFilter,
  selection,
  onSelect,
}: LinksTableProps) {
  const version = useTopologyVersion(store);
  const [chosen, setOrder] = useState<SortOrder>({ key: "rate", isDescending: true });
  const shown = isCompared ? comparedColumns : linkColumns;
  // What is compared is looked at for what changed, until another column is chosen.
  const isOffered = shown.some(({ key }) => key === chosen.key);
  const order = isOffered ? chosen : { key: isCompared ? "change" : "rate", isDescending: true };
  const { state } = store;
  const context = { peers: state.peers, interval: state, isLive };
  // biome-ignore lint/correctness/useExhaustiveDependencies: the state is mutable, its version tells
  const links = useMemo(
    () => sortLinks(state.links.values(), order, context, shown),
    [version, order.key, order.isDescending, shown, isLive],
  );
  const selectedRow = selection?.kind === "link" ? links.findIndex(({ id }) => id === selection.id) : -1;
  const touches = (row: number) => {
    const { client, server } = links[row]!;
    return selection?.kind === "peer" && (client === selection.id || server === selection.id);
  };
  return (
    <VirtualTable
      label="Links"
      testId="links-table"
      columns={shown.map(({ width }) => width).join(" ")}
      rowCount={links.length}
      selectedRow={selectedRow}
      rowKey={(row) => links[row]?.id ?? String(row)}
      rowClass={(row) => (touches(row) ? "of-selected-peer" : "")}
      onRow={(row) => onSelect({ kind: "link", id: links[row]!.id })}
      head={shown.map((column) => {
        const isSorted = order.key === column.key;
        const arrow = isSorted ? (order.isDescending ? " ↓" : " ↑") : "";
        return (
          <th
            key={column.key}
            scope="col"
            className={column.isNumber ? "number" : ""}
            aria-sort={isSorted ? (order.isDescending ? "descending" : "ascending") : "none"}
          >
            <button type="button" onClick={() => setOrder(nextOrder(order, column))}>
              {column.label}
              {arrow}
            </button>
          </th>
        );
      })}
      renderRow={(row) =>
        shown.map((column) => {
          const link = links[row]!;
          const text = column.text(link, context);
          const classes = [
            column.isNumber ? "number" : "",
            column.isWarning?.(link) ? "warning" : "",
            text === "0" || text === "–" ? "faint" : "",
          ].join(" ");
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the details' buttons do the same by keyboard
            <td
              key={column.key}
              className={classes}
              title={`${text.slice(0, 300)}\n${chooseTitle}`}
              onClick={(event) => {
                const next = filterOfClick(filter, cellTerm(link, column, context), event);
                if (next === undefined) return;
                // Not the row's, which would choose the link.
                event.stopPropagation();
                onFilter(next);
              }}
            >
              {text.slice(0, 300)}
            </td>
          );
        })
      }
    />
  );
}
