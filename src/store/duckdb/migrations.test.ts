import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { peerKey } from "../../topology/index.ts";
import { storeDefaults } from "../config.ts";
import { SampleWorld } from "../sample-records.ts";
import type { Store } from "../store.ts";
import { createDuckDBStore } from "./duckdb-store.ts";
import { migrations } from "./migrations.ts";
import { formatVersion, linkTables } from "./schema.ts";

const root = mkdtempSync(join(tmpdir(), "portolan-migrations-"));
after(() => rmSync(root, { recursive: true }));

const child = new URL("migration-child.ts", import.meta.url).pathname;
const window = { from: Date.UTC(2026, 10, 21), to: Date.UTC(2026, 10, 22) };
const newColumns = migrations.flatMap(({ statements }) =>
  statements.flatMap((statement) => /ADD COLUMN "(\w+)"/.exec(statement)?.[1] ?? []),
);

/** A folder of an older version as the program of that time left it. */
async function oldFolder(name: string, version = 1): Promise<string> {
  const folder = join(root, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "FORMAT"), `portolan data ${version}\n`);
  await runSql(folder, readFileSync(new URL(`testdata/format-${version}.sql`, import.meta.url), "utf8"));
  return folder;
}

async function runSql(folder: string, sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(join(folder, "portolan.duckdb"));
  const connection = await instance.connect();
  const rows = (await connection.runAndReadAll(sql)).getRowsJS();
  connection.closeSync();
  instance.closeSync();
  return rows;
}

const columnsOf = (folder: string, table: string) =>
  runSql(
    folder,
    `SELECT column_name::VARCHAR, data_type::VARCHAR, is_nullable, column_default::VARCHAR FROM duckdb_columns()
    WHERE table_name = '${table}' ORDER BY column_index`,
  );

const allColumns = (folder: string) =>
  runSql(
    folder,
    `SELECT table_name::VARCHAR, column_name::VARCHAR, data_type::VARCHAR, is_nullable, column_default::VARCHAR
    FROM duckdb_columns() WHERE NOT internal ORDER BY table_name, column_index`,
  );

async function opened(folder: string, log: string[] = []): Promise<Store> {
  const store = createDuckDBStore(
    { ...storeDefaults, folder },
    { ...new SampleWorld(1), log: (line) => log.push(line) },
  );
  await store.start();
  return store;
}

/** What the old tables hold, by plain SQL: bytes sent, records, minutes. */
const oldFigures = `SELECT
  (SELECT count(*) FROM flow_records)::DOUBLE,
  (SELECT sum("octetDeltaCount")::VARCHAR FROM flow_records),
  (SELECT count(*) FROM link_minutes)::DOUBLE,
  (SELECT sum(bytes_sent) || ' ' || sum(failed) || ' ' || sum(rtt_sum) FROM link_minutes)`;

test("a folder of version 1 becomes one of today, and its history is read", async () => {
  const folder = await oldFolder("old");
  const before = await runSql(folder, oldFigures);
  const [[records = 0] = []] = before as number[][];
  const [counted] = await runSql(
    folder,
    `SELECT sum("octetDeltaCount")::DOUBLE, sum("failedConnectionCount")::DOUBLE FROM flow_records`,
  );
  const log: string[] = [];
  const store = await opened(folder, log);
  assert.equal(log.length, formatVersion - 1, "one line a version");
  assert.match(log[0]!, /^store: the data folder becomes version 2: why connections failed/);
  const page = await store.flows({ ...window, limit: 1000 });
  assert.equal(page.records.length, records);
  const sum = (name: string) => page.records.reduce((total, record) => total + (record[name] as number), 0);
  assert.deepEqual([sum("octetDeltaCount"), sum("failedConnectionCount")], counted);
  for (const name of newColumns.filter((column) => column.endsWith("Count"))) assert.equal(sum(name), 0);
  const { rows } = await store.aggregate({ ...window, by: ["client.name"], metric: "bytes", limit: 100 });
  assert.ok(rows.length > 1 && rows.some(({ bytesSent, failed }) => bytesSent > 0 && failed > 0));
  for (const { refused, connectCount, rttMinMicroseconds } of rows)
    assert.deepEqual([refused, connectCount, rttMinMicroseconds], [0, 0, null]);
  assert.ok((await store.recentLinks(window.from)).length > 1);
  await store.stop();
  assert.equal(readFileSync(join(folder, "FORMAT"), "utf8"), `portolan data ${formatVersion}\n`);
  const figures = (await runSql(folder, oldFigures))[0]!;
  assert.deepEqual(figures.slice(0, 2), before[0]!.slice(0, 2), "the records are as they were");

  const world = new SampleWorld(3);
  const again = createDuckDBStore({ ...storeDefaults, folder }, { ...world, log: assert.fail });
  await again.start();
  again.append(world.batch(world.records(500, window.from, 60_000)));
  await again.commit();
  await again.maintain(window.from + 120_000);
  const added = await again.aggregate({
    ...window,
    to: window.from + 60_000,
    by: [],
    metric: "bytes",
    limit: 1,
  });
  assert.ok(added.rows[0]!.refused > 0 && added.rows[0]!.rttMinMicroseconds !== null, "new ones are told");
  await again.stop();
});

