import assert from "node:assert/strict";
import { test } from "node:test";
import { isOfKind, readGeoRecord } from "./geo-facts.ts";

/** A record as each maker has it. */
const records: [string, unknown, object][] = [
  [
    "MaxMind and DB-IP, city",
    {
      country: { iso_code: "CH", names: { en: "Switzerland" } },
      city: { names: { en: "Bern", de: "Bern" } },
      location: { latitude: 46.9, longitude: 7.4 },
    },
    { country: "CH", city: "Bern", latitude: 46.9, longitude: 7.4 },
  ],
  [
    "MaxMind, a country that is only registered",
    { registered_country: { iso_code: "US" } },
    { country: "US" },
  ],
  [
    "MaxMind and ip-location-db, AS",
    { autonomous_system_number: 64500, autonomous_system_organization: "Example" },
    { asNumber: 64500, asName: "Example" },
  ],
  [
    "ip-location-db, city",
    { country_code: "de", city: "Ulm", latitude: "48.4", longitude: "9.98" },
    { country: "DE", city: "Ulm", latitude: 48.4, longitude: 9.98 },
  ],
  [
    "IPinfo Lite",
    { country: "Germany", country_code: "DE", asn: "AS64501", as_name: "Example" },
    { country: "DE", asNumber: 64501, asName: "Example" },
  ],
  ["IPinfo, older", { country: "DE" }, { country: "DE" }],
];
for (const [maker, record, facts] of records) {
  test(`a record of ${maker}`, () => assert.deepEqual(readGeoRecord(record), facts));
}

const nonsense: unknown[] = [
  null,
  undefined,
  7,
  "DE",
  [],
  { country: { iso_code: 7 }, city: [], location: "here", autonomous_system_number: -1 },
  { country_code: "DEU", latitude: 91, longitude: 0, asn: "AS" },
  { country_code: "", city: "", latitude: "", longitude: "", asn: 0 },
  { latitude: Number.NaN, longitude: 1, asn: 2 ** 32 },
  { latitude: 1 },
  { country_code: "ZZ" },
  { autonomous_system_organization: "a name without a number" },
];
for (const record of nonsense) {
  test(`${JSON.stringify(record)} says nothing`, () => assert.deepEqual(readGeoRecord(record), {}));
}

test("names are shown as text: nothing in them turns it around, and they end", () => {
  const { city = "" } = readGeoRecord({ city: `\u202eA\u0000${"ü".repeat(300)}` });
  assert.equal(city, `A${"ü".repeat(99)}`);
});

test("facts are of a kind by what that kind is there for", () => {
  assert.deepEqual(
    (["country", "city", "asn"] as const).map((kind) => isOfKind(kind, { country: "DE" })),
    [true, false, false],
  );
  assert.ok(isOfKind("city", { latitude: 1, longitude: 2 }));
  assert.ok(isOfKind("asn", { asNumber: 1 }));
});
