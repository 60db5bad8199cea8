import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyLayout, type LayoutNode, layout } from "../../../src/topology/layout.ts";
import { LayoutGlide } from "./layout-glide.ts";

const peers = (group: string, count: number): LayoutNode[] => [
  { id: group, parent: "", isContainer: true, weight: 0 },
  ...Array.from({ length: count }, (_, i) => ({
    id: `${group}/${i}`,
    parent: group,
    isContainer: false,
    weight: 0,
  })),
];
const lay = (state: typeof emptyLayout, nodes: LayoutNode[]) => layout(state, nodes, { centre: "lab" });

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

test("what opens comes out of its sign, and what closes goes back into its island", () => {
  const sign = { id: "web", parent: "lab", isContainer: false, weight: 0 };
  const closed = lay(emptyLayout, [...peers("lab", 4), sign]);
  const pods = [0, 1, 2].map((i) => ({ id: `web/${i}`, parent: "web", isContainer: false, weight: 0 }));
  const open = lay(closed, [...peers("lab", 4), { ...sign, isContainer: true }, ...pods]);
  const glide = new LayoutGlide();
  glide.begin(closed, open, 0);
  const { x, y } = closed.places.get("web")!;
  const first = glide.at(open, 0);
  assert.deepEqual({ x: first.areas.get("web")!.x, y: first.areas.get("web")!.y }, { x, y });
  assert.deepEqual({ x: first.places.get("web/0")!.x, y: first.places.get("web/0")!.y }, { x, y });
  const back = new LayoutGlide();
  back.begin(open, closed, 0);
  const area = open.areas.get("web")!;
  assert.equal(back.at(closed, 0).places.get("web")!.x, area.x);
});
