import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as rest } from "node:timers/promises";
import { parseAddress } from "../../flow/index.ts";
import { createGeo, type GeoConfig, geoDefaults } from "./geo.ts";
import { Float, makeMmdb } from "./testdata/make-mmdb.ts";

const folder = mkdtempSync(join(tmpdir(), "portolan-geo-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, records: Parameters<typeof makeMmdb>[0]): string {
  const file = join(folder, name);
  writeFileSync(`${file}.tmp`, makeMmdb(records));
  renameSync(`${file}.tmp`, file);
  return file;
}

const off: GeoConfig = { country: "off", city: "off", asn: "off" };

test("what comes with the program: country and system of well-known addresses, with whose data it is", async () => {
  const log: string[] = [];
  const geo = createGeo(geoDefaults, { log: (message) => log.push(message) });
  await geo.start();
  try {
    const known: [string, object][] = [
      ["8.8.8.8", { country: "US", asNumber: 15169, asName: "Google LLC" }],
      ["193.0.6.139", { country: "NL", asNumber: 3333 }],
      ["2001:67c:2e8:22::c100:68b", { country: "NL", asNumber: 3333 }],
    ];
    for (const [address, facts] of known)
      assert.partialDeepStrictEqual(geo.find(parseAddress(address)!), facts, address);
    assert.deepEqual(log, []);
    const status = geo.status();
    assert.deepEqual(
      status.map(({ kind, state, source }) => [kind, state, source].join(" ")),
      ["country on bundled", "asn on bundled", "asn on bundled"],
    );
    for (const { built, attribution, bytes } of status) {
      assert.ok(built !== null && built > Date.parse("2026-01-01"));
      assert.ok(bytes < 10e6, `${bytes} bytes of memory`);
      assert.ok(attribution.some(({ text }) => text === "IP Geolocation by DB-IP"));
    }
  } finally {
    geo.stop();
  }
});

test("addresses that are not routed on the internet are nowhere, whatever a file says", async () => {
  const country = write("private.mmdb", { "::/1": { country_code: "XX" } });
  const geo = createGeo({ ...off, country: [country] }, { log() {} });
  await geo.start();
  for (const address of [
    "10.1.2.3",
    "127.0.0.1",
    "169.254.1.1",
    "192.168.1.1",
    "fe80::1",
    "fd00::1",
    "::1",
    "224.0.0.1",
  ])
    assert.deepEqual(geo.find(parseAddress(address)!), {}, address);
  assert.deepEqual(geo.find(parseAddress("8.8.8.8")!), { country: "XX" });
  geo.stop();
});

test("a city's country goes with the city; where no city is known, countries tell; systems only from where they are asked for", async () => {
  const geo = createGeo(
    {
      country: [write("country.mmdb", { "8.0.0.0/8": { country_code: "US", asn: "AS9" } })],
      city: [
        write("first-city.mmdb", { "9.9.9.0/24": { city: "Zurich", country_code: "CH" } }),
        write("city.mmdb", {
          "8.8.8.0/24": {
            city: "Bern",
            country_code: "CH",
            latitude: new Float(46.9),
            longitude: new Float(7.4),
            asn: "AS8",
          },
          "9.0.0.0/9": { city: "Geneva" },
        }),
      ],
      asn: [write("asn.mmdb", { "8.8.8.0/25": { autonomous_system_number: 64500 } })],
    },
    { log() {} },
  );
  await geo.start();
  const find = (address: string) => geo.find(parseAddress(address)!);
  assert.deepEqual(find("8.8.8.8"), {
    country: "CH",
    city: "Bern",
    latitude: 46.9,
    longitude: 7.4,
    asNumber: 64500,
  });
  assert.deepEqual(find("8.8.8.200"), { country: "CH", city: "Bern", latitude: 46.9, longitude: 7.4 });
  assert.deepEqual(find("8.1.1.1"), { country: "US" });
  assert.deepEqual(find("9.9.9.9"), { country: "CH", city: "Zurich" }, "the first file that knows");
  assert.deepEqual(find("9.1.1.1"), { city: "Geneva" });
  geo.stop();
});

test("the user's file is watched: a look-up gives the new answer without a restart", async () => {
  const file = write("watched.mmdb", { "8.8.8.0/24": { country_code: "US" } });
  const geo = createGeo({ ...off, country: [file] }, { log() {}, lookMilliseconds: 20 });
  await geo.start();
  const generation = geo.generation;
  write("watched.mmdb", { "8.8.8.0/24": { country_code: "CH" } });
  for (let i = 0; i < 1000 && geo.generation === generation; i++) await rest(20);
  assert.equal(geo.find(parseAddress("8.8.8.8")!).country, "CH");
  geo.stop();
});

test("everything off knows nothing and loads nothing", async () => {
  const geo = createGeo(off, { log: assert.fail });
  await geo.start();
  assert.deepEqual([geo.find(parseAddress("8.8.8.8")!), geo.status()], [{}, []]);
  geo.stop();
});
