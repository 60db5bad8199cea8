import duckdb from "@duckdb/node-bindings";
import { epochsMax, type IngestedEpoch, instanceEpochsMax } from "../ingested.ts";
import { SequenceWindow } from "../sequence-window.ts";
import { type DatabaseConnection, rowsOf } from "./database.ts";

const texts = ["epoch", "instance", "node", "agent_version"] as const;
const numbers = ["sequence", "seen"] as const;

/** Reads what is remembered of agents' messages, the last seen last, and removes what is too much. */
export async function readIngested(connection: DatabaseConnection): Promise<IngestedEpoch[]> {
  await connection.sql.run(
    `DELETE FROM ingested WHERE epoch NOT IN (SELECT epoch FROM ingested
     QUALIFY row_number() OVER (PARTITION BY instance ORDER BY seen DESC) <= ${instanceEpochsMax})`,
  );
  await connection.sql.run(
    `DELETE FROM ingested WHERE epoch NOT IN (SELECT epoch FROM ingested ORDER BY seen DESC LIMIT ${epochsMax})`,
  );
  const rows = await rowsOf(
    connection,
    `SELECT ${texts.join(", ")}, ${numbers.map((name) => `${name}::DOUBLE`).join(", ")}, recent FROM ingested ORDER BY seen`,
  );
  return rows.map((row) => {
    const [epoch, instance, node, agentVersion, sequence, seen, recent] = row as [
      ...[string, string, string, string],
      ...[number, number, bigint],
    ];
    return { epoch, instance, node, agentVersion, seen, window: new SequenceWindow(sequence, recent) };
  });
}

/** Within the transaction that writes the records these messages brought. */
export async function writeIngested(
  { handle, sql }: DatabaseConnection,
  epochs: readonly IngestedEpoch[],
): Promise<void> {
  await sql.run("CREATE TEMP TABLE IF NOT EXISTS new_ingested AS FROM ingested LIMIT 0");
  await sql.run("DELETE FROM new_ingested");
  const appender = duckdb.appender_create_ext(handle, "temp", null, "new_ingested");
  try {
    for (const { epoch, instance, node, agentVersion, seen, window } of epochs) {
      for (const text of [epoch, instance, node, agentVersion]) duckdb.append_varchar(appender, text);
      duckdb.append_int64(appender, BigInt(window.highest));
      duckdb.append_int64(appender, BigInt(Math.max(0, Math.trunc(seen))));
      duckdb.append_uint64(appender, window.bits);
      duckdb.appender_end_row(appender);
    }
    duckdb.appender_flush_sync(appender);
  } finally {
    duckdb.appender_close_sync(appender);
  }
  await sql.run(
    `UPDATE ingested SET sequence = n.sequence, seen = n.seen, recent = n.recent, agent_version = n.agent_version, node = n.node
     FROM new_ingested n WHERE n.epoch = ingested.epoch`,
  );
  await sql.run(
    "INSERT INTO ingested SELECT * FROM new_ingested WHERE epoch NOT IN (SELECT epoch FROM ingested)",
  );
  await sql.run(
    `DELETE FROM ingested WHERE epoch IN (SELECT epoch FROM ingested WHERE instance IN (SELECT instance FROM new_ingested)
     QUALIFY row_number() OVER (PARTITION BY instance ORDER BY seen DESC) > ${instanceEpochsMax})`,
  );
}
