import type { StoreConfig } from "../config.ts";
import { databaseBytes } from "./data-folder.ts";
import { type DatabaseConnection, rowsOf } from "./database.ts";
import { minuteMilliseconds, rollUpStatement } from "./link-rows.ts";
import { inTransaction } from "./writer.ts";

/**
 * Moves `flow_records` up to an id into `link_minutes`. The mark moves in the same transaction, so that a crash leaves
 * either both or neither, and doing it again changes nothing.
 */
export async function rollUp(
  connection: DatabaseConnection,
  afterId: number,
  throughId: number,
): Promise<void> {
  await inTransaction(connection, async () => {
    await connection.sql.run(rollUpStatement(afterId, throughId));
    await connection.sql.run(`UPDATE rollup_state SET rolled_up_record_id = ${throughId}`);
  });
}

/** The last id before which every record is older than `time`; `throughId` when all are. */
export async function lastIdBefore(
  connection: DatabaseConnection,
  afterId: number,
  throughId: number,
  time: number,
): Promise<number> {
  const [row] = await rowsOf(
    connection,
    `SELECT min(record_id)::DOUBLE FROM flow_records WHERE record_id > ${afterId} AND "collectionTimeMilliseconds" >= ${time}`,
  );
  const first = row?.[0];
  return typeof first === "number" ? first - 1 : throughId;
}

/** Removes what is older than the configuration keeps; gives the number of rows removed. */
export async function removeOld(
  connection: DatabaseConnection,
  config: StoreConfig,
  rolledUpId: number,
  now: number,
): Promise<number> {
  const hour = 60 * minuteMilliseconds;
  const flowsFrom = Math.floor(now - config.flowsRetentionHours * hour);
  const linksFrom = Math.floor(now - config.linksRetentionDays * 24 * hour);
  const flows = await removeRows(
    connection,
    `flow_records WHERE "collectionTimeMilliseconds" < ${flowsFrom} AND record_id <= ${rolledUpId}`,
  );
  return flows + (await removeRows(connection, `link_minutes WHERE minute < ${linksFrom}`));
}

/** Deletions are made in steps, because what one frees is only known after a checkpoint. */
const stepsMax = 8;
/** Less than a row group frees nothing, so the last few percent are not worth a checkpoint. */
const nearEnough = 1.05;

/**
 * Removes the oldest flow records, and when there are none the oldest links, until less than `targetBytes` are in use.
 * Every record has to be rolled up. The file does not shrink by as much: DuckDB uses the freed blocks again.
 */
export async function removeUntil(
  connection: DatabaseConnection,
  path: string,
  targetBytes: number,
): Promise<number> {
  let removed = 0;
  await checkpoint(connection);
  for (let step = 0; step < stepsMax; step++) {
    const used = await usedBytes(connection, path);
    if (used <= targetBytes * nearEnough) break;
    const excess = used - targetBytes;
    const count =
      (await removeOldestRecords(connection, excess)) || (await removeOldestLinks(connection, excess));
    if (count === 0) break;
    removed += count;
    await checkpoint(connection);
  }
  return removed;
}

/** What a row takes on disk, about: DuckDB does not say. Too little removed is made up for in the next step. */
const recordBytes = 50;
const linkBytes = 50;

async function removeOldestRecords(connection: DatabaseConnection, bytes: number): Promise<number> {
  const [row] = await rowsOf(connection, "SELECT min(record_id)::DOUBLE FROM flow_records");
  const first = row?.[0];
  if (typeof first !== "number") return 0;
  return removeRows(connection, `flow_records WHERE record_id <= ${first + Math.ceil(bytes / recordBytes)}`);
}

async function removeOldestLinks(connection: DatabaseConnection, bytes: number): Promise<number> {
  const statement = "SELECT min(minute)::DOUBLE, max(minute)::DOUBLE, count(*)::DOUBLE FROM link_minutes";
  const [row] = await rowsOf(connection, statement);
  const [first, last, count] = row ?? [];
  if (typeof first !== "number" || typeof last !== "number" || typeof count !== "number") return 0;
  const share = Math.min(1, bytes / (count * linkBytes));
  const through = first + Math.floor((last - first) * share);
  return removeRows(connection, `link_minutes WHERE minute <= ${through}`);
}

/** Peers and observers that nothing names any more. The caller sees to it that no record waits that names them. */
export async function removeUnnamed(connection: DatabaseConnection): Promise<void> {
  await inTransaction(connection, async () => {
    const { sql } = connection;
    await sql.run(`DELETE FROM peers WHERE key NOT IN (SELECT client_key FROM link_minutes UNION
      SELECT server_key FROM link_minutes UNION SELECT source_peer_key FROM flow_records UNION
      SELECT destination_peer_key FROM flow_records)`);
    await sql.run(`DELETE FROM observers WHERE key NOT IN
      (SELECT observer_key FROM link_minutes UNION SELECT observer_key FROM flow_records)`);
  });
}

/** Blocks in use, and the log, whose records move into blocks at the next checkpoint. */
export async function usedBytes(connection: DatabaseConnection, path: string): Promise<number> {
  const [row] = await rowsOf(
    connection,
    "SELECT block_size::DOUBLE, total_blocks::DOUBLE, free_blocks::DOUBLE FROM pragma_database_size()",
  );
  const [blockSize = 0, totalBlocks = 0, freeBlocks = 0] = (row ?? []) as number[];
  return (totalBlocks - freeBlocks) * blockSize + (await databaseBytes(path)).log;
}

async function removeRows(connection: DatabaseConnection, tableAndCondition: string): Promise<number> {
  return (await connection.sql.run(`DELETE FROM ${tableAndCondition}`)).rowsChanged;
}

/** Refused while a question holds an older state; the next one gets it. */
export async function checkpoint({ sql }: DatabaseConnection): Promise<void> {
  await sql.run("CHECKPOINT").catch((cause: Error) => {
    if (!/cannot checkpoint/i.test(cause.message)) throw cause;
  });
}
