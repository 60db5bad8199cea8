import duckdb from "@duckdb/node-bindings";
import type { Observer } from "../../flow/index.ts";
import { identityKey } from "../../flow/index.ts";
import { type Peer, peerKey } from "../../topology/index.ts";
import type { IngestedEpoch } from "../ingested.ts";
import type { PeerDescription } from "../store.ts";
import { addressHalvesOfText } from "./address-value.ts";
import type { AskedRow } from "./asked-buffer.ts";
import { writeAsked } from "./asked-table.ts";
import type { DatabaseConnection } from "./database.ts";
import { writeIngested } from "./ingested-table.ts";
import type { Newcome } from "./newcomers.ts";
import { numbersOf, peerColumnDefinitions, replacedColumns, textsOf } from "./peer-columns.ts";
import type { RecordChunk } from "./record-buffer.ts";
import { flowRecordColumns } from "./schema.ts";

/** What one commit writes. */
export interface Waiting extends Newcome {
  readonly chunks: readonly RecordChunk[];
  readonly asked: readonly AskedRow[];
  /** Unix milliseconds; the first time of the records, for new peers, and until when renamed ones had their former names. */
  readonly firstSeen: number;
  readonly renamedAt: number;
  readonly facts: PeerDescription | undefined;
  /** Of agents' messages, those whose records are all among these or earlier ones. */
  readonly ingested: readonly IngestedEpoch[];
}

/** Writes records, and the peers and observers they are the first to name, and which messages they came with, in one transaction. */
export async function writeWaiting(connection: DatabaseConnection, waiting: Waiting): Promise<void> {
  await inTransaction(connection, async () => {
    if (waiting.peers.length > 0) await writePeers(connection, waiting);
    if (waiting.observers.length > 0) await writeObservers(connection, waiting.observers);
    if (waiting.ingested.length > 0) await writeIngested(connection, waiting.ingested);
    if (waiting.asked.length > 0) writeAsked(connection, waiting.asked);
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
  { peers, renamed, firstSeen, renamedAt, facts }: Waiting,
): Promise<void> {
  await fillTemporary(
    connection,
    "new_peers",
    `${peerColumnDefinitions}, renamed BOOLEAN`,
    peers,
    (appender, peer) => {
      const key = peerKey(peer);
      appendPeer(appender, key, peer, facts, firstSeen);
      duckdb.append_bool(appender, renamed.has(key));
    },
  );
  const { sql } = connection;
  await sql.run(
    "INSERT INTO peers BY NAME SELECT * EXCLUDE (renamed) FROM new_peers WHERE key NOT IN (SELECT key FROM peers)",
  );
  if (renamed.size === 0) return;
  await sql.run(
    `INSERT INTO peer_names SELECT p.key, p.name, ${Math.trunc(renamedAt)} FROM peers p JOIN new_peers n USING (key)
     WHERE n.renamed AND p.name <> n.name`,
  );
  await sql.run(
    `UPDATE peers SET ${replacedColumns.map((name) => `${name} = n.${name}`).join(", ")} FROM new_peers n WHERE n.key = peers.key AND n.renamed`,
  );
}

/** In the order of `peerColumnDefinitions`. */
export function appendPeer(
  appender: duckdb.Appender,
  key: number,
  peer: Peer,
  description: PeerDescription | undefined,
  firstSeen: number,
): void {
  const facts = description?.factsOf(peer) ?? {};
  duckdb.append_int64(appender, BigInt(key));
  for (const text of textsOf(peer, facts)) duckdb.append_varchar(appender, text);
  for (const number of numbersOf(facts)) {
    if (number === undefined) duckdb.append_null(appender);
    else duckdb.append_double(appender, number); // becomes what the column has
  }
  const halves = addressHalvesOfText(peer.address);
  for (const half of [halves?.high, halves?.low]) {
    if (half === undefined) duckdb.append_null(appender);
    else duckdb.append_uint64(appender, half);
  }
  duckdb.append_int64(appender, BigInt(Math.max(0, Math.trunc(firstSeen))));
}

async function writeObservers(connection: DatabaseConnection, observers: readonly Observer[]): Promise<void> {
  const columns = "key BIGINT, id VARCHAR, kind VARCHAR, name VARCHAR";
  await fillTemporary(connection, "new_observers", columns, observers, (appender, { id, kind, name }) => {
    duckdb.append_int64(appender, BigInt(identityKey(id)));
    for (const text of [id, kind, name]) duckdb.append_varchar(appender, text);
  });
  await connection.sql.run(
    "INSERT INTO observers BY NAME FROM new_observers WHERE key NOT IN (SELECT key FROM observers)",
  );
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
