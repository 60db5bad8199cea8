import duckdb from "@duckdb/node-bindings";
import type { Observer } from "../../flow/index.ts";
import { identityKey } from "../../flow/index.ts";
import { peerKey } from "../../topology/index.ts";
import type { IngestedEpoch } from "../ingested.ts";
import { addressValueOfText } from "./address-value.ts";
import type { DatabaseConnection } from "./database.ts";
import { writeIngested } from "./ingested-table.ts";
import type { Newcome } from "./newcomers.ts";
import type { RecordChunk } from "./record-buffer.ts";
import { flowRecordColumns, peerColumns } from "./schema.ts";

/** What one commit writes. */
export interface Waiting extends Newcome {
  readonly chunks: readonly RecordChunk[];
  /** Unix milliseconds; the first time of the records, for new peers. */
  readonly firstSeen: number;
  /** Of agents' messages, those whose records are all among these or earlier ones. */
  readonly ingested: readonly IngestedEpoch[];
}

/** Writes records, and the peers and observers they are the first to name, and which messages they came with, in one transaction. */
export async function writeWaiting(connection: DatabaseConnection, waiting: Waiting): Promise<void> {
  await inTransaction(connection, async () => {
    if (waiting.peers.length > 0) await writePeers(connection, waiting);
    if (waiting.observers.length > 0) await writeObservers(connection, waiting.observers);
    if (waiting.ingested.length > 0) await writeIngested(connection, waiting.ingested);
    appendChunks(connection, waiting.chunks);
  });
}

export async function inTransaction<T>(
  { sql }: Pick<DatabaseConnection, "sql">,
  work: () => Promise<T>,
): Promise<T> {
  await sql.run("BEGIN");
  try {
    const result = await work();
    await sql.run("COMMIT");
    return result;
  } catch (cause) {
    await sql.run("ROLLBACK").catch(() => undefined); // there is none left when the commit itself went wrong
    throw cause;
  }
}

/**
 * Copies vectors into DuckDB: no value passes through JavaScript one by one. This only fills memory; the transaction's
 * commit writes, and does so off this thread.
 */
function appendChunks({ handle }: DatabaseConnection, chunks: readonly RecordChunk[]): void {
  const appender = duckdb.appender_create(handle, null, "flow_records");
  try {
    const types = flowRecordColumns.map((_, i) => duckdb.appender_column_type(appender, i));
    const target = duckdb.create_data_chunk(types);
    for (const { rowCount, columns } of chunks) {
      duckdb.data_chunk_reset(target);
      for (const [i, { bytes }] of flowRecordColumns.entries()) {
        const { buffer, byteOffset } = columns[i]!;
        const vector = duckdb.data_chunk_get_vector(target, i);
        duckdb.copy_data_to_vector(vector, 0, buffer as ArrayBuffer, byteOffset, rowCount * bytes);
      }
      duckdb.data_chunk_set_size(target, rowCount);
      duckdb.append_data_chunk(appender, target);
    }
    duckdb.appender_flush_sync(appender);
  } finally {
    duckdb.appender_close_sync(appender);
  }
}

/** Few rows: one value at a time is good enough. What the table already has is left as it is, but for what became known since. */
async function writePeers(
  connection: DatabaseConnection,
  { peers, renamed, firstSeen }: Waiting,
): Promise<void> {
  await fillTable(connection, "peers", peers, (appender, peer) => {
    duckdb.append_int64(appender, BigInt(peerKey(peer)));
    for (const name of peerColumns) duckdb.append_varchar(appender, peer[name]);
    const value = addressValueOfText(peer.address);
    if (value === null) duckdb.append_null(appender);
    else duckdb.append_uhugeint(appender, value);
    duckdb.append_int64(appender, BigInt(Math.max(0, Math.trunc(firstSeen))));
  });
  if (renamed.size === 0) return;
  await connection.sql.run(
    `UPDATE peers SET ${peerColumns.map((name) => `${name} = n.${name}`).join(", ")} FROM new_peers n WHERE n.key = peers.key AND n.key IN (${[...renamed].join(", ")})`,
  );
}

async function writeObservers(connection: DatabaseConnection, observers: readonly Observer[]): Promise<void> {
  await fillTable(connection, "observers", observers, (appender, { id, kind, name }) => {
    duckdb.append_int64(appender, BigInt(identityKey(id)));
    for (const text of [id, kind, name]) duckdb.append_varchar(appender, text);
  });
}

async function fillTable<T>(
  { handle, sql }: DatabaseConnection,
  table: "peers" | "observers",
  rows: readonly T[],
  appendRow: (appender: duckdb.Appender, row: T) => void,
): Promise<void> {
  await sql.run(`CREATE TEMP TABLE IF NOT EXISTS new_${table} AS FROM ${table} LIMIT 0`);
  await sql.run(`DELETE FROM new_${table}`);
  const appender = duckdb.appender_create_ext(handle, "temp", null, `new_${table}`);
  try {
    for (const row of rows) {
      appendRow(appender, row);
      duckdb.appender_end_row(appender);
    }
    duckdb.appender_flush_sync(appender);
  } finally {
    duckdb.appender_close_sync(appender);
  }
  await sql.run(
    `INSERT INTO ${table} SELECT * FROM new_${table} WHERE key NOT IN (SELECT key FROM ${table})`,
  );
}
