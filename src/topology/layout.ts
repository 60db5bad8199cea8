import type { TopologyLink, TopologyPeer } from "./topology.ts";

/**
 * Where the map puts peers, so that a peer stays where it was as others come and go. Peers sit on the slots of a
 * hexagonal lattice inside their group, groups are discs that never overlap around the group in the centre.
 *
 * Distances are kept in lattice steps; `worldX` and `worldY` turn them into the map's units. The map is a little flatter
 * than wide, because labels and screens are wider than high, so a group's disc is drawn as an ellipse.
 */
export interface LayoutState {
  /** How often `layout` was called on the way here; gone peers age by it. */
  readonly turn: number;
  readonly groups: ReadonlyMap<string, GroupPlace>;
  /** Peers drawn now, and places held for peers that left a moment ago (`goneTurn` above 0). */
  readonly places: ReadonlyMap<string, PeerPlace>;
  /** Steps the last call took: peers looked at, slots and group positions tried. */
  readonly work: number;
}

export interface PeerPlace {
  readonly group: string;
  readonly slot: number;
  readonly x: number;
  readonly y: number;
  /** The turn in which the peer left, 0 while it is there. */
  readonly goneTurn: number;
}

export interface GroupPlace {
  readonly name: string;
  /** Centre and half axes of the drawn area, in the map's units. */
  readonly x: number;
  readonly y: number;
  readonly radiusX: number;
  readonly radiusY: number;
  readonly capacity: number;
  /** Where slot offsets count from, in lattice steps. */
  readonly anchorX: number;
  readonly anchorY: number;
}

export interface LayoutOptions {
  /** The group drawn in the middle: the machine Portolan runs on. */
  readonly centre?: string;
  /** How much further groups spread sideways than up and down: 1.35 for a wide screen, below 1 for a tall one. */
  readonly spread?: number;
  /** Turns for which a gone peer's place is kept free. */
  readonly holdTurns?: number;
}

type Laid = { readonly peers: readonly TopologyPeer[]; readonly links: readonly TopologyLink[] };

export const emptyLayout: LayoutState = { turn: 0, groups: new Map(), places: new Map(), work: 0 };

/** Map units per lattice step. */
const stepX = 104;
const stepY = 84;
/** Lattice steps between a group's outermost slot and its edge, and between two groups. */
const rimSteps = 0.6;
const gapSteps = 0.5;
const goldenAngle = Math.PI * (3 - Math.sqrt(5));

export function layout(state: LayoutState, { peers, links }: Laid, options: LayoutOptions = {}): LayoutState {
  const work = new Work(state, options);
  const newcomers = work.keepThose(peers);
  work.forgetLongGone(options.holdTurns ?? 60);
  if (newcomers.size > 0) work.seat(newcomers, weigh(links));
  return work.finish();
}

/** Bytes of a peer's links, to seat the heavy ones in the middle. */
function weigh(links: readonly TopologyLink[]): Map<string, number> {
  const weights = new Map<string, number>();
  for (const link of links) {
    const bytes = link.bytesSent + link.bytesReceived;
    weights.set(link.client, (weights.get(link.client) ?? 0) + bytes);
    weights.set(link.server, (weights.get(link.server) ?? 0) + bytes);
  }
  return weights;
}

/** One call's changes, on copies that are only made when something changes. */
class Work {
  readonly #before: LayoutState;
  readonly #options: LayoutOptions;
  readonly #turn: number;
  readonly #spread: number;
  readonly #places: Map<string, PeerPlace>;
  readonly #groups: Map<string, GroupPlace>;
  #changed = false;
  #steps = 0;

  constructor(before: LayoutState, options: LayoutOptions) {
    this.#before = before;
    this.#options = options;
    this.#turn = before.turn + 1;
    this.#spread = options.spread ?? 1.35;
    this.#places = new Map(before.places);
    this.#groups = new Map(before.groups);
  }

  /** Marks who left and who is back; returns who has no place, by group. */
  keepThose(peers: readonly TopologyPeer[]): Map<string, string[]> {
    const newcomers = new Map<string, string[]>();
    const present = new Set<string>();
    for (const { id, group } of peers) {
      this.#steps++;
      if (present.has(id)) continue;
      present.add(id);
      const place = this.#places.get(id);
      if (place?.group === group) {
        if (place.goneTurn > 0) this.#set(id, { ...place, goneTurn: 0 });
        continue;
      }
      if (place !== undefined) this.#remove(id);
      const list = newcomers.get(group);
      if (list === undefined) newcomers.set(group, [id]);
      else list.push(id);
    }
    for (const [id, place] of this.#places) {
      this.#steps++;
      if (place.goneTurn === 0 && !present.has(id)) this.#set(id, { ...place, goneTurn: this.#turn });
    }
    return newcomers;
  }

