import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyLayout, layout } from "../../../src/topology/layout.ts";
import type { TopologyPeer } from "../../../src/topology/topology.ts";
import { LayoutGlide } from "./layout-glide.ts";

const peers = (group: string, count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: `${group}/${i}`, group }) as TopologyPeer);
const lay = (state: typeof emptyLayout, some: TopologyPeer[]) =>
  layout(state, { peers: some, links: [] }, { centre: "lab" });

const small = lay(emptyLayout, [...peers("lab", 4), ...peers("net", 3)]);
const large = lay(small, [...peers("lab", 40), ...peers("net", 3)]);

test("a pushed group glides: it starts where it was and ends where it belongs", () => {
  const glide = new LayoutGlide();
  glide.begin(small, large, 1000);
  assert.equal(glide.isUnderWay, true);
  const spot = (state: typeof emptyLayout) => {
    const { x, y } = state.places.get("net/0")!;
    return { x, y };
  };
  assert.notDeepEqual(spot(small), spot(large));
  assert.deepEqual(spot(glide.at(large, 1000)), spot(small));
  const half = glide.at(large, 1100);
  assert.notDeepEqual(spot(half), spot(small));
  assert.notDeepEqual(spot(half), spot(large));
  assert.deepEqual(half.places.get("lab/30"), large.places.get("lab/30"), "newcomers stand at their place");
  assert.equal(glide.at(large, 5000), large);
  assert.equal(glide.isUnderWay, false);
});

test("nothing glides when nobody who stays has to move", () => {
  const glide = new LayoutGlide();
  glide.begin(small, lay(small, [...peers("lab", 4), ...peers("net", 3)]), 1000);
  assert.equal(glide.isUnderWay, false);
});