test("a folder of version 2 becomes one of today: what it says of links, peers and called addresses is found", async () => {
  const folder = await oldFolder("second", 2);
  const figures = `SELECT (SELECT count(*) FROM flow_records)::DOUBLE, (SELECT count(*) FROM link_minutes)::DOUBLE,
    (SELECT count(*) FROM peers)::DOUBLE, (SELECT sum(bytes_sent + bytes_received)::DOUBLE FROM link_minutes)`;
  const before = (await runSql(folder, figures)) as number[][];
  const log: string[] = [];
  const store = await opened(folder, log);
  assert.equal(log.length, formatVersion - 2);
  assert.match(
    log[0]!,
    /becomes version 3: links per hour and day, facts and names of peers, called services/,
  );
  const { records } = await store.flows({ ...window, limit: 1000 });
  assert.equal(records.length, before[0]![0]);
  const called = records.filter(({ originalDestinationAddress }) => originalDestinationAddress !== "");
  assert.ok(called.length > 0 && records.every(({ calledPeer }) => calledPeer === ""));
  const { rows } = await store.links({ ...window, metric: "bytes", limit: 1000 });
  assert.ok(rows.length > 10);
  for (const { client, firstSeen, lastSeen } of rows) {
    assert.ok(
      client.name !== "" && !("namespace" in client) && firstSeen <= lastSeen && firstSeen >= window.from,
    );
  }
  const peer = await store.peer(rows[0]!.client.id);
  assert.deepEqual(peer?.names, [{ name: rows[0]!.client.name, since: peer!.firstSeen }]);
  // Facts of peers that are there already are learned.
  await store.maintain(window.to);
  assert.deepEqual(await store.values({ field: "site", prefix: "", limit: 9 }), ["Bern"]);
  // Minutes become hours, and are the same.
  const sum = async () => (await store.aggregate({ ...window, by: [], metric: "bytes", limit: 1 })).rows[0];
  const minutes = await sum();
  for (let i = 1; i < 30; i++) await store.maintain(window.to + i * 60_000);
  assert.ok((await store.status()).linkHours > 0);
  assert.deepEqual(await sum(), minutes);
  await store.stop();
});

test("a folder of version 3 becomes one of today: its links are as they were, and say no interface", async () => {
  const folder = await oldFolder("third", 3);
  const figures = linkTables.map(
    (table) => `SELECT count(*)::DOUBLE, sum(bytes_sent + bytes_received)::DOUBLE FROM ${table}`,
  );
  const before = await runSql(folder, figures.join(" UNION ALL "));
  const log: string[] = [];
  const store = await opened(folder, log);
  assert.match(log[0]!, /becomes version 4: interfaces of links/);
  const { rows: links } = await store.links({ ...window, metric: "bytes", limit: 1000 });
  assert.ok(links.length > 5 && links.every(({ client }) => client.name !== "" && !("unresolved" in client)));
  const by = ["client.interface", "server.interface"] as const;
  const { rows } = await store.aggregate({ ...window, by, metric: "bytes", limit: 99 });
  // Records that were not rolled up yet know theirs.
  const unknown = rows.filter(({ group }) => group.every((name) => name === ""));
  assert.ok(unknown.length === 1 && rows.length > 1);
  await store.stop();
  assert.deepEqual(await runSql(folder, figures.slice(1).join(" UNION ALL ")), before.slice(1));
});

