import { type ColumnEncoding, type CoreField, coreFields } from "../../flow/index.ts";
import { type AskedCounter, askedCounters, type LinkCounter } from "../../topology/index.ts";
import { addressColumns, halfOffsets } from "./address-value.ts";
import { peerColumnDefinitions } from "./peer-columns.ts";

/**
 * Raised with every change that an older program cannot read, and a step in migrations.ts. docs/formats/data-folder.md
 * describes it.
 */
export const formatVersion = 5;

/** DuckDB's type for a column, and the bytes of one value in a vector. */
export interface StoredColumn {
  readonly name: string;
  readonly type: "UTINYINT" | "USMALLINT" | "UINTEGER" | "BIGINT" | "UBIGINT";
  readonly bytes: number;
}

/** A column of `flow_records`: what it holds of which field. */
export interface FlowRecordColumn extends StoredColumn {
  readonly field: CoreField;
  /** Of an address: where its half begins. */
  readonly offset: number;
}

/** Fields that are rows of a table in memory and keys in the file. */
export const keyColumns = {
  observer: "observer_key",
  sourcePeer: "source_peer_key",
  destinationPeer: "destination_peer_key",
  calledPeer: "called_peer_key",
} as const;

const storedTypes: Readonly<Record<Exclude<ColumnEncoding, "address">, Omit<StoredColumn, "name">>> = {
  u8: { type: "UTINYINT", bytes: 1 },
  u16: { type: "USMALLINT", bytes: 2 },
  u32: { type: "UINTEGER", bytes: 4 },
  f64: { type: "BIGINT", bytes: 8 },
  list: { type: "UINTEGER", bytes: 4 },
};

const recordIdColumn: StoredColumn = { name: "record_id", type: "BIGINT", bytes: 8 };

/** One per core field, of addresses one per half. New fields stand last: see migrations.ts. */
export const fieldColumns: readonly FlowRecordColumn[] = coreFields.flatMap(columnsOf);

/** The columns of `flow_records`, in the table's order. */
export const flowRecordColumns: readonly StoredColumn[] = [recordIdColumn, ...fieldColumns];

function columnsOf(field: CoreField): FlowRecordColumn[] {
  const { name, column } = field;
  if (column === "address") {
    const { high, low } = addressColumns(name);
    return [
      { name: high, type: "UBIGINT", bytes: 8, field, offset: halfOffsets.high },
      { name: low, type: "UBIGINT", bytes: 8, field, offset: halfOffsets.low },
    ];
  }
  const stored: StoredColumn =
    name in keyColumns
      ? { name: keyColumns[name as keyof typeof keyColumns], type: "BIGINT", bytes: 8 }
      : { name, ...storedTypes[column] };
  return [{ ...stored, field, offset: 0 }];
}

/** Links per minute, hour and day: three tables alike. */
export const linkTables = ["link_minutes", "link_hours", "link_days"] as const;
export type LinkTable = (typeof linkTables)[number];

/** What is said about a link in an interval by one observer, at one sampling interval. */
export const linkKeyColumns = [
  "observer_key",
  "client_key",
  "server_key",
  "called_key",
  "server_port",
  "protocol",
  "is_duplicate",
  "sampling_interval",
  "client_interface",
  "server_interface",
] as const;
/** As they were exported: to be multiplied by the sampling interval. */
export const sampledColumns = ["bytes_sent", "bytes_received", "packets"] as const;
export const linkSumColumns = [
  ...sampledColumns,
  "connections",
  "failed",
  "retransmits",
  "rtt_sum",
  "rtt_count",
  "refused",
  "timed_out",
  "unreachable",
  "reset",
  "lost",
  "connect_sum",
  "connect_count",
] as const;

export type LinkSumColumn = (typeof linkSumColumns)[number];

const linkTableColumns = `("time" BIGINT NOT NULL, observer_key BIGINT NOT NULL, client_key BIGINT NOT NULL,
    server_key BIGINT NOT NULL, server_port USMALLINT NOT NULL, protocol UTINYINT NOT NULL,
    is_duplicate BOOLEAN NOT NULL, ${linkSumColumns.map((name) => `${name} BIGINT NOT NULL`).join(", ")},
    rtt_min BIGINT NOT NULL, last_seen BIGINT NOT NULL, called_key BIGINT NOT NULL, sampling_interval UINTEGER NOT NULL,
    first_seen BIGINT NOT NULL, client_interface UINTEGER NOT NULL, server_interface UINTEGER NOT NULL)`;

/** The column of a counter: `queryCount` is in `query_count`. */
export function askedColumn(counter: AskedCounter): string {
  return counter.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** In this order they are appended. */
export const askedTableColumns = `("time" BIGINT NOT NULL, peer_key BIGINT NOT NULL, name VARCHAR NOT NULL,
    ${askedCounters.map((counter) => `${askedColumn(counter)} BIGINT NOT NULL`).join(", ")}, last_seen BIGINT NOT NULL)`;

/** The counters of links by the columns that hold them. */
export const counterColumns: Readonly<Record<LinkCounter, LinkSumColumn>> = {
  bytesSent: "bytes_sent",
  bytesReceived: "bytes_received",
  packets: "packets",
  connections: "connections",
  failed: "failed",
  refused: "refused",
  timedOut: "timed_out",
  unreachable: "unreachable",
  reset: "reset",
  lost: "lost",
  retransmits: "retransmits",
  connectMicroseconds: "connect_sum",
  connectCount: "connect_count",
};

/** The least of several `rtt_min`, of which 0 is not known. */
export const leastRtt = (name: string) => `coalesce(min(nullif(${name}, 0)), 0)`;

/** Made in every database that has it not yet: programs that do not know it need not. */
export const ingestedStatement = `CREATE TABLE IF NOT EXISTS ingested (epoch VARCHAR NOT NULL, instance VARCHAR NOT NULL, node VARCHAR NOT NULL,
    agent_version VARCHAR NOT NULL, sequence BIGINT NOT NULL, seen BIGINT NOT NULL, recent UBIGINT NOT NULL)`;

export const schemaStatements: readonly string[] = [
  "CREATE TABLE portolan_format (magic VARCHAR NOT NULL, version INTEGER NOT NULL)",
  `INSERT INTO portolan_format VALUES ('portolan', ${formatVersion})`,
  `CREATE TABLE rollup_state (rolled_up_record_id BIGINT NOT NULL, minutes_from BIGINT NOT NULL,
    hours_through BIGINT NOT NULL, days_through BIGINT NOT NULL)`,
  "INSERT INTO rollup_state VALUES (0, 0, 0, 0)",
  `CREATE TABLE flow_records (${flowRecordColumns.map(({ name, type }) => `"${name}" ${type} NOT NULL`).join(", ")})`,
  ...linkTables.map((table) => `CREATE TABLE ${table} ${linkTableColumns}`),
  `CREATE TABLE asked_names ${askedTableColumns}`,
  `CREATE TABLE peers (${peerColumnDefinitions})`,
  "CREATE TABLE peer_names (key BIGINT NOT NULL, name VARCHAR NOT NULL, until BIGINT NOT NULL)",
  "CREATE TABLE observers (key BIGINT NOT NULL, id VARCHAR NOT NULL, kind VARCHAR NOT NULL, name VARCHAR NOT NULL)",
];
