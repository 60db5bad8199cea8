import type { DuckDBConnection } from "@duckdb/node-api";
import { identityKey } from "../src/flow/index.ts";
import { flowRecordColumns, linkSumColumns } from "../src/store/duckdb/schema.ts";
import { peerKey } from "../src/topology/index.ts";

export interface HistorySize {
  readonly recordCount: number;
  readonly days: number;
  readonly workloads: number;
  /** Unix ms of a whole minute: the end of what is there. */
  readonly now: number;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
/** Records and minutes reach back this far, hours and days as far as is asked for. */
const recordsMilliseconds = 48 * hour;
const linksPerWorkload = 5;

/** Numbers between 0 and 1 that depend on nothing but these expressions. */
const random = (...of: readonly string[]) => `(hash(${of.join(", ")}) / 18446744073709551616.0)`;

/**
 * Fills the store's tables: workloads of two pods in namespaces of a hundred, a few hundred hosts outside, five links a workload, of
 * which the heavier ones are there in more minutes. Each link is seen by its client's agent, two of three by the server's too, and
 * some by a router that samples.
 */
export async function generateHistory(connection: DuckDBConnection, size: HistorySize): Promise<void> {
  const { workloads, now, days, recordCount } = size;
  const run = (sql: string) => connection.run(sql);
  await run("SET preserve_insertion_order = true");
  const podCount = workloads * 2;
  await run(
    `INSERT INTO observers SELECT ${agentKey("i")}, 'agent:node-' || i, 'agent', 'node-' || i, 0 FROM range(100) t(i)`,
  );
  await run(`INSERT INTO observers VALUES (${exporterKey}, 'exporter:192.0.2.1', 'exporter', 'core', 0)`);
  await run(peersStatement("pods", podCount, workloads, now));
  await run(peersStatement("hosts", 500, workloads, now));
  await identify(connection);
  await run(`CREATE TEMP TABLE world AS SELECT i AS link,
    (hash(i, 1) % ${podCount})::BIGINT AS client, (CASE WHEN i % 6 = 0 THEN ${podCount} + (hash(i, 2) % 500)::BIGINT ELSE (hash(i, 3) % ${podCount})::BIGINT END)::BIGINT AS server,
    [443, 80, 8080, 5432, 6379, 9092][1 + (hash(i, 4) % 6)::BIGINT] AS port, ${random("i", "5")} AS weight
    FROM range(${workloads * linksPerWorkload}) t(i)`);
  await run(`CREATE TEMP TABLE seen AS
    SELECT *, ${agentKey("client")} AS observer_key, false AS is_duplicate, 1 AS sampling FROM world UNION ALL
    SELECT *, ${agentKey("server")}, true, 1 FROM world WHERE link % 3 <> 0 UNION ALL
    SELECT *, ${exporterKey}, true, 64 FROM world WHERE link % 4 = 0`);
  const minutesFrom = Math.floor((now - recordsMilliseconds) / hour) * hour;
  const hoursThrough = Math.floor(now / hour) * hour;
  const daysThrough = Math.floor(now / day) * day;
  const first = Math.floor((now - days * day) / day) * day;
  for (let from = minutesFrom; from < now; from += 6 * hour)
    await run(
      linksStatement(
        "link_minutes",
        minute,
        from,
        Math.min(now, from + 6 * hour),
        "0.05 + 0.5 * weight * weight",
      ),
    );
  for (let from = first; from < hoursThrough; from += 5 * day)
    await run(
      linksStatement("link_hours", hour, from, Math.min(hoursThrough, from + 5 * day), "0.3 + 0.7 * weight"),
    );
  await run(linksStatement("link_days", day, first, daysThrough, "0.9 + 0.1 * weight"));
  const recordsFrom = now - recordsMilliseconds;
  const atOnce = 2_000_000;
  for (let id = 0; id < recordCount; id += atOnce)
    await run(
      recordsStatement(
        id,
        Math.min(recordCount, id + atOnce),
        recordsFrom,
        recordsMilliseconds / recordCount,
        workloads,
      ),
    );
  await run(`UPDATE rollup_state SET rolled_up_record_id = ${recordCount}, minutes_from = ${minutesFrom},
    hours_through = ${hoursThrough}, days_through = ${daysThrough}`);
  await run("CHECKPOINT");
}

/** As the store gives them: from 1 on. */
const keyOf = (row: string) => `(1 + ${row})`;
const exporterKey = 1;
const agentKey = (row: string) => `(2 + ${row} % 100)`;

/** By these the store finds peers and observers again that come in. */
async function identify(connection: DuckDBConnection): Promise<void> {
  const rowsOf = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJS() as never[][];
  const update = (table: string, identities: readonly string[]) =>
    connection.run(
      `UPDATE ${table} SET identity = n.identity FROM (VALUES ${identities.join(", ")}) n(key, identity) WHERE n.key = ${table}.key`,
    );
  const peers = await rowsOf("SELECT key, id, address FROM peers");
  await update(
    "peers",
    peers.map(([key, id, address]) => `(${key}, ${peerKey({ id: id!, address: address! })})`),
  );
  const observers = await rowsOf("SELECT key, id FROM observers");
  await update(
    "observers",
    observers.map(([key, id]) => `(${key}, ${identityKey(id!)})`),
  );
}

/** The address of a pod or host as the low half of IPv4 within IPv6: ::ffff:10.0.0.0 and ::ffff:198.51.0.0 onwards. */
function addressLowOf(row: string, podCount: number): string {
  return `(CASE WHEN ${row} < ${podCount} THEN ${0xffff_0a00_0000} + ${row} ELSE ${0xffff_c633_0000} + ${row} - ${podCount} END)::UBIGINT`;
}

function peersStatement(kind: "pods" | "hosts", count: number, workloads: number, now: number): string {
  const pods = `'pod:' || i AS id, 'pod' AS kind, 'workload-' || (i % ${workloads}) || '-' || i AS name, '10.' || (i // 65536) || '.' || (i // 256 % 256) || '.' || (i % 256) AS address,
    'node-' || (i % 100) AS node, 'pods' AS network, i::VARCHAR AS pod_uid, 'ns-' || (i % ${workloads} // 100) AS namespace,
    'workload-' || (i % ${workloads}) || '-' || i AS pod, 'workload-' || (i % ${workloads}) AS workload, 'Deployment' AS workload_kind,
    'service-' || (i % ${workloads}) AS service, 'app=workload-' || (i % ${workloads}) || ',tier=' || (i % 3) AS labels, '' AS country, '' AS country_name, NULL AS as_number`;
  const hosts = `'host:198.51.' || (i // 256) || '.' || (i % 256) AS id, 'host' AS kind, 'host-' || i || '.example.com' AS name, '198.51.' || (i // 256) || '.' || (i % 256) AS address,
    '' AS node, 'internet' AS network, '' AS pod_uid, '' AS namespace, '' AS pod, '' AS workload, '' AS workload_kind, '' AS service, '' AS labels,
    ['DE', 'CH', 'US'][1 + i % 3] AS country, ['Germany', 'Switzerland', 'United States'][1 + i % 3] AS country_name, 64500 + i % 50 AS as_number`;
  const row = kind === "pods" ? "i" : `(i + ${workloads * 2})`;
  return `INSERT INTO peers BY NAME SELECT ${keyOf(row)} AS key, ${kind === "pods" ? pods : hosts}, '' AS process, '' AS container,
    '' AS unresolved, '' AS city, '' AS as_name, '' AS domain, '' AS site, NULL AS latitude, NULL AS longitude, NULL AS vlan,
    0 AS address_high, ${addressLowOf(row, workloads * 2)} AS address_low, ${now - 30 * day} AS first_seen, 0 AS identity FROM range(${count}) t(i)`;
}

function linksStatement(table: string, unit: number, from: number, to: number, share: string): string {
  const scale = unit / minute;
  const zeros = linkSumColumns.filter(
    (name) =>
      ![
        "bytes_sent",
        "bytes_received",
        "packets",
        "connections",
        "retransmits",
        "rtt_sum",
        "rtt_count",
      ].includes(name),
  );
  return `INSERT INTO ${table} BY NAME
    SELECT t AS time, observer_key, ${keyOf("client")} AS client_key, ${keyOf("server")} AS server_key, 0 AS called_key, port AS server_port, 6 AS protocol,
      is_duplicate, sampling AS sampling_interval,
      CASE WHEN observer_key = ${exporterKey} THEN 1 + link % 4 ELSE 0 END AS client_interface,
      CASE WHEN observer_key = ${exporterKey} THEN 1 + link % 3 ELSE 0 END AS server_interface,
      (${scale} * exp(6 + 8 * weight + 2 * ${random("link", "t", "6")}))::BIGINT // sampling AS bytes_sent,
      (${scale} * exp(7 + 8 * weight + 2 * ${random("link", "t", "7")}))::BIGINT // sampling AS bytes_received,
      (${scale} * exp(1 + 6 * weight + ${random("link", "t", "8")}))::BIGINT // sampling AS packets,
      (${scale} * 3 * ${random("link", "t", "9")})::BIGINT AS connections, (4 * ${random("link", "t", "10")} * weight)::BIGINT AS retransmits,
      (200 + 5000 * ${random("link", "t", "11")})::BIGINT AS rtt_sum, 1 AS rtt_count,
      ${zeros.map((name) => `0 AS ${name}`).join(", ")}, 150 AS rtt_min, t + 17 AS first_seen, t + ${unit} - 1000 AS last_seen
    FROM range(${from}, ${to}, ${unit}) times(t), seen WHERE ${random("link", "t", "12")} < ${share} ORDER BY t, observer_key, server_key, client_key`;
}

function recordsStatement(
  first: number,
  end: number,
  from: number,
  milliseconds: number,
  workloads: number,
): string {
  const filled: Readonly<Record<string, string>> = {
    record_id: "i + 1",
    sourceAddressLow: addressLowOf("w.client", workloads * 2),
    destinationAddressLow: addressLowOf("w.server", workloads * 2),
    sourceTransportPort: "32768 + (hash(i, 21) % 28000)::BIGINT",
    destinationTransportPort: "w.port",
    protocolIdentifier: "6",
    octetDeltaCount: `(exp(4 + 9 * ${random("i", "22")}))::BIGINT`,
    packetDeltaCount: `(exp(1 + 5 * ${random("i", "23")}))::BIGINT`,
    reverseOctetDeltaCount: `(CASE WHEN agent THEN exp(5 + 9 * ${random("i", "24")}) ELSE 0 END)::BIGINT`,
    reversePacketDeltaCount: `(CASE WHEN agent THEN exp(1 + 5 * ${random("i", "25")}) ELSE 0 END)::BIGINT`,
    flowStartMilliseconds: `time - 70000 + (hash(i, 26) % 60000)::BIGINT`,
    flowEndMilliseconds: `time - (hash(i, 27) % 10000)::BIGINT`,
    collectionTimeMilliseconds: "time",
    tcpControlBits: "[27, 24, 16, 2][1 + (hash(i, 28) % 4)::BIGINT]",
    ingressInterface: "CASE WHEN agent THEN 0 ELSE 1 + i % 4 END",
    egressInterface: "CASE WHEN agent THEN 0 ELSE 1 + i % 3 END",
    flowDirection: "255",
    samplingInterval: "CASE WHEN agent THEN 0 ELSE 64 END",
    observer_key: `CASE WHEN agent THEN ${agentKey("w.client")} ELSE ${exporterKey} END`,
    observedEnd: "CASE WHEN agent THEN 1 ELSE 0 END",
    source_peer_key: keyOf("w.client"),
    destination_peer_key: keyOf("w.server"),
    clientEnd: "1",
    isDuplicate: "CASE WHEN agent THEN 0 ELSE 1 END",
    roundTripTimeMicroseconds: `CASE WHEN agent THEN (200 + 5000 * ${random("i", "29")})::BIGINT ELSE 0 END`,
    connectionCount: "CASE WHEN agent THEN i % 2 ELSE 0 END",
  };
  const rest = flowRecordColumns.filter(({ name }) => !(name in filled)).map(({ name }) => `0 AS "${name}"`);
  const columns = [...Object.entries(filled).map(([name, sql]) => `${sql} AS "${name}"`), ...rest];
  return `INSERT INTO flow_records BY NAME
    SELECT ${columns.join(", ")}
    FROM (SELECT i, i % 3 = 0 AS agent, (${from} + i * ${milliseconds})::BIGINT // 1000 * 1000 AS time,
      (hash(i, 20) % ${workloads * linksPerWorkload})::BIGINT AS link FROM range(${first}, ${end}) t(i)) r JOIN world w USING (link) ORDER BY record_id`;
}
