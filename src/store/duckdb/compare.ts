import type { CompareQuery, Comparison } from "../store.ts";
import { groupCells } from "./aggregate.ts";
import { dimensionColumns, dimensionJoins, knownColumns, readDimension } from "./dimension-sql.ts";
import { linkRowsOfWindow } from "./link-rows.ts";
import {
  chosenRows,
  groupTotals,
  linkIdentity,
  metricWeights,
  totalsReader,
  windowRows,
} from "./link-totals.ts";
import type { Question, SqlColumns } from "./questions.ts";
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
    SELECT ${[...knownColumns(by), "min(first_seen) AS first_seen"].join(", ")} FROM (
      SELECT ${[...dimensionColumns(by), "l.first_seen"].join(", ")} FROM remembered l ${dimensionJoins(by, parameters)}
    ) GROUP BY ALL
  )
  SELECT sides.*, firsts.first_seen::DOUBLE AS first_seen FROM sides JOIN firsts ON
    ${groups.map((name) => `sides.${name} = firsts.${name}`).join(" AND ") || "true"}
  ORDER BY ${["difference DESC", ...groups.map((name) => `sides.${name}`)].join(", ")}`;
  const columns = await question.columns(statement, parameters);
  const count = (name: string) => Number(columns[name]![0] ?? 0);
  const [nowOf, baseOf] = [sideReader(columns, "now_"), sideReader(columns, "base_")];
  return {
    ...{ from: now.from, to: now.to, baseFrom: base.from, baseTo: base.to },
    rows: (columns.first_seen as readonly number[]).map((firstSeen, row) => ({
      group: by.map((dimension, i) => readDimension(dimension, columns[`d${i}`]![row])),
      now: nowOf(row),
      base: baseOf(row),
      firstSeen,
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

function sideReader(columns: SqlColumns, prefix: "now_" | "base_") {
  const totalsOf = totalsReader(columns, prefix);
  const lastSeen = columns[`${prefix}last_seen`]!;
  return (row: number) => (lastSeen[row] === null ? null : totalsOf(row));
}
