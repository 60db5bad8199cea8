import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, isMappedIPv4, parseAddress } from "../../flow/index.ts";
import { AsRanges } from "./as-ranges.ts";
import { readAsCsv } from "./read-as-csv.ts";
import { createRandom } from "./testdata/random.ts";

const seed = Number(process.env.PORTOLAN_TEST_SEED ?? 1);

function rangesOf(...lines: string[]): AsRanges {
  const columns = readAsCsv(lines);
  assert.ok(typeof columns !== "string", String(columns));
  return new AsRanges(columns);
}

function find(ranges: AsRanges, address: string) {
  const bytes = parseAddress(address)!;
  return isMappedIPv4(bytes) ? ranges.findIPv4(bytes, 0) : ranges.findIPv6(bytes, 0);
}

test("an address is in the range from first to last, and in none between", () => {
  const ranges = rangesOf(
    "192.0.2.0,192.0.2.255,64500,First",
    "192.0.3.5,192.0.3.5,64501,One",
    "255.255.255.0,255.255.255.255,64502,Last",
    "2001:db8::,2001:db8::ffff,64503,Six",
    "ffff::,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,64504,End",
  );
  const expected: [string, number | undefined][] = [
    ["192.0.1.255", undefined],
    ["192.0.2.0", 64500],
    ["192.0.2.255", 64500],
    ["192.0.3.4", undefined],
    ["192.0.3.5", 64501],
    ["192.0.3.6", undefined],
    ["255.255.255.255", 64502],
    ["0.0.0.0", undefined],
    ["2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", undefined],
    ["2001:db8::", 64503],
    ["2001:db8::ffff", 64503],
    ["2001:db8::1:0", undefined],
    ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 64504],
  ];
  for (const [address, number] of expected) assert.equal(find(ranges, address)?.asNumber, number, address);
});

test("names: quoted, with commas and quotes, empty, of other scripts; lines end as they like", () => {
  const ranges = rangesOf(
    '192.0.2.0,192.0.2.0,1,"Example, Inc."',
    '192.0.2.1,192.0.2.1,2,"The ""Example"""',
    "192.0.2.2,192.0.2.2,3,",
    "192.0.2.3,192.0.2.3,4",
    "192.0.2.4,192.0.2.4,5,例え Ü",
    "",
  );
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((i) => find(ranges, `192.0.2.${i}`)?.asName),
    ["Example, Inc.", 'The "Example"', "", "", "例え Ü"],
  );
});

test("lines out of order are put in order; of ranges that overlap the first counts", () => {
  const ranges = rangesOf(
    "192.0.2.100,192.0.2.200,3,Later",
    "192.0.2.0,192.0.2.150,2,First",
    "192.0.1.0,192.0.1.9,1,Before",
  );
  assert.deepEqual(
    ["192.0.1.5", "192.0.2.120", "192.0.2.180"].map((address) => find(ranges, address)?.asNumber),
    [1, 2, undefined],
  );
});

test("another kind of file is refused, a few strange lines are not", () => {
  assert.equal(readAsCsv([]), "is empty");
  assert.match(
    String(readAsCsv(["ip,country", "192.0.2.0,CH"])),
    /^2 of 2 lines are not FIRST,LAST,NUMBER,NAME/,
  );
  for (const line of [
    "192.0.2.9,192.0.2.0,1,x",
    "192.0.2.0,2001:db8::,1,x",
    "192.0.2.0,192.0.2.9,0,x",
    "192.0.2.0,192.0.2.9,4294967296,x",
    "192.0.2.0,192.0.2.9,AS1,x",
    ",,,",
  ])
    assert.match(String(readAsCsv([line])), /^1 of 1 lines/, line);
  const many = Array.from({ length: 200 }, (_, i) => `10.0.${i}.0,10.0.${i}.255,64500,Example`);
  assert.equal(rangesOf("network,last,number,name", ...many).rangeCount, 200);
});

test(`it finds what a slow look finds (seed ${seed})`, () => {
  const random = createRandom(seed);
  const slow: { first: bigint; last: bigint; number: number }[] = [];
  const lines: string[] = [];
  for (const isIPv4 of [true, false]) {
    let at = 0n;
    for (let number = 1; number <= 2000; number++) {
      const first = at + BigInt(random(3));
      const last = first + BigInt(random(200));
      at = last + 1n;
      const text = (value: bigint) => textOf(value, isIPv4);
      slow.push({ first: numberOf(text(first)), last: numberOf(text(last)), number });
      lines.push(`${text(first)},${text(last)},${number},AS ${number}`);
    }
  }
  const ranges = rangesOf(...lines);
  for (let i = 0; i < 20_000; i++) {
    const address = textOf(BigInt(random(210_000)), random(2) === 0);
    const value = numberOf(address);
    const expected = slow.find(({ first, last }) => first <= value && value <= last)?.number;
    assert.equal(find(ranges, address)?.asNumber, expected, address);
  }
});

/** An address near the beginning of 32.0.0.0, or of two words of IPv6 so that both take part. */
function textOf(value: bigint, isIPv4: boolean): string {
  const bytes = new Uint8Array(16);
  const whole = isIPv4 ? value + (0xffffn << 32n) + (32n << 24n) : (value << 28n) + (1n << 125n);
  for (let i = 0; i < 16; i++) bytes[i] = Number((whole >> BigInt(120 - i * 8)) & 0xffn);
  return formatAddress(bytes);
}

function numberOf(address: string): bigint {
  return parseAddress(address)!.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

test(`lines of any characters are refused or read, never more (seed ${seed})`, () => {
  const random = createRandom(seed);
  const pieces = [
    "192.0.2.0",
    "::1",
    "2001:db8::",
    "64500",
    ",",
    '"',
    '""',
    "/",
    ".",
    "-1",
    "\u0000",
    "é",
    " ",
    "4294967295",
  ];
  for (let round = 0; round < 5000; round++) {
    const lines = Array.from({ length: 1 + random(5) }, () =>
      Array.from({ length: random(12) }, () => pieces[random(pieces.length)]!).join(
        random(3) === 0 ? "," : "",
      ),
    );
    const columns = readAsCsv(lines);
    if (typeof columns === "string") continue;
    const ranges = new AsRanges(columns);
    for (const address of ["192.0.2.0", "::1", "2001:db8::"]) find(ranges, address);
  }
});
