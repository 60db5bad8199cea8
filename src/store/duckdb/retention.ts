import type { StoreConfig } from "../config.ts";
import { databaseBytes } from "./data-folder.ts";
import { type DatabaseConnection, rowsOf } from "./database.ts";
import { type LinkTable, linkTables } from "./schema.ts";
import { dayMilliseconds, floorTo, hourMilliseconds, type RollUpMarks } from "./window-parts.ts";
import { inTransaction } from "./writer.ts";

/** Removes what is older than the configuration keeps; gives the number of rows removed. */
export async function removeOld(
  connection: DatabaseConnection,
  config: StoreConfig,
  { rolledUpId, hoursThrough }: RollUpMarks,
  now: number,
): Promise<number> {
  const flowsFrom = Math.floor(now - config.flowsRetentionHours * hourMilliseconds);
  const linksFrom = floorTo(now - config.linksRetentionDays * dayMilliseconds, dayMilliseconds);
  const minutesFrom = floorTo(now - config.minutesRetentionHours * hourMilliseconds, hourMilliseconds);
  const flows = await removeRows(
    connection,
    `flow_records WHERE "collectionTimeMilliseconds" < ${flowsFrom} AND record_id <= ${rolledUpId}`,
  );
  // Of minutes that are not in hours yet only those go that are too old for both.
  const inHours = Math.min(minutesFrom, hoursThrough);
  const minutes =
    inHours > linksFrom
      ? await removeMinutes(connection, inHours)
      : await removeRows(connection, `link_minutes WHERE "time" < ${linksFrom}`);
  return flows + minutes + (await removeHoursAndDays(connection, linksFrom));
}

/** From then on windows before `before`, a whole hour, are answered from hours. */
async function removeMinutes(connection: DatabaseConnection, before: number): Promise<number> {
  return inTransaction(connection, async () => {
    const removed = await removeRows(connection, `link_minutes WHERE "time" < ${before}`);
    if (removed > 0)
      await connection.sql.run(`UPDATE rollup_state SET minutes_from = greatest(minutes_from, ${before})`);
    return removed;
  });
}

/** Together, so that a day is there as long as its hours are; and the names that were looked up then. */
async function removeHoursAndDays(connection: DatabaseConnection, before: number): Promise<number> {
  return inTransaction(connection, async () => {
    const days = await removeRows(connection, `link_days WHERE "time" < ${before}`);
    const names = await removeRows(connection, `asked_names WHERE "time" < ${before}`);
    return days + names + (await removeRows(connection, `link_hours WHERE "time" < ${before}`));
  });
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
  hoursThrough: number,
  targetBytes: number,
): Promise<number> {
  let removed = 0;
  let before = Number.POSITIVE_INFINITY;
  let factor = 1;
  await checkpoint(connection);
  for (let step = 0; step < stepsMax; step++) {
    const used = await usedBytes(connection, path);
    if (used <= targetBytes * nearEnough) break;
    // What a row takes is a guess: when a step frees nothing, the next one removes twice as much.
    factor = used < before ? 1 : factor * 2;
    before = used;
    const excess = (used - targetBytes) * factor;
    const count =
      (await removeOldestRecords(connection, used, excess)) ||
      (await removeOldestLinks(connection, hoursThrough, excess));
    if (count === 0) break;
    removed += count;
    await checkpoint(connection);
  }
  return removed;
}

/** What a row takes on disk, about: DuckDB does not say. Too little removed is made up for in the next step. */
const linkBytes = 25;
/** Of a small table more: each of its columns has a block. */
const recordBytes = { min: 30, max: 200 } as const;

async function removeOldestRecords(
  connection: DatabaseConnection,
  used: number,
  bytes: number,
): Promise<number> {
  const statement = "SELECT min(record_id)::DOUBLE, count(*)::DOUBLE FROM flow_records";
  const [first, count] = (await rowsOf(connection, statement))[0] ?? [];
  if (typeof first !== "number" || typeof count !== "number") return 0;
  const each = Math.min(recordBytes.max, Math.max(recordBytes.min, used / count));
  return removeRows(connection, `flow_records WHERE record_id <= ${first + Math.ceil(bytes / each)}`);
}

/** Minutes first, as far as what they add up to is in hours; minutes that nothing else tells of at the last. */
async function removeOldestLinks(
  connection: DatabaseConnection,
  hoursThrough: number,
  bytes: number,
): Promise<number> {
  const inHours = await cutOf(connection, "link_minutes", bytes, hourMilliseconds, hoursThrough);
  if (inHours !== undefined) return removeMinutes(connection, Math.min(hoursThrough, inHours));
  const hours = await cutOf(connection, "link_hours", bytes, dayMilliseconds);
  if (hours !== undefined) return removeHoursAndDays(connection, hours);
  const minutes = await cutOf(connection, "link_minutes", bytes, hourMilliseconds);
  return minutes === undefined ? 0 : removeMinutes(connection, minutes);
}

/**
 * The time, a multiple of `unit`, before which to remove for so many bytes to be freed; undefined where there is nothing before `before`.
 * By the share of rows, not of time: one row of a clock that was years ahead must not cost all that is between.
 */
async function cutOf(
  connection: DatabaseConnection,
  table: LinkTable,
  bytes: number,
  unit: number,
  before = Number.MAX_SAFE_INTEGER,
): Promise<number | undefined> {
  const rows = `FROM ${table} WHERE "time" < ${before}`;
  const [count] = (await rowsOf(connection, `SELECT count(*)::DOUBLE ${rows}`))[0] as [number];
  if (count === 0) return undefined;
  const share = Math.min(1, bytes / (count * linkBytes));
  const [row] = await rowsOf(connection, `SELECT approx_quantile("time", ${share})::DOUBLE ${rows}`);
  return floorTo(row![0] as number, unit) + unit;
}

/** Names remembered of a peer, beside the one it has. */
const formerNamesMax = 32;

/** Peers and observers that nothing names any more. The caller sees to it that no record waits that names them. */
export async function removeUnnamed(connection: DatabaseConnection): Promise<void> {
  await inTransaction(connection, async () => {
    const { sql } = connection;
    const keysOf = (names: readonly string[], table: string) =>
      names.map((name) => `SELECT ${name} FROM ${table}`);
    const ends = [
      ...linkTables.flatMap((table) => keysOf(["client_key", "server_key", "called_key"], table)),
      ...keysOf(["source_peer_key", "destination_peer_key", "called_peer_key"], "flow_records"),
      ...keysOf(["peer_key"], "asked_names"),
    ];
    await sql.run(`DELETE FROM peers WHERE key NOT IN (${ends.join(" UNION ")})`);
    const observers = [...linkTables, "flow_records"].flatMap((table) => keysOf(["observer_key"], table));
    await sql.run(`DELETE FROM observers WHERE key NOT IN (${observers.join(" UNION ")})`);
    await sql.run(`DELETE FROM peer_names WHERE key NOT IN (SELECT key FROM peers)`);
    await sql.run(`DELETE FROM peer_names n WHERE until < (SELECT min(until) FROM (SELECT until FROM peer_names
      WHERE key = n.key ORDER BY until DESC LIMIT ${formerNamesMax}))`);
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
