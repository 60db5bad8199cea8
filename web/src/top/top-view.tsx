import { NativeSelect } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { MouseEvent } from "react";
import type { Top } from "../data/answers.ts";
import { fetchTop } from "../data/api.ts";
import { ProblemError } from "../data/problem.ts";
import { Bar } from "../details/panel.tsx";
import { filterTitle } from "../filter/filter-click.ts";
import { addTerm } from "../filter/filter-text.ts";
import { MetricSelect } from "../matrix/matrix-view.tsx";
import { formatMetric, type Metric, metricLabels } from "../metric.ts";
import { timeParams } from "../time/time-range.ts";
import { countOf, formatBytes, formatCount, formatMilliseconds } from "../units/units.ts";
import { type TopBy, topBys, type View } from "../view.ts";
import { type TopGrouping, topGroupings } from "./top-groups.ts";
import "../matrix/matrix.css";
import "./top.css";

const rowsMax = 100;
const refreshMilliseconds = 15_000;

export interface TopViewProps {
  readonly view: View;
  readonly onChange: (change: Partial<View>) => void;
}

/** The heaviest of whatever is asked for. A click filters in, with Alt out. */
export default function TopView({ view, onChange }: TopViewProps) {
  const { range, filter, metric, by } = view;
  const grouping = topGroupings[by];
  const { data, error } = useQuery({
    queryKey: ["top", range, filter, metric, by],
    queryFn: ({ signal }) =>
      fetchTop({ ...timeParams(range), filter, metric, by: grouping.by.join(","), limit: rowsMax }, signal),
    placeholderData: keepPreviousData,
    refetchInterval: range.kind === "between" ? false : refreshMilliseconds,
  });
  return (
    <section className="top" aria-label="Top">
      <div className="view-bar">
        <GroupingControl by={by} onChange={(next) => onChange({ by: next })} />
        <MetricSelect metric={metric} onChange={(next) => onChange({ metric: next })} />
        <span className="faint">A click filters in, with Alt out</span>
      </div>
      <div className="top-scroller">
        {error instanceof ProblemError && <p className="warning">{error.problem.detail}</p>}
        {data !== undefined && data.rows.length === 0 && (
          <p className="faint" data-testid="top-empty">
            Nothing was stored of this in this time{filter === "" ? "" : ", or the filter hides it"}. A minute
            is stored when it is over.
          </p>
        )}
        {data !== undefined && data.rows.length > 0 && (
          <TopTable
            {...{ data, grouping, metric }}
            onTerm={(term, isOut) => onChange({ filter: addTerm(filter, isOut ? `-(${term})` : term) })}
          />
        )}
        {data !== undefined && data.groupsLeftOut > 0 && (
          <p className="faint">and {countOf(data.groupsLeftOut, "lighter one")}</p>
        )}
      </div>
    </section>
  );
}

export function GroupingControl({ by, onChange }: { by: TopBy; onChange: (by: TopBy) => void }) {
  return (
    <NativeSelect
      aria-label="Grouped by"
      data-testid="top-by"
      value={by}
      onChange={(event) => onChange(event.currentTarget.value as TopBy)}
      data={topBys.map((value) => ({ value, label: topGroupings[value].label }))}
    />
  );
}

interface TopTableProps {
  readonly data: Top;
  readonly grouping: TopGrouping;
  readonly metric: Metric;
  readonly onTerm: (term: string, isOut: boolean) => void;
}

function TopTable({ data: { rows }, grouping, metric, onTerm }: TopTableProps) {
  const heaviest = Math.max(1, ...rows.map(({ value }) => value));
  const isDirected = metric !== "bytes";
  return (
    <table className="top-table" data-testid="top-table">
      <thead>
        <tr>
          {grouping.heads.map((head) => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
          <th scope="col" className="number">
            {metricLabels[metric]}
          </th>
          {isDirected && (
            <th className="number" scope="col">
              Bytes
            </th>
          )}
          <th className="number extra" scope="col">
            Sent
          </th>
          <th className="number extra" scope="col">
            Received
          </th>
          <th className="number extra" scope="col">
            Opened
          </th>
          <th className="number extra" scope="col">
            Failed
          </th>
          <th className="number extra" scope="col">
            RTT
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const pick = (event: MouseEvent) => onTerm(grouping.term(row.group), event.altKey);
          return (
            <tr key={row.group.join("\u0000")}>
              {row.group.map((text, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a group's parts have no other name than their place
                <td key={i} className="of-group">
                  <button
                    type="button"
                    onClick={pick}
                    title={`${text}\n${filterTitle}`}
                    disabled={row.group.every((part) => part === "")}
                  >
                    {text === "" ? "unknown" : text}
                  </button>
                </td>
              ))}
              <td className="number of-value">
                {formatMetric(row.value, metric)}
                <Bar part={row.value / heaviest} />
              </td>
              {isDirected && <td className="number">{formatBytes(row.bytesSent + row.bytesReceived)}</td>}
              <td className="number extra">{formatBytes(row.bytesSent)}</td>
              <td className="number extra">{formatBytes(row.bytesReceived)}</td>
              <td className="number extra">{formatCount(row.connections)}</td>
              <td className={`number extra ${row.failed > 0 ? "warning" : ""}`}>{formatCount(row.failed)}</td>
              <td className="number extra">{formatMilliseconds(row.rttMs)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
