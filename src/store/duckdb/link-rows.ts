import { leastRtt, linkKeyColumns, linkSumColumns } from "./schema.ts";

export const minuteMilliseconds = 60_000;

const isReversed = `"clientEnd" = 2`;
const factor = `greatest("samplingInterval", 1)`;

/** Sums stop at 2^53 - 1, so that no exporter's nonsense can make a minute impossible to roll up. */
function clamped(sum: string): string {
  return `least(sum(${sum}), 9007199254740991)::BIGINT`;
}

function counted(name: string): string {
  return `"${name}"::DOUBLE * ${factor}`;
}

/**
 * The one place where flow records become links per minute: whose bytes were sent and whose received, corrected for
 * sampling. `condition` is SQL over `flow_records`.
 */
export function linkRowsOfRecords(condition: string): string {
  return `
    SELECT "collectionTimeMilliseconds" // ${minuteMilliseconds} * ${minuteMilliseconds} AS minute,
      observer_key,
      CASE WHEN ${isReversed} THEN destination_peer_key ELSE source_peer_key END AS client_key,
      CASE WHEN ${isReversed} THEN source_peer_key ELSE destination_peer_key END AS server_key,
      CASE WHEN ${isReversed} THEN "sourceTransportPort" ELSE "destinationTransportPort" END AS server_port,
      "protocolIdentifier" AS protocol,
      "isDuplicate" <> 0 AS is_duplicate,
      ${clamped(`CASE WHEN ${isReversed} THEN ${counted("reverseOctetDeltaCount")} ELSE ${counted("octetDeltaCount")} END`)} AS bytes_sent,
      ${clamped(`CASE WHEN ${isReversed} THEN ${counted("octetDeltaCount")} ELSE ${counted("reverseOctetDeltaCount")} END`)} AS bytes_received,
      ${clamped(`${counted("packetDeltaCount")} + ${counted("reversePacketDeltaCount")}`)} AS packets,
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
      max("collectionTimeMilliseconds") AS last_seen
    FROM flow_records WHERE ${condition}
    GROUP BY 1, 2, 3, 4, 5, 6, 7`;
}

/** Rolls up the records of a range of ids. A minute may be rolled up in several pieces: whoever reads adds them up. */
export function rollUpStatement(afterId: number, throughId: number): string {
  return `INSERT INTO link_minutes BY NAME ${linkRowsOfRecords(`record_id > ${afterId} AND record_id <= ${throughId}`)}`;
}

/**
 * Links per minute of a window: what is rolled up, and the same made from the records that are not yet. `rolledUpId`
 * has to be read in the same transaction, else a record could be counted twice or not at all.
 */
export function linkRowsOfWindow(rolledUpId: number, fromParameter: string, toParameter: string): string {
  const time = `"collectionTimeMilliseconds"`;
  return `
    SELECT ${linkKeyColumns}, ${linkSumColumns.join(", ")}, rtt_min, last_seen
    FROM link_minutes WHERE minute >= ${fromParameter} AND minute < ${toParameter}
    UNION ALL
    ${linkRowsOfRecords(`record_id > ${rolledUpId} AND ${time} >= ${fromParameter} AND ${time} < ${toParameter}`)}`;
}
