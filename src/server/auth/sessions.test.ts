import assert from "node:assert/strict";
import { test } from "node:test";
import { Sessions } from "./sessions.ts";

const day = 86_400_000;

function createSessions() {
  const clock = { now: 1e12 };
  return { clock, sessions: new Sessions(() => clock.now) };
}

test("who is away for more than a week signs in again; who comes back earlier does not", () => {
  const { clock, sessions } = createSessions();
  const [faithful, away] = [sessions.open("hash of one"), sessions.open("hash of another")];
  clock.now += 7 * day;
  assert.equal(sessions.find(faithful), "hash of one");
  clock.now += 1;
  assert.equal(sessions.find(away), undefined);
  assert.equal(sessions.find(faithful), "hash of one");
});

test("whoever comes every day signs in again after thirty", () => {
  const { clock, sessions } = createSessions();
  const id = sessions.open("hash");
  for (let i = 0; i < 30; i++) {
    clock.now += day;
    assert.equal(sessions.find(id), "hash", `on day ${i + 1}`);
  }
  clock.now += 1;
  assert.equal(sessions.find(id), undefined);
  clock.now -= 1;
  assert.equal(sessions.find(id), undefined, "and is forgotten");
});

test("beyond ten thousand the one that was away longest signs in again", () => {
  const { sessions } = createSessions();
  const [first, second] = [sessions.open("first"), sessions.open("second")];
  for (let i = 2; i < 10_000; i++) sessions.open("others");
  assert.equal(sessions.find(first), "first");
  sessions.open("one more");
  assert.deepEqual([sessions.find(first), sessions.find(second)], ["first", undefined]);
});

test("an id is random, and nobody's once its session is closed", () => {
  const { sessions } = createSessions();
  const [one, other] = [sessions.open("hash"), sessions.open("hash")];
  assert.notEqual(one, other);
  assert.match(one, /^[\w-]{43}$/);
  sessions.close(one);
  assert.deepEqual(
    [sessions.find(one), sessions.find(other), sessions.find("")],
    [undefined, "hash", undefined],
  );
});