  /** Frees places held for too long, and groups in which no place is left. */
  forgetLongGone(holdTurns: number): void {
    const used = new Set<string>();
    for (const [id, place] of this.#places) {
      if (place.goneTurn > 0 && this.#turn - place.goneTurn > holdTurns) this.#remove(id);
      else used.add(place.group);
    }
    for (const name of this.#groups.keys()) {
      if (used.has(name)) continue;
      this.#groups.delete(name);
      this.#changed = true;
    }
  }

  seat(newcomers: Map<string, string[]>, weights: Map<string, number>): void {
    const weightOf = (id: string) => weights.get(id) ?? 0;
    const seatsByGroup = this.#seats(new Set(newcomers.keys()));
    const grown: { readonly name: string; readonly capacity: number }[] = [];
    for (const [name, ids] of newcomers) {
      const seats = seatsByGroup.get(name)!;
      const capacity = this.#groups.get(name)?.capacity ?? 0;
      const wanted = seats.taken.size + ids.length;
      this.#giveUpHeld(seats, wanted - capacity);
      const needed = seats.taken.size + ids.length;
      if (needed > capacity) grown.push({ name, capacity: capacityFor(needed) });
    }
    if (grown.length > 0) this.#makeRoom(grown);
    for (const [name, ids] of newcomers) {
      ids.sort((a, b) => weightOf(b) - weightOf(a) || (a < b ? -1 : 1));
      this.#sit(this.#groups.get(name)!, ids, seatsByGroup.get(name)!.taken);
    }
  }

  finish(): LayoutState {
    const { places, groups } = this.#before;
    if (!this.#changed) return { turn: this.#turn, places, groups, work: this.#steps };
    return { turn: this.#turn, places: this.#places, groups: this.#groups, work: this.#steps };
  }

  #seats(names: Set<string>): Map<string, Seats> {
    const seats = new Map<string, Seats>([...names].map((name) => [name, { taken: new Set(), held: [] }]));
    for (const [id, place] of this.#places) {
      const of = seats.get(place.group);
      if (of === undefined) continue;
      of.taken.add(place.slot);
      if (place.goneTurn > 0) of.held.push(id);
    }
    return seats;
  }

  /** Before a group grows, which may move others, the places held longest are given away. */
  #giveUpHeld(seats: Seats, missing: number): void {
    if (missing <= 0 || seats.held.length === 0) return;
    const goneTurn = (id: string) => this.#places.get(id)!.goneTurn;
    seats.held.sort((a, b) => goneTurn(a) - goneTurn(b) || (a < b ? -1 : 1));
    for (const id of seats.held.slice(0, missing)) {
      seats.taken.delete(this.#places.get(id)!.slot);
      this.#remove(id);
    }
  }

  #sit(group: GroupPlace, ids: readonly string[], taken: Set<number>): void {
    const slots = latticeSlots(group.capacity);
    let slot = 0;
    for (const id of ids) {
      while (taken.has(slot)) slot++;
      this.#steps++;
      this.#set(id, { group: group.name, slot, goneTurn: 0, ...slotPosition(group, slots, slot) });
      slot++;
    }
  }

  /** Gives new groups a place and grown ones their room; who stands in the way moves outward, no further than needed. */
  #makeRoom(grown: { readonly name: string; readonly capacity: number }[]): void {
    const moved = new Set<string>();
    const fresh: GroupPlace[] = [];
    for (const { name, capacity } of grown) {
      const known = this.#groups.get(name);
      if (known === undefined) fresh.push(placeGroup(name, capacity, 0, 0));
      else {
        this.#groups.set(name, placeGroup(name, capacity, known.anchorX, known.anchorY));
        moved.add(name);
      }
    }
    const index = new DiscIndex();
    this.#settle(index, moved);
    const centre = this.#options.centre;
    const rank = (group: GroupPlace) => (group.name === centre ? Number.MAX_VALUE : group.capacity);
    fresh.sort((a, b) => rank(b) - rank(a) || (a.name < b.name ? -1 : 1));
    const search = new Map<number, number>();
    for (const group of fresh) this.#addGroup(group, index, search);
    this.#steps += index.steps;
    this.#changed = true;
  }

