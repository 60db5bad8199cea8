import duckdb from "@duckdb/node-bindings";
import { assert } from "../../flow/index.ts";
import { askedCounters, otherNames } from "../../topology/index.ts";
import type { AskedRow } from "./asked-buffer.ts";
import { type DatabaseConnection, rowsOf } from "./database.ts";
import { askedColumn } from "./schema.ts";
import { hourMilliseconds } from "./window-parts.ts";
import { inTransaction } from "./writer.ts";

/** Counters of several rows put together. Sums stop at 2^53 - 1. */
export const askedSums = askedCounters
  .map((counter) => {
    const column = askedColumn(counter);
    const together = counter === "latencyMaxMicroseconds" ? `max(${column})` : `sum(${column})`;
    return `least(${together}, 9007199254740991)::BIGINT AS ${column}`;
  })
  .join(", ");

/** Within the transaction that writes the records of the same time. Keys of peers are by identity. */
export function writeAsked(
  { handle }: DatabaseConnection,
  rows: readonly AskedRow[],
  peerKeys: ReadonlyMap<number, number>,
): void {
  const appender = duckdb.appender_create(handle, null, "asked_names");
  try {
    for (const row of rows) {
      const key = peerKeys.get(row.identity);
      assert(key !== undefined, "who asks is named by the same commit");
      duckdb.append_int64(appender, BigInt(Math.trunc(row.time)));
      duckdb.append_int64(appender, BigInt(key));
      duckdb.append_varchar(appender, row.name);
      for (const counter of askedCounters) duckdb.append_int64(appender, BigInt(Math.trunc(row[counter])));
      duckdb.append_int64(appender, BigInt(Math.trunc(row.lastSeen)));
      duckdb.appender_end_row(appender);
    }
    duckdb.appender_flush_sync(appender);
  } finally {
    duckdb.appender_close_sync(appender);
  }
}

/** Names kept of a peer and hour, those asked for most; the others are under one. */
export const namesPerHourMax = 1000;

/**
 * Puts rows of an hour (unix ms of its start) together, one for each peer and name: until then each commit has rows of its own, and
 * whoever reads adds them up. All of it or nothing, and again it changes nothing. Gives the number of rows that are left.
 */
export async function gatherAsked(connection: DatabaseConnection, hour: number): Promise<number> {
  const ofHour = `"time" = ${Math.trunc(hour)}`;
  const place = `row_number() OVER (PARTITION BY peer_key ORDER BY name = '${otherNames}', query_count DESC, name)`;
  return inTransaction(connection, async () => {
    const { sql } = connection;
    await sql.run(`CREATE OR REPLACE TEMP TABLE gathered_names AS
      SELECT "time", peer_key, name, ${askedSums}, max(last_seen) AS last_seen FROM (
        SELECT * REPLACE (CASE WHEN ${place} > ${namesPerHourMax} THEN '${otherNames}' ELSE name END AS name) FROM (
          SELECT "time", peer_key, name, ${askedSums}, max(last_seen) AS last_seen
          FROM asked_names WHERE ${ofHour} GROUP BY ALL
        )
      ) GROUP BY "time", peer_key, name ORDER BY peer_key, name`);
    await sql.run(`DELETE FROM asked_names WHERE ${ofHour}`);
    const { rowsChanged } = await sql.run("INSERT INTO asked_names BY NAME FROM gathered_names");
    await sql.run("DROP TABLE gathered_names");
    return rowsChanged;
  });
}

/** A row on disk without its name, about. */
const askedRowBytes = 16;
/** Names are worth so much of the store's size. */
const sizeShare = 0.1;

/**
 * Where names take more than a tenth of the store's size, removes the oldest hours, until a tenth of that is free; gives the number of rows
 * removed. Each row counts with all of its name, which is the most it takes: names that come again are packed, random ones are not.
 */
export async function boundAsked(connection: DatabaseConnection, sizeMaxBytes: number): Promise<number> {
  const bytesMax = sizeMaxBytes * sizeShare;
  const hours = await rowsOf(
    connection,
    `SELECT "time"::DOUBLE, sum(${askedRowBytes} + strlen(name))::DOUBLE FROM asked_names GROUP BY "time" ORDER BY "time"`,
  );
  let kept = hours.reduce((sum, [, bytes]) => sum + Number(bytes), 0);
  if (kept <= bytesMax) return 0;
  let before = 0;
  for (const [time, bytes] of hours) {
    if (kept <= bytesMax * 0.9) break;
    kept -= Number(bytes);
    before = Number(time) + hourMilliseconds;
  }
  return (await connection.sql.run(`DELETE FROM asked_names WHERE "time" < ${before}`)).rowsChanged;
}
