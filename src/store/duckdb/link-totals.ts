import { type Filter, hasMeasure } from "../../query/index.ts";
import type { Metric, Sampled, Totals, WindowQuery } from "../store.ts";
import { mapHalves, peerAddressColumns } from "./address-value.ts";
import { type FilterColumns, filterCondition, type Measure, type PinnedEnd } from "./filter-sql.ts";
import { linkRowsOfWindow } from "./link-rows.ts";
import type { Question, SqlRow } from "./questions.ts";
import { type LinkSumColumn, leastRtt, linkSumColumns, readCounters, sampledColumns } from "./schema.ts";
import type { SqlParameters } from "./sql-parameters.ts";
import type { Window } from "./window-parts.ts";

/** What a link is to a filter: these keys, over the window. */
export const linkIdentity = "client_key, server_key, called_key, server_port, protocol";

/** What a metric is made of. */
export const metricColumns: Readonly<Record<Metric, readonly LinkSumColumn[]>> = {
  bytes: ["bytes_sent", "bytes_received"],
  packets: ["packets"],
  connections: ["connections"],
  failed: ["failed"],
  retransmits: ["retransmits"],
  rtt: ["rtt_sum", "rtt_count"],
};

/** Of rows of links: what counts, with names of the columns; of those that are not asked for 0. */
export function countedSums(
  sampled: Sampled = "corrected",
  asked: readonly LinkSumColumn[] = linkSumColumns,
): string {
  return linkSumColumns
    .map((name) =>
      asked.includes(name)
        ? `sum(CASE WHEN l.is_duplicate THEN 0 ELSE ${figureOf(name, sampled)} END) AS ${name}`
        : `0 AS ${name}`,
    )
    .join(", ");
}

export function duplicateSums(sampled: Sampled = "corrected"): string {
  return sampledColumns
    .map(
      (name) =>
        `sum(CASE WHEN l.is_duplicate THEN ${figureOf(name, sampled)} ELSE 0 END) AS duplicate_${name}`,
    )
    .join(", ");
}

export const seenColumns = `${leastRtt("CASE WHEN l.is_duplicate THEN 0 ELSE l.rtt_min END")}::DOUBLE AS rtt_min,
      min(l.first_seen)::DOUBLE AS first_seen, max(l.last_seen)::DOUBLE AS last_seen`;

export const noSeenColumns = "0 AS rtt_min, 0 AS first_seen, 0 AS last_seen";

function figureOf(name: string, sampled: Sampled): string {
  const factor = sampled === "raw" ? 1 : "l.sampling_interval";
  return isSampled(name) ? `least(l.${name}::DOUBLE * ${factor}, 9007199254740991)` : `l.${name}::DOUBLE`;
}

/**
 * The parts of a statement that every question about links starts with:
 *
 *     rows      links per interval, observer and sampling
 *     matching  when there is a filter: the links for which it holds, over the window
 *
 * What is asked is then asked of `chosenRows`. Rows are read again rather than kept: they may be many millions.
 */
export function windowRows(
  { filter, sampled }: Pick<WindowQuery, "filter" | "sampled">,
  window: Window,
  { marks }: Pick<Question, "marks">,
  parameters: SqlParameters,
): string {
  const rows = `rows AS NOT MATERIALIZED (${linkRowsOfWindow(window, marks, parameters)})`;
  if (filter === undefined) return rows;
  return `${rows}, matching AS MATERIALIZED (${matchingLinks(filter, sampled, parameters)})`;
}

/** The rows that the filter leaves. */
export function chosenRows({ filter }: Pick<WindowQuery, "filter">): string {
  return filter === undefined ? "rows" : `(FROM rows SEMI JOIN matching USING (${linkIdentity}))`;
}

export function bucketOf({ from, step }: Window, parameters: SqlParameters): string {
  return step === undefined ? parameters.integer(from) : `"time" - "time" % ${parameters.integer(step)}`;
}

const isSampled = (name: string) => (sampledColumns as readonly string[]).includes(name);

/** An agent's duplicates are the other ends of the connections it already counts; an exporter's are other connections. */
export function seenSums(): string {
  return sampledColumns
    .map((name) => {
      const both = `l.${name} + l.duplicate_${name}`;
      return `sum(CASE WHEN o.kind = 'agent' THEN greatest(l.${name}, l.duplicate_${name}) ELSE ${both} END) AS seen_${name}`;
    })
    .join(", ");
}

/** Of rows that have `countedSums` and `seenColumns`, put together. */
export function groupTotals(of = ""): string {
  const sums = linkSumColumns.map((name) => `sum(${of}${name}) AS ${name}`).join(", ");
  return `${sums}, ${leastRtt(`${of}rtt_min`)} AS rtt_min, min(${of}first_seen) AS first_seen, max(${of}last_seen) AS last_seen`;
}

/** What groups are ordered by, of rows that have `countedSums`. */
export const metricWeights: Readonly<Record<Metric, string>> = {
  bytes: "sum(bytes_sent + bytes_received)",
  packets: "sum(packets)",
  connections: "sum(connections)",
  failed: "sum(failed)",
  retransmits: "sum(retransmits)",
  rtt: "coalesce(sum(rtt_sum) / nullif(sum(rtt_count), 0), 0)",
};

/** The links for which the filter holds. Measures are the window's totals, whatever the buckets. */
function matchingLinks(filter: Filter, sampled: Sampled | undefined, parameters: SqlParameters): string {
  const observerConditions: string[] = [];
  const condition = filterCondition(filter, linkColumns(observerConditions), parameters);
  // A join that is not needed is carried out all the same.
  const joins = ["client", "server", "called"]
    .filter((end) => condition.includes(`${end}.`))
    .map((end) => `LEFT JOIN peers ${end} ON ${end}.key = l.${end}_key`);
  const totals = hasMeasure(filter) ? `, ${countedSums(sampled)}` : "";
  const seen = observerConditions.map((seenBy, i) => `, bool_or(coalesce(${seenBy}, false)) AS seen_${i}`);
  return `
    SELECT ${linkIdentity} FROM (
      SELECT ${linkIdentity}${totals}${seen.join("")}
      FROM rows l ${seen.length === 0 ? "" : "LEFT JOIN observers o ON o.key = l.observer_key"}
      GROUP BY ${linkIdentity}
    ) l
    ${joins.join(" ")}
    WHERE ${condition}`;
}

const peerAddress = (alias: string) => mapHalves(peerAddressColumns, (half) => `${alias}.${half}`);

/** A link's source is its client; its only known port is the server's. */
function linkColumns(observerConditions: string[]): FilterColumns {
  const peerOf = { client: "client", server: "server", source: "client", destination: "server" } as const;
  const isServer = (end: PinnedEnd) => peerOf[end] === "server";
  return {
    ends: ["client", "server"],
    peer: (end, column) => `${peerOf[end]}.${column}`,
    address: (end, conditionOf) => conditionOf(peerAddress(peerOf[end])),
    called: (end, column) => (isServer(end) ? `called.${column}` : undefined),
    calledAddress: (end, conditionOf) => (isServer(end) ? conditionOf(peerAddress("called")) : undefined),
    port: (end) => (isServer(end) ? "l.server_port" : undefined),
    interface: (end) => `l.${peerOf[end]}_interface`,
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
