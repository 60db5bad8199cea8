import assert from "node:assert/strict";
import { test } from "node:test";
import { PodClaims, podClaimsDefaults } from "./pod-claims.ts";

function createClaims(config = {}) {
  const clock = { now: 1_760_000_000_000 };
  const claims = new PodClaims(() => clock.now, { ...podClaimsDefaults, ...config });
  return { clock, claims };
}

test("a pod is the machine's that told of it first, for as long as that machine tells of any", () => {
  const { clock, claims } = createClaims();
  assert.ok(claims.claim("u", "a"));
  assert.ok(!claims.claim("u", "b"));
  for (let minutes = 0; minutes < 60; minutes += 5) {
    clock.now += 300_000;
    assert.ok(claims.claim("another", "a"));
    assert.ok(!claims.claim("u", "b"));
  }
  clock.now += 600_000;
  assert.ok(claims.claim("u", "b"), "the machine is called otherwise now");
  assert.ok(!claims.claim("u", "a"));
  assert.ok(claims.claim("another", "a"), "nobody else has told of it");
});

test("a machine that tells of very many pods forgets its own, nobody else's", () => {
  const { claims } = createClaims({ ofNodeMax: 3 });
  assert.ok(claims.claim("theirs", "a"));
  for (let i = 0; i < 100; i++) assert.ok(claims.claim(`mine ${i}`, "b"));
  assert.equal(claims.count, 4);
  assert.ok(!claims.claim("theirs", "b"));
  assert.ok(claims.claim("mine 99", "b"));
  assert.ok(claims.claim("mine 0", "a"), "it is nobody's by now");
});

test("in all they are bounded: who was silent for longest is forgotten", () => {
  const { claims } = createClaims({ podsMax: 10 });
  for (let i = 0; i < 50; i++) {
    assert.ok(claims.claim(`pod ${i}`, `node ${i}`));
    assert.ok(claims.claim("first", "node 0"));
  }
  assert.equal(claims.count, 10);
  assert.ok(!claims.claim("first", "node 1"));
});
