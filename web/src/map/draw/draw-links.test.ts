import assert from "node:assert/strict";
import { test } from "node:test";
import { palettes } from "../palette.ts";
import type { SceneLink } from "../scene.ts";
import { drawLinks } from "./draw-links.ts";
import { drawAll } from "./draw-picture.ts";
import { pulsingLinks } from "./draw-pulses.ts";
import type { Pen } from "./pen.ts";

/** A pen at one pixel per map unit that notes each stroke: how wide, how many links in it, dashed or not. */
function notingPen() {
  const strokes: { width: number; links: number; alpha: number; isDashed: boolean; colour: string }[] = [];
  let [links, dashes] = [0, 0];
  const context = {
    ...{ lineWidth: 0, globalAlpha: 1, strokeStyle: "", lineCap: "butt" },
    setTransform() {},
    setLineDash: (pattern: number[]) => (dashes = pattern.length),
    beginPath: () => (links = 0),
    moveTo: () => links++,
    quadraticCurveTo() {},
    stroke() {
      const { lineWidth: width, globalAlpha: alpha, strokeStyle: colour } = this;
      strokes.push({ width, links, alpha, isDashed: dashes > 0, colour });
    },
  };
  const camera = { x: 0, y: 0, scale: 1 };
  const pen = { context, palette: palettes.dark, camera, width: 800, height: 600, ratio: 1 };
  return { pen: pen as unknown as Pen, strokes };
}

const curve = { x0: 0, y0: 0, cx: 5, cy: 5, x1: 9, y1: 0 };
const link = (more: Partial<SceneLink>) =>
  ({ curve, look: "active", isDashed: false, level: 6, style: 106, rate: 1, ...more }) as SceneLink;
const many = (count: number, more: Partial<SceneLink>) => Array.from({ length: count }, () => link(more));

test("a style that thousands have is a pixel wide and the fainter for it, the others are as wide as they are", () => {
  const { pen, strokes } = notingPen();
  const links = [
    ...many(5000, {}),
    ...many(3, { level: 5, style: 107 }),
    ...many(2, { look: "warning", level: 0, style: 400 }),
  ];
  assert.equal(drawAll(drawLinks(pen, links, { strength: 0.5, widthFactor: 1 })), links.length);
  const crowd = strokes.filter(({ links }) => links > 3);
  assert.equal(
    crowd.reduce((sum, { links }) => sum + links, 0),
    5000,
  );
  for (const { width, alpha } of crowd) assert.ok(width === 1 && alpha <= 1 && alpha > 0.4);
  const [few, failing] = strokes.filter(({ links }) => links <= 3);
  assert.equal(few!.width, 4.4);
  assert.deepEqual([failing!.width, failing!.colour], [1.5, palettes.dark.looks.warning]);
});

test("a crowded map is drawn in parts, between which something else may be drawn", () => {
  const { pen } = notingPen();
  const drawing = drawLinks(pen, many(7000, { isDashed: true }), { strength: 1, widthFactor: 1 });
  let parts = 0;
  for (; !drawing.next().done; parts++) pen.context.lineWidth = 77;
  assert.ok(parts >= 3, `${parts} parts`);
  const few = drawLinks(pen, many(50, {}), { strength: 1, widthFactor: 1 });
  assert.equal(few.next().done, true);
});

test("each part sets its own style: what is drawn in between may have set another", () => {
  const { pen, strokes } = notingPen();
  for (const drawing = drawLinks(pen, many(5000, { isDashed: true }), { strength: 1, widthFactor: 1 }); ; ) {
    if (drawing.next().done) break;
    pen.context.lineWidth = 77;
    pen.context.setLineDash([1, 2]);
  }
  assert.deepEqual(
    new Set(strokes.map(({ width, isDashed }) => `${width} ${isDashed}`)),
    new Set(["1 false"]),
  );
});

test("the heaviest links with traffic move, whatever their order", () => {
  const seed = Number(process.env.SEED ?? 20_261_121);
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 48_271) >>> 0) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  for (const count of [0, 5, 140, 600, 9000]) {
    const links = Array.from({ length: count }, (_, i) => {
      const rate = random() < 0.2 ? 0 : Math.floor(random() * 1e9) + i / 1e5;
      const topology = { sentRate: rate > 0 ? 1 : 0, receivedRate: 0 } as SceneLink["topology"];
      return link({ rate, topology });
    });
    const obvious = links.filter(({ rate }) => rate > 0).sort((a, b) => b.rate - a.rate);
    assert.deepEqual(pulsingLinks(links), obvious.slice(0, 140), `${count} links, seed ${seed}`);
  }
});
