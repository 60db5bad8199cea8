import { assert } from "../../flow/index.ts";
import { type AskedCounter, askedCounters } from "../../topology/index.ts";
import type { AskedNames, AskedNamesQuery } from "../store.ts";
import { mapHalves, peerAddressColumns } from "./address-value.ts";
import { askedSums } from "./asked-table.ts";
import { type FilterColumns, filterCondition } from "./filter-sql.ts";
import type { Question } from "./questions.ts";
import { askedColumn } from "./schema.ts";
import { SqlParameters } from "./sql-parameters.ts";
import { ceilTo, floorTo, hourMilliseconds } from "./window-parts.ts";

const trouble = ["nxdomain", "servfail", "refused", "other_failure"].map((name) => `${name}_count`);
const failures = trouble.join(" + ");

/** What a search list made has fewer labels; each label of a name is one more to try, and a name of 253 characters may have 126. */
const triedLabelsMax = 16;

/**
 *     asked    per name what became of the questions of those peers
 *     tried    of each name that does not exist the names that it may be a try of: the first labels of it, as a search list
 *              (resolv.conf) puts domains behind them, and, as in a cluster's, the same without the namespace before `svc`
 *     meant    the longest of these that was answered
 */
export async function askedNames(question: Question, query: AskedNamesQuery): Promise<AskedNames> {
  const from = floorTo(query.from, hourMilliseconds);
  const to = ceilTo(query.to, hourMilliseconds);
  const parameters = new SqlParameters();
  const condition =
    query.filter === undefined ? "true" : filterCondition(query.filter, peerColumns, parameters);
  const rows = await question.rows(
    `WITH asked AS MATERIALIZED (
      SELECT a.name, ${askedSums}, max(a.last_seen)::DOUBLE AS last_seen, count(DISTINCT p.id)::DOUBLE AS peers
      FROM asked_names a JOIN peers p ON p.key = a.peer_key
      WHERE a."time" >= ${parameters.integer(from)} AND a."time" < ${parameters.integer(to)} AND ${condition}
      GROUP BY a.name
    ),
    tried AS (
      SELECT name, unnest(list_append(list_transform(range(1, len(labels)), lambda i: array_to_string(labels[1:i], '.')),
        regexp_replace(name, '\\.[^.]+\\.svc\\.', '.svc.'))) AS shorter
      FROM (SELECT name, string_split(name, '.') AS labels FROM asked WHERE nxdomain_count > 0 AND nxdomain_count = answer_count)
      WHERE len(labels) <= ${triedLabelsMax}
    ),
    meant AS (
      SELECT t.name, max_by(a.name, length(a.name)) AS search_of FROM tried t JOIN asked a ON a.name = t.shorter
      WHERE a.name <> t.name AND a.answer_count > ${failures} GROUP BY t.name
    )
    SELECT asked.* REPLACE (${askedCounters.map((each) => `${askedColumn(each)}::DOUBLE AS ${askedColumn(each)}`).join(", ")}),
      meant.search_of, count(*) OVER ()::DOUBLE AS name_count
    FROM asked LEFT JOIN meant USING (name)
    ORDER BY search_of IS NOT NULL, ${failures} + timed_out_count DESC, query_count DESC, name
    LIMIT ${parameters.integer(query.limit)}`,
    parameters,
  );
  return {
    ...{ from, to },
    rows: rows.map((row) => ({
      ...countersOf(row),
      name: row.name as string,
      lastSeen: row.last_seen as number,
      peers: row.peers as number,
      searchOf: (row.search_of ?? undefined) as string | undefined,
    })),
    namesLeftOut: ((rows[0]?.name_count as number | undefined) ?? rows.length) - rows.length,
  };
}

function countersOf(row: Readonly<Record<string, unknown>>): Record<AskedCounter, number> {
  const entries = askedCounters.map((counter) => [counter, Number(row[askedColumn(counter)])]);
  return Object.fromEntries(entries) as Record<AskedCounter, number>;
}

/** Of a peer by itself: whoever asks has checked that the filter says nothing of links. */
const peerColumns: FilterColumns = {
  ends: ["client"],
  peer: (_, column) => `p.${column}`,
  address: (_, conditionOf) => conditionOf(mapHalves(peerAddressColumns, (half) => `p.${half}`)),
  called: () => undefined,
  calledAddress: () => undefined,
  port: () => undefined,
  interface: notOfPeers,
  vlan: undefined,
  get protocol(): string {
    return notOfPeers();
  },
  seenBy: notOfPeers,
  measure: notOfPeers,
};

function notOfPeers(): never {
  assert(false, "a filter of peers says nothing of links");
}
