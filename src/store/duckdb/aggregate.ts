import type { Aggregate, AggregateQuery, AggregateRow } from "../store.ts";
import { dimensionColumn, dimensionJoins, readDimension } from "./dimension-sql.ts";
import {
  chosenLinks,
  groupObservers,
  groupTotals,
  metricWeights,
  readObservers,
  readTotals,
  reportedTotals,
} from "./link-totals.ts";
import type { Question, SqlRow } from "./questions.ts";
import { SqlParameters } from "./sql-parameters.ts";
import { type Window, windowOf } from "./window-parts.ts";

/**
 * Answers in steps, each a part of one statement: behind those of `chosenLinks`
 *
 *     reported  per group and observer: what counts, and what that observer saw
 *     top       the heaviest groups over the window; only theirs are put together in full
 */
export async function aggregate(question: Question, query: AggregateQuery): Promise<Aggregate> {
  const window = windowOf(query, question.marks);
  const parameters = new SqlParameters();
  const rows = await question.rows(aggregateStatement(query, window, question, parameters), parameters);
  const groupCount = (rows[0]?.group_count as number | undefined) ?? 0;
  return {
    ...window,
    rows: rows.map((row) => readAggregateRow(row, query)),
    groupsLeftOut: Math.max(0, groupCount - query.limit),
  };
}

function aggregateStatement(
  query: AggregateQuery,
  window: Window,
  question: Question,
  parameters: SqlParameters,
): string {
  const { by, metric, limit } = query;
  const groups = by.map((_, i) => `d${i}`);
  const having = by.includes("observer") ? "" : "HAVING bool_or(counts)";
  return `
  WITH ${chosenLinks(query, window, question, parameters)},
  reported AS MATERIALIZED (
    SELECT l."time", ${by.map((dimension, i) => `${dimensionColumn(dimension, parameters)} AS d${i}, `).join("")}
      o.id AS observer_id, ${reportedTotals}
    FROM chosen l LEFT JOIN observers o ON o.key = l.observer_key ${dimensionJoins(by)}
    GROUP BY ALL
  ),
  top AS (
    SELECT ${[...groups, `${metricWeights[metric]} AS weight`, "count(*) OVER () AS group_count"].join(", ")}
    FROM reported ${groups.length === 0 ? "" : `GROUP BY ${groups.join(", ")}`} ${having}
    ORDER BY ${["weight DESC", ...groups].join(", ")} LIMIT ${parameters.integer(limit)}
  )
  SELECT "time", ${groups.map((name) => `r.${name}, `).join("")} ${groupTotals}, ${groupObservers} AS observers,
    any_value(group_count)::DOUBLE AS group_count
  FROM reported r JOIN top t ON ${groups.map((name) => `r.${name} = t.${name}`).join(" AND ") || "true"}
  GROUP BY ${['"time"', "weight", ...groups.map((name) => `r.${name}`)].join(", ")} ${having}
  ORDER BY ${["weight DESC", ...groups.map((name) => `r.${name}`), '"time"'].join(", ")}`;
}

function readAggregateRow(row: SqlRow, { by }: AggregateQuery): AggregateRow {
  return {
    group: by.map((dimension, i) => readDimension(dimension, row[`d${i}`])),
    time: Number(row.time),
    ...readTotals(row),
    observers: readObservers(row),
  };
}
