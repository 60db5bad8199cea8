import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { fetchSeries } from "../data/api.ts";
import { ProblemError } from "../data/problem.ts";
import { useServerClock } from "../data/server-clock.ts";
import { addTerm } from "../filter/filter-text.ts";
import type { ThemeName } from "../map/palette.ts";
import { MetricSelect } from "../matrix/matrix-view.tsx";
import { formatMetric, formatMetricRate } from "../metric.ts";
import { rangeBounds, seriesStep } from "../time/time-range.ts";
import { topGroupings } from "../top/top-groups.ts";
import { GroupingControl } from "../top/top-view.tsx";
import type { View } from "../view.ts";
import { stackSeries } from "./stack.ts";
import { layerColours, StackChart } from "./stack-chart.tsx";
import "./series.css";

const layersMax = 8;
const refreshMilliseconds = 30_000;

export interface SeriesViewProps {
  readonly view: View;
  readonly theme: ThemeName;
  readonly onChange: (change: Partial<View>) => void;
}

/** The heaviest over time, and the same as a table. Dragging over a part of it looks at that part. */
export default function SeriesView({ view, theme, onChange }: SeriesViewProps) {
  const { range, filter, metric, by } = view;
  const { by: groupBy, term, heads } = topGroupings[by];
  const clock = useServerClock();
  const { data, error } = useQuery({
    queryKey: ["series-view", range, filter, metric, by],
    queryFn: async ({ signal }) => {
      const { from, to } = rangeBounds(range, await clock.ask());
      const params = { from: Math.round(from), to: Math.round(to), step: seriesStep(range), filter, metric };
      return {
        answer: await fetchSeries({ ...params, by: groupBy.slice(0, 2).join(","), limit: layersMax }, signal),
        to,
      };
    },
    placeholderData: keepPreviousData,
    refetchInterval: range.kind === "between" ? false : refreshMilliseconds,
  });
  const stack = useMemo(() => data && stackSeries(data.answer, data.to), [data]);
  const isEmpty = stack?.layers.every(({ total }) => total === 0) ?? false;
  return (
    <section className="series" aria-label="Over time">
      <div className="view-bar">
        <GroupingControl by={by} onChange={(next) => onChange({ by: next })} />
        <MetricSelect metric={metric} onChange={(next) => onChange({ metric: next })} />
        <span className="faint">The {layersMax} heaviest; drag over a part to look at it</span>
      </div>
      {error instanceof ProblemError && <p className="warning series-words">{error.problem.detail}</p>}
      {isEmpty && (
        <p className="faint series-words" data-testid="series-empty">
          Nothing was stored of this in this time. A minute is stored when it is over.
        </p>
      )}
      {stack !== undefined && !isEmpty && (
        <>
          <StackChart
            stack={stack}
            theme={theme}
            metric={metric}
            onRange={(from, to) => onChange({ range: { kind: "between", from, to } })}
          />
          <div className="series-legend">
            <table className="top-table" data-testid="series-table">
              <thead>
                <tr>
                  <th scope="col">{heads.join(" → ")}</th>
                  <th className="number" scope="col">
                    In all
                  </th>
                  <th className="number" scope="col">
                    At most
                  </th>
                </tr>
              </thead>
              <tbody>
                {stack.layers.map(({ group, total, peak }, i) => (
                  <tr key={group.join("\u0000")}>
                    <td className="of-group">
                      <button
                        type="button"
                        title={group.join(" → ")}
                        onClick={(event) =>
                          onChange({
                            filter: addTerm(filter, event.altKey ? `-(${term(group)})` : term(group)),
                          })
                        }
                      >
                        <span className="swatch" style={{ background: layerColours(theme)[i % layersMax] }} />
                        {group.map((part) => part || "unknown").join(" → ")}
                      </button>
                    </td>
                    <td className="number">{formatMetric(total, metric)}</td>
                    <td className="number">{formatMetricRate(peak, metric)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </section>
  );
}
