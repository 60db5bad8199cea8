import assert from "node:assert/strict";
import { test } from "node:test";
import { distanceTo, linkCurve, pointOn } from "./curve.ts";

const a = { x: 0, y: 0, radius: 10 };
const b = { x: 200, y: 0, radius: 10 };

test("a curve starts and ends outside the discs", () => {
  const { x0, y0, x1, y1 } = linkCurve(a, b);
  assert.ok(Math.hypot(x0, y0) >= 10 && Math.hypot(x1 - 200, y1) >= 10);
});

test("a link and its opposite lie apart", () => {
  const there = pointOn(linkCurve(a, b), 0.5);
  const back = pointOn(linkCurve(b, a), 0.5);
  assert.ok(there.y < -5 && back.y > 5);
});

test("distance is to the curve, not to the straight line", () => {
  const curve = linkCurve(a, b);
  const middle = pointOn(curve, 0.5);
  assert.ok(distanceTo(curve, middle.x, middle.y, 5) < 0.5);
  assert.ok(distanceTo(curve, 100, 0, 50) > 5);
  assert.equal(distanceTo(curve, 100, 300, 5), Infinity);
});

test("a link of a peer to itself is a loop beside it", () => {
  const curve = linkCurve(a, a);
  assert.ok(pointOn(curve, 0.5).y < -15);
});

test("a link between others goes round the island in the middle, on the side where it is", () => {
  const island = { x: 100, y: 0, radiusX: 40, radiusY: 30 };
  const above = pointOn(linkCurve({ ...a, y: -5 }, { ...b, y: -5 }, island), 0.5);
  const below = pointOn(linkCurve({ ...a, y: 5 }, { ...b, y: 5 }, island), 0.5);
  assert.ok(above.y < -30 && below.y > 30, `${above.y} and ${below.y}`);
  assert.deepEqual(linkCurve(a, b, { ...island, y: 500 }), linkCurve(a, b));
});
