import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientLimits, clientOfAddress } from "./client-limits.ts";

const config = { rate: 10, requests: 3, questions: 2, streams: 1 };

test("what a client may ask comes back with time, up to a burst, and not when the clock goes back", () => {
  const clock = { now: 0 };
  const limits = new ClientLimits(config, () => clock.now);
  const askUntilRefused = () => {
    let count = 0;
    while (limits.spend("a") === undefined) count++;
    return count;
  };
  assert.equal(askUntilRefused(), 40);
  clock.now += 1000;
  assert.equal(askUntilRefused(), 10);
  clock.now -= 5000;
  assert.equal(askUntilRefused(), 0);
  clock.now += 3_600_000;
  assert.equal(askUntilRefused(), 40);
});

test("what was taken in debt is paid back soon, however much it was", () => {
  const clock = { now: 0 };
  const limits = new ClientLimits(config, () => clock.now);
  for (let i = 0; i < 1000; i++) limits.spend("a", 1000);
  clock.now += 4000;
  const refused = limits.spend("a");
  assert.match(refused?.reason ?? "", /more than 10 requests a second/);
  clock.now += 1000;
  assert.equal(limits.spend("a"), undefined);
});

test("questions are requests too", () => {
  const limits = new ClientLimits({ ...config, requests: 2, questions: 9 }, () => 0);
  const begun = () => typeof limits.begin("a", "question") === "function";
  assert.deepEqual([begun(), begun(), begun()], [true, true, false]);
});

test("requests, questions and streams at once have bounds of their own", () => {
  const limits = new ClientLimits(config, () => 0);
  const begin = (cost: "request" | "question" | "stream") => limits.begin("a", cost);
  const isRefused = (begun: ReturnType<typeof begin>) => typeof begun !== "function";
  const ends = [begin("question"), begin("question"), begin("request"), begin("stream")];
  assert.ok(!ends.some(isRefused));
  for (const cost of ["request", "question", "stream"] as const) assert.ok(isRefused(begin(cost)), cost);
  assert.ok(!isRefused(limits.begin("b", "question")));
  const [first] = ends;
  assert.ok(typeof first === "function");
  first();
  assert.ok(!isRefused(begin("question")));
});

test("however many clients come, those remembered are bounded, and who has something open is one of them", () => {
  const limits = new ClientLimits({ ...config, requests: 1 }, () => 0);
  assert.equal(typeof limits.begin("faithful", "request"), "function");
  for (let i = 0; i < 100_000; i++) assert.equal(limits.spend(`stranger ${i}`), undefined);
  assert.notEqual(typeof limits.begin("faithful", "request"), "function");
});

test("where all that are remembered have something open, the others share one row", () => {
  const limits = new ClientLimits({ ...config, requests: 1 }, () => 0);
  const ends = Array.from({ length: 20_000 }, (_, i) => limits.begin(`viewer ${i}`, "stream"));
  assert.ok(ends.every((end) => typeof end === "function"));
  assert.equal(typeof limits.begin("late", "request"), "function");
  assert.notEqual(typeof limits.begin("later", "request"), "function", "the row is shared");
});

test("a client is its IPv4 address, or its IPv6 network of 64 bits", () => {
  assert.equal(clientOfAddress("192.0.2.1"), clientOfAddress("::ffff:192.0.2.1"));
  assert.notEqual(clientOfAddress("192.0.2.1"), clientOfAddress("192.0.2.2"));
  assert.equal(clientOfAddress("2001:db8:0:1::1"), clientOfAddress("2001:db8:0:1:ffff::2"));
  assert.notEqual(clientOfAddress("2001:db8:0:1::1"), clientOfAddress("2001:db8:0:2::1"));
});
