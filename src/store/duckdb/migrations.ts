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

const peerTextsOf2 = ["id", "kind", "name", "address", "node", "network", "process", "container"];
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

const flowRecordColumnsOf3 = `
  record_id BIGINT, sourceAddressHigh UBIGINT, sourceAddressLow UBIGINT, destinationAddressHigh UBIGINT,
  destinationAddressLow UBIGINT, sourceTransportPort USMALLINT, destinationTransportPort USMALLINT,
  protocolIdentifier UTINYINT, octetDeltaCount BIGINT, packetDeltaCount BIGINT, reverseOctetDeltaCount BIGINT,
  reversePacketDeltaCount BIGINT, flowStartMilliseconds BIGINT, flowEndMilliseconds BIGINT,
  collectionTimeMilliseconds BIGINT, tcpControlBits USMALLINT, icmpTypeCode USMALLINT,
  ipClassOfService UTINYINT, ingressInterface UINTEGER, egressInterface UINTEGER, flowDirection UTINYINT,
  flowEndReason UTINYINT, vlanId USMALLINT, bgpSourceAsNumber UINTEGER, bgpDestinationAsNumber UINTEGER,
  samplingInterval UINTEGER, observationDomainId UINTEGER, observer_key BIGINT, observedEnd UTINYINT,
  connectionScope UINTEGER, source_peer_key BIGINT, destination_peer_key BIGINT, clientEnd UTINYINT,
  isDuplicate UTINYINT, connectionCount UINTEGER, failedConnectionCount UINTEGER,
  retransmittedSegmentCount UINTEGER, roundTripTimeMicroseconds UINTEGER,
  minimumRoundTripTimeMicroseconds UINTEGER, connectTimeMicroseconds UINTEGER,
  refusedConnectionCount UINTEGER, timedOutConnectionCount UINTEGER, unreachableConnectionCount UINTEGER,
  resetConnectionCount UINTEGER, lostConnectionCount UINTEGER, originalDestinationAddressHigh UBIGINT,
  originalDestinationAddressLow UBIGINT, originalDestinationTransportPort USMALLINT, called_peer_key BIGINT`
  .trim()
  .split(/,\s+/)
  .map((column) => `${column} NOT NULL`)
  .join(", ");

const addressesOf2 = ["sourceAddress", "destinationAddress", "originalDestinationAddress"];

const halvesOf3 = (name: string, [high, low]: readonly [string, string]) =>
  `("${name}" >> 64)::UBIGINT AS ${high}, ("${name}" & ${2n ** 64n - 1n}::UHUGEINT)::UBIGINT AS ${low}`;

/**
 * Tables whose addresses become two halves are written anew, once: an UPDATE would hold what was in memory, and DuckDB 1.5 cannot read
 * an ALTER with an expression back from its log.
 */
function writtenAnew(table: string, columns: string, rows: string): string[] {
  return [
    `CREATE TABLE ${table}_of_3 (${columns})`,
    `INSERT INTO ${table}_of_3 BY NAME SELECT ${rows} FROM ${table}`,
    `DROP TABLE ${table}`,
    `ALTER TABLE ${table}_of_3 RENAME TO ${table}`,
  ];
}

const flowRecordsOf3 = writtenAnew(
  "flow_records",
  flowRecordColumnsOf3,
  `* EXCLUDE (${addressesOf2.join(", ")}),
    ${addressesOf2.map((name) => halvesOf3(name, [`${name}High`, `${name}Low`])).join(", ")}, 0 AS called_peer_key`,
);

const peersOf3 = writtenAnew(
  "peers",
  `key BIGINT NOT NULL, ${[...peerTextsOf2, ...peerTextsOf3].map((name) => `${name} VARCHAR NOT NULL`).join(", ")},
    latitude DOUBLE, longitude DOUBLE, as_number UINTEGER, vlan USMALLINT, address_high UBIGINT, address_low UBIGINT,
    first_seen BIGINT NOT NULL`,
  `* EXCLUDE (address_value), ${halvesOf3("address_value", ["address_high", "address_low"])},
    ${peerTextsOf3.map((name) => `'' AS ${name}`).join(", ")}`,
);

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
    brings:
      "links per hour and day, facts and names of peers, called services, addresses that are found fast",
    statements: [
      ...flowRecordsOf3,
      `ALTER TABLE link_minutes RENAME COLUMN "minute" TO "time"`,
      ...addColumns("link_minutes", "BIGINT", ["called_key"]),
      // What was corrected for sampling stays so: with a factor of 1.
      ...addColumns("link_minutes", "UINTEGER", ["sampling_interval"], "1"),
      ...addColumns("link_minutes", "BIGINT", ["first_seen"]),
      `UPDATE link_minutes SET first_seen = "time"`,
      ...["link_hours", "link_days"].map((table) => `CREATE TABLE ${table} (${linkColumnsOf3})`),
      ...peersOf3,
      "CREATE TABLE peer_names (key BIGINT NOT NULL, name VARCHAR NOT NULL, until BIGINT NOT NULL)",
      ...addColumns("rollup_state", "BIGINT", ["minutes_from", "hours_through", "days_through"]),
    ],
  },
  {
    version: 4,
    brings: "interfaces of links, why it is not known who a peer is",
    statements: [
      ...["link_minutes", "link_hours", "link_days"].flatMap((table) =>
        addColumns(table, "UINTEGER", ["client_interface", "server_interface"]),
      ),
      ...addColumns("peers", "VARCHAR", ["unresolved"], "''"),
    ],
  },
  {
    version: 5,
    brings: "names that peers looked up",
    statements: [
      `CREATE TABLE asked_names ("time" BIGINT NOT NULL, peer_key BIGINT NOT NULL, name VARCHAR NOT NULL,
        query_count BIGINT NOT NULL, answer_count BIGINT NOT NULL, nxdomain_count BIGINT NOT NULL,
        servfail_count BIGINT NOT NULL, refused_count BIGINT NOT NULL, other_failure_count BIGINT NOT NULL,
        timed_out_count BIGINT NOT NULL, latency_sum_microseconds BIGINT NOT NULL,
        latency_max_microseconds BIGINT NOT NULL, last_seen BIGINT NOT NULL)`,
    ],
  },
  {
    version: 6,
    brings: "small keys of peers and observers, which take less room; those that are there keep theirs",
    statements: ["peers", "observers"].flatMap((table) => [
      ...addColumns(table, "BIGINT", ["identity"]),
      `UPDATE ${table} SET identity = key`,
    ]),
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
