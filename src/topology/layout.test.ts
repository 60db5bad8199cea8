import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import {
  emptyLayout,
  type LayoutNode,
  type LayoutOptions,
  type LayoutState,
  layout,
  stepsWithin,
} from "./layout.ts";

/** A sign in a group on the map. */
interface Sign {
  readonly id: string;
  readonly group: string;
  readonly weight?: number;
}

const peer = (id: string, group: string): Sign => ({ id, group });

function peersOf(group: string, count: number, from = 0): Sign[] {
  return Array.from({ length: count }, (_, i) => peer(`${group}/${from + i}`, group));
}

/** Groups before what stands in them; a group `a|b` stands in `a`. */
function nodesOf(signs: readonly Sign[]): LayoutNode[] {
  const groups = new Map<string, LayoutNode>();
  const signNodes = signs.map(({ id, group, weight = 0 }): LayoutNode => {
    const steps = group === "" ? [] : group.split("|");
    for (let depth = 1; depth <= steps.length; depth++) {
      const name = steps.slice(0, depth).join("|");
      const parent = steps.slice(0, depth - 1).join("|");
      groups.set(name, { id: name, parent, isContainer: true, weight: 0 });
    }
    return { id, parent: group, isContainer: false, weight };
  });
  return [...groups.values(), ...signNodes];
}

const lay = (state: LayoutState, signs: readonly Sign[], centre = "lab", options: LayoutOptions = {}) =>
  layout(state, nodesOf(signs), { centre, ...options });

const spotOf = ({ places }: LayoutState, id: string) => {
  const { x, y } = places.get(id)!;
  return { x, y };
};

function assertNothingOverlaps({ areas, places }: LayoutState): void {
  const discs = [...areas];
  for (const [i, [name, a]] of discs.entries()) {
    for (const [other, b] of discs.slice(i + 1)) {
      if (a.parent !== b.parent) continue;
      const apart = Math.hypot((a.x - b.x) / (a.radiusX + b.radiusX), (a.y - b.y) / (a.radiusY + b.radiusY));
      assert.ok(apart > 1, `${name} and ${other} are ${apart} radii apart`);
    }
    const around = areas.get(a.parent);
    if (around === undefined) continue;
    const reach = Math.hypot((a.x - around.x) / around.radiusX, (a.y - around.y) / around.radiusY);
    assert.ok(reach + a.radiusX / around.radiusX <= 1 + 1e-6, `${name} is inside ${a.parent}`);
  }
  const spots = new Set<string>();
  for (const [id, { x, y, parent }] of places) {
    const area = areas.get(parent);
    if (area !== undefined)
      assert.ok(
        Math.hypot((x - area.x) / area.radiusX, (y - area.y) / area.radiusY) < 1,
        `${id} is inside ${parent}`,
      );
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
  const { areas } = lay(emptyLayout, [...peersOf("internet", 60), ...peersOf("lab", 5)]);
  const lab = areas.get("lab")!;
  assert.ok(Math.hypot(lab.x, lab.y) < 60);
});

test("heavy peers sit in the middle", () => {
  const peers = peersOf("lab", 30).map((sign, i) => ({ ...sign, weight: i >= 28 ? 1e9 : 0 }));
  const { places, areas } = lay(emptyLayout, peers);
  const lab = areas.get("lab")!;
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
  assert.equal(state.places.get("lab/2")!.isGone, true);
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
  assert.deepEqual([...state.areas.keys()], ["lab"]);
  assert.equal(state.containers.size, 2);
});