  /** Groups from the inside out: each stays, or moves outward until it is clear of those before it. */
  #settle(index: DiscIndex, moved: Set<string>): void {
    const discs = [...this.#groups.values()].map((group) => ({ group, disc: discOf(group) }));
    const distance = ({ disc }: { disc: Disc }) => Math.hypot(disc.x / this.#spread, disc.y);
    discs.sort((a, b) => distance(a) - distance(b) || (a.group.name < b.group.name ? -1 : 1));
    for (const { group, disc } of discs) {
      const clear = index.pushOutward(disc);
      index.add(clear);
      if (clear === disc) continue;
      moved.add(group.name);
      const anchorX = group.anchorX + clear.x - disc.x;
      const anchorY = group.anchorY + clear.y - disc.y;
      this.#groups.set(group.name, placeGroup(group.name, group.capacity, anchorX, anchorY));
    }
    if (moved.size > 0) this.#carry(moved);
  }

  /** Takes the peers of groups that moved along. */
  #carry(moved: Set<string>): void {
    const slotsOf = new Map([...moved].map((name) => [name, latticeSlots(this.#groups.get(name)!.capacity)]));
    for (const [id, place] of this.#places) {
      this.#steps++;
      const slots = slotsOf.get(place.group);
      if (slots === undefined) continue;
      this.#set(id, { ...place, ...slotPosition(this.#groups.get(place.group)!, slots, place.slot) });
    }
  }

  /** The free spot nearest to the middle. `search` remembers per size how far the spiral is known to be full. */
  #addGroup(group: GroupPlace, index: DiscIndex, search: Map<number, number>): void {
    const disc = discOf(group);
    const offsetX = disc.x;
    const offsetY = disc.y;
    for (let turn = search.get(group.capacity) ?? 0; ; turn++) {
      const reach = Math.sqrt(turn) * 0.62;
      const spot = {
        x: reach * this.#spread * Math.cos(turn * goldenAngle),
        y: reach * Math.sin(turn * goldenAngle),
        radius: disc.radius,
      };
      if (index.overlaps(spot)) continue;
      search.set(group.capacity, turn);
      const tight = index.pullInward(spot);
      index.add(tight);
      this.#groups.set(
        group.name,
        placeGroup(group.name, group.capacity, tight.x - offsetX, tight.y - offsetY),
      );
      return;
    }
  }

  #set(id: string, place: PeerPlace): void {
    this.#places.set(id, place);
    this.#changed = true;
  }

  #remove(id: string): void {
    this.#places.delete(id);
    this.#changed = true;
  }
}

interface Seats {
  readonly taken: Set<number>;
  /** Peers that left and whose place is still kept. */
  readonly held: string[];
}

interface Disc {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** Discs in a coarse grid, so that what a disc overlaps is found without looking at all. */
class DiscIndex {
  readonly #cells = new Map<number, Disc[]>();
  steps = 0;

  add(disc: Disc): void {
    this.#eachCell(disc, (key) => {
      const cell = this.#cells.get(key);
      if (cell === undefined) this.#cells.set(key, [disc]);
      else cell.push(disc);
      return false;
    });
  }

  overlaps(disc: Disc): boolean {
    return this.#first(disc) !== undefined;
  }

  /** Moves along the ray from the middle; past a disc it can not meet that disc again, so this ends. */
  pushOutward(disc: Disc): Disc {
    let moved = disc;
    for (let other = this.#first(moved); other !== undefined; other = this.#first(moved)) {
      moved = beyond(moved, other);
    }
    return moved;
  }

  pullInward(disc: Disc): Disc {
    let near = disc;
    for (let step = 1; step > 0.02; step /= 2) {
      for (let tries = 0; tries < 4; tries++) {
        const reach = Math.hypot(near.x, near.y);
        if (reach < step) break;
        const closer = { ...near, x: near.x * (1 - step / reach), y: near.y * (1 - step / reach) };
        if (this.overlaps(closer)) break;
        near = closer;
      }
    }
    return near;
  }

  #first(disc: Disc): Disc | undefined {
    let found: Disc | undefined;
    this.#eachCell(disc, (key) => {
      found = this.#cells.get(key)?.find((other) => {
        this.steps++;
        return Math.hypot(other.x - disc.x, other.y - disc.y) < other.radius + disc.radius + gapSteps - 1e-9;
      });
      return found !== undefined;
    });
    return found;
  }

  #eachCell({ x, y, radius }: Disc, visit: (key: number) => boolean): void {
    const cellSteps = 4;
    const reach = radius + gapSteps;
    const fromX = Math.floor((x - reach) / cellSteps);
    const toX = Math.floor((x + reach) / cellSteps);
    const toY = Math.floor((y + reach) / cellSteps);
    for (let cellX = fromX; cellX <= toX; cellX++) {
      for (let cellY = Math.floor((y - reach) / cellSteps); cellY <= toY; cellY++) {
        this.steps++;
        if (visit(cellX * 2_000_003 + cellY)) return;
      }
    }
  }
}

