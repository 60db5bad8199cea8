import type { CompareQuery, Comparison } from "../store.ts";
import { groupCells } from "./aggregate.ts";
import { dimensionColumn, dimensionJoins, readDimension } from "./dimension-sql.ts";
import { linkRowsOfWindow } from "./link-rows.ts";
import {
  chosenRows,
  groupTotals,
  linkIdentity,
  metricWeights,
  readTotals,
  windowRows,
} from "./link-totals.ts";
import type { Question, SqlRow } from "./questions.ts";
import { linkSumColumns } from "./schema.ts";
import { SqlParameters } from "./sql-parameters.ts";
import { type Window, windowOf } from "./window-parts.ts";

const totalColumns = [...linkSumColumns, "rtt_min", "first_seen", "last_seen"] as const;

/**
 * Each window as `aggregate` answers it, without a limit, side by side. When a group was first seen is asked of all that is kept,
 * for the links that the filter chose in either window.
 */
export async function compare(question: Question, query: CompareQuery): Promise<Comparison> {
  const { by } = query;
  const now = windowOf({ from: query.from, to: query.to }, question.marks);
  const base = windowOf({ from: query.baseFrom, to: query.baseTo }, question.marks);
  const parameters = new SqlParameters();
  const groups = by.map((_, i) => `d${i}`);
  const same = groups.map((name) => `n.${name} = b.${name}`).join(" AND ") || "true";
  const either = groups.map((name) => `coalesce(n.${name}, b.${name}) AS ${name}, `).join("");
  const all = { from: 0, to: Number.MAX_SAFE_INTEGER, step: undefined };
  const statement = `
  WITH now AS (${groupsOfWindow(query, now, question, parameters)}),
  base AS (${groupsOfWindow(query, base, question, parameters)}),
  sides AS (
    SELECT ${either} abs(coalesce(n.weight, 0) - coalesce(b.weight, 0)) AS difference,
      ${totalColumns.map((name) => `n.${name} AS now_${name}, b.${name} AS base_${name}`).join(", ")},
      count(*) FILTER (b.weight IS NULL) OVER () AS new_count, count(*) FILTER (n.weight IS NULL) OVER () AS gone_count,
      count(*) OVER () AS all_count
    FROM now n FULL JOIN base b ON ${same}
    ORDER BY ${["difference DESC", ...groups].join(", ")} LIMIT ${parameters.integer(query.limit)}
  ),
  remembered AS (
    SELECT ${linkIdentity}, observer_key, client_interface, server_interface, min(first_seen) AS first_seen
    FROM (${linkRowsOfWindow(all, question.marks, parameters)})
    SEMI JOIN (${keysOfWindow(query, now, question, parameters)} UNION ALL ${keysOfWindow(query, base, question, parameters)})
      USING (${linkIdentity})
    GROUP BY ALL
  ),
  firsts AS (
    SELECT ${by.map((dimension, i) => `${dimensionColumn(dimension, parameters)} AS d${i}, `).join("")} min(l.first_seen) AS first_seen
    FROM remembered l LEFT JOIN observers o ON o.key = l.observer_key ${dimensionJoins(by)} GROUP BY ALL
  )
  SELECT sides.*, firsts.first_seen::DOUBLE AS first_seen FROM sides JOIN firsts ON
    ${groups.map((name) => `sides.${name} = firsts.${name}`).join(" AND ") || "true"}
  ORDER BY ${["difference DESC", ...groups.map((name) => `sides.${name}`)].join(", ")}`;
  const rows = await question.rows(statement, parameters);
  const count = (name: string) => Number(rows[0]?.[name] ?? 0);
  return {
    ...{ from: now.from, to: now.to, baseFrom: base.from, baseTo: base.to },
    rows: rows.map((row) => ({
      group: by.map((dimension, i) => readDimension(dimension, row[`d${i}`])),
      now: readSide(row, "now_"),
      base: readSide(row, "base_"),
      firstSeen: Number(row.first_seen),
    })),
    newCount: count("new_count"),
    goneCount: count("gone_count"),
    bothCount: count("all_count") - count("new_count") - count("gone_count"),
  };
}

function groupsOfWindow(
  query: CompareQuery,
  window: Window,
  question: Question,
  parameters: SqlParameters,
): string {
  const groups = query.by.map((_, i) => `d${i}`);
  return `
    WITH ${windowRows(query, window, question, parameters)},
    cells AS (${groupCells(query, "0", parameters)})
    SELECT ${groups.map((name) => `${name}, `).join("")} ${groupTotals()}, ${metricWeights[query.metric]} AS weight
    FROM cells ${groups.length === 0 ? "" : `GROUP BY ${groups.join(", ")}`} HAVING count(*) > 0`;
}

function keysOfWindow(
  query: CompareQuery,
  window: Window,
  question: Question,
  parameters: SqlParameters,
): string {
  return `(WITH ${windowRows(query, window, question, parameters)} SELECT DISTINCT ${linkIdentity} FROM ${chosenRows(query)})`;
}

function readSide(row: SqlRow, prefix: "now_" | "base_") {
  if (row[`${prefix}last_seen`] === null) return null;
  return readTotals(Object.fromEntries(totalColumns.map((name) => [name, row[`${prefix}${name}`]])));
}
