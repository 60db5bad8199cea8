import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { checkMmdb } from "./check-mmdb.ts";
import { makeMmdb } from "./testdata/make-mmdb.ts";

const countries = { "192.0.2.0/24": { country_code: "CH" }, "2001:db8::/32": { country_code: "DE" } };

for (const recordBits of [24, 28, 32] as const) {
  test(`a database with records of ${recordBits} bits is in order`, () => {
    assert.equal(checkMmdb(makeMmdb(countries, { recordBits }), "country"), undefined);
  });
}

test("a database of another kind is told by its type and fields", () => {
  assert.equal(
    checkMmdb(makeMmdb(countries, { databaseType: "Some-Country" }), "asn"),
    "has no AS number: its type is Some-Country, its fields country_code",
  );
  assert.match(checkMmdb(makeMmdb(countries), "city") ?? "", /^has no city and no coordinates: /);
});

test("what is no database is refused in words", () => {
  assert.equal(checkMmdb(Buffer.alloc(0), "country"), "is empty");
  assert.match(checkMmdb(gzipSync(makeMmdb(countries)), "country") ?? "", /gzip; unpack it first/);
  for (const bytes of [Buffer.from("hello"), Buffer.alloc(1000), Buffer.alloc(1000, 0xff)])
    assert.match(checkMmdb(bytes, "country") ?? "", /^is no MaxMind database, or a damaged one: /);
});

test("a database whose beginning is lost is refused: its tree runs over the end", () => {
  const bytes = makeMmdb({ "2001:db8::/128": { country_code: "CH" } });
  assert.match(checkMmdb(bytes.subarray(bytes.length - 250), "country") ?? "", /cut off|damaged/);
});

test("every cut of a file is refused, but for the last words of its description", () => {
  const bytes = makeMmdb(countries);
  for (let length = 0; length < bytes.indexOf("made for a test"); length++)
    assert.notEqual(
      checkMmdb(Buffer.from(bytes.subarray(0, length)), "country"),
      undefined,
      `${length} bytes`,
    );
});

test("a record that points to itself is refused", () => {
  const bytes = makeMmdb({ "192.0.2.0/24": { country_code: "CH" } });
  const at = bytes.indexOf("country_code") - 2;
  bytes[at] = 0x20; // a pointer to the beginning of the data
  bytes[at + 1] = 0;
  assert.match(
    checkMmdb(bytes, "country") ?? "",
    /damaged one: (a record has more pointers|Maximum call stack)/,
  );
});

test("a record that makes endlessly much of a few bytes is refused", () => {
  // Arrays of 28 pointers to the next array, ten deep: 28 to the tenth texts.
  const arrayBytes = 2 + 28 * 2;
  const arrays = Array.from({ length: 10 }, (_, i) => {
    const next = (i + 1) * arrayBytes;
    const pointers = Array.from({ length: 28 }, () => [0x20 | (next >> 8), next & 0xff]);
    return Buffer.from([28, 4, ...pointers.flat()]);
  });
  const bomb = Buffer.concat([...arrays, Buffer.from("\x41x", "latin1")]);
  const bytes = makeMmdb({ "192.0.2.0/24": bomb });
  assert.match(checkMmdb(bytes, "country") ?? "", /damaged one: a record has more pointers than any needs/);
});
