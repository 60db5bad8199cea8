import assert from "node:assert/strict";
import test from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { formatAddress, parseAddress } from "../../flow/index.ts";
import { addressBytes, addressHalves, mapHalves, prefixCondition } from "./address-value.ts";

const texts = [
  "10.1.2.3",
  "::",
  "::1",
  "2001:db8::8000:0:0:1",
  "2001:db8:0:1::",
  "ffff:ffff::ffff:ffff:ffff",
];

test("an address is the same out of its halves", () => {
  for (const text of texts) {
    const bytes = parseAddress(text)!;
    assert.equal(formatAddress(addressBytes(addressHalves(bytes))), text);
  }
  const { high, low } = addressHalves(parseAddress("10.1.2.3")!);
  assert.deepEqual([high, low], [0n, 0xffff_0a01_0203n]);
});

test("a prefix of any length holds the addresses that begin with it, and no others", async () => {
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  const conditions: string[] = [];
  const expected: boolean[] = [];
  for (const text of texts) {
    const address = parseAddress(text)!;
    for (let length = 0; length <= 128; length++) {
      const prefix = withoutHostBits(address, length);
      // The other differs in its last bit of the prefix, or in the first bit behind it.
      for (const bit of [length - 1, length].filter((each) => each >= 0 && each < 128)) {
        const other = Uint8Array.from(address);
        other[bit >> 3]! ^= 0x80 >> (bit & 7);
        const columns = mapHalves(addressHalves(other), (half) => `${half}::UBIGINT`);
        conditions.push(prefixCondition(columns, prefix, length, (half) => `${half}::UBIGINT`));
        expected.push(bit === length);
      }
    }
  }
  const rows = (await connection.runAndReadAll(`SELECT unnest([${conditions.join(", ")}])`)).getRowsJS();
  assert.equal(rows.length, texts.length * 256);
  assert.deepEqual(rows.flat(), expected);
  connection.closeSync();
});

function withoutHostBits(address: Uint8Array, length: number): Uint8Array {
  return address.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, length - i * 8))));
}
