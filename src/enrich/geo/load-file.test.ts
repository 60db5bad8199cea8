import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { GeoKind } from "./geo-facts.ts";
import { type LoadLimits, loadFile } from "./load-file.ts";
import { makeMmdb } from "./testdata/make-mmdb.ts";

const folder = mkdtempSync(join(tmpdir(), "portolan-geo-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Buffer): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

const load = (kind: GeoKind, file: string, limits?: LoadLimits) => loadFile({ kind, file }, limits).answer;

async function problemOf(kind: GeoKind, file: string, limits?: LoadLimits): Promise<string> {
  const answer = await load(kind, file, limits);
  return answer.form === "problem" ? answer.problem : `no problem: ${answer.form}`;
}

test("a database comes back whole, whatever its size", async () => {
  for (const [i, count] of [1, 2000].entries()) {
    const records = Array.from({ length: count }, (_, n) => [
      `10.${n >> 8}.${n & 255}.0/24`,
      { country_code: "CH" },
    ]);
    const bytes = makeMmdb(Object.fromEntries(records));
    const answer = await load("country", write(`${i}.mmdb`, bytes));
    assert.ok(answer.form === "mmdb");
    assert.equal(Buffer.compare(answer.bytes, bytes), 0);
  }
});

test("a CSV file comes back as columns, also when lines and letters lie over the borders of what is read at once", async () => {
  const lines = Array.from(
    { length: 30_000 },
    (_, i) => `10.${i >> 8}.${i & 255}.0,10.${i >> 8}.${i & 255}.255,${i + 1},Ünïtéd ${i}\n`,
  );
  const answer = await load("asn", write("systems.CSV", lines.slice(0, 65_536).join("")));
  assert.ok(answer.form === "ranges");
  assert.equal(answer.columns.systemOfRange.length, 30_000);
  assert.equal(new TextDecoder().decode(answer.columns.names).replace(/Ünïtéd \d+/g, ""), "");
});

test("what cannot be used is told in words", async () => {
  assert.equal(await problemOf("country", join(folder, "none.mmdb")), "cannot be read: ENOENT");
  mkdirSync(join(folder, "folder"));
  assert.equal(await problemOf("country", join(folder, "folder")), "is no file");
  assert.equal(await problemOf("country", "/dev/zero"), "is no file");
  assert.match(await problemOf("country", write("x.csv", "a")), /^is a CSV file, which only geo\.asn takes/);
  assert.match(await problemOf("asn", write("y.csv", "a,b\n")), /^1 of 1 lines are not/);
  assert.match(await problemOf("asn", write("z.csv", "x".repeat(2 ** 21))), /longer than a megabyte/);
  assert.match(await problemOf("asn", write("text.mmdb", "hello")), /^is no MaxMind database/);
});

test("a file that wants too much memory or time takes only its own process with it", async () => {
  const lines = Array.from(
    { length: 200_000 },
    (_, i) => `10.0.0.0,10.0.0.0,${i + 1},A name of a system ${i}\n`,
  );
  const file = write("large.csv", lines.join(""));
  assert.match(
    await problemOf("asn", file, { timeoutMilliseconds: 60_000, heapMegabytes: 10 }),
    /^could not be checked: its reader ended with/,
  );
  assert.equal(
    await problemOf("asn", file, { timeoutMilliseconds: 1, heapMegabytes: 512 }),
    "could not be checked within 0.001 seconds",
  );
});

test("loading can be given up", async () => {
  const { answer, stop } = loadFile({ kind: "country", file: write("given-up.mmdb", "x") });
  stop();
  assert.deepEqual(await answer, {
    form: "problem",
    problem: "could not be checked: its reader ended with SIGKILL",
  });
});
