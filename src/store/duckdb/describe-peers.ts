import duckdb from "@duckdb/node-bindings";
import type { PeerDescription } from "../store.ts";
import type { DatabaseConnection } from "./database.ts";
import {
  derivedNumberColumns,
  derivedTextColumns,
  derivedTextsOf,
  numbersOf,
  peerTextColumns,
  readPeer,
} from "./peer-columns.ts";
import { rowObjects } from "./questions.ts";
import { fillTemporary, inTransaction } from "./writer.ts";

/** How far the peers of the file are described by the facts of a generation. */
export interface Described {
  generation: number;
  throughKey: number;
}

/** Peers looked at per call: some 20 ms. */
const peersAtOnce = 10_000;

const derivedColumns = ["network", ...derivedTextColumns, ...derivedNumberColumns];
const newColumns = `key BIGINT, ${[...["network"], ...derivedTextColumns].map((name) => `${name} VARCHAR`).join(", ")}, ${derivedNumberColumns
  .map((name) => `${name} DOUBLE`)
  .join(", ")}`;

/**
 * Writes anew what follows from peers' addresses and names, when that may have changed: a few at a time, those whose facts are
 * others. A host's network is such a fact too. Returns whether there were any.
 */
export async function describePeers(
  connection: DatabaseConnection,
  facts: PeerDescription | undefined,
  described: Described,
): Promise<boolean> {
  if (facts?.generation === undefined) return false;
  if (described.generation !== facts.generation) {
    described.generation = facts.generation;
    described.throughKey = -1;
  }
  if (described.throughKey === Number.POSITIVE_INFINITY) return false;
  const rows = rowObjects(
    await connection.sql.runAndReadAll(
      `SELECT key::DOUBLE AS key, ${[...peerTextColumns, ...derivedTextColumns, ...derivedNumberColumns].join(", ")}
       FROM peers WHERE key > ${described.throughKey} ORDER BY key LIMIT ${peersAtOnce}`,
    ),
  );
  const changed = rows.flatMap((row) => {
    const peer = readPeer(row);
    const { network: ofAddress, ...now } = facts.factsOf(peer);
    const network = peer.kind === "host" && ofAddress !== undefined ? ofAddress : peer.network;
    const texts = [network, ...derivedTextsOf(now)];
    const numbers = numbersOf(now);
    const before = [...derivedColumns.map((name) => row[name] ?? undefined)];
    const isSame = [...texts, ...numbers].every((value, i) => value === before[i]);
    return isSame ? [] : [{ key: row.key as number, texts, numbers }];
  });
  if (changed.length > 0) {
    await inTransaction(connection, async () => {
      await fillTemporary(
        connection,
        "described_peers",
        newColumns,
        changed,
        (appender, { key, texts, numbers }) => {
          duckdb.append_int64(appender, BigInt(key));
          for (const text of texts) duckdb.append_varchar(appender, text);
          for (const number of numbers) {
            if (number === undefined) duckdb.append_null(appender);
            else duckdb.append_double(appender, number);
          }
        },
      );
      await connection.sql.run(
        `UPDATE peers SET ${derivedColumns.map((name) => `${name} = n.${name}`).join(", ")} FROM described_peers n WHERE n.key = peers.key`,
      );
    });
  }
  described.throughKey = rows.length < peersAtOnce ? Number.POSITIVE_INFINITY : (rows.at(-1)!.key as number);
  return changed.length > 0;
}
