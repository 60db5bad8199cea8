import { formatProtocol } from "../../flow/index.ts";
import { type Filter, hasMeasure } from "../../query/index.ts";
import type { Aggregate, AggregateQuery, AggregateRow, Dimension, Metric, ObserverTotals } from "../store.ts";
import { type FilterColumns, filterCondition } from "./filter-sql.ts";
import { linkRowsOfWindow, minuteMilliseconds } from "./link-rows.ts";
import type { Question, SqlRow } from "./questions.ts";
import { leastRtt, linkSumColumns, readCounters } from "./schema.ts";
import { SqlParameters } from "./sql-parameters.ts";

/**
 * Answers in steps, each a part of one statement:
 *
 *     rows      links per minute and observer
 *     links     the same per bucket; what is counted apart from what is duplicate
 *     matching  the links (client, server, port, protocol) for which the filter holds, over the window
 *     reported  per group and observer: what counts, and what that observer saw
 *     top       the heaviest groups over the window; only theirs are put together in full
 */
export async function aggregate(question: Question, query: AggregateQuery): Promise<Aggregate> {
  const from = floorTo(query.from, minuteMilliseconds);
  const to = floorTo(query.to + minuteMilliseconds - 1, minuteMilliseconds);
  const parameters = new SqlParameters();
  const statement = aggregateStatement(query, from, to, question.rolledUpId, parameters);
  const rows = await question.rows(statement, parameters);
  const groupCount = (rows[0]?.group_count as number | undefined) ?? 0; // of what is ranked
  const { by } = query;
  return {
    from,
    to,
    rows: rows.map((row) => readAggregateRow(row, by)),
    groupsLeftOut: groupCount === 0 ? 0 : Math.max(0, groupCount - query.limit),
  };
}

function aggregateStatement(
  { by, filter, step, metric, limit, rankBy }: AggregateQuery,
  from: number,
  to: number,
  rolledUpId: number,
  parameters: SqlParameters,
): string {
  const [fromParameter, toParameter] = [parameters.integer(from), parameters.integer(to)];
  const bucket = step === undefined ? fromParameter : `minute - minute % ${parameters.integer(step)}`;
  const groups = by.map((_, i) => `d${i}`);
  const ranked = groups.slice(0, rankBy);
  return `
  WITH rows AS (${linkRowsOfWindow(rolledUpId, fromParameter, toParameter)}),
  links AS ${filter === undefined ? "" : "MATERIALIZED"} (
    SELECT ${bucket} AS time, client_key, server_key, server_port, protocol, observer_key,
      bool_or(NOT is_duplicate) AS counts,
      ${["bytes_sent", "bytes_received", "packets"].map((name) => `${countedSum(name)}, ${duplicateSum(name)}`).join(", ")},
      ${ofConnections.map(countedSum).join(", ")},
      ${leastRtt("CASE WHEN is_duplicate THEN 0 ELSE rtt_min END")}::DOUBLE AS rtt_min,
      max(last_seen)::DOUBLE AS last_seen
    FROM rows GROUP BY ALL
  )${filter === undefined ? "" : `, matching AS (${matchingLinks(filter, parameters)})`},
  reported AS MATERIALIZED (
    SELECT l.time, ${by.map((dimension, i) => `${dimensionColumns[dimension]} AS d${i}, `).join("")}
      o.id AS observer_id, bool_or(l.counts) AS counts,
      ${summed.map((name) => `sum(l.${name}) AS ${name}`).join(", ")},
      ${seenColumns.map((name) => `sum(${seenSum(name)}) AS seen_${name}`).join(", ")},
      ${leastRtt("l.rtt_min")} AS rtt_min, max(l.last_seen) AS last_seen
    FROM links l
    ${filter === undefined ? "" : "SEMI JOIN matching m USING (client_key, server_key, server_port, protocol)"}
    LEFT JOIN observers o ON o.key = l.observer_key
    ${by.some((dimension) => dimension.startsWith("client")) ? "LEFT JOIN peers c ON c.key = l.client_key" : ""}
    ${by.some((dimension) => dimension.startsWith("server")) ? "LEFT JOIN peers s ON s.key = l.server_key" : ""}
    GROUP BY ALL
  ),
  top AS (
    SELECT ${[...ranked, `sum(${metricColumns[metric]}) AS weight`, "count(*) OVER () AS group_count"].join(", ")}
    FROM reported ${ranked.length === 0 ? "" : `GROUP BY ${ranked.join(", ")}`}
    ${by.includes("observer") ? "" : "HAVING bool_or(counts)"}
    ORDER BY ${["weight DESC", ...ranked].join(", ")} LIMIT ${parameters.integer(limit)}
  )
  SELECT time, ${groups.map((name) => `r.${name}, `).join("")}
    ${summed.map((name) => `sum(${name}) AS ${name}`).join(", ")}, ${leastRtt("rtt_min")} AS rtt_min, max(last_seen) AS last_seen,
    list({ 'id': observer_id, 'bytesSent': seen_bytes_sent, 'bytesReceived': seen_bytes_received,
      'packets': seen_packets } ORDER BY observer_id) AS observers,
    any_value(group_count)::DOUBLE AS group_count
  FROM reported r JOIN top t ON ${ranked.map((name) => `r.${name} = t.${name}`).join(" AND ") || "true"}
  GROUP BY ${["time", "weight", ...groups.map((name) => `r.${name}`)].join(", ")}
  ${by.includes("observer") ? "" : "HAVING bool_or(counts)"}
  ORDER BY ${["weight DESC", ...groups.map((name) => `r.${name}`), "time"].join(", ")}
  ${rankBy === undefined ? "" : `LIMIT ${rowsMax}`}`;
}