/** The first spot outward on the ray from the middle where `disc` clears `other`. */
function beyond(disc: Disc, other: Disc): Disc {
  const reach = Math.hypot(disc.x, disc.y);
  const rayX = reach < 1e-6 ? 1 : disc.x / reach;
  const rayY = reach < 1e-6 ? 0 : disc.y / reach;
  const along = other.x * rayX + other.y * rayY;
  const aside = other.x * rayY - other.y * rayX;
  const apart = disc.radius + other.radius + gapSteps;
  const far = along + Math.sqrt(Math.max(0, apart * apart - aside * aside)) + 1e-6;
  return { x: rayX * far, y: rayY * far, radius: disc.radius };
}

/**
 * A hexagonal lattice around the middle of three slots, nearest first: x, y per slot, in lattice steps. Slots at the same
 * distance (a shell) alternate around the middle, so that a half full group stays balanced. The first n never change.
 */
function latticeSlots(count: number): readonly LatticeSlot[] {
  const rowHeight = Math.sqrt(3) / 2;
  const reach = Math.sqrt((count * rowHeight) / Math.PI) + 2;
  const rows = Math.ceil(reach / rowHeight) + 1;
  const slots: LatticeSlot[] = [];
  for (let row = -rows; row <= rows; row++) {
    const y = row * rowHeight + rowHeight / 3;
    for (let column = -Math.ceil(reach) - 1; column <= reach + 1; column++) {
      const x = column + (row % 2 === 0 ? 0.5 : 0);
      const distance = Math.hypot(x, y);
      const turn = ((Math.atan2(y, x) / (2 * Math.PI) + 1.25) * 1.6180339887) % 1;
      if (distance <= reach) slots.push({ x, y, order: Math.round(distance * 1000) + turn / 2 });
    }
  }
  return slots.sort((a, b) => a.order - b.order);
}

interface LatticeSlot {
  readonly x: number;
  readonly y: number;
  /** Shell, then place in the shell. */
  readonly order: number;
}

/** One, or whole shells with a little room to grow into. */
function capacityFor(count: number): number {
  if (count <= 1) return 1;
  const wanted = count + Math.floor(count / 12);
  const slots = latticeSlots(wanted + 8);
  const shell = Math.floor(slots[wanted - 1]!.order);
  let capacity = wanted;
  while (capacity < slots.length && Math.floor(slots[capacity]!.order) === shell) capacity++;
  return capacity;
}

function placeGroup(name: string, capacity: number, anchorX: number, anchorY: number): GroupPlace {
  const slots = latticeSlots(capacity);
  const last = slots[capacity - 1]!;
  const isLone = capacity === 1;
  const radius = (isLone ? 0 : Math.hypot(last.x, last.y)) + rimSteps;
  const x = anchorX + (isLone ? last.x : 0);
  const y = anchorY + (isLone ? last.y : 0);
  return {
    name,
    x: x * stepX,
    y: y * stepY,
    radiusX: radius * stepX,
    radiusY: radius * stepY,
    capacity,
    anchorX,
    anchorY,
  };
}

function discOf({ x, y, radiusX }: GroupPlace): Disc {
  return { x: x / stepX, y: y / stepY, radius: radiusX / stepX };
}

function slotPosition(
  group: GroupPlace,
  slots: readonly LatticeSlot[],
  slot: number,
): { x: number; y: number } {
  const offset = slots[slot]!;
  return { x: (group.anchorX + offset.x) * stepX, y: (group.anchorY + offset.y) * stepY };
}
