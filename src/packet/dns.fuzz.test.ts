import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDnsMessage } from "./dns.ts";
import { writeDns } from "./testdata/dns-messages.ts";
import { createRandom } from "./testdata/random.ts";

const messages = [
  writeDns({ name: "example.org", isQuery: true }),
  writeDns({
    name: "www.example.org",
    answers: [
      { name: "www.example.org", cname: "cdn.example.net", ttl: 30 },
      { name: "cdn.example.net", cname: "edge.example.net" },
      { name: "edge.example.net", a: "192.0.2.1" },
      { name: "edge.example.net", aaaa: new Uint8Array(16).fill(9) },
    ],
  }),
  writeDns({ name: "no.example", rcode: 3 }),
];

/** SEED=n gives a run back; FUZZ_PACKETS=n runs longer. */
test("no octets make the reader throw, loop or leave their bounds", (context) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007);
  context.diagnostic(`SEED=${seed}`);
  const random = createRandom(seed);
  for (let i = Number(process.env.FUZZ_PACKETS ?? 100_000); i > 0; i--) {
    const bytes = Uint8Array.from(messages[random(messages.length)]!);
    for (let changes = random(8); changes > 0; changes--)
      bytes[random(bytes.length)] = random(3) === 0 ? 0xc0 : random(256);
    const start = random(4) === 0 ? random(bytes.length) : 0;
    const message = parseDnsMessage(bytes, start, random(bytes.length - start + 2));
    if (message === undefined) continue;
    assert.ok(message.responseCode >= 0 && message.responseCode <= 4095, `SEED=${seed}`);
    assert.ok(/^[-a-z0-9_.\\]*$/.test(message.name) && message.name.length <= 4 * 255, `SEED=${seed}`);
    for (const { address, ttlSeconds } of message.addresses) {
      assert.equal(address.length, 16, `SEED=${seed}`);
      assert.ok(ttlSeconds >= 0 && ttlSeconds <= 0x7fffffff, `SEED=${seed}`);
    }
  }
});
