import type { PeerHistory, ValuesQuery } from "../store.ts";
import { readPeer, replacedColumns } from "./peer-columns.ts";
import type { Question, SqlRow } from "./questions.ts";
import { linkTables } from "./schema.ts";
import { SqlParameters } from "./sql-parameters.ts";

/** Addresses told of a peer at most. */
const addressesMax = 256;

/** A field's column of `peers`, or how its texts are made of one. */
const valueColumns: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      "name",
      "id",
      "kind",
      "namespace",
      "workload",
      "pod",
      "process",
      "container",
      "node",
      "address",
      "network",
    ].map((name) => [name, name]),
  ),
  ...{ country: "country", domain: "domain", site: "site", unresolved: "unresolved" },
  asn: "as_number::VARCHAR",
  vlan: "vlan::VARCHAR",
  service: "unnest(string_split(service, ', '))",
  label: "split_part(unnest(string_split(labels, ',')), '=', 1)",
};

/** Distinct texts, those that most peers have first. */
export async function values(question: Question, query: ValuesQuery): Promise<string[]> {
  const parameters = new SqlParameters();
  const source = valuesSource(query.field, parameters);
  if (source === undefined) return [];
  const rows = await question.rows(
    `SELECT value FROM (${source}) WHERE value <> '' AND starts_with(lower(value), ${parameters.text(query.prefix.toLowerCase())})
     GROUP BY value ORDER BY count(*) DESC, value LIMIT ${parameters.integer(query.limit)}`,
    parameters,
  );
  return rows.map(({ value }) => value as string);
}

function valuesSource(field: string, parameters: SqlParameters): string | undefined {
  if (field === "observer") return "SELECT name AS value FROM observers";
  if (field === "exporter") return "SELECT name AS value FROM observers WHERE kind = 'exporter'";
  if (field.startsWith("label.")) {
    const start = parameters.text(`${field.slice("label.".length)}=`);
    const each = "unnest(string_split(labels, ','))";
    return `SELECT each[length(${start}) + 1 :] AS value FROM (SELECT ${each} AS each FROM peers) WHERE starts_with(each, ${start})`;
  }
  const column = Object.hasOwn(valueColumns, field) ? valueColumns[field] : undefined;
  return column === undefined ? undefined : `SELECT ${column} AS value FROM peers`;
}

/** Peers by their ids. What was seen last is asked of the links, whose tables say it. */
export async function peersById(question: Question, ids: readonly string[]): Promise<PeerHistory[]> {
  const parameters = new SqlParameters();
  const wanted = ids.map((id) => parameters.text(id)).join(", ");
  if (wanted === "") return [];
  const seen = linkTables.flatMap((table) =>
    ["client_key", "server_key", "called_key"].map((key) => `SELECT ${key} AS key, last_seen FROM ${table}`),
  );
  const rows = await question.rows(
    `WITH wanted AS MATERIALIZED (FROM peers WHERE id IN (${wanted})),
    seen AS (
      SELECT key, max(last_seen) AS last_seen FROM (
        ${seen.join(" UNION ALL ")} UNION ALL
        SELECT unnest([source_peer_key, destination_peer_key, called_peer_key]) AS key, "collectionTimeMilliseconds"
        FROM flow_records WHERE record_id > ${question.marks.rolledUpId}
      ) SEMI JOIN wanted USING (key) GROUP BY key
    )
    SELECT ${replacedColumns.map((name) => `w.${name}`).join(", ")}, w.first_seen::DOUBLE AS first_seen,
      greatest(w.first_seen, coalesce(seen.last_seen, 0))::DOUBLE AS last_seen,
      (SELECT list({ 'name': n.name, 'until': n.until::DOUBLE } ORDER BY n.until DESC) FROM peer_names n WHERE n.key = w.key) AS names,
      count(*) OVER (PARTITION BY w.id)::DOUBLE AS address_count
    FROM wanted w LEFT JOIN seen USING (key)
    QUALIFY row_number() OVER (PARTITION BY w.id ORDER BY last_seen DESC, w.key) <= ${addressesMax}
    ORDER BY last_seen DESC, w.key`,
    parameters,
  );
  return [...Map.groupBy(rows, ({ id }) => id as string)].map(([id, ofPeer]) => historyOf(id, ofPeer));
}

function historyOf(id: string, rows: readonly SqlRow[]): PeerHistory {
  const peers = rows.map((row) => ({
    ...readPeer(row),
    firstSeen: row.first_seen as number,
    lastSeen: row.last_seen as number,
  }));
  const firstSeen = Math.min(...peers.map((peer) => peer.firstSeen));
  return {
    id,
    peers,
    addressesLeftOut: (rows[0]!.address_count as number) - peers.length,
    names: namesOf(rows, peers[0]!.name, firstSeen),
    firstSeen,
    lastSeen: Math.max(...peers.map((peer) => peer.lastSeen)),
  };
}

/** A peer at several addresses is renamed at each: one of them tells. */
function namesOf(rows: readonly SqlRow[], name: string, firstSeen: number): PeerHistory["names"] {
  const former = rows
    .map((row) => (row.names ?? []) as { readonly name: string; readonly until: number }[])
    .reduce((longest, each) => (each.length > longest.length ? each : longest));
  const all = [{ name, until: Number.POSITIVE_INFINITY }, ...former];
  return all.map((each, i) => ({ name: each.name, since: all[i + 1]?.until ?? firstSeen }));
}
