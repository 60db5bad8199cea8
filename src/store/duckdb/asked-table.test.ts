import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { storeDefaults } from "../config.ts";
import { SampleWorld } from "../sample-records.ts";
import { AskedBuffer } from "./asked-buffer.ts";
import { boundAsked, gatherAsked, writeAsked } from "./asked-table.ts";
import { openDatabase, rowsOf } from "./database.ts";
import { NamedRows } from "./named-rows.ts";
import { RecordBuffer } from "./record-buffer.ts";
import { checkpoint, usedBytes } from "./retention.ts";
import { inTransaction, writeWaiting } from "./writer.ts";

const hour = 3_600_000;
const world = new SampleWorld(5);

async function createTable(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "portolan-asked-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const database = await openDatabase(folder, storeDefaults);
  t.after(() => database.close());
  const connection = await database.connect();
  t.after(() => connection.sql.closeSync());
  /** As a commit does. */
  const write = async (names: readonly string[], seen: number) => {
    const buffer = new AskedBuffer();
    for (const name of names) buffer.add(7, { ...world.asked(2, name), queryCount: 1 }, seen, "web-1");
    await inTransaction(connection, async () => writeAsked(connection, buffer.take(), new Map([[7, 7]])));
  };
  const rows = (what: string) => rowsOf(connection, `SELECT ${what} FROM asked_names ORDER BY ALL`);
  return { connection, path: database.path, write, rows };
}

test("rows of an hour are put together, once; those of other hours stay as they are", async (t) => {
  const { connection, write, rows } = await createTable(t);
  const names = ["a.example", "b.example"];
  for (const seen of [1, 2, hour + 1, hour + 2, 2 * hour, 2 * hour + 1]) await write(names, seen);
  assert.equal(await gatherAsked(connection, hour), 2);
  const apart = (time: number) => names.flatMap((name) => [0, 0].map(() => [time, name, 1]));
  const gathered = [...apart(0), ...names.map((name) => [hour, name, 2]), ...apart(2 * hour)];
  const found = () => rows('"time"::DOUBLE, name, query_count::DOUBLE');
  assert.deepEqual(await found(), gathered);
  assert.equal(await gatherAsked(connection, hour), 2);
  assert.deepEqual(await found(), gathered, "again it changes nothing");
  assert.deepEqual(await rows(`max(last_seen) FILTER ("time" = ${hour})::DOUBLE`), [[hour + 2]]);
});

test("sums stop where numbers are exact no more, whatever an agent tells", async (t) => {
  const { connection, rows } = await createTable(t);
  const most = { ...world.asked(2, "a.example"), queryCount: Number.MAX_SAFE_INTEGER };
  for (let i = 0; i < 3; i++) {
    const buffer = new AskedBuffer();
    buffer.add(7, most, 1, "web-1");
    await inTransaction(connection, async () => writeAsked(connection, buffer.take(), new Map([[7, 7]])));
  }
  await gatherAsked(connection, 0);
  assert.deepEqual(await rows("query_count::VARCHAR"), [["9007199254740991"]]);
});

test("names take a tenth of the store's size at most: the oldest hours go", async (t) => {
  const { connection, write, rows } = await createTable(t);
  const names = Array.from({ length: 100 }, (_, i) => `n${100 + i}.example`);
  for (let i = 0; i < 20; i++) await write(names, i * hour);
  const bytesOf = (rowCount: number) => rowCount * 10 * (16 + 12);
  assert.equal(await boundAsked(connection, bytesOf(2000)), 0);
  assert.equal(await boundAsked(connection, bytesOf(1000)), 1100);
  assert.deepEqual(await rows('min("time")::DOUBLE, count(*)::DOUBLE'), [[11 * hour, 900]]);
  assert.equal(await boundAsked(connection, bytesOf(1000)), 0);
});

test("names count by their length: what long random ones take of the disk stays within a tenth too", async (t) => {
  const { connection, path, rows } = await createTable(t);
  const used = async () => {
    await checkpoint(connection);
    return usedBytes(connection, path);
  };
  const empty = await used();
  const [rowCount, sizeMaxBytes] = [40_000, 20_000_000];
  const digests = [1, 2, 3, 4].map((each) => `sha256('${each} ' || i)`).join(" || '.' || ");
  await connection.sql.run(`INSERT INTO asked_names
    SELECT i // 1000 * ${hour}, 7, left(${digests}, 250), 1, 1, 0, 0, 0, 0, 0, 9, 9, i FROM range(${rowCount}) t(i)`);
  const bytesEach = ((await used()) - empty) / rowCount;
  assert.ok(bytesEach > 100, `random names are not packed: ${bytesEach} bytes each`);
  assert.equal(await boundAsked(connection, sizeMaxBytes), 34_000);
  const [[from, count] = []] = await rows('min("time")::DOUBLE, count(*)::DOUBLE');
  assert.deepEqual([from, count], [34 * hour, 6000]);
  assert.ok(Number(count) * bytesEach <= sizeMaxBytes / 10);
  assert.equal(await boundAsked(connection, sizeMaxBytes), 0);
});

test("names and the records of the same commit are there together, or neither is", async (t) => {
  const { connection, rows } = await createTable(t);
  const records = () => rowsOf(connection, "SELECT count(*)::DOUBLE FROM flow_records");
  const commit = async (isAskerNamed: boolean) => {
    const named = { peers: new NamedRows(world.peers), observers: new NamedRows(world.observers) };
    const [buffer, names] = [new RecordBuffer(named), new AskedBuffer()];
    const batch = world.batch(world.records(5, 1, 1));
    buffer.append(batch, batch.count, 1);
    const asker = world.peers.intern({ ...world.records(1, 1, 1)[0]!.source, id: "process:web-1/asker" });
    names.add(world.peers.key(asker), world.asked(asker, "a.example"), 1, "web-1");
    if (isAskerNamed) named.peers.place(asker);
    const waiting = {
      ...{ chunks: buffer.take(), asked: names.take(), ingested: [] },
      ...{ peers: named.peers.take(), observers: named.observers.take(), renamed: new Map() },
      ...{ firstSeen: 1, renamedAt: 1, facts: undefined },
    };
    await writeWaiting(connection, waiting, { peers: 0, observers: 0 });
  };
  await assert.rejects(commit(false), /named by the same commit/);
  assert.deepEqual([(await records())[0], await rows("name")], [[0], []]);
  await commit(true);
  assert.deepEqual([(await records())[0], await rows("name")], [[5], [["a.example"]]]);
});
