import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { storeDefaults } from "../config.ts";
import { openDatabase, rowsOf } from "./database.ts";
import { checkpoint, removeUntil, usedBytes } from "./retention.ts";
import { linkSumColumns } from "./schema.ts";
import { hourMilliseconds as hour, minuteMilliseconds as minute } from "./window-parts.ts";

const start = Date.UTC(2026, 10, 21, 9, 0);

/** A database with so many links for each of some times, and how to remove from it. */
async function createLinks(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "portolan-retention-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const database = await openDatabase(folder, storeDefaults);
  t.after(() => database.close());
  const connection = await database.connect();
  const { handle, sql } = connection;
  t.after(() => sql.closeSync());
  const figures = ["bytes_sent", "bytes_received", "packets", "connections", "retransmits"];
  const zeros = [
    ...linkSumColumns.filter((name) => !figures.includes(name)),
    "client_key",
    "called_key",
    "rtt_min",
  ];
  const random = (name: string, i: number) => `(hash(t, i, ${i}) % 1000000000)::BIGINT AS ${name}`;
  const rest = `${zeros.map((name) => `0 AS ${name}`).join(", ")}, ${[...figures, "server_key"].map(random).join(", ")}, 0 AS server_port,
    0 AS protocol, 1 AS observer_key, false AS is_duplicate, 1 AS sampling_interval, 0 AS client_interface, 0 AS server_interface,
    0 AS first_seen, 0 AS last_seen`;
  const add = (table: string, from: number, to: number, unit: number, links = 200) =>
    sql.run(
      `INSERT INTO ${table} BY NAME SELECT t AS "time", ${rest} FROM range(${from}, ${to}, ${unit}) s(t), range(${links}) r(i)`,
    );
  /** What was removed, in order: of which table, up to when. */
  const removed: [string, number][] = [];
  const told = new Proxy(sql, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (name !== "run") return typeof value === "function" ? value.bind(target) : value;
      return (statement: string) => {
        const [, table, time] = /^DELETE FROM (\w+) WHERE "time" < (\d+)/.exec(statement) ?? [];
        if (table !== undefined) removed.push([table, Number(time)]);
        return target.run(statement);
      };
    },
  });
  const remove = async (hoursThrough: number, share: number) => {
    await checkpoint(connection);
    const used = await usedBytes(connection, database.path);
    await removeUntil({ handle, sql: told }, database.path, hoursThrough, used * share);
    return removed;
  };
  const count = async (table: string) =>
    Number((await rowsOf(connection, `SELECT count(*) FROM ${table}`))[0]![0]);
  return { add, remove, count };
}

test("of links minutes go first that hours tell of, and by whole hours; others at the last", async (t) => {
  const { add, remove, count } = await createLinks(t);
  const hoursThrough = start + 4 * hour;
  await add("link_minutes", start, start + 5 * hour, minute);
  await add("link_hours", start, hoursThrough, hour);
  const removed = await remove(hoursThrough, 0);
  const lastMinutes = removed.findLastIndex(
    ([table, time]) => table === "link_minutes" && time > hoursThrough,
  );
  const lastHours = removed.findLastIndex(([table]) => table === "link_hours");
  assert.ok(lastHours > 0 && lastMinutes > lastHours, JSON.stringify(removed));
  assert.ok(
    removed.slice(0, lastHours).every(([table, time]) => table !== "link_minutes" || time <= hoursThrough),
  );
  assert.ok(removed.every(([, time]) => time % hour === 0));
  assert.equal(await count("link_minutes"), 0);
});

test("one row of a clock that was a year ahead costs no more than its share", async (t) => {
  const { add, remove, count } = await createLinks(t);
  await add("link_hours", start, start + 60 * 24 * hour, hour, 1500);
  await add("link_hours", start + 365 * 24 * hour, start + 365 * 24 * hour + 1, hour);
  const before = await count("link_hours");
  const removed = await remove(start + 60 * 24 * hour, 0.9);
  assert.ok(removed.length > 0);
  const left = await count("link_hours");
  assert.ok(left > before / 2 && left < before, `${left} of ${before} are left`);
});
