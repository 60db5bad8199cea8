import type { Aggregate, AggregateQuery, AggregateRow } from "../store.ts";
import { dimensionColumn, dimensionJoins, readDimension } from "./dimension-sql.ts";
import {
  bucketOf,
  chosenRows,
  countedSums,
  metricColumns,
  metricWeights,
  noSeenColumns,
  readTotals,
  seenColumns,
  windowRows,
} from "./link-totals.ts";
import type { Question, SqlRow } from "./questions.ts";
import { SqlParameters } from "./sql-parameters.ts";
import { type Window, windowOf } from "./window-parts.ts";

/**
 * Answers in steps, each a part of one statement: behind those of `windowRows`
 *
 *     cells  per bucket and group: what counts
 *     top    the heaviest groups over the window
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
  const { metric, limit } = query;
  const groups = query.by.map((_, i) => `d${i}`);
  const names = groups.map((name) => `${name}, `).join("");
  return `
  WITH ${windowRows(query, window, question, parameters)},
  cells AS MATERIALIZED (${groupCells(query, bucketOf(window, parameters), parameters)}),
  top AS (
    SELECT ${names} ${metricWeights[metric]} AS weight, count(*) OVER () AS group_count
    FROM cells ${groups.length === 0 ? "" : `GROUP BY ${groups.join(", ")}`} HAVING count(*) > 0
    ORDER BY ${["weight DESC", ...groups].join(", ")} LIMIT ${parameters.integer(limit)}
  )
  SELECT cells.*, group_count::DOUBLE AS group_count
  FROM cells JOIN top t ON ${groups.map((name) => `cells.${name} = t.${name}`).join(" AND ") || "true"}
  ORDER BY ${["weight DESC", ...groups.map((name) => `cells.${name}`), '"time"'].join(", ")}`;
}

/**
 * Totals per bucket and group, of the rows that the filter leaves. A group whose every row is a duplicate is left out, unless each is
 * what one observer reported.
 */
export function groupCells(
  { by, filter, sampled, metric, figures }: Omit<AggregateQuery, "from" | "to" | "limit">,
  bucket: string,
  parameters: SqlParameters,
): string {
  const isByObserver = by.includes("observer");
  // Of duplicates nothing is told then but times; where these are not asked for, half of the rows need not be read.
  const areDuplicatesTold = isByObserver || figures !== "metric";
  return `
    SELECT ${bucket} AS "time", ${by.map((dimension, i) => `${dimensionColumn(dimension, parameters)} AS d${i}, `).join("")}
      ${figures === "metric" ? `${countedSums(sampled, metricColumns[metric])}, ${noSeenColumns}` : `${countedSums(sampled)}, ${seenColumns}`}
    FROM ${chosenRows({ filter })} l ${isByObserver ? "LEFT JOIN observers o ON o.key = l.observer_key" : ""} ${dimensionJoins(by)}
    ${areDuplicatesTold ? "" : "WHERE NOT l.is_duplicate"}
    GROUP BY ${["1", ...by.map((_, i) => `${i + 2}`)].join(", ")} ${isByObserver ? "" : "HAVING bool_or(NOT l.is_duplicate)"}`;
}

function readAggregateRow(row: SqlRow, { by }: AggregateQuery): AggregateRow {
  return {
    group: by.map((dimension, i) => readDimension(dimension, row[`d${i}`])),
    time: Number(row.time),
    ...readTotals(row),
  };
}
