import type { DatabaseConnection } from "./database.ts";
import { inTransaction } from "./writer.ts";

/** What makes a folder of the version before one of `version`. */
export interface Migration {
  readonly version: number;
  /** What the new version has, in a few words for the log. */
  readonly brings: string;
  /** Frozen, like the versions: they name no column by today's tables. */
  readonly statements: readonly string[];
}

/** Older records say nothing of it: nought. A default that stayed would hide a column that somebody forgot to fill. */
function addColumns(table: string, type: string, names: readonly string[]): string[] {
  return names.flatMap((name) => [
    `ALTER TABLE ${table} ADD COLUMN "${name}" ${type} DEFAULT 0`,
    `ALTER TABLE ${table} ALTER COLUMN "${name}" SET NOT NULL`,
    `ALTER TABLE ${table} ALTER COLUMN "${name}" DROP DEFAULT`,
  ]);
}

/** In order. The next one: raise `formatVersion`, add a step here, and what makes a folder of this version to testdata. */
export const migrations: readonly Migration[] = [
  {
    version: 2,
    brings: "why connections failed, connect times and least round trip times, called addresses",
    statements: [
      ...addColumns("flow_records", "UINTEGER", [
        "minimumRoundTripTimeMicroseconds",
        "connectTimeMicroseconds",
        "refusedConnectionCount",
        "timedOutConnectionCount",
        "unreachableConnectionCount",
        "resetConnectionCount",
        "lostConnectionCount",
      ]),
      ...addColumns("flow_records", "UHUGEINT", ["originalDestinationAddress"]),
      ...addColumns("flow_records", "USMALLINT", ["originalDestinationTransportPort"]),
      ...addColumns("link_minutes", "BIGINT", [
        ...["refused", "timed_out", "unreachable", "reset", "lost", "connect_sum", "connect_count"],
        "rtt_min",
      ]),
    ],
  },
];

/**
 * Brings the tables from a version to the newest, a version at a time and each in one transaction: whenever it is cut off, the
 * folder is wholly of one version, which `portolan_format` says.
 */
export async function migrate(
  connection: Pick<DatabaseConnection, "sql">,
  from: number,
  log: (message: string) => void,
): Promise<void> {
  for (const { version, brings, statements } of migrations) {
    if (version <= from) continue;
    log(`store: the data folder becomes version ${version}: ${brings}`);
    await inTransaction(connection, async () => {
      for (const statement of statements) await connection.sql.run(statement);
      await connection.sql.run(`UPDATE portolan_format SET version = ${version}`);
    });
  }
}
