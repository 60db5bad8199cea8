import assert from "node:assert/strict";
import { test } from "node:test";
import { Reader, type Response } from "maxmind";
import { formatAddress } from "../../flow/index.ts";
import { checkMmdb } from "./check-mmdb.ts";
import { readGeoRecord } from "./geo-facts.ts";
import { Float, makeMmdb } from "./testdata/make-mmdb.ts";
import { createRandom } from "./testdata/random.ts";

const seed = Number(process.env.PORTOLAN_TEST_SEED ?? Date.now() % 1_000_000);
const roundCount = Number(process.env.PORTOLAN_FUZZ_ROUNDS ?? 20_000);

const place = {
  country: { iso_code: "CH", names: { en: "Switzerland" } },
  city: { names: { en: "Bern" } },
  location: { latitude: new Float(46.9), longitude: new Float(7.4) },
  subdivisions: [{ iso_code: "BE" }],
  is_anycast: true,
};

test(`whatever bytes a file has: it is refused in words, or no look-up in it can throw (seed ${seed})`, () => {
  const random = createRandom(seed);
  const originals = ([24, 28, 32] as const).flatMap((recordBits) =>
    ([4, 6] as const).map((ipVersion) =>
      makeMmdb({ "192.0.2.0/24": place, "198.51.100.0/24": place }, { recordBits, ipVersion }),
    ),
  );
  let accepted = 0;
  for (let round = 0; round < roundCount; round++) {
    const bytes = Buffer.from(originals[random(originals.length)]!);
    for (let i = 1 + random(4); i > 0; i--) bytes[random(bytes.length)] = random(256);
    const problem = checkMmdb(bytes, "city");
    if (problem !== undefined) {
      assert.ok(problem.length > 5, problem);
      continue;
    }
    accepted++;
    const reader = new Reader<Response>(bytes);
    const address = new Uint8Array(16);
    address.fill(0xff, 10, 12);
    for (const start of [192, 198, random(256)]) {
      address.set([start, start === 192 ? 0 : 51, start === 192 ? 2 : 100, random(256)], 12);
      readGeoRecord(reader.get(formatAddress(address)));
    }
    if (reader.metadata.ipVersion === 6) readGeoRecord(reader.get("2001:db8::1"));
  }
  assert.ok(
    accepted > roundCount / 100,
    `${accepted} of ${roundCount} were accepted: too few to mean anything`,
  );
});
