import { type Disc, DiscIndex } from "./layout-discs.ts";
import {
  type LatticeKind,
  type LatticeSlot,
  latticeReach,
  latticeSlots,
  stepX,
  stepY,
} from "./layout-lattice.ts";

export interface GroupPlace {
  readonly name: string;
  /** Centre and half axes of the drawn area, in the map's units: around the places that are taken. */
  readonly x: number;
  readonly y: number;
  readonly radiusX: number;
  readonly radiusY: number;
  readonly capacity: number;
  readonly lattice: LatticeKind;
  /** Where slot offsets count from, in lattice steps. */
  readonly anchorX: number;
  readonly anchorY: number;
  /** The room kept for the group, in lattice steps: all of its slots, taken or not. */
  readonly disc: Disc;
}

export interface GrownGroup {
  readonly name: string;
  readonly capacity: number;
  readonly lattice: LatticeKind;
}

/** Lattice steps between a group's outermost slot and its edge. */
const rimSteps = 0.6;
const goldenAngle = Math.PI * (3 - Math.sqrt(5));

/** A group at its place, drawn as large as the room it keeps. */
export function placeGroup(
  { name, capacity, lattice }: GrownGroup,
  anchorX: number,
  anchorY: number,
): GroupPlace {
  // The only peer of a group stands in the middle of its area.
  const middle = capacity === 1 ? latticeSlots(1, lattice)[0]! : { x: 0, y: 0 };
  const radius = (capacity === 1 ? 0 : latticeReach(capacity, lattice)) + rimSteps;
  const disc = { x: anchorX + middle.x, y: anchorY + middle.y, radius };
  return { name, capacity, lattice, anchorX, anchorY, disc, ...drawnArea(disc) };
}

/** The group with its drawn area around these slots, inside the room it keeps. */
export function shapeGroup(group: GroupPlace, taken: readonly LatticeSlot[]): GroupPlace {
  const { anchorX, anchorY, disc } = group;
  const xs = taken.map(({ x }) => anchorX + x);
  const ys = taken.map(({ y }) => anchorY + y);
  const middle = (values: readonly number[]) => (least(values) + most(values)) / 2;
  const around = (part: number): Disc => {
    const x = disc.x + (middle(xs) - disc.x) * part;
    const y = disc.y + (middle(ys) - disc.y) * part;
    const far = xs.reduce((reach, slotX, i) => Math.max(reach, Math.hypot(slotX - x, ys[i]! - y)), 0);
    return { x, y, radius: far + rimSteps };
  };
  const isInside = ({ x, y, radius }: Disc) =>
    Math.hypot(x - disc.x, y - disc.y) + radius <= disc.radius + 1e-9;
  const inside = [1, 0.75, 0.5, 0.25, 0].map(around).filter(isInside);
  const smallest = inside.reduce((best, area) => (area.radius < best.radius - 1e-9 ? area : best), disc);
  return { ...group, ...drawnArea(smallest) };
}

/**
 * Gives new groups a place and grown ones their room; who stands in the way moves outward, no further than needed.
 * Returns which known groups moved or grew, and the steps it took.
 */
export function makeRoom(
  groups: Map<string, GroupPlace>,
  grown: readonly GrownGroup[],
  { centre, spread }: { readonly centre: string | undefined; readonly spread: number },
): { moved: Set<string>; steps: number } {
  const moved = new Set<string>();
  const fresh: GroupPlace[] = [];
  for (const group of grown) {
    const known = groups.get(group.name);
    if (known === undefined) fresh.push(placeGroup(group, 0, 0));
    else {
      groups.set(group.name, placeGroup(group, known.anchorX, known.anchorY));
      moved.add(group.name);
    }
  }
  const index = new DiscIndex();
  settle(groups, index, spread, moved);
  const rank = (group: GroupPlace) => (group.name === centre ? Number.MAX_VALUE : group.capacity);
  fresh.sort((a, b) => rank(b) - rank(a) || (a.name < b.name ? -1 : 1));
  const search = new Map<number, number>();
  for (const group of fresh) groups.set(group.name, findPlace(group, index, spread, search));
  return { moved, steps: index.steps };
}

/** Groups from the inside out: each stays, or moves outward until it is clear of those before it. */
function settle(groups: Map<string, GroupPlace>, index: DiscIndex, spread: number, moved: Set<string>): void {
  const distance = ({ disc }: GroupPlace) => Math.hypot(disc.x / spread, disc.y);
  const inOrder = [...groups.values()].sort(
    (a, b) => distance(a) - distance(b) || (a.name < b.name ? -1 : 1),
  );
  for (const group of inOrder) {
    const clear = index.pushOutward(group.disc);
    index.add(clear);
    if (clear === group.disc) continue;
    moved.add(group.name);
    groups.set(group.name, moveTo(group, clear));
  }
}

/** The free spot nearest to the middle. `search` remembers per size how far the spiral is known to be full. */
function findPlace(
  group: GroupPlace,
  index: DiscIndex,
  spread: number,
  search: Map<number, number>,
): GroupPlace {
  const { radius } = group.disc;
  for (let turn = search.get(radius) ?? 0; ; turn++) {
    const reach = Math.sqrt(turn) * 0.62;
    const x = reach * spread * Math.cos(turn * goldenAngle);
    const spot = { x, y: reach * Math.sin(turn * goldenAngle), radius };
    if (index.overlaps(spot)) continue;
    search.set(radius, turn);
    const tight = index.pullInward(spot);
    index.add(tight);
    return moveTo(group, tight);
  }
}

function moveTo(group: GroupPlace, { x, y }: Disc): GroupPlace {
  const { anchorX, anchorY, disc } = group;
  return placeGroup(group, anchorX + x - disc.x, anchorY + y - disc.y);
}

function drawnArea({ x, y, radius }: Disc): Pick<GroupPlace, "x" | "y" | "radiusX" | "radiusY"> {
  return { x: x * stepX, y: y * stepY, radiusX: radius * stepX, radiusY: radius * stepY };
}

/** Not by spreading into `Math.min`: a group may have more peers than a call takes arguments. */
function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b));
}

function most(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b));
}
