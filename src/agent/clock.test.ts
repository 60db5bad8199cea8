import assert from "node:assert/strict";
import { test } from "node:test";
import { createClock } from "./clock.ts";

function createTrial() {
  const machine = { wall: 1_700_000_000_000, even: 5 };
  const said: string[] = [];
  const now = createClock({
    onStep: (what) => said.push(what),
    wall: () => machine.wall,
    monotonic: () => machine.even,
  });
  const pass = (milliseconds: number) => {
    machine.wall += milliseconds;
    machine.even += milliseconds;
  };
  return { machine, said, now, pass };
}

test("it goes on with the machine's clock", () => {
  const { said, now, pass } = createTrial();
  const start = now();
  pass(1500);
  assert.equal(now() - start, 1500);
  assert.deepEqual(said, []);
});

test("it follows a clock that is set ahead, and says so", () => {
  const { machine, said, now } = createTrial();
  now();
  machine.wall += 3_600_000;
  assert.equal(now(), machine.wall);
  assert.match(said[0] ?? "", /ahead by 3600 s/);
  assert.equal(said.length, 1);
});

test("set back, it goes on evenly from where it was, and says so once", () => {
  const { machine, said, now, pass } = createTrial();
  const before = now();
  machine.wall -= 86_400_000;
  pass(2000);
  assert.equal(now() - before, 2000);
  pass(1000);
  assert.equal(now() - before, 3000);
  assert.equal(said.length, 1);
  assert.match(said[0] ?? "", /set back by 864\d\d s/);
});
