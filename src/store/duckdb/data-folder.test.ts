import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { storeDefaults } from "../config.ts";
import { OperatingError, type OperatingErrorCode } from "../errors.ts";
import { SampleWorld } from "../sample-records.ts";
import { createDuckDBStore } from "./duckdb-store.ts";

const root = mkdtempSync(join(tmpdir(), "portolan-folder-"));
after(() => rmSync(root, { recursive: true }));

const crashChild = new URL("crash-child.ts", import.meta.url).pathname;
const openStore = (folder: string) => createDuckDBStore({ ...storeDefaults, folder }, new SampleWorld(1));

/** A folder with some records in it, made once. */
const sample = join(root, "sample");
const world = new SampleWorld(2);
const store = createDuckDBStore({ ...storeDefaults, folder: sample }, world);
await store.start();
store.append(world.batch(world.records(5000, 1e12, 60_000)));
await store.commit();
await store.stop();

function copyOfSample(name: string): string {
  const folder = join(root, name);
  cpSync(sample, folder, { recursive: true });
  return folder;
}

/** The start is refused with this code and message, and every file is as it was. */
async function refuses(folder: string, code: OperatingErrorCode, message: RegExp): Promise<void> {
  const contents = () =>
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString("latin1")]);
  const before = contents();
  await assert.rejects(openStore(folder).start(), (error) => {
    assert.ok(error instanceof OperatingError, String(error));
    assert.match(error.message, message);
    assert.equal(error.code, code, error.message);
    return true;
  });
  assert.deepEqual(contents(), before);
}

test("a folder that is not there is made", async () => {
  const folder = join(root, "a", "b");
  const fresh = openStore(folder);
  await fresh.start();
  await fresh.stop();
  assert.deepEqual(readdirSync(folder).sort(), ["FORMAT", "portolan.duckdb", "reserve"]);
  assert.equal(readFileSync(join(folder, "FORMAT"), "utf8"), "portolan data 6\n");
  assert.equal(statSync(folder).mode & 0o777, 0o700, "who talks to whom is nothing for everybody");
});

test("a file in the folder's place is an error", async () => {
  writeFileSync(join(root, "file"), "");
  await assert.rejects(openStore(join(root, "file")).start(), { code: "store_folder" });
});

for (const [name, damage] of [
  ["garbage", (bytes: Buffer) => bytes.fill("not a database ")],
  ["header", (bytes: Buffer) => bytes.fill(0xff, 0, 4096)],
  ["checksum", (bytes: Buffer) => bytes.fill(0xa5, 4096 * 3 + 8)],
  ["short", (bytes: Buffer) => bytes.subarray(0, 5000)],
  ["empty", () => Buffer.alloc(0)],
] as const) {
  test(`a damaged database is refused: ${name}`, async () => {
    const folder = copyOfSample(name);
    const path = join(folder, "portolan.duckdb");
    writeFileSync(path, damage(readFileSync(path)));
    await refuses(folder, "store_damaged", /portolan\.duckdb: .*nothing was deleted; move the folder away/);
  });
}

test("a damaged log is refused, one that is cut off is read as far as it goes", async () => {
  const folder = copyOfSample("log");
  const [path, log] = [join(folder, "portolan.duckdb"), join(folder, "portolan.duckdb.wal")];
  const child = spawn(process.execPath, [crashChild, folder], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "close");
  const bytes = readFileSync(log);
  // In the first commit: what a kill cuts off is behind it.
  for (const from of [0, 60_000]) {
    writeFileSync(log, Buffer.from(bytes).fill(0x5a, from, from + 20));
    await refuses(folder, "store_damaged", /portolan\.duckdb\.wal.*nothing was deleted/);
  }
  writeFileSync(log, bytes.subarray(0, -100));
  const reopened = openStore(folder);
  await reopened.start();
  assert.ok((await reopened.status()).flowRecords >= 5000);
  await reopened.stop();
  writeFileSync(log, bytes);
  rmSync(path);
  await refuses(folder, "store_damaged", /is missing, while its log/);
});

test("a damaged format file is refused", async () => {
  const folder = copyOfSample("format");
  writeFileSync(join(folder, "FORMAT"), "something else\n");
  await refuses(folder, "store_damaged", /expected "portolan data 6", found "something else\\n"/);
});

test("a newer version is refused, by the format file or by the table", async () => {
  const folder = copyOfSample("newer");
  writeFileSync(join(folder, "FORMAT"), "portolan data 7\n");
  await refuses(
    folder,
    "store_newer",
    /its format is version 7, this program reads up to 6; .*nothing was deleted/,
  );
  rmSync(join(folder, "FORMAT"));
  await runSql(folder, "UPDATE portolan_format SET version = 9");
  await refuses(folder, "store_newer", /version 9/);
});

test("another program's database is refused", async () => {
  const folder = join(root, "foreign");
  mkdirSync(folder);
  await runSql(folder, "CREATE TABLE t AS SELECT 1");
  await refuses(folder, "store_damaged", /not Portolan's/);
});

test("a folder in use by another process is refused, naming it", async () => {
  const folder = copyOfSample("in-use");
  const child = spawn(process.execPath, [crashChild, folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  await assert.rejects(openStore(folder).start(), (error: OperatingError) => {
    assert.equal(error.code, "store_in_use", error.message);
    assert.match(error.message, new RegExp(`in use by process ${child.pid}`));
    return true;
  });
  child.kill("SIGKILL");
  await once(child, "close");
});

test("a folder is opened again after a clean stop", async () => {
  const again = openStore(sample);
  await again.start();
  assert.equal((await again.status()).flowRecords, 5000);
  await again.stop();
  assert.ok(
    !existsSync(join(sample, "portolan.duckdb.wal")) && statSync(join(sample, "portolan.duckdb")).size > 0,
  );
});

async function runSql(folder: string, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(join(folder, "portolan.duckdb"));
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}
