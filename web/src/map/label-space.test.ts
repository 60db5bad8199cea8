import assert from "node:assert/strict";
import { test } from "node:test";
import { LabelSpace } from "./label-space.ts";

test("labels do not run into each other", () => {
  const space = new LabelSpace();
  assert.equal(space.take(0, 0, 100, 14), true);
  assert.equal(space.take(99, 10, 100, 14), false);
  assert.equal(space.take(100, 0, 100, 14), true);
  assert.equal(space.take(-50, -14, 300, 14), true);
});

test("a blocked place is not written on", () => {
  const space = new LabelSpace();
  space.block(500, 500, 200, 100);
  space.block(510, 510, 5, 5);
  assert.equal(space.take(600, 590, 10, 20), false);
  assert.equal(space.take(600, 600, 10, 20), true);
});

test("a point is taken where something is written", () => {
  const space = new LabelSpace();
  space.take(100, 50, 30, 14);
  assert.equal(space.isTaken(115, 57), true);
  assert.equal(space.isTaken(131, 57), false);
  assert.equal(space.isTaken(115, 49), false);
  assert.equal(space.isTaken(-500, 900), false);
});
