import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, parseAddress } from "../flow/index.ts";
import { parseDnsMessage } from "./dns.ts";
import { writeDns, writeName } from "./testdata/dns-messages.ts";

/** Read in the middle of other bytes, so that offsets from the message's start are told from offsets in the buffer. */
function parse(message: Uint8Array, length = message.length) {
  const bytes = new Uint8Array(message.length + 20).fill(0xee);
  bytes.set(message, 7);
  return parseDnsMessage(bytes, 7, length);
}

const addressesOf = (message: Uint8Array) =>
  parse(message)?.addresses.map(({ address, ttlSeconds }) => [formatAddress(address, 0), ttlSeconds]);

test("a query: what is asked, and for what type", () => {
  assert.deepEqual(parse(writeDns({ id: 0xabcd, name: "WWW.Example.org", type: 28, isQuery: true })), {
    id: 0xabcd,
    isResponse: false,
    isTruncated: false,
    responseCode: 0,
    name: "www.example.org",
    type: 28,
    addresses: [],
  });
});

test("A and AAAA records of the question, each with its time to live", () => {
  const message = writeDns({
    name: "example.org",
    answers: [
      { name: "example.org", a: "203.0.113.7", ttl: 60 },
      { name: "example.org", aaaa: parseAddress("2001:db8::7")!, ttl: 3600 },
    ],
  });
  assert.deepEqual(addressesOf(message), [
    ["203.0.113.7", 60],
    ["2001:db8::7", 3600],
  ]);
});

test("a chain of CNAMEs is followed in any order; the lowest time to live on the way counts", () => {
  const chain = [
    { name: "www.example.org", cname: "cdn.example.net", ttl: 30 },
    { name: "cdn.example.net", cname: "edge7.example.net", ttl: 600 },
    { name: "edge7.example.net", a: "198.51.100.9", ttl: 120 },
  ];
  for (const answers of [chain, chain.toReversed()])
    assert.deepEqual(addressesOf(writeDns({ name: "www.example.org", answers })), [["198.51.100.9", 30]]);
});

test("an address of a name that nobody asked for is left out; CNAMEs in a circle lead nowhere", () => {
  const answers = [
    { name: "bank.example", a: "192.0.2.66" },
    { name: "a.example", cname: "b.example" },
    { name: "b.example", cname: "a.example" },
  ];
  assert.deepEqual(addressesOf(writeDns({ name: "a.example", answers })), []);
});

test("response codes, with EDNS's upper bits", () => {
  assert.equal(parse(writeDns({ name: "no.example", rcode: 3 }))?.responseCode, 3);
  assert.equal(parse(writeDns({ name: "no.example", rcode: 16 }))?.responseCode, 16, "BADVERS");
});

test("a truncated answer says so, and what is whole of a message that was cut off counts", () => {
  assert.equal(parse(writeDns({ name: "big.example", isTruncated: true }))?.isTruncated, true);
  const message = writeDns({
    name: "big.example",
    answers: [
      { name: "big.example", a: "192.0.2.1" },
      { name: "big.example", a: "192.0.2.2" },
    ],
  });
  assert.deepEqual(
    parse(message, message.length - 11 - 3)?.addresses.map(({ address }) => formatAddress(address, 0)),
    ["192.0.2.1"],
  );
});

test("names that go in circles, run over, or are too long are no names", () => {
  const head = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
  const question = (...name: number[]) => parse(Uint8Array.from([...head, ...name, 0, 1, 0, 1]));
  assert.equal(question(0xc0, 12), undefined, "points to itself");
  assert.equal(question(1, 0x61, 0xc0, 12), undefined, "grows and comes back");
  assert.equal(question(0xff, 0xff), undefined, "points behind the end");
  assert.equal(question(63, 0x61), undefined, "runs over");
  assert.equal(question(0x40, 0x61, 0), undefined, "a kind of label that nobody uses");
  const long = Array.from({ length: 5 }, () => "a".repeat(60)).join(".");
  assert.equal(question(...writeName(long)), undefined, "more than 255 bytes");
  assert.equal(question(0)?.name, "", "the root");
});

test("bytes that are no host name's are written as numbers", () => {
  assert.equal(parse(writeDns({ name: "a b<\u0000", isQuery: true }))?.name, "a\\032b\\060\\000");
});

test("a time to live with its highest bit set is 0", () => {
  const message = writeDns({ name: "x", answers: [{ name: "x", a: "192.0.2.1", ttl: 0x80000001 }] });
  assert.deepEqual(addressesOf(message), [["192.0.2.1", 0]]);
});

test("every truncation of a message is read without complaint", () => {
  const message = writeDns({
    name: "www.example.org",
    answers: [
      { name: "www.example.org", cname: "cdn.example.net" },
      { name: "cdn.example.net", a: "192.0.2.1" },
    ],
  });
  for (let length = 0; length < message.length; length++) parse(message, length);
  assert.equal(parseDnsMessage(message, 0, message.length + 1), undefined, "more than there is");
});
