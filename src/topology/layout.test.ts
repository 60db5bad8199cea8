import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyLayout, type LayoutState, layout } from "./layout.ts";
import type { TopologyPeer } from "./topology.ts";

function peer(id: string, group: string): TopologyPeer {
  return { id, kind: "host", name: id, group, addresses: [id], node: "", process: "", container: "" };
}

function peersOf(group: string, count: number, from = 0): TopologyPeer[] {
  return Array.from({ length: count }, (_, i) => peer(`${group}/${from + i}`, group));
}

const lay = (state: LayoutState, peers: readonly TopologyPeer[], centre = "lab") =>
  layout(state, { peers, links: [] }, { centre });

function assertNothingOverlaps({ groups, places }: LayoutState): void {
  const discs = [...groups.values()];
  for (const [i, a] of discs.entries()) {
    for (const b of discs.slice(i + 1)) {
      const apart = Math.hypot((a.x - b.x) / (a.radiusX + b.radiusX), (a.y - b.y) / (a.radiusY + b.radiusY));
      assert.ok(apart > 1, `${a.name} and ${b.name} are ${apart} radii apart`);
    }
  }
  const spots = new Set<string>();
  for (const [id, { x, y, group }] of places) {
    const { x: groupX, y: groupY, radiusX, radiusY } = groups.get(group)!;
    assert.ok(Math.hypot((x - groupX) / radiusX, (y - groupY) / radiusY) < 1, `${id} is inside its group`);
    const spot = `${x.toFixed(3)},${y.toFixed(3)}`;
    assert.ok(!spots.has(spot), `${id} has its own spot`);
    spots.add(spot);
  }
}

test("the same topology gives the same picture", () => {
  const peers = [...peersOf("lab", 15), ...peersOf("internet", 40), ...peersOf("192.168.1.0/24", 9)];
  assert.deepEqual(lay(emptyLayout, peers), lay(emptyLayout, [...peers].reverse()));
});

test("the machine's own group is in the centre", () => {
  const { groups } = lay(emptyLayout, [...peersOf("internet", 60), ...peersOf("lab", 5)]);
  const lab = groups.get("lab")!;
  assert.ok(Math.hypot(lab.x, lab.y) < 60);
});

test("heavy peers sit in the middle", () => {
  const peers = peersOf("lab", 30);
  const heavy = { client: "lab/29", server: "lab/28", bytesSent: 1e9, bytesReceived: 0 };
  const { places, groups } = layout(emptyLayout, { peers, links: [heavy as never] });
  const lab = groups.get("lab")!;
  const reach = (id: string) => Math.hypot(places.get(id)!.x - lab.x, places.get(id)!.y - lab.y);
  assert.ok(reach("lab/29") < reach("lab/7") && reach("lab/28") < reach("lab/7"));
});

test("a peer stays where it was as others come and go", () => {
  const all = [...peersOf("lab", 12), ...peersOf("internet", 12)];
  let state = lay(emptyLayout, all);
  const first = new Map(state.places);
  for (let second = 0; second < 300; second++) {
    const some = all.filter((_, i) => (i * 7 + second) % 5 !== 0);
    state = lay(state, some);
    for (const { id } of some) assert.deepEqual(state.places.get(id), first.get(id), id);
  }
});

test("a place is held for a while, then a newcomer may have it", () => {
  let state = lay(emptyLayout, peersOf("lab", 3));
  const spot = state.places.get("lab/2")!;
  state = lay(state, peersOf("lab", 2));
  assert.ok(state.places.get("lab/2")!.goneTurn > 0);
  state = lay(state, peersOf("lab", 3));
  assert.deepEqual(state.places.get("lab/2"), spot);
  for (let turn = 0; turn < 70; turn++) state = lay(state, peersOf("lab", 2));
  assert.equal(state.places.has("lab/2"), false);
  state = lay(state, [...peersOf("lab", 2), peer("new", "lab")]);
  assert.deepEqual(state.places.get("new"), spot);
});

test("a group whose peers are all gone makes room", () => {
  let state = lay(emptyLayout, [...peersOf("lab", 3), ...peersOf("internet", 5)]);
  for (let turn = 0; turn < 70; turn++) state = lay(state, peersOf("lab", 3));
  assert.deepEqual([...state.groups.keys()], ["lab"]);
});

test("a growing group pushes others outward, and only those in its way", () => {
  const around = ["a", "b", "c", "d", "e", "f"].flatMap((group) => peersOf(group, 8));
  const before = lay(emptyLayout, [...peersOf("lab", 5), ...around]);
  const after = lay(before, [...peersOf("lab", 60), ...around]);
  assertNothingOverlaps(after);
  assert.deepEqual(after.places.get("lab/0"), before.places.get("lab/0"));
  for (const [name, group] of after.groups) {
    const { x, y } = before.groups.get(name)!;
    assert.ok(Math.hypot(group.x, group.y) >= Math.hypot(x, y) - 1e-6, `${name} did not move inward`);
  }
  const grownALittle = lay(before, [...peersOf("lab", 6), ...around]);
  for (const { id } of around) assert.deepEqual(grownALittle.places.get(id), before.places.get(id));
});

test("nothing overlaps while many groups grow at random", () => {
  let state = emptyLayout;
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % below;
  };
  const sizes = new Map<string, number>();
  for (let turn = 0; turn < 60; turn++) {
    const name = `net-${random(40)}`;
    sizes.set(name, (sizes.get(name) ?? 0) + 1 + random(30));
    state = lay(
      state,
      [...sizes].flatMap(([group, count]) => peersOf(group, count)),
      "net-0",
    );
    assertNothingOverlaps(state);
  }
});

test("a peer that changes its group moves there", () => {
  const state = lay(lay(emptyLayout, [...peersOf("lab", 2), peer("x", "internet")]), [
    ...peersOf("lab", 2),
    peer("x", "lab"),
  ]);
  assert.equal(state.places.get("x")?.group, "lab");
});

test("work grows with the peers, not with their square", () => {
  const spreadOut = (count: number) =>
    Array.from({ length: count }, (_, i) => peer(`p${i}`, `net-${i % Math.ceil(count / 10)}`));
  const work = (count: number) => lay(emptyLayout, spreadOut(count)).work;
  assert.ok(
    work(10_000) < work(1_000) * 30,
    `${work(1_000)} steps for 1,000 peers, ${work(10_000)} for 10,000`,
  );
  const one = (count: number) => lay(emptyLayout, peersOf("internet", count)).work;
  assert.ok(one(10_000) < one(1_000) * 12);
  const big = lay(emptyLayout, spreadOut(10_000));
  const incremental = lay(big, [...spreadOut(10_000), peer("one more", "net-3")]).work;
  assert.ok(incremental < 60_000, `${incremental} steps for one more peer`);
});
