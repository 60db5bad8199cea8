import assert from "node:assert/strict";
import { test } from "node:test";
import { palettes } from "../palette.ts";
import type { ScenePeer } from "../scene.ts";
import { iconPath, shapePath } from "./sign-path.ts";
import { SvgPath } from "./svg-path.ts";

test("arcs, boxes and boxes with round corners are an SVG path's", () => {
  const circle = new SvgPath();
  circle.moveTo(11, 5);
  circle.arc(1, 5, 10, 0, 2 * Math.PI);
  assert.equal(circle.d, "M11 5L11 5A10 10 0 0 1 -9 5A10 10 0 0 1 11 5");
  const quarter = new SvgPath();
  quarter.ellipse(0, 0, 4, 2, 0, 0, Math.PI / 2);
  assert.equal(quarter.d, "M4 0A4 2 0 0 1 0 2");
  const box = new SvgPath();
  box.rect(1, 2, 3, 4);
  assert.equal(box.d, "M1 2h3v4h-3z");
  const round = new SvgPath();
  round.roundRect(0, 0, 10, 6, 1);
  assert.equal(round.d, "M1 0L9 0A1 1 0 0 1 10 1L10 5A1 1 0 0 1 9 6L1 6A1 1 0 0 1 0 5L0 1A1 1 0 0 1 1 0z");
});

test("every kind has a shape, and an icon that stays within it", () => {
  for (const kind of Object.keys(palettes.dark.kinds) as ScenePeer["kind"][]) {
    assert.match(shapePath(kind, 50, 50, 10), /^M[\d. MLAz]+$/, kind);
    const icon = iconPath(kind, 50, 50, 10);
    const ends = [...icon.matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]);
    assert.ok(ends.length > 0 && !icon.includes("NaN"), kind);
    for (const [x, y] of ends) assert.ok(Math.hypot(x! - 50, y! - 50) < 9, `${kind}: ${x} ${y}`);
  }
});
