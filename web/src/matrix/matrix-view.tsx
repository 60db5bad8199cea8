import { NativeSelect, SegmentedControl } from "@mantine/core";
import { type MouseEvent, useMemo } from "react";
import type { TopologyState } from "../data/topology-state.ts";
import type { TopologyStore } from "../data/topology-store.ts";
import { useTopologyVersion } from "../data/use-topology.ts";
import { gatheredTerm } from "../details/group-terms.ts";
import { chooseTitle, filterOfClick } from "../filter/filter-click.ts";
import { formatMetric, type Metric, metricLabels, metrics } from "../metric.ts";
import { gatherLink, gatherPeer } from "../nest/gather.ts";
import { countOf, formatBytes, formatCount, shorten } from "../units/units.ts";
import type { MatrixBy, Selection, View } from "../view.ts";
import { buildMatrix, type MatrixData, shadeOf } from "./matrix-data.ts";
import "./matrix.css";

const membersMax = 48;

export interface MatrixViewProps {
  readonly store: TopologyStore;
  readonly view: View;
  readonly selection: Selection | undefined;
  readonly onSelect: (selection: Selection | undefined) => void;
  readonly onChange: (change: Partial<View>) => void;
}

/** Clients against servers: a table, and so its own twin for those who do not see it. */
export default function MatrixView({ store, view, selection, onSelect, onChange }: MatrixViewProps) {
  const version = useTopologyVersion(store);
  const { metric, matrix } = view;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the state is mutable, its version tells
  const data = useMemo(() => buildMatrix(store.state, matrix, metric, membersMax), [version, matrix, metric]);
  const onClick = (event: MouseEvent) => {
    const { id, kind } = (event.target as HTMLElement).closest<HTMLElement>("[data-id]")?.dataset ?? {};
    if (id === undefined) return;
    const next = filterOfClick(view.filter, termOf(store.state, id, kind === "link"), event);
    if (next !== undefined) onChange({ filter: next });
    else onSelect({ kind: kind === "link" ? "link" : "peer", id });
  };
  return (
    <section className="matrix" aria-label="Matrix">
      <div className="view-bar">
        <SegmentedControl
          size="xs"
          aria-label="Rows and columns"
          data-testid="matrix-by"
          value={matrix}
          onChange={(next) => onChange({ matrix: next as MatrixBy })}
          data={[
            { value: "group", label: "Namespaces, networks" },
            { value: "member", label: "Workloads, hosts" },
          ]}
        />
        <MetricSelect metric={metric} onChange={(next) => onChange({ metric: next })} />
        <span className="faint">
          Rows call columns{data.leftOut > 0 && `; ${countOf(data.leftOut, "lighter one")} left out`}
        </span>
      </div>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: its buttons take the keys */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: its buttons take the keys */}
      <div className="matrix-scroller" onClick={onClick}>
        {data.members.length > 0 && <MatrixTable data={data} metric={metric} selection={selection} />}
      </div>
    </section>
  );
}

/** The filter's term for a cell, or for a heading. */
function termOf(state: TopologyState, id: string, isLink: boolean): string {
  if (!isLink) {
    const member = gatherPeer(state, id);
    return member === undefined ? "" : gatheredTerm(member);
  }
  const between = gatherLink(state, id);
  if (between === undefined) return "";
  return `${gatheredTerm(between.client, "client")} ${gatheredTerm(between.server, "server")}`;
}

export function MetricSelect({ metric, onChange }: { metric: Metric; onChange: (metric: Metric) => void }) {
  return (
    <NativeSelect
      aria-label="Weighed by"
      data-testid="metric"
      value={metric}
      onChange={(event) => onChange(event.currentTarget.value as Metric)}
      data={metrics.map((value) => ({ value, label: metricLabels[value] }))}
    />
  );
}

interface MatrixTableProps {
  readonly data: MatrixData;
  readonly metric: Metric;
  readonly selection: Selection | undefined;
}

function MatrixTable({
  data: { members, rows, columns, cells, largest },
  metric,
  selection,
}: MatrixTableProps) {
  const isWide = columns.length <= 14;
  return (
    <table className="matrix-table" data-testid="matrix" data-wide={isWide ? "" : undefined}>
      <caption className="visually-hidden">
        {metricLabels[metric]} from each client, a row, to each server, a column
      </caption>
      <thead>
        <tr>
          <td />
          {columns
            .map((column) => members[column]!)
            .map(({ id, name, around }) => (
              <th
                key={id}
                scope="col"
                title={`${around === "" ? name : `${name}, ${around}`}\n${chooseTitle}`}
              >
                <button type="button" data-id={id}>
                  <span>{shorten(name, 22)}</span>
                </button>
              </th>
            ))}
        </tr>
      </thead>
      <tbody>
        {rows
          .map((row) => ({ ...members[row]!, row }))
          .map(({ id, name, around, row }) => (
            <tr key={id} data-row={id} aria-selected={selection?.id === id}>
              <th scope="row" title={`${around === "" ? name : `${name}, ${around}`}\n${chooseTitle}`}>
                <button type="button" data-id={id}>
                  {around !== "" && <span className="faint">{shorten(around, 16)} </span>}
                  {shorten(name, 26)}
                </button>
              </th>
              {columns.map((column) => {
                const server = members[column]!;
                const cell = cells.get(`${row} ${column}`);
                if (cell === undefined) return <td key={server.id} />;
                const link = `${id}>${server.id}`;
                const words = `${name} to ${server.name}: ${formatMetric(cell.value, metric)}, ${countOf(cell.linkCount, "link")}`;
                const failed = cell.failed > 0 ? `, ${formatCount(cell.failed)} failed` : "";
                return (
                  <td
                    key={server.id}
                    data-shade={shadeOf(cell.value, largest)}
                    data-chosen={selection?.id === link || undefined}
                  >
                    <button
                      type="button"
                      data-id={link}
                      data-kind="link"
                      title={`${words}${failed}\n${chooseTitle}`}
                      aria-label={words + failed}
                    >
                      {isWide &&
                        cell.value > 0 &&
                        (metric === "bytes" ? formatBytes(cell.value) : formatCount(cell.value))}
                      {cell.failed > 0 && <span className="matrix-mark">×</span>}
                    </button>
                  </td>
                );
              })}
            </tr>
          ))}
      </tbody>
    </table>
  );
}
