import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseAddress } from "../../flow/index.ts";
import type { GeoKind } from "./geo-facts.ts";
import { createGeoFile } from "./geo-file.ts";
import { type MmdbOptions, makeMmdb } from "./testdata/make-mmdb.ts";

const folder = mkdtempSync(join(tmpdir(), "portolan-geo-"));
after(() => rmSync(folder, { recursive: true }));

const inCountry = (country_code: string, options?: MmdbOptions) =>
  makeMmdb(
    {
      "8.8.8.0/24": { country_code },
      ...(options?.ipVersion === 4 ? {} : { "2001:4860::/32": { country_code } }),
    },
    options,
  );

function createFile(name: string, kind: GeoKind = "country") {
  const file = join(folder, name);
  const log: string[] = [];
  let changeCount = 0;
  const geoFile = createGeoFile(
    kind,
    { file },
    { log: (message) => log.push(message), onChange: () => changeCount++ },
  );
  return {
    geoFile,
    file,
    log,
    changes: () => changeCount,
    /** As geoipupdate does: beside it, then over it. */
    replace(content: string | Buffer) {
      writeFileSync(`${file}.tmp`, content);
      renameSync(`${file}.tmp`, file);
    },
    country: (address = "8.8.8.8") => geoFile.find(parseAddress(address)!, 0).country,
    /** It is looked at until it has settled. */
    async settle() {
      await geoFile.look();
      await geoFile.look();
    },
  };
}

test("what it says, when it is from, how large it is", async () => {
  const { geoFile, replace, country } = createFile("a.mmdb");
  const bytes = inCountry("CH", { databaseType: "GeoLite2-Country", builtSeconds: 1_750_000_000 });
  replace(bytes);
  assert.deepEqual([country(), geoFile.status().state], [undefined, "loading"], "before it is loaded");
  await geoFile.load();
  assert.deepEqual([country(), country("2001:4860:4860::8888"), country("9.9.9.9")], ["CH", "CH", undefined]);
  const { state, reason, databaseType, built, bytes: held, source, attribution } = geoFile.status();
  assert.deepEqual(
    { state, reason, databaseType, built, held, source },
    {
      ...{ state: "on", reason: "", databaseType: "GeoLite2-Country", source: "own" },
      ...{ built: 1_750_000_000_000, held: bytes.length },
    },
  );
  assert.match(attribution[0]?.text ?? "", /MaxMind/);
});

test("a file of IPv4 says nothing of IPv6 addresses that begin with the same bits", async () => {
  const { geoFile, replace, country } = createFile("four.mmdb");
  replace(inCountry("CH", { ipVersion: 4 }));
  await geoFile.load();
  assert.deepEqual([country(), country("808:808::1")], ["CH", undefined]);
});

test("a changed file is taken while the old one is in use, once it has stopped changing", async () => {
  const { geoFile, replace, country, settle, log, changes } = createFile("b.mmdb");
  replace(inCountry("CH"));
  await geoFile.load();
  await settle();
  assert.equal(changes(), 1, "an unchanged file is not read again");
  replace(inCountry("DE"));
  await geoFile.look();
  assert.equal(country(), "CH", "it may still be being written");
  const looking = geoFile.look();
  assert.equal(country(), "CH", "until the other is checked");
  await looking;
  assert.deepEqual([country(), changes()], ["DE", 2]);
  assert.match(log.at(-1) ?? "", /has changed and is used as it is now/);
});

test("a bad file is refused in words, once, and the old one stays; a good one is taken again", async () => {
  const { geoFile, replace, country, settle, log, file } = createFile("c.mmdb");
  replace(inCountry("CH"));
  await geoFile.load();
  replace("not a database");
  await settle();
  await settle();
  assert.equal(country(), "CH");
  assert.equal(log.length, 1);
  assert.match(log[0]!, /^geo\.country: \S+c\.mmdb: is no MaxMind database.*; the one before stays in use$/);
  assert.deepEqual(
    [geoFile.status().state, geoFile.status().reason.startsWith(`${file}: is no`)],
    ["on", true],
  );
  replace(inCountry("FR"));
  await settle();
  assert.deepEqual([country(), geoFile.status().reason], ["FR", ""]);
});

test("a file that is not there at first is taken when it comes; one that goes stays in memory", async () => {
  const { geoFile, replace, country, settle, log, file } = createFile("d.mmdb");
  await geoFile.load();
  assert.deepEqual([geoFile.status().state, log.length], ["off", 1]);
  assert.match(log[0]!, /cannot be read: ENOENT$/);
  replace(inCountry("CH"));
  await settle();
  assert.equal(country(), "CH");
  rmSync(file);
  await settle();
  assert.deepEqual([country(), geoFile.status().state, log.length], ["CH", "on", 1]);
});

test("systems may come as CSV", async () => {
  const { geoFile, replace } = createFile("e.csv", "asn");
  replace("8.8.8.0,8.8.8.255,15169,Google LLC\n2001:4860::,2001:4860::ffff,15169,Google LLC\n");
  await geoFile.load();
  for (const address of ["8.8.8.8", "2001:4860::1"])
    assert.deepEqual(geoFile.find(parseAddress(address)!, 0), { asNumber: 15169, asName: "Google LLC" });
  assert.deepEqual(geoFile.find(parseAddress("8.8.9.0")!, 0), {});
});

test("what is loaded after the end is not taken", async () => {
  const { geoFile, replace, country, changes } = createFile("f.mmdb");
  replace(inCountry("CH"));
  const loading = geoFile.load();
  geoFile.stop();
  await loading;
  assert.deepEqual([country(), changes()], [undefined, 0]);
});
