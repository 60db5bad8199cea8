import { type Filter, hasMeasure } from "../../query/index.ts";
import { type LinkCounter, linkCounters } from "../../topology/index.ts";
import type { Metric, Sampled, Totals, WindowQuery } from "../store.ts";
import { mapHalves, peerAddressColumns } from "./address-value.ts";
import { type FilterColumns, filterCondition, type Measure, type PinnedEnd } from "./filter-sql.ts";
import { linkRowsOfWindow } from "./link-rows.ts";
import { type Question, rowCount, type SqlColumns } from "./questions.ts";
import { counterColumns, type LinkSumColumn, leastRtt, linkSumColumns, sampledColumns } from "./schema.ts";
import type { SqlParameters } from "./sql-parameters.ts";
import type { Window } from "./window-parts.ts";

/** What a link is to a filter: these keys, over the window. */
export const linkIdentity = "client_key, server_key, called_key, server_port, protocol";

/** What a condition on who saw a link speaks of: an exporter's interface is one of that exporter. */
const observation = "observer_key, client_interface, server_interface";

/** What a metric is made of. */
export const metricColumns: Readonly<Record<Metric, readonly LinkSumColumn[]>> = {
  bytes: ["bytes_sent", "bytes_received"],
  packets: ["packets"],
  connections: ["connections"],
  failed: ["failed"],
  retransmits: ["retransmits"],
  rtt: ["rtt_sum", "rtt_count"],
};

/**
 * Rows of links put together by some columns, duplicates apart from what counts, corrected for sampling or raw: of these, which are
 * few, it is told what counts. Of sums only those that are asked for.
 */
export function summedRows(
  rows: string,
  keys: readonly string[],
  sampled: Sampled = "corrected",
  asked: readonly LinkSumColumn[] = linkSumColumns,
): string {
  return `SELECT ${[...keys, "l.is_duplicate", ...sums(sampled, asked), ...seenColumns("l.rtt_min")].join(", ")} FROM ${rows} GROUP BY ALL`;
}

/** Of rows that all count. */
export function sums(sampled: Sampled = "corrected", asked: readonly LinkSumColumn[] = linkSumColumns) {
  return asked.map((name) => `${sumOf(name, sampled)} AS ${name}`);
}

/** Sums stop at 2^53 - 1, as those of a minute do. */
function sumOf(name: LinkSumColumn, sampled: Sampled): string {
  if (!isSampled(name)) return `sum(l.${name}::DOUBLE)`;
  return `least(sum(l.${name}::DOUBLE${sampled === "raw" ? "" : " * l.sampling_interval"}), 9007199254740991)`;
}

/** Of `summedRows`: what counts, with names of the columns. */
export function countedSums(asked: readonly LinkSumColumn[] = linkSumColumns): string[] {
  return asked.map((name) => `sum(CASE WHEN l.is_duplicate THEN 0 ELSE l.${name} END) AS ${name}`);
}

/** Of `summedRows`. */
export function duplicateSums(): string[] {
  return sampledColumns.map(
    (name) => `sum(CASE WHEN l.is_duplicate THEN l.${name} ELSE 0 END) AS duplicate_${name}`,
  );
}

/** Of `summedRows`: when they were seen, duplicates or not, and the least round-trip time of what counts. */
export const countedSeen = seenColumns("CASE WHEN l.is_duplicate THEN 0 ELSE l.rtt_min END");

function seenColumns(rttMin: string): string[] {
  return [
    `${leastRtt(rttMin)}::DOUBLE AS rtt_min`,
    "min(l.first_seen)::DOUBLE AS first_seen",
    "max(l.last_seen)::DOUBLE AS last_seen",
  ];
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
  const seen = observerConditions.map((seenBy, i) => `bool_or(coalesce(${seenBy}, false)) AS seen_${i}`);
  const totals = hasMeasure(filter) ? countedSums() : [];
  const rows =
    totals.length === 0 ? "rows" : `(${summedRows("rows l", [linkIdentity, observation], sampled)})`;
  return `
    SELECT ${linkIdentity} FROM (
      SELECT ${[linkIdentity, ...totals, ...seen].join(", ")}
      FROM ${rows} l ${seen.length === 0 ? "" : "LEFT JOIN observers o ON o.key = l.observer_key"}
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

/** Reads rows that have sums by their columns' names, and what `groupTotals` has besides; what was not asked for is 0. */
export function totalsReader(columns: SqlColumns, prefix = ""): (row: number) => Totals {
  const none = new Array<number>(rowCount(columns)).fill(0);
  const column = (name: string) => (columns[prefix + name] ?? none) as readonly number[];
  const counters = Object.entries(counterColumns).map(
    ([name, of]) => [name as LinkCounter, column(of)] as const,
  );
  const [rttSum, rttCount, rttMin] = [column("rtt_sum"), column("rtt_count"), column("rtt_min")];
  const [firstSeen, lastSeen] = [column("first_seen"), column("last_seen")];
  return (row) => {
    const totals: Totals = { ...noTotals };
    for (const [name, values] of counters) totals[name] = values[row]!;
    if (rttCount[row]! > 0) totals.rttMicroseconds = rttSum[row]! / rttCount[row]!;
    if (rttMin[row]! > 0) totals.rttMinMicroseconds = rttMin[row]!;
    totals.firstSeen = firstSeen[row]!;
    totals.lastSeen = lastSeen[row]!;
    return totals;
  };
}

const noTotals: Totals = {
  ...(Object.fromEntries(linkCounters.map((name) => [name, 0])) as Record<LinkCounter, number>),
  ...{ rttMicroseconds: null, rttMinMicroseconds: null, firstSeen: 0, lastSeen: 0 },
};
