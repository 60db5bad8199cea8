import duckdb from "@duckdb/node-bindings";
import type { Observer } from "../../flow/index.ts";
import type { IngestedEpoch } from "../ingested.ts";
import type { AskedRow } from "./asked-buffer.ts";
import { writeAsked } from "./asked-table.ts";
import type { DatabaseConnection } from "./database.ts";
import { writeIngested } from "./ingested-table.ts";
import type { Naming } from "./named-rows.ts";
import { type LastKeys, type NamedKeys, type NewFacts, writeObservers, writePeers } from "./named-tables.ts";
import { chunkRows, keyWords, type RecordChunk, writeKeys } from "./record-buffer.ts";
import { flowRecordColumns } from "./schema.ts";

/** What one commit writes. */
export interface Waiting extends NewFacts {
  readonly chunks: readonly RecordChunk[];
  readonly asked: readonly AskedRow[];
  readonly observers: Naming<Observer>;
  /** Of agents' messages, those whose records are all among these or earlier ones. */
  readonly ingested: readonly IngestedEpoch[];
}

/**
 * Writes records, and the peers and observers they are the first to name, and which messages they came with, in one transaction. Who is new
 * gets the next key, and what goes wrong gives none back: a key is somebody's once as long as the process lives.
 */
export async function writeWaiting(
  connection: DatabaseConnection,
  waiting: Waiting,
  lastKeys: LastKeys,
): Promise<NamedKeys> {
  return inTransaction(connection, async () => {
    const peers = await writePeers(connection, waiting, lastKeys);
    const observers = await writeObservers(connection, waiting.observers, lastKeys);
    if (waiting.ingested.length > 0) await writeIngested(connection, waiting.ingested);
    if (waiting.asked.length > 0) writeAsked(connection, waiting.asked, keysByIdentity(waiting.peers, peers));
    appendChunks(connection, waiting.chunks, { peers, observers });
    return { peers, observers };
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

function keysByIdentity<T>({ identities }: Naming<T>, keys: Float64Array): ReadonlyMap<number, number> {
  return new Map(identities.map((identity, place) => [identity, keys[place]!]));
}

/**
 * Copies vectors into DuckDB: but for keys no value passes through JavaScript one by one. This only fills memory; the transaction's
 * commit writes, and does so off this thread.
 */
function appendChunks(
  { handle }: DatabaseConnection,
  chunks: readonly RecordChunk[],
  named: NamedKeys,
): void {
  const appender = duckdb.appender_create(handle, null, "flow_records");
  try {
    const types = flowRecordColumns.map((_, i) => duckdb.appender_column_type(appender, i));
    const target = duckdb.create_data_chunk(types);
    const words = { peers: keyWords(named.peers), observers: keyWords(named.observers) };
    const keys = new Uint32Array(chunkRows * 2);
    for (const { rowCount, columns } of chunks) {
      duckdb.data_chunk_reset(target);
      for (const [i, { bytes, keyOf }] of flowRecordColumns.entries()) {
        if (keyOf !== undefined) writeKeys(columns[i]!, rowCount, words[keyOf], keys);
        const { buffer, byteOffset } = keyOf === undefined ? columns[i]! : keys;
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

/** Rows for a statement, in a table that is empty otherwise: made on first use, of this connection alone. */
export async function fillTemporary<T>(
  { handle, sql }: DatabaseConnection,
  table: string,
  columns: string,
  rows: readonly T[],
  appendRow: (appender: duckdb.Appender, row: T) => void,
): Promise<void> {
  await sql.run(`CREATE TEMP TABLE IF NOT EXISTS ${table} (${columns})`);
  await sql.run(`DELETE FROM ${table}`);
  const appender = duckdb.appender_create_ext(handle, "temp", null, table);
  try {
    for (const row of rows) {
      appendRow(appender, row);
      duckdb.appender_end_row(appender);
    }
    duckdb.appender_flush_sync(appender);
  } finally {
    duckdb.appender_close_sync(appender);
  }
}
