import { type Filter, hasMeasure } from "../../query/index.ts";
import type { Metric, ObserverTotals, Totals, WindowQuery } from "../store.ts";
import { type FilterColumns, filterCondition, type Measure, type PinnedEnd } from "./filter-sql.ts";
import { linkRowsOfWindow } from "./link-rows.ts";
import type { Question, SqlRow } from "./questions.ts";
import { leastRtt, linkSumColumns, readCounters, sampledColumns } from "./schema.ts";
import type { SqlParameters } from "./sql-parameters.ts";
import type { Window } from "./window-parts.ts";

/** What a link is to a filter: these keys, over the window. */
export const linkIdentity = "client_key, server_key, called_key, server_port, protocol";

/**
 * The parts of a statement that every question about links starts with:
 *
 *     rows      links per interval, observer and sampling
 *     links     the same per bucket; what is counted apart from what is duplicate
 *     chosen    those of the links for which the filter holds, over the window
 */
export function chosenLinks(
  { filter, sampled = "corrected" }: Pick<WindowQuery, "filter" | "sampled">,
  window: Window,
  { marks }: Pick<Question, "marks">,
  parameters: SqlParameters,
): string {
  const { from, step } = window;
  const bucket =
    step === undefined ? parameters.integer(from) : `"time" - "time" % ${parameters.integer(step)}`;
  const factor = sampled === "raw" ? 1 : "sampling_interval";
  const value = (name: string) =>
    isSampled(name) ? `least(${name}::DOUBLE * ${factor}, 9007199254740991)` : `${name}::DOUBLE`;
  const counted = (name: string) => `sum(CASE WHEN is_duplicate THEN 0 ELSE ${value(name)} END) AS ${name}`;
  const duplicate = (name: string) =>
    `sum(CASE WHEN is_duplicate THEN ${value(name)} ELSE 0 END) AS duplicate_${name}`;
  return `
  rows AS (${linkRowsOfWindow(window, marks, parameters)}),
  links AS ${filter === undefined ? "" : "MATERIALIZED"} (
    SELECT ${bucket} AS "time", ${linkIdentity}, observer_key, bool_or(NOT is_duplicate) AS counts,
      ${[...linkSumColumns.map(counted), ...sampledColumns.map(duplicate)].join(", ")},
      ${leastRtt("CASE WHEN is_duplicate THEN 0 ELSE rtt_min END")}::DOUBLE AS rtt_min,
      min(first_seen)::DOUBLE AS first_seen, max(last_seen)::DOUBLE AS last_seen
    FROM rows GROUP BY ALL
  ),
  ${
    filter === undefined
      ? "chosen AS (FROM links)"
      : `matching AS (${matchingLinks(filter, parameters)}),
  chosen AS (FROM links SEMI JOIN matching USING (${linkIdentity}))`
  }`;
}

const isSampled = (name: string) => (sampledColumns as readonly string[]).includes(name);

/** Of `chosen` as `l` and its observer as `o`: what counts, and what that observer saw. */
export const reportedTotals = `bool_or(l.counts) AS counts,
      ${linkSumColumns.map((name) => `sum(l.${name}) AS ${name}`).join(", ")},
      ${sampledColumns.map((name) => `sum(${seenSum(name)}) AS seen_${name}`).join(", ")},
      ${leastRtt("l.rtt_min")} AS rtt_min, min(l.first_seen) AS first_seen, max(l.last_seen) AS last_seen`;

/** An agent's duplicates are the other ends of the connections it already counts; an exporter's are other connections. */
function seenSum(name: string): string {
  const both = `l.${name} + l.duplicate_${name}`;
  return `CASE WHEN o.kind = 'agent' THEN greatest(l.${name}, l.duplicate_${name}) ELSE ${both} END`;
}

/** Of rows with `reportedTotals` and an `observer_id`: the totals, and every observer with what it saw. */
export const groupTotals = `${linkSumColumns.map((name) => `sum(${name}) AS ${name}`).join(", ")},
    ${leastRtt("rtt_min")} AS rtt_min, min(first_seen) AS first_seen, max(last_seen) AS last_seen`;
export const groupObservers = `list({ 'id': observer_id, 'bytesSent': seen_bytes_sent, 'bytesReceived': seen_bytes_received,
      'packets': seen_packets } ORDER BY observer_id)`;

/** What groups are ordered by, of rows with `reportedTotals`. */
export const metricWeights: Readonly<Record<Metric, string>> = {
  bytes: "sum(bytes_sent + bytes_received)",
  packets: "sum(packets)",
  connections: "sum(connections)",
  failed: "sum(failed)",
  retransmits: "sum(retransmits)",
  rtt: "coalesce(sum(rtt_sum) / nullif(sum(rtt_count), 0), 0)",
};

/** The links for which the filter holds. Measures are the window's totals, whatever the buckets. */
function matchingLinks(filter: Filter, parameters: SqlParameters): string {
  const observerConditions: string[] = [];
  const condition = filterCondition(filter, linkColumns(observerConditions), parameters);
  const totals = hasMeasure(filter) ? linkSumColumns.map((name) => `, sum(${name}) AS ${name}`).join("") : "";
  const seen = observerConditions
    .map((seenBy, i) => `, bool_or(coalesce(${seenBy}, false)) AS seen_${i}`)
    .join("");
  return `
    SELECT ${linkIdentity} FROM (
      SELECT ${linkIdentity}${totals}${seen} FROM links LEFT JOIN observers o ON o.key = observer_key
      GROUP BY ${linkIdentity}
    ) l
    LEFT JOIN peers client ON client.key = l.client_key
    LEFT JOIN peers server ON server.key = l.server_key
    LEFT JOIN peers called ON called.key = l.called_key
    WHERE ${condition}`;
}

/** A link's source is its client; its only known port is the server's. */
function linkColumns(observerConditions: string[]): FilterColumns {
  const peerOf = { client: "client", server: "server", source: "client", destination: "server" } as const;
  const isServer = (end: PinnedEnd) => peerOf[end] === "server";
  return {
    ends: ["client", "server"],
    peer: (end, column) => `${peerOf[end]}.${column}`,
    address: (end) => `${peerOf[end]}.address_value`,
    called: (end, column) => (isServer(end) ? `called.${column}` : undefined),
    port: (end) => (isServer(end) ? "l.server_port" : undefined),
    interface: () => undefined,
    vlan: undefined,
    protocol: "l.protocol",
    seenBy: (condition) => `l.seen_${observerConditions.push(condition) - 1}`,
    measure: (name) => linkMeasures[name],
  };
}

const linkMeasures: Readonly<Record<Measure, string>> = {
  bytes: "(l.bytes_sent + l.bytes_received)",
  packets: "l.packets",
  connections: "l.connections",
  failed: "l.failed",
  retransmits: "l.retransmits",
  refused: "l.refused",
  timedOut: "l.timed_out",
  unreachable: "l.unreachable",
  reset: "l.reset",
  lost: "l.lost",
  rtt: "(l.rtt_sum / nullif(l.rtt_count, 0) / 1000)",
};

/** Of a row with `groupTotals`. */
export function readTotals(row: SqlRow): Totals {
  const number = (name: string) => Number(row[name]);
  return {
    ...readCounters(row),
    rttMicroseconds: number("rtt_count") === 0 ? null : number("rtt_sum") / number("rtt_count"),
    rttMinMicroseconds: number("rtt_min") || null,
    firstSeen: number("first_seen"),
    lastSeen: number("last_seen"),
  };
}

export function readObservers(row: SqlRow): ObserverTotals[] {
  return (row.observers as ObserverTotals[]).filter(({ id }) => id !== null);
}
