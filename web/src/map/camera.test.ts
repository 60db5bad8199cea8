import assert from "node:assert/strict";
import { test } from "node:test";
import { fit, glide, toMap, toScreen, zoom } from "./camera.ts";

const size = { width: 800, height: 600 };

test("screen and map are each other's inverse", () => {
  const camera = { x: 40, y: -3, scale: 0.7 };
  const point = toMap(camera, size, 123, 456);
  const back = toScreen(camera, size, point.x, point.y);
  assert.ok(Math.abs(back.x - 123) < 1e-9 && Math.abs(back.y - 456) < 1e-9);
});

test("zooming keeps the point below the pointer", () => {
  const camera = { x: 40, y: -3, scale: 0.7 };
  const before = toMap(camera, size, 100, 500);
  const after = toMap(zoom(camera, size, 2.5, 100, 500), size, 100, 500);
  assert.ok(Math.hypot(before.x - after.x, before.y - after.y) < 1e-9);
  assert.equal(zoom(camera, size, 1e9, 0, 0).scale, 5);
});

test("fit shows all, and leaves the margins", () => {
  const bounds = { left: -1000, top: -100, right: 1000, bottom: 900 };
  const camera = fit(bounds, size, { top: 50, right: 60, bottom: 10, left: 20 });
  const topLeft = toScreen(camera, size, bounds.left, bounds.top);
  const bottomRight = toScreen(camera, size, bounds.right, bounds.bottom);
  assert.ok(topLeft.x >= 20 && topLeft.y >= 50 && bottomRight.x <= 740 && bottomRight.y <= 590);
});

test("a single peer is not blown up", () => {
  assert.ok(
    fit({ left: 0, top: 0, right: 1, bottom: 1 }, size, { top: 0, right: 0, bottom: 0, left: 0 }).scale < 2,
  );
});

test("gliding starts here and ends there", () => {
  const from = { x: 0, y: 0, scale: 1 };
  const to = { x: 10, y: 5, scale: 4 };
  assert.deepEqual(glide(from, to, 0), from);
  assert.deepEqual(glide(from, to, 1), to);
});
