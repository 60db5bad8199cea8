import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Database, DatabaseConnection } from "./database.ts";
import { KnownEnds } from "./known-ends.ts";
import { Questions } from "./questions.ts";

/** Questions over a database that lets them in one by one, and then fails. */
function createHeld() {
  const held: (() => void)[] = [];
  const connect = () => new Promise<never>((_, reject) => held.push(() => reject(new Error("let in"))));
  const database: Database = { path: "", connect, close: () => {} };
  const questions = new Questions(database, new KnownEnds());
  const ask = (signal?: AbortSignal) => questions.ask(signal, () => Promise.resolve("an answer"));
  return { held, ask };
}

test("whoever gives up while waiting is told at once, and leaves the place to others", async () => {
  const { ask, held } = createHeld();
  const running = [ask(), ask()];
  const controller = new AbortController();
  const waiting = Array.from({ length: 64 }, () => ask(controller.signal));
  await assert.rejects(ask(), /64 others are waiting/);
  controller.abort(new Error("gone"));
  for (const given of waiting) await assert.rejects(given, /gone/);
  await assert.rejects(ask(controller.signal), /gone/);
  const last = ask();
  await turn();
  assert.equal(held.length, 2);
  held[0]!();
  await assert.rejects(running[0]!, /let in/);
  await turn();
  assert.equal(held.length, 3, "the last has its turn");
  held[1]!();
  held[2]!();
  await assert.rejects(last, /let in/);
  await assert.rejects(running[1]!, /let in/);
  const after = [ask(), ask(), ask()];
  await turn();
  assert.equal(held.length, 5, "no turn was lost, and none was won");
  held[3]!();
  await assert.rejects(after[0]!, /let in/);
  await turn();
  assert.equal(held.length, 6);
  held[4]!();
  held[5]!();
  await Promise.allSettled(after);
});

test("an interrupt that comes too early to be heard is said again, until the question has ended", async () => {
  let interrupts = 0;
  let begun = () => {};
  const isRunning = new Promise<void>((resolve) => {
    begun = resolve;
  });
  let end = (_: Error) => {};
  const oneRow = { currentRowCount: 1, deduplicatedColumnNames: () => [], getColumnsJS: () => [] };
  const sql = {
    run: async () => {},
    runAndReadAll: (statement: string) => {
      if (statement !== "a long one") return Promise.resolve(oneRow);
      begun();
      return new Promise((_, reject) => {
        end = reject;
      });
    },
    interrupt() {
      if (++interrupts === 3) end(new Error("interrupted"));
    },
    closeSync() {},
  };
  const connection = { sql } as unknown as DatabaseConnection;
  const database: Database = { path: "", connect: async () => connection, close: () => {} };
  const controller = new AbortController();
  const asked = new Questions(database, new KnownEnds()).ask(controller.signal, ({ rows }) =>
    rows("a long one"),
  );
  await isRunning;
  controller.abort(new Error("gone"));
  await assert.rejects(asked, /gone/);
  assert.equal(interrupts, 3);
});
