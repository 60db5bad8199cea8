import assert from "node:assert/strict";
import { test } from "node:test";
import { Viewpoint } from "./viewpoint.ts";

const bounds = { left: -900, top: -300, right: 900, bottom: 300 };

function viewpoint(covered = { top: 0, bottom: 0 }) {
  const point = new Viewpoint();
  point.size = { width: 800, height: 600, ratio: 1 };
  point.covered = covered;
  return point;
}

test("all is fitted between what lies over the map", () => {
  const point = viewpoint({ top: 70, bottom: 250 });
  point.fit(bounds);
  const [upper, lower] = [point.toScreen(-900, -300), point.toScreen(900, 300)];
  assert.ok(upper.y >= 70 && lower.y <= 350, `${upper.y} to ${lower.y}`);
  assert.ok(upper.x >= 0 && lower.x <= 800 - 46, "beside the buttons");
});

test("what is under something comes into the middle of what is free, what is not stays", () => {
  const point = viewpoint({ top: 100, bottom: 300 });
  const hidden = point.toMap(400, 450);
  point.uncover(hidden, 0);
  assert.equal(point.step(10_000, true), "arrived");
  const spot = point.toScreen(hidden.x, hidden.y);
  assert.ok(Math.abs(spot.y - 200) < 1e-9 && Math.abs(spot.x - 400) < 1e-9, `${spot.x} ${spot.y}`);
  point.uncover(hidden, 20_000);
  assert.equal(point.step(20_001, true), "still");
});