/** Rows of an answer whose groups are divided further: what the main thread can take in well under a second. */
const rowsMax = 50_000;

const seenColumns = ["bytes_sent", "bytes_received", "packets"] as const;
const ofConnections = linkSumColumns.slice(seenColumns.length);
const summed = linkSumColumns;

function countedSum(name: string): string {
  return `sum(CASE WHEN is_duplicate THEN 0 ELSE ${name}::DOUBLE END) AS ${name}`;
}

function duplicateSum(name: string): string {
  return `sum(CASE WHEN is_duplicate THEN ${name}::DOUBLE ELSE 0 END) AS duplicate_${name}`;
}

/** An agent's duplicates are the other ends of the connections it already counts; an exporter's are other connections. */
function seenSum(name: string): string {
  const both = `l.${name} + l.duplicate_${name}`;
  return `CASE WHEN o.kind = 'agent' THEN greatest(l.${name}, l.duplicate_${name}) ELSE ${both} END`;
}

const metricColumns: Readonly<Record<Metric, string>> = {
  bytes: "bytes_sent + bytes_received",
  packets: "packets",
  connections: "connections",
  failed: "failed",
  retransmits: "retransmits",
};

const dimensionColumns: Readonly<Record<Dimension, string>> = {
  client: "coalesce(c.id, '')",
  server: "coalesce(s.id, '')",
  "client.kind": "coalesce(c.kind, '')",
  "server.kind": "coalesce(s.kind, '')",
  "client.name": "coalesce(c.name, '')",
  "server.name": "coalesce(s.name, '')",
  "client.address": "coalesce(c.address, '')",
  "server.address": "coalesce(s.address, '')",
  "client.node": "coalesce(c.node, '')",
  "server.node": "coalesce(s.node, '')",
  "client.network": "coalesce(c.network, '')",
  "server.network": "coalesce(s.network, '')",
  "client.process": "coalesce(c.process, '')",
  "server.process": "coalesce(s.process, '')",
  "client.container": "coalesce(c.container, '')",
  "server.container": "coalesce(s.container, '')",
  port: "l.server_port",
  protocol: "l.protocol",
  observer: "coalesce(o.id, '')",
};

/** The links for which the filter holds. Measures are the window's totals, whatever the buckets. */
function matchingLinks(filter: Filter, parameters: SqlParameters): string {
  const observerConditions: string[] = [];
  const condition = filterCondition(filter, linkColumns(observerConditions), parameters);
  const keys = "client_key, server_key, server_port, protocol";
  const totals = hasMeasure(filter) ? summed.map((name) => `, sum(${name}) AS ${name}`).join("") : "";
  const seen = observerConditions
    .map((seenBy, i) => `, bool_or(coalesce(${seenBy}, false)) AS seen_${i}`)
    .join("");
  return `
    SELECT ${keys} FROM (
      SELECT ${keys}${totals}${seen} FROM links LEFT JOIN observers o ON o.key = observer_key
      GROUP BY ${keys}
    ) l
    LEFT JOIN peers client ON client.key = l.client_key
    LEFT JOIN peers server ON server.key = l.server_key
    WHERE ${condition}`;
}

/** A link's source is its client; its only known port is the server's. */
function linkColumns(observerConditions: string[]): FilterColumns {
  const peerOf = { client: "client", server: "server", source: "client", destination: "server" } as const;
  return {
    ends: ["client", "server"],
    text: (end, field) => `${peerOf[end]}.${field}`,
    address: (end) => `${peerOf[end]}.address_value`,
    port: (end) => (peerOf[end] === "server" ? "l.server_port" : undefined),
    protocol: "l.protocol",
    seenBy: (condition) => `l.seen_${observerConditions.push(condition) - 1}`,
    measure: (name) => {
      if (name === "rtt") return "(l.rtt_sum / nullif(l.rtt_count, 0) / 1000)";
      return name === "bytes" ? "(l.bytes_sent + l.bytes_received)" : `l.${name}`;
    },
  };
}

function readAggregateRow(row: SqlRow, by: readonly Dimension[]): AggregateRow {
  const number = (name: string) => Number(row[name]);
  return {
    group: by.map((dimension, i) => readDimension(dimension, row[`d${i}`])),
    time: number("time"),
    ...readCounters(row),
    rttMicroseconds: number("rtt_count") === 0 ? null : number("rtt_sum") / number("rtt_count"),
    rttMinMicroseconds: number("rtt_min") || null,
    lastSeen: number("last_seen"),
    observers: (row.observers as ObserverTotals[]).filter(({ id }) => id !== null),
  };
}

function readDimension(dimension: Dimension, value: unknown): string {
  return dimension === "protocol" ? formatProtocol(Number(value)) : String(value);
}

function floorTo(value: number, unit: number): number {
  return Math.floor(value / unit) * unit;
}