test("a folder of version 4 becomes one of today: names are looked up from then on", async () => {
  const folder = await oldFolder("fourth", 4);
  const figures = `SELECT (SELECT count(*) FROM flow_records)::DOUBLE, (SELECT count(*) FROM link_hours)::DOUBLE,
    (SELECT count(*) FROM peers)::DOUBLE, (SELECT sum(bytes_sent + bytes_received)::DOUBLE FROM link_hours)`;
  const before = await runSql(folder, figures);
  const log: string[] = [];
  const world = new SampleWorld(1);
  const store = createDuckDBStore({ ...storeDefaults, folder }, { ...world, log: (line) => log.push(line) });
  await store.start();
  assert.equal(log[0], "store: the data folder becomes version 5: names that peers looked up");
  const question = { ...window, limit: 10 };
  assert.deepEqual((await store.askedNames(question)).rows, [], "of what was before nobody knows");
  const row = world.peers.intern(world.records(1, window.from, 1)[0]!.source);
  store.appendAsked([world.asked(row, "a.example")], window.from + 1, "web-1");
  await store.commit();
  const { rows } = await store.askedNames(question);
  assert.deepEqual(
    rows.map(({ name }) => name),
    ["a.example"],
  );
  await store.stop();
  const after = await runSql(folder, figures);
  assert.deepEqual(after[0]!.slice(0, 2), before[0]!.slice(0, 2));
  assert.equal(after[0]![3], before[0]![3]);
});

test("a folder of version 5 becomes one of today: who is there keeps the key, under which new records are found too", async () => {
  const folder = await oldFolder("fifth", 5);
  const figures = `SELECT (SELECT count(*) FROM flow_records)::DOUBLE, (SELECT sum(bytes_sent)::DOUBLE FROM link_hours),
    (SELECT sum(query_count)::DOUBLE FROM asked_names), (SELECT list((key, id, address) ORDER BY key)::VARCHAR FROM peers)`;
  const before = await runSql(folder, figures);
  const log: string[] = [];
  await (await opened(folder, log)).stop();
  assert.match(log[0]!, /^store: the data folder becomes version 6: small keys of peers and observers/);
  assert.equal(log.length, 1);
  assert.deepEqual(await runSql(folder, figures), before, "nothing was written anew");

  const world = new SampleWorld(3);
  const there = new Set(
    (await runSql(folder, "SELECT identity::DOUBLE FROM peers")).map(([identity]) => identity),
  );
  const known = world
    .records(200, window.from, 60_000)
    .filter((each) =>
      [each.source, each.destination, each.called ?? each.source].every((end) => there.has(peerKey(end))),
    );
  const strangers = ["10.9.9.1", "10.9.9.2"].map((address) => ({
    ...{ ...known[0]!.source, id: `host:${address}`, name: address, address },
  }));
  const store = createDuckDBStore({ ...storeDefaults, folder }, { ...world, log: assert.fail });
  await store.start();
  const stranger = { ...known[0]!, source: strangers[0]!, destination: strangers[1]!, called: undefined };
  const observer = { id: "agent:new", kind: "agent", name: "new" } as const;
  store.append(world.batch([...known, { ...stranger, time: known.at(-1)!.time, observer }]));
  await store.commit();
  const { records } = await store.flows({ from: window.from, to: window.from + 60_000, limit: 1000 });
  const ends = records.map(({ sourcePeer, destinationPeer, observer: by }) => [
    sourcePeer,
    destinationPeer,
    by,
  ]);
  assert.deepEqual(
    ends.reverse(),
    [...known, { ...stranger, observer }].map((each) => [
      each.source.id,
      each.destination.id,
      each.observer.id,
    ]),
  );
  await store.stop();
  const old = `(SELECT key FROM peers WHERE identity = key)`;
  const [counts] = await runSql(
    folder,
    `SELECT count(*)::DOUBLE, count(DISTINCT identity)::DOUBLE, (SELECT list(key::DOUBLE ORDER BY key) FROM peers WHERE key NOT IN ${old}),
      (SELECT list(key::DOUBLE) FROM observers WHERE identity <> key),
      (SELECT count(*)::DOUBLE FROM flow_records WHERE record_id > ${before[0]![0]} AND source_peer_key IN ${old}) FROM peers`,
  );
  const [[peersBefore] = []] = await runSql(folder, `SELECT count(*)::DOUBLE FROM ${old}`);
  assert.deepEqual(counts, [Number(peersBefore) + 2, Number(peersBefore) + 2, [1, 2], [1], known.length]);
  assert.ok(known.length > 100);
});

