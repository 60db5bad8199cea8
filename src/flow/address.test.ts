import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import {
  formatAddress,
  formatCidr,
  isInCidr,
  isLoopback,
  isMappedIPv4,
  isPrivateAddress,
  isUnspecified,
  maskAddress,
  parseAddress,
  parseCidr,
  writeMappedIPv4,
} from "./address.ts";

const seed = Number(process.env.PORTOLAN_TEST_SEED ?? 1);

function createRandom() {
  let state = seed;
  return (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const address = (text: string) => {
  const bytes = parseAddress(text);
  assert.ok(bytes, `${text} is an address`);
  return bytes;
};
const bytesOf = (...groups: number[]) =>
  Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));

/** The browser's own writing of an IPv6 address, which compresses as RFC 5952 says. */
const urlText = (text: string) => new URL(`http://[${text}]/`).hostname.slice(1, -1);

test(`any 16 bytes are written so that they are read back, as RFC 5952 writes them (seed ${seed})`, () => {
  const random = createRandom();
  for (let i = 0; i < 20_000; i++) {
    const groups = Array.from({ length: 8 }, () =>
      random(3) > 0 ? 0 : random(4) === 0 ? 0xffff : random(65_536),
    );
    const bytes = bytesOf(...groups);
    const text = formatAddress(bytes);
    assert.deepEqual(parseAddress(text), bytes, text);
    if (isMappedIPv4(bytes)) assert.equal(isIP(text), 4, text);
    else assert.equal(text, urlText(groups.map((group) => group.toString(16)).join(":")));
  }
});

test(`any IPv4 address is written so that it is read back (seed ${seed})`, () => {
  const random = createRandom();
  for (let i = 0; i < 5000; i++) {
    const parts = Array.from({ length: 4 }, () => random(256));
    const text = parts.join(".");
    assert.equal(formatAddress(address(text)), text);
    assert.deepEqual(address(text), address(`::ffff:${text}`));
    const column = new Uint8Array(48).fill(7);
    writeMappedIPv4(column, 16, Uint8Array.of(9, ...parts), 1);
    assert.equal(formatAddress(column, 16), text, "in the middle of a column");
    assert.deepEqual([column[15], column[32]], [7, 7], "its neighbours are untouched");
  }
});

