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

const peerTextsOf3 = [
  ...["pod_uid", "namespace", "pod", "workload", "workload_kind", "service", "labels"],
  ...["country", "country_name", "city", "as_name", "domain", "site"],
];

const linkColumnsOf3 = [
  ...[
    "time BIGINT",
    "observer_key BIGINT",
    "client_key BIGINT",
    "server_key BIGINT",
    "server_port USMALLINT",
  ],
  ...[
    "protocol UTINYINT",
    "is_duplicate BOOLEAN",
    "bytes_sent BIGINT",
    "bytes_received BIGINT",
    "packets BIGINT",
  ],
  ...["connections BIGINT", "failed BIGINT", "retransmits BIGINT", "rtt_sum BIGINT", "rtt_count BIGINT"],
  ...["refused BIGINT", "timed_out BIGINT", "unreachable BIGINT", "reset BIGINT", "lost BIGINT"],
  ...[
    "connect_sum BIGINT",
    "connect_count BIGINT",
    "rtt_min BIGINT",
    "last_seen BIGINT",
    "called_key BIGINT",
  ],
  ...["sampling_interval UINTEGER", "first_seen BIGINT"],
]
  .map((column) => `${column} NOT NULL`)
  .join(", ");

/** Older records say nothing of it: nought. A default that stayed would hide a column that somebody forgot to fill. */
function addColumns(table: string, type: string, names: readonly string[], value = "0"): string[] {
  return names.flatMap((name) => [
    `ALTER TABLE ${table} ADD COLUMN "${name}" ${type} DEFAULT ${value}`,
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
  {
    version: 3,
    brings: "links per hour and day, facts and names of peers, called services",
    statements: [
      ...addColumns("flow_records", "BIGINT", ["called_peer_key"]),
      `ALTER TABLE link_minutes RENAME COLUMN "minute" TO "time"`,
      ...addColumns("link_minutes", "BIGINT", ["called_key"]),
      // What was corrected for sampling stays so: with a factor of 1.
      ...addColumns("link_minutes", "UINTEGER", ["sampling_interval"], "1"),
      ...addColumns("link_minutes", "BIGINT", ["first_seen"]),
      `UPDATE link_minutes SET first_seen = "time"`,
      ...["link_hours", "link_days"].map((table) => `CREATE TABLE ${table} (${linkColumnsOf3})`),
      ...addColumns("peers", "VARCHAR", peerTextsOf3, "''"),
      ...["latitude DOUBLE", "longitude DOUBLE", "as_number UINTEGER", "vlan USMALLINT"].map(
        (column) => `ALTER TABLE peers ADD COLUMN ${column}`,
      ),
      "CREATE TABLE peer_names (key BIGINT NOT NULL, name VARCHAR NOT NULL, until BIGINT NOT NULL)",
      ...addColumns("rollup_state", "BIGINT", ["minutes_from", "hours_through", "days_through"]),
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
