import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { storeDefaults } from "../config.ts";
import { openDatabase, rowsOf } from "./database.ts";
import { LooseNames } from "./loose-names.ts";

const hour = 3_600_000;

async function createTable(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "portolan-loose-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const database = await openDatabase(folder, { ...storeDefaults, threadCount: 1 });
  t.after(() => database.close());
  const connection = await database.connect();
  t.after(() => connection.sql.closeSync());
  /** Names from `first` on, a hundred for each peer; gives what `LooseNames` is told of it. */
  const write = async (time: number, count: number, first = 0) => {
    await connection.sql.run(`INSERT INTO asked_names
      SELECT ${time}, i // 100, 'n' || i, 1, 1, 0, 0, 0, 0, 0, 9, 9, ${time} FROM range(${first}, ${first + count}) t(i)`);
    return Array.from({ length: count }, () => ({ time }));
  };
  /** Rows by hour, those hours that have any. */
  const rowCounts = async () =>
    (
      await rowsOf(
        connection,
        `SELECT ("time" / ${hour})::DOUBLE, count(*)::DOUBLE FROM asked_names GROUP BY ALL ORDER BY ALL`,
      )
    ).map((row) => [...row]);
  return { connection, write, rowCounts };
}

test("a clock that was set back for one look-up has one hour put together anew, none after it", async (t) => {
  const { connection, write, rowCounts } = await createTable(t);
  const names = new LooseNames();
  // Nobody is told of these: what becomes one is what was read.
  for (let i = 0; i < 6; i++) for (let again = 0; again < 2; again++) await write(i * hour, 10);
  names.add(await write(hour, 1));
  names.add(await write(6 * hour, 1));
  assert.equal(await names.gather(connection, 6 * hour + 1), 1);
  assert.deepEqual(await rowCounts(), [[0, 20], [1, 10], ...[2, 3, 4, 5].map((each) => [each, 20]), [6, 1]]);
  assert.equal(await names.gather(connection, 6 * hour + 2), 0);
  assert.equal(await names.gather(connection, 2 * hour), 1, "an hour that the clock was ahead in is over");
});

test("an hour is put together when it is over, whatever was put together before", async (t) => {
  const { connection, write, rowCounts } = await createTable(t);
  const names = new LooseNames();
  for (let again = 0; again < 2; again++) names.add(await write(0, 25_000));
  assert.equal(await names.gather(connection, 1), 1);
  assert.deepEqual(await rowCounts(), [[0, 25_000]]);
  names.add(await write(0, 10));
  assert.equal(await names.gather(connection, hour - 1), 0);
  assert.deepEqual(await rowCounts(), [[0, 25_010]]);
  assert.equal(await names.gather(connection, hour), 1);
  assert.deepEqual(await rowCounts(), [[0, 25_000]]);
  assert.equal(await names.gather(connection, 2 * hour), 0);
});

test("before an hour is over its rows are put together when as many are loose as were left: each is read a few times", async (t) => {
  const { connection, write } = await createTable(t);
  const names = new LooseNames();
  const gathered: number[] = [];
  for (let i = 1; i <= 9; i++) {
    names.add(await write(0, 50_000, i * 50_000));
    if ((await names.gather(connection, i)) > 0) gathered.push(i);
  }
  assert.deepEqual(gathered, [1, 2, 4, 8]);
});

test("what the process before left apart is put together: in the hour it ended, the one before, one of a clock set back", async (t) => {
  const { connection, write, rowCounts } = await createTable(t);
  for (const each of [0, 1, 9, 2, 3, 3, 2]) await write(each * hour, 10);
  const afterFullHour = new LooseNames();
  await afterFullHour.load(connection);
  assert.equal(await afterFullHour.gather(connection, 3 * hour + 1), 1);
  assert.deepEqual(
    await rowCounts(),
    [
      [0, 10],
      [1, 10],
      [2, 10],
      [3, 20],
      [9, 10],
    ],
    "the hour that is not over stays",
  );
  await write(3 * hour, 10);
  await write(0, 10);
  const afterSetBack = new LooseNames();
  await afterSetBack.load(connection);
  assert.equal(await afterSetBack.gather(connection, 4 * hour), 2);
  assert.deepEqual(await rowCounts(), [
    [0, 10],
    [1, 10],
    [2, 10],
    [3, 10],
    [9, 10],
  ]);
});

test("of more hours than a clock gives rows stay apart: what is remembered is bounded", async (t) => {
  const { connection, write, rowCounts } = await createTable(t);
  const names = new LooseNames();
  for (let i = 0; i < 70; i++) for (let again = 0; again < 2; again++) names.add(await write(i * hour, 1));
  assert.equal(await names.gather(connection, 100 * hour), 64);
  const counts = (await rowCounts()).map(([, count]) => count);
  assert.deepEqual(counts, [...new Array(64).fill(1), ...new Array(6).fill(2)]);
  names.add(await write(69 * hour, 1));
  assert.equal(await names.gather(connection, 100 * hour), 1, "there is room again");
  assert.deepEqual((await rowCounts()).at(-1), [69, 1]);
});
