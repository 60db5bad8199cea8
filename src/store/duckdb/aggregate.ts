import type { Aggregate, AggregateQuery, AggregateRow } from "../store.ts";
import { dimensionColumns, dimensionJoins, knownColumns, readDimension } from "./dimension-sql.ts";
import {
  bucketOf,
  chosenRows,
  countedSeen,
  countedSums,
  metricColumns,
  metricWeights,
  summedRows,
  sums,
  totalsReader,
  windowRows,
} from "./link-totals.ts";
import type { Question, SqlColumns } from "./questions.ts";
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
  const columns = await question.columns(aggregateStatement(query, window, question, parameters), parameters);
  const groupCount = (columns.group_count![0] as number | undefined) ?? 0;
  return {
    ...window,
    rows: readAggregateRows(columns, query),
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
  const keys = [`${bucket} AS "time"`, ...dimensionColumns(by)];
  const groups = [`"time"::DOUBLE AS "time"`, ...knownColumns(by)];
  const rows = `${chosenRows({ filter })} l ${dimensionJoins(by, parameters)}`;
  const positions = keys.map((_, i) => i + 1).join(", "); // ALL would be none where all of them are constant
  const isByObserver = by.includes("observer");
  // Of duplicates nothing is told but times; where these are not asked for, half of the rows need not be read.
  if (figures === "metric" && !isByObserver) {
    const asked = metricColumns[metric];
    const counting = `SELECT ${[...keys, ...sums(sampled, asked)].join(", ")} FROM ${rows} WHERE NOT l.is_duplicate GROUP BY ${positions}`;
    return `SELECT ${[...groups, ...asked.map((name) => `sum(${name}) AS ${name}`)].join(", ")} FROM (${counting}) GROUP BY ${positions}`;
  }
  const told = figures === "metric" ? countedSums(metricColumns[metric]) : [...countedSums(), ...countedSeen];
  return `
    SELECT ${[...groups, ...told].join(", ")} FROM (${summedRows(rows, keys, sampled)}) l
    GROUP BY ${positions} ${isByObserver ? "" : "HAVING bool_or(NOT l.is_duplicate)"}`;
}

function readAggregateRows(columns: SqlColumns, { by }: AggregateQuery): AggregateRow[] {
  const totalsOf = totalsReader(columns);
  const times = columns.time as readonly number[];
  const groups = by.map((dimension, i) => [dimension, columns[`d${i}`]!] as const);
  return times.map((time, row) => ({
    ...totalsOf(row),
    group: groups.map(([dimension, values]) => readDimension(dimension, values[row])),
    time,
  }));
}
