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
  for (let i = 2; i < 10_000; i++) sessions.open(`other ${i % 20}`);
  assert.equal(sessions.find(first), "first");
  sessions.open("one more");
  assert.deepEqual([sessions.find(first), sessions.find(second)], ["first", undefined]);
});

test("one token's sessions beyond a thousand take the place of its own, not of others'", () => {
  const { sessions } = createSessions();
  const other = sessions.open("other");
  const [first, second] = [sessions.open("one"), sessions.open("one")];
  for (let i = 2; i < 1000; i++) sessions.open("one");
  assert.equal(sessions.find(first), "one", "and is now the last seen");
  const last = sessions.open("one");
  assert.deepEqual(
    [first, second, last, other].map((id) => sessions.find(id)),
    ["one", undefined, "one", "other"],
  );
  sessions.close(first);
  sessions.open("one");
  assert.equal(sessions.find(last), "one", "what is closed is not counted");
  for (let i = 0; i < 5000; i++) sessions.open("one");
  assert.equal(sessions.find(other), "other");
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
