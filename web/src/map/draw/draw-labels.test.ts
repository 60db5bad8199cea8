import assert from "node:assert/strict";
import { test } from "node:test";
import { LabelSpace } from "../label-space.ts";
import { palettes } from "../palette.ts";
import type { ScenePeer } from "../scene.ts";
import { drawPeerLabels } from "./draw-labels.ts";
import type { Pen } from "./pen.ts";

const rowOf = (apart: number) => (i: number) => i * apart;

/** What is written of peers, the i-th `at(i)` pixels from the middle; a letter is six pixels wide. */
function written(
  names: readonly string[],
  { scale = 1, kind = "container", group = "", at = rowOf(90) } = {},
) {
  const texts: string[] = [];
  const context = {
    ...{ font: "", setTransform() {}, strokeText() {}, fillText: (text: string) => texts.push(text) },
    measureText: (text: string) => ({ width: text.length * 6 }),
  };
  const camera = { x: 0, y: 0, scale };
  const size = { width: 1600, height: 600, ratio: 1 };
  const pen = { context, palette: palettes.dark, camera, ...size } as unknown as Pen;
  const peers = names.map((name, i) => ({ name, kind, group, x: at(i) / scale, y: 0, radius: 12 }));
  const count = drawPeerLabels(pen, peers as unknown as ScenePeer[], new LabelSpace());
  assert.equal(count, texts.length);
  return texts;
}

test("where the whole name has no room its last part is written, if that has", () => {
  assert.deepEqual(written(["shop/frontend/frontend", "shop/catalog/catalog", "shop/cart/cart"]), [
    "shop/frontend/frontend",
    "shop/cart/cart",
  ]);
  assert.deepEqual(written(["shop/cart/cart", "shop/redis/redis"]), ["shop/cart/cart", "redis"]);
});

test("seen from further away only the last part is tried", () => {
  assert.deepEqual(written(["shop/cart/cart", "api 0123456789ab"], { scale: 0.5 }), ["cart", "api"]);
  const hosts = { scale: 0.5, kind: "host", group: "10.0.0.0/24" };
  assert.deepEqual(written(["10.0.0.7", "10.1.0.8"], hosts), [".7", "10.1.0.8"]);
});

test("of very many the lightest are not tried", () => {
  // Each beside the first, where there is a spot free, but no room.
  const beside = (count: number) => (i: number) => (i === 0 ? 0 : i === count - 1 ? 500 : 30);
  const names = (count: number) => Array.from({ length: count }, (_, i) => `name${1000 + i}`);
  const some = { kind: "host", at: beside(1500) };
  assert.deepEqual(written(names(1500), some), ["name1000", "name2499"]);
  assert.deepEqual(written(names(2500), { ...some, at: beside(2500) }), ["name1000"]);
});
