import duckdb from "@duckdb/node-bindings";
import { assert, type Observer } from "../../flow/index.ts";
import type { Peer } from "../../topology/index.ts";
import type { PeerDescription } from "../store.ts";
import { addressHalvesOfText } from "./address-value.ts";
import { type DatabaseConnection, rowsOf } from "./database.ts";
import type { Naming } from "./named-rows.ts";
import { numbersOf, peerColumnDefinitions, replacedColumns, textsOf } from "./peer-columns.ts";
import { type NamedTable, observerColumnDefinitions } from "./schema.ts";
import { fillTemporary } from "./writer.ts";

/** The highest key that was given, 0 before the first. */
export type LastKeys = Record<NamedTable, number>;

/** Keys in the file, by place. */
export type NamedKeys = Readonly<Record<NamedTable, Float64Array>>;

/** The highest of the keys that are given in order. Those from before version 6 are identities. */
export async function readLastKey(connection: DatabaseConnection, table: NamedTable): Promise<number> {
  const given = `key < ${2 ** 32} OR key <> identity`;
  const [row] = await rowsOf(connection, `SELECT coalesce(max(key), 0)::DOUBLE FROM ${table} WHERE ${given}`);
  return row![0] as number;
}

/** Peers that a commit names, and what is new of others. */
export interface NewFacts {
  readonly peers: Naming<Peer>;
  /** By identity peers whose facts in the file are to be replaced; whom it does not have is written. */
  readonly renamed: ReadonlyMap<number, Peer>;
  /** Unix milliseconds; the first time of the records, for new peers, and until when renamed ones had their former names. */
  readonly firstSeen: number;
  readonly renamedAt: number;
  readonly facts: PeerDescription | undefined;
}

/** Few rows: one value at a time is good enough. What the table already has is left as it is, but for what became known since. */
export async function writePeers(
  connection: DatabaseConnection,
  { peers, renamed, firstSeen, renamedAt, facts }: NewFacts,
  lastKeys: LastKeys,
): Promise<Float64Array> {
  const columns = `${peerColumnDefinitions}, renamed BOOLEAN`;
  const rows = [...new Map([...peers.newcomers, ...renamed])];
  if (rows.length === 0) return Float64Array.from(peers.keys);
  await fillTemporary(connection, "new_peers", columns, rows, (appender, [identity, peer]) => {
    appendPeer(appender, identity, peer, facts, firstSeen);
    duckdb.append_bool(appender, renamed.has(identity));
  });
  await insertNew(connection, "peers", lastKeys);
  if (renamed.size > 0) {
    const { sql } = connection;
    await sql.run(
      `INSERT INTO peer_names SELECT p.key, p.name, ${Math.trunc(renamedAt)} FROM peers p JOIN new_peers n USING (identity)
       WHERE n.renamed AND p.name <> n.name`,
    );
    await sql.run(
      `UPDATE peers SET ${replacedColumns.map((name) => `${name} = n.${name}`).join(", ")} FROM new_peers n
       WHERE n.identity = peers.identity AND n.renamed`,
    );
  }
  return readKeys(connection, "peers", peers);
}

export async function writeObservers(
  connection: DatabaseConnection,
  observers: Naming<Observer>,
  lastKeys: LastKeys,
): Promise<Float64Array> {
  const rows = [...observers.newcomers];
  if (rows.length === 0) return Float64Array.from(observers.keys);
  await fillTemporary(
    connection,
    "new_observers",
    observerColumnDefinitions,
    rows,
    (appender, [identity, { id, kind, name }]) => {
      duckdb.append_int64(appender, 0n);
      for (const text of [id, kind, name]) duckdb.append_varchar(appender, text);
      duckdb.append_int64(appender, BigInt(identity));
    },
  );
  await insertNew(connection, "observers", lastKeys);
  return readKeys(connection, "observers", observers);
}

/** Of those in `new_peers` or `new_observers` whom the file does not have. */
async function insertNew({ sql }: DatabaseConnection, table: NamedTable, lastKeys: LastKeys): Promise<void> {
  const columns = table === "peers" ? "* EXCLUDE (renamed)" : "*";
  const { rowsChanged } = await sql.run(
    `INSERT INTO ${table} BY NAME
     SELECT ${columns} REPLACE (${lastKeys[table]} + row_number() OVER (ORDER BY rowid) AS key)
     FROM new_${table} WHERE identity NOT IN (SELECT identity FROM ${table})`,
  );
  lastKeys[table] += rowsChanged;
}

/** By place, when everybody is in the file. */
async function readKeys<T>(
  connection: DatabaseConnection,
  table: NamedTable,
  { identities, keys }: Naming<T>,
): Promise<Float64Array> {
  const statement = `SELECT identity::DOUBLE, key::DOUBLE FROM ${table} SEMI JOIN new_${table} USING (identity)`;
  const found = new Map((await rowsOf(connection, statement)) as [number, number][]);
  return Float64Array.from(keys, (known, place) => {
    const key = place === 0 || known !== 0 ? known : found.get(identities[place]!);
    assert(key !== undefined, "whom records name is in the file");
    return key;
  });
}

/** In the order of `peerColumnDefinitions`; the key is given when it is known who is new. */
function appendPeer(
  appender: duckdb.Appender,
  identity: number,
  peer: Peer,
  description: PeerDescription | undefined,
  firstSeen: number,
): void {
  const facts = description?.factsOf(peer) ?? {};
  duckdb.append_int64(appender, 0n);
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
  duckdb.append_int64(appender, BigInt(identity));
}