const written: [string, string][] = [
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["0:0:0:0:0:0:0:0", "::"],
  ["2001:DB8::A", "2001:db8::a"],
  ["2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::FFFF:c000:0201", "192.0.2.1"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ["1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"],
];
for (const [text, expected] of written) {
  test(`${text} is written ${expected}`, () => assert.equal(formatAddress(address(text)), expected));
}

const unreadable = [
  "",
  " ",
  "1",
  "1.2.3",
  "1.2.3.4.5",
  "1.2.3.256",
  "01.2.3.4",
  "1.2.3.4 ",
  "1.2.3.-4",
  "1.2..4",
  "0x1.2.3.4",
  ":",
  ":::",
  ":1",
  "1:",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4:5:6:7::8",
  "1:2:3:4:5:6:7:8::",
  "1::2::3",
  "::12345",
  "::g",
  "fe80::1%eth0",
  "[::1]",
  "::1.2.3",
  "1.2.3.4::",
  "1.2.3.4::1",
  "::1.2.3.4:5",
  "1:2:3:4:5:6:7:1.2.3.4",
  "::1/64",
  "localhost",
];
for (const text of unreadable) {
  test(`"${text}" is no address`, () => assert.equal(parseAddress(text), undefined));
}

test(`a text that was damaged is an address exactly when the operating system says so (seed ${seed})`, () => {
  const random = createRandom();
  const texts = written.flat();
  const alphabet = "0123456789abcdf:.";
  for (let i = 0; i < 50_000; i++) {
    const text = texts[random(texts.length)]!;
    const at = random(text.length);
    const damaged = text.slice(0, at) + alphabet[random(alphabet.length)] + text.slice(at + random(3));
    // A lone group as `::` is read by Node and not by us (RFC 5952 §4.2.2 forbids to write it).
    assert.equal(parseAddress(damaged) !== undefined, isIP(damaged) !== 0, damaged);
  }
});

test("special addresses are known in both families", () => {
  for (const text of ["127.0.0.1", "127.255.0.3", "::1"]) assert.ok(isLoopback(address(text)), text);
  for (const text of ["128.0.0.1", "126.0.0.1", "::2", "::", "1::1", "::1:0"])
    assert.ok(!isLoopback(address(text)), text);
  for (const text of ["0.0.0.0", "::"]) assert.ok(isUnspecified(address(text)), text);
  for (const text of ["0.0.0.1", "::1", "1::"]) assert.ok(!isUnspecified(address(text)), text);
  assert.ok(isMappedIPv4(address("0.0.0.0")) && !isMappedIPv4(address("::")));
});

test("an address in the middle of a column is read where it lies", () => {
  const column = new Uint8Array([...address("::1"), ...address("10.1.2.3"), ...address("2001:db8::1")]);
  assert.equal(formatAddress(column, 16), "10.1.2.3");
  assert.ok(isLoopback(column, 0) && !isLoopback(column, 16));
  assert.ok(isPrivateAddress(column, 16));
  assert.ok(
    isInCidr(parseCidr("10.1.0.0/16")!, column, 16) && !isInCidr(parseCidr("10.1.0.0/16")!, column, 32),
  );
  assert.equal(formatAddress(maskAddress(column, 16, 104)), "10.0.0.0");
});

const ranges: [string, string][] = [
  ["10.1.2.3/8", "10.0.0.0/8"],
  ["10.1.2.3", "10.1.2.3/32"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["192.168.7.255/31", "192.168.7.254/31"],
  ["172.31.255.255/12", "172.16.0.0/12"],
  ["2001:db8::1", "2001:db8::1/128"],
  ["2001:db8:ffff::1/33", "2001:db8:8000::/33"],
  ["fe80::1/10", "fe80::/10"],
  ["::/0", "::/0"],
  ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
];
for (const [text, expected] of ranges) {
  test(`the range ${text} is ${expected}`, () => {
    const range = parseCidr(text)!;
    assert.equal(formatCidr(range), expected);
    assert.deepEqual(parseCidr(formatCidr(range)), range);
  });
}

for (const text of [
  "",
  "/8",
  "10.0.0.0/",
  "10.0.0.0/33",
  "::/129",
  "10.0.0.0/8/8",
  "10.0.0.0/-1",
  "10/8",
  "10.0.0.0/8 ",
]) {
  test(`"${text}" is no range`, () => assert.equal(parseCidr(text), undefined));
}

test(`an address is in a range when the bits of its prefix agree (seed ${seed})`, () => {
  const random = createRandom();
  const bits = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  for (let i = 0; i < 20_000; i++) {
    const a = Uint8Array.from({ length: 16 }, () => random(256));
    const b = a.slice();
    b[random(16)]! ^= 1 << random(8);
    const prefixLength = random(129);
    const range = { address: maskAddress(a, 0, prefixLength), prefixLength };
    assert.equal(bits(range.address), bits(a).slice(0, prefixLength).padEnd(128, "0"));
    assert.ok(isInCidr(range, a));
    assert.equal(isInCidr(range, b), bits(a).slice(0, prefixLength) === bits(b).slice(0, prefixLength));
  }
});

test("private is what is not routed on the internet, to the bit", () => {
  const inside =
    "0.1.2.3 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 169.254.9.9 172.16.0.0 172.31.255.255 192.0.2.7 " +
    "192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.255 224.0.0.251 255.255.255.255 :: ::1 fc00::1 fdff::1 " +
    "fe80::1 febf::1 ff02::fb 2001:db8::1";
  const outside =
    "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 128.0.0.1 169.253.1.1 172.15.255.255 172.32.0.0 192.0.3.0 " +
    "192.167.1.1 192.169.0.0 198.17.0.1 198.20.0.0 203.0.114.0 223.255.255.255 ::2 fbff::1 fe00::1 fec0::1 2001:db7::1 " +
    "2001:db9::1 2a00:1450:4001::8";
  for (const text of inside.split(" ")) assert.ok(isPrivateAddress(address(text)), text);
  for (const text of outside.split(" ")) assert.ok(!isPrivateAddress(address(text)), text);
});
