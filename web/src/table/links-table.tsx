import { useMemo, useState } from "react";
import type { TopologyStore } from "../data/topology-store.ts";
import { useTopologyVersion } from "../data/use-topology.ts";
import type { Selection } from "../view.ts";
import { linkColumns, nextOrder, type SortOrder, sortLinks } from "./link-columns.ts";
import { VirtualTable } from "./virtual-table.tsx";

export interface LinksTableProps {
  readonly store: TopologyStore;
  readonly isLive: boolean;
  readonly selection: Selection | undefined;
  readonly onSelect: (selection: Selection | undefined) => void;
}

const columns = linkColumns.map(({ width }) => width).join(" ");

/** The map as a table: the same links, the same selection. */
export function LinksTable({ store, isLive, selection, onSelect }: LinksTableProps) {
  const version = useTopologyVersion(store);
  const [order, setOrder] = useState<SortOrder>({ key: "rate", isDescending: true });
  const { state } = store;
  const context = { peers: state.peers, interval: state, isLive };
  // biome-ignore lint/correctness/useExhaustiveDependencies: the state is mutable, its version tells
  const links = useMemo(() => sortLinks(state.links.values(), order, context), [version, order, isLive]);
  const selectedRow = selection?.kind === "link" ? links.findIndex(({ id }) => id === selection.id) : -1;
  const touches = (row: number) => {
    const { client, server } = links[row]!;
    return selection?.kind === "peer" && (client === selection.id || server === selection.id);
  };
  return (
    <VirtualTable
      label="Links"
      testId="links-table"
      columns={columns}
      rowCount={links.length}
      selectedRow={selectedRow}
      rowKey={(row) => links[row]?.id ?? String(row)}
      rowClass={(row) => (touches(row) ? "of-selected-peer" : "")}
      onRow={(row) => onSelect({ kind: "link", id: links[row]!.id })}
      head={linkColumns.map((column) => {
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
        linkColumns.map((column) => {
          const link = links[row]!;
          const text = column.text(link, context);
          const classes = [
            column.isNumber ? "number" : "",
            column.isWarning?.(link) ? "warning" : "",
            text === "0" || text === "–" ? "faint" : "",
          ].join(" ");
          return (
            <td key={column.key} className={classes} title={column.isNumber ? undefined : text.slice(0, 300)}>
              {text.slice(0, 300)}
            </td>
          );
        })
      }
    />
  );
}