test("a folder that came from an older version has the tables of a new one", async () => {
  const fresh = join(root, "fresh");
  await (await opened(fresh)).stop();
  for (const version of migrations.map((migration) => migration.version - 1)) {
    const old = await oldFolder(`tables-${version}`, version);
    await (await opened(old)).stop();
    // Records are appended by position; what is inserted elsewhere is by name.
    assert.deepEqual(await columnsOf(old, "flow_records"), await columnsOf(fresh, "flow_records"));
    for (const table of [...linkTables, "asked_names", "peers", "peer_names", "observers", "rollup_state"])
      assert.deepEqual((await columnsOf(old, table)).sort(), (await columnsOf(fresh, table)).sort(), table);
  }
});

test("killed in the middle, the folder is of the version before, and becomes the next at the next start", async () => {
  const folder = await oldFolder("killed");
  const path = join(folder, "portolan.duckdb");
  const versionOf = async () => (await runSql(folder, "SELECT version FROM portolan_format"))[0]![0];
  const killAfter = (version: number, count: number) => {
    const { signal, stderr } = spawnSync(process.execPath, [child, path, `${version - 1}`, `${count}`]);
    assert.equal(signal, "SIGKILL", String(stderr));
  };
  for (const { version, statements } of migrations) {
    const before = await allColumns(folder);
    const [begin, setVersion, commit] = [1, 1, 1];
    const whole = begin + statements.length + setVersion;
    for (const count of [begin + 1, whole >> 1, whole - 1, whole]) {
      killAfter(version, count);
      assert.equal(await versionOf(), version - 1, `after ${count} statements`);
      assert.deepEqual(await allColumns(folder), before, `after ${count} statements`);
    }
    killAfter(version, whole + commit);
    assert.equal(await versionOf(), version);
  }
  const store = await opened(folder);
  assert.ok((await store.flows({ ...window, limit: 1 })).records.length === 1);
  await store.stop();
});

test("when the format file was not written any more, the table says the version", async () => {
  const folder = await oldFolder("file");
  await (await opened(folder)).stop();
  writeFileSync(join(folder, "FORMAT"), "portolan data 1\n");
  const log: string[] = [];
  await (await opened(folder, log)).stop();
  assert.deepEqual(log, []);
  assert.equal(readFileSync(join(folder, "FORMAT"), "utf8"), `portolan data ${formatVersion}\n`);
});

test("a step that the tables do not take is refused in words, and nothing is changed", async () => {
  const folder = await oldFolder("refused");
  await runSql(folder, `ALTER TABLE link_minutes ADD COLUMN refused BIGINT`);
  const before = await allColumns(folder);
  await assert.rejects(opened(folder), {
    code: "store_damaged",
    message: /of version 1, does not become one of 6: .*nothing was deleted/,
  });
  assert.deepEqual(await runSql(folder, "SELECT version FROM portolan_format"), [[1]]);
  assert.deepEqual(await allColumns(folder), before);
});

test("every version has its step", () => {
  assert.deepEqual(
    migrations.map(({ version }) => version),
    Array.from({ length: formatVersion - 1 }, (_, i) => i + 2),
  );
});
