import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { storeDefaults } from "../config.ts";
import { openDatabase } from "./database.ts";
import { KnownEnds } from "./known-ends.ts";
import { derivedTextColumns, peerTextColumns } from "./peer-columns.ts";
import { type Question, Questions } from "./questions.ts";

test("a name that becomes durable while a question is answered is what the next is told", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "portolan-ends-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const database = await openDatabase(folder, storeDefaults);
  t.after(() => database.close());
  const { sql } = await database.connect();
  t.after(() => sql.closeSync());
  const texts = [...peerTextColumns, ...derivedTextColumns].map((name) => `'10.9.1.1' AS ${name}`);
  await sql.run(
    `INSERT INTO peers BY NAME SELECT 7 AS key, 7 AS identity, 0 AS first_seen, ${texts.join(", ")}`,
  );
  const ends = new KnownEnds();
  const questions = new Questions(database, ends);
  const name = async (question: Question) =>
    (await question.ends.read(new Set([7]), question.rows)).get(7)!.name;

  const before = await questions.ask(undefined, async (question) => {
    // Its transaction sees what was before; it reads the peers only afterwards.
    await sql.run("UPDATE peers SET name = 'nas' WHERE key = 7");
    ends.forget();
    return name(question);
  });
  assert.equal(before, "10.9.1.1", "a question sees one state of the file");
  assert.equal(await questions.ask(undefined, name), "nas");
});
