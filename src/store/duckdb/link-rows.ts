import { type LinkTable, leastRtt, linkKeyColumns, linkSumColumns } from "./schema.ts";
import type { SqlParameters } from "./sql-parameters.ts";
import { minuteMilliseconds, type RollUpMarks, type Window, windowParts } from "./window-parts.ts";

const isReversed = `"clientEnd" = 2`;

/** Sums stop at 2^53 - 1, so that no exporter's nonsense can make a minute impossible to roll up. */
function clamped(sum: string): string {
  return `least(sum(${sum}), 9007199254740991)::BIGINT`;
}

function ofClient(forward: string, backward: string): string {
  return `CASE WHEN ${isReversed} THEN "${backward}" ELSE "${forward}" END`;
}

const keyPositions = linkKeyColumns.map((_, i) => i + 2).join(", ");

/**
 * The one place where flow records become links: whose bytes were sent and whose received. `condition` is SQL over
 * `flow_records`; intervals are of `unit` milliseconds.
 */
export function linkRowsOfRecords(condition: string, unit = minuteMilliseconds): string {
  return `
    SELECT "collectionTimeMilliseconds" // ${unit} * ${unit} AS "time",
      observer_key,
      ${ofClient("source_peer_key", "destination_peer_key")} AS client_key,
      ${ofClient("destination_peer_key", "source_peer_key")} AS server_key,
      called_peer_key AS called_key,
      ${ofClient("destinationTransportPort", "sourceTransportPort")} AS server_port,
      "protocolIdentifier" AS protocol,
      "isDuplicate" <> 0 AS is_duplicate,
      greatest("samplingInterval", 1) AS sampling_interval,
      ${ofClient("ingressInterface", "egressInterface")} AS client_interface,
      ${ofClient("egressInterface", "ingressInterface")} AS server_interface,
      ${clamped(`(${ofClient("octetDeltaCount", "reverseOctetDeltaCount")})::DOUBLE`)} AS bytes_sent,
      ${clamped(`(${ofClient("reverseOctetDeltaCount", "octetDeltaCount")})::DOUBLE`)} AS bytes_received,
      ${clamped(`"packetDeltaCount"::DOUBLE + "reversePacketDeltaCount"`)} AS packets,
      sum("connectionCount")::BIGINT AS connections,
      sum("failedConnectionCount")::BIGINT AS failed,
      sum("retransmittedSegmentCount")::BIGINT AS retransmits,
      sum("roundTripTimeMicroseconds")::BIGINT AS rtt_sum,
      count(*) FILTER ("roundTripTimeMicroseconds" > 0) AS rtt_count,
      sum("refusedConnectionCount")::BIGINT AS refused,
      sum("timedOutConnectionCount")::BIGINT AS timed_out,
      sum("unreachableConnectionCount")::BIGINT AS unreachable,
      sum("resetConnectionCount")::BIGINT AS reset,
      sum("lostConnectionCount")::BIGINT AS lost,
      sum("connectTimeMicroseconds")::BIGINT AS connect_sum,
      count(*) FILTER ("connectTimeMicroseconds" > 0) AS connect_count,
      ${leastRtt('"minimumRoundTripTimeMicroseconds"')}::BIGINT AS rtt_min,
      min("collectionTimeMilliseconds") AS first_seen,
      max("collectionTimeMilliseconds") AS last_seen
    FROM flow_records WHERE ${condition}
    GROUP BY 1, ${keyPositions}`;
}

/** Rows of a finer table, added to a coarser one of `unit` milliseconds. */
export function coarserStatement(from: LinkTable, to: LinkTable, condition: string, unit: number): string {
  return `INSERT INTO ${to} BY NAME ${coarserRows(from, condition, unit)} ${storedOrder}`;
}

/**
 * Links are stored in runs of one server, of which there are fewer than clients: a third less room on disk, and less to look at for
 * who asks for one of them.
 */
const storedOrder = `ORDER BY "time", observer_key, server_key, client_key`;

function coarserRows(table: LinkTable, condition: string, unit: number): string {
  return `
    SELECT "time" // ${unit} * ${unit} AS "time", ${linkKeyColumns.join(", ")},
      ${linkSumColumns.map((name) => `${clamped(`${name}::DOUBLE`)} AS ${name}`).join(", ")},
      ${leastRtt("rtt_min")} AS rtt_min, min(first_seen) AS first_seen, max(last_seen) AS last_seen
    FROM ${table} WHERE ${condition}
    GROUP BY 1, ${keyPositions}`;
}

/** Puts the records of a range of ids into a table. An interval may be rolled up in several pieces: whoever reads adds them up. */
export function rollUpStatement(
  table: LinkTable,
  unit: number,
  afterId: number,
  throughId: number,
  before = Number.MAX_SAFE_INTEGER,
): string {
  const condition = `record_id > ${afterId} AND record_id <= ${throughId} AND "collectionTimeMilliseconds" < ${before}`;
  return `INSERT INTO ${table} BY NAME ${linkRowsOfRecords(condition, unit)} ${storedOrder}`;
}

const rowColumns = [
  '"time"',
  ...linkKeyColumns,
  ...linkSumColumns,
  "rtt_min",
  "first_seen",
  "last_seen",
].join(", ");

/**
 * Links of a window: what is rolled up, out of the tables that hold it, and the same made from the records that are not yet.
 * The marks have to be read in the same transaction, else a record could be counted twice or not at all.
 */
export function linkRowsOfWindow(window: Window, marks: RollUpMarks, parameters: SqlParameters): string {
  const within = (time: string, { from, to }: Pick<Window, "from" | "to">) =>
    `${time} >= ${parameters.integer(from)} AND ${time} < ${parameters.integer(to)}`;
  const open = `record_id > ${marks.rolledUpId} AND ${within('"collectionTimeMilliseconds"', window)}`;
  return [
    ...windowParts(window, marks).map(
      (part) => `SELECT ${rowColumns} FROM ${part.table} WHERE ${within('"time"', part)}`,
    ),
    `SELECT ${rowColumns} FROM (${linkRowsOfRecords(open)})`,
  ].join(" UNION ALL ");
}