test("a growing group pushes others outward, and only those in its way", () => {
  const around = ["a", "b", "c", "d", "e", "f"].flatMap((group) => peersOf(group, 8));
  const before = lay(emptyLayout, [...peersOf("lab", 5), ...around]);
  const after = lay(before, [...peersOf("lab", 60), ...around]);
  assertNothingOverlaps(after);
  assert.deepEqual(after.places.get("lab/0"), before.places.get("lab/0"));
  for (const [name, area] of after.areas) {
    const { x, y } = before.areas.get(name)!;
    if (name !== "lab")
      assert.ok(Math.hypot(area.x, area.y) >= Math.hypot(x, y) - 1e-6, `${name} did not move inward`);
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
  assert.equal(state.places.get("x")?.parent, "lab");
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

test("what opens grows where it stands, others make way, and all is as before when it closes", () => {
  const rest = ["b", "c", "d"].flatMap((group) => peersOf(`shop|${group}`, 4));
  const others = [...peersOf("internet", 20), ...peersOf("lab", 7)];
  const closed = lay(emptyLayout, [peer("shop|a", "shop"), ...rest, ...others]);
  const open = lay(closed, [...peersOf("shop|a", 12), ...rest, ...others]);
  assertNothingOverlaps(open);
  const [sign, area, step] = [closed.places.get("shop|a")!, open.areas.get("shop|a")!, 104];
  assert.ok(Math.hypot(sign.x - area.x, sign.y - area.y) < area.radiusX + step, "it opens in place");
  const again = lay(open, [peer("shop|a", "shop"), ...rest, ...others]);
  for (const { id } of [...rest, ...others]) assert.deepEqual(spotOf(again, id), spotOf(closed, id), id);
  assert.deepEqual(spotOf(again, "shop|a"), spotOf(closed, "shop|a"));
});

test("groups in groups in groups stand inside one another", () => {
  const nested = ["DE", "US", "JP"].flatMap((country) =>
    ["3320", "15169", "64500"].flatMap((system) =>
      peersOf(`internet|${country}|${system}`, 3 + country.length),
    ),
  );
  const state = lay(emptyLayout, [...nested, ...peersOf("lab", 9), peer("alone", "")]);
  assert.equal(state.areas.size, 1 + 3 + 9 + 1);
  assertNothingOverlaps(state);
});

test("a pin is where it was put, whatever comes, and others make way for it", () => {
  const signs = [...peersOf("a", 8), ...peersOf("b", 8), ...peersOf("lab", 8)];
  const before = lay(emptyLayout, signs);
  const { x, y } = before.areas.get("lab")!;
  const spot = stepsWithin(before, "", { x, y });
  const pins = new Map([["b", spot]]);
  const pinned = lay(before, signs, "lab", { pins });
  assertNothingOverlaps(pinned);
  const later = lay(pinned, [...signs, ...peersOf("lab", 40, 8), ...peersOf("c", 9)], "lab", { pins });
  assertNothingOverlaps(later);
  assert.deepEqual(later.areas.get("b"), pinned.areas.get("b"));
  assert.ok(Math.hypot(pinned.areas.get("b")!.x - x, pinned.areas.get("b")!.y - y) < 60);
});

test("homes known from another visit are taken up again, in whatever order things come", () => {
  const [a, b] = [peersOf("a", 5), peersOf("b", 9)];
  const first = lay(lay(emptyLayout, a), [...a, ...b]);
  const homes = new Map(
    [...first.containers.values()].flatMap(({ members }) =>
      [...members].map(([id, { home }]) => [id, home] as const),
    ),
  );
  const second = lay(lay(emptyLayout, b, "lab", { homes }), [...a, ...b], "lab", { homes });
  for (const { id } of [...a, ...b]) assert.deepEqual(spotOf(second, id), spotOf(first, id), id);
});

/** One picture per file, drawn from areas and places alone; UPDATE=1 writes it anew. */
function golden(name: string, { areas, places }: LayoutState): void {
  const number = (value: number) => value.toFixed(1);
  const shapes = [
    ...[...areas].map(
      ([id, { x, y, radiusX, radiusY }]) =>
        `<ellipse id="${id}" cx="${number(x)}" cy="${number(y)}" rx="${number(radiusX)}" ry="${number(radiusY)}" fill="none" stroke="gray"/>`,
    ),
    ...[...places].map(([id, { x, y }]) => `<circle id="${id}" cx="${number(x)}" cy="${number(y)}" r="14"/>`),
  ];
  const text = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1500 -1000 3000 2000">\n${shapes.join("\n")}\n</svg>\n`;
  const file = new URL(`testdata/${name}.svg`, import.meta.url);
  if (process.env.UPDATE === "1") writeFileSync(file, text);
  assert.equal(text, readFileSync(file, "utf8"));
}

test("the picture of a machine, its networks and the internet is the one that is kept", () => {
  golden(
    "layout-networks",
    lay(emptyLayout, [
      ...peersOf("lab", 12),
      ...peersOf("192.168.1.0/24", 9),
      ...peersOf("internet", 40),
      peer("~other", ""),
    ]),
  );
});

test("the picture of a cluster with one workload open is the one that is kept", () => {
  const signs = [
    ...["web", "api", "db", "cache"].map((name) => peer(`shop/${name}`, "shop")),
    ...peersOf("shop|worker", 7),
    ...peersOf("monitoring", 5),
    ...peersOf("kube-system", 14),
    ...peersOf("internet|DE", 3),
    ...peersOf("internet|US", 6),
    peer("JP", "internet"),
  ];
  golden("layout-cluster", lay(emptyLayout, signs, "shop"));
});
