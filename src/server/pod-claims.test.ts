import assert from "node:assert/strict";
import { test } from "node:test";
import { PodClaims, podClaimsDefaults } from "./pod-claims.ts";

function createClaims(config = {}) {
  const clock = { now: 1_760_000_000_000 };
  const claims = new PodClaims(() => clock.now, { ...podClaimsDefaults, ...config });
  return { clock, claims };
}

const of = (node: string, machine = `kernel of ${node}`) => ({ node, machine, instance: "i" });

test("a pod is the machine's that told of it first, for as long as that machine tells of any", () => {
  const { clock, claims } = createClaims();
  assert.ok(claims.claim("u", of("a")));
  assert.ok(!claims.claim("u", of("b")));
  for (let minutes = 0; minutes < 60; minutes += 5) {
    clock.now += 300_000;
    assert.ok(claims.claim("another", of("a")));
    assert.ok(!claims.claim("u", of("b")));
  }
  clock.now += 600_000;
  assert.ok(claims.claim("u", of("b")), "the machine is called otherwise now");
  assert.ok(!claims.claim("u", of("a")));
  assert.ok(claims.claim("another", of("a")), "nobody else has told of it");
});

test("a machine that tells of very many pods forgets its own, nobody else's", () => {
  const { claims } = createClaims({ ofNodeMax: 3 });
  assert.ok(claims.claim("theirs", of("a")));
  for (let i = 0; i < 100; i++) assert.ok(claims.claim(`mine ${i}`, of("b")));
  assert.equal(claims.count, 4);
  assert.ok(!claims.claim("theirs", of("b")));
  assert.ok(claims.claim("mine 99", of("b")));
  assert.ok(claims.claim("mine 0", of("a")), "it is nobody's by now");
});

test("in all they are bounded: who was silent for longest is forgotten", () => {
  const { claims } = createClaims({ podsMax: 10 });
  for (let i = 0; i < 50; i++) {
    assert.ok(claims.claim(`pod ${i}`, of(`node ${i}`)));
    assert.ok(claims.claim("first", of("node 0")));
  }
  assert.equal(claims.count, 10);
  assert.ok(!claims.claim("first", of("node 1")));
});

test("agents of one kernel are one machine, and so are those of one name: nodes in containers, a new start, another name", () => {
  const { claims } = createClaims();
  assert.ok(claims.claim("u", of("kind-worker", "k1")));
  assert.ok(claims.claim("u", of("kind-worker2", "k1")));
  assert.ok(claims.claim("u", of("kind-worker", "k2")), "the machine was started anew");
  assert.ok(claims.claim("u", of("renamed", "k2")));
  assert.ok(!claims.claim("u", of("kind-worker2", "k1")));
  assert.ok(claims.claim("v", { node: "a", machine: "", instance: "1" }));
  assert.ok(
    !claims.claim("v", { node: "b", machine: "", instance: "2" }),
    "who does not say its kernel is of none",
  );
  assert.equal(claims.count, 2);
});
