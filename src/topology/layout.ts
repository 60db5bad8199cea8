import { type GroupPlace, type GrownGroup, makeRoom, shapeGroup } from "./layout-groups.ts";
import { capacityFor, type LatticeSlot, latticeFor, latticeSlots, stepX, stepY } from "./layout-lattice.ts";
import type { TopologyLink, TopologyPeer } from "./topology.ts";

/**
 * Where the map puts peers, so that a peer stays where it was as others come and go. Peers sit on the slots of a
 * hexagonal lattice inside their group, groups are discs that never overlap around the group in the centre.
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
  /** It left because something else was asked: its place is kept for longer, but not drawn as part of the group. */
  readonly isHidden: boolean;
}

export interface LayoutOptions {
  /** The group drawn in the middle: the machine Portolan runs on. */
  readonly centre?: string;
  /** How much further groups spread sideways than up and down: 1.35 for a wide screen, below 1 for a tall one. */
  readonly spread?: number;
  /** Turns for which a gone peer's place is kept free. */
  readonly holdTurns?: number;
  /** Peers missing now did not leave: another question was asked, such as another filter. */
  readonly isOtherQuestion?: boolean;
}

type Laid = { readonly peers: readonly TopologyPeer[]; readonly links: readonly TopologyLink[] };

export const emptyLayout: LayoutState = { turn: 0, groups: new Map(), places: new Map(), work: 0 };

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
  /** Groups of which other places are taken than before. */
  readonly #reshaped = new Set<string>();
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
    const isHidden = this.#options.isOtherQuestion ?? false;
    for (const { id, group } of peers) {
      this.#steps++;
      if (present.has(id)) continue;
      present.add(id);
      const place = this.#places.get(id);
      if (place?.group === group) {
        if (place.goneTurn > 0) this.#set(id, { ...place, goneTurn: 0, isHidden: false });
        continue;
      }
      if (place !== undefined) this.#remove(id);
      const list = newcomers.get(group);
      if (list === undefined) newcomers.set(group, [id]);
      else list.push(id);
    }
    for (const [id, place] of this.#places) {
      this.#steps++;
      if (place.goneTurn === 0 && !present.has(id))
        this.#set(id, { ...place, goneTurn: this.#turn, isHidden });
    }
    return newcomers;
  }

  /** Frees places held for too long, and groups in which no place is left. */
  forgetLongGone(holdTurns: number): void {
    const used = new Set<string>();
    for (const [id, place] of this.#places) {
      const hold = place.isHidden ? holdTurns * 10 : holdTurns;
      if (place.goneTurn > 0 && this.#turn - place.goneTurn > hold) this.#remove(id);
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
    const grown: GrownGroup[] = [];
    for (const [name, ids] of newcomers) {
      const seats = seatsByGroup.get(name)!;
      const known = this.#groups.get(name);
      const capacity = known?.capacity ?? 0;
      const wanted = seats.taken.size + ids.length;
      this.#giveUpHeld(seats, wanted - capacity);
      const needed = seats.taken.size + ids.length;
      if (needed <= capacity) continue;
      const lattice = known?.lattice ?? latticeFor(needed);
      grown.push({ name, lattice, capacity: capacityFor(needed, lattice) });
    }
    if (grown.length > 0) this.#makeRoom(grown);
    for (const [name, ids] of newcomers) {
      ids.sort((a, b) => weightOf(b) - weightOf(a) || (a < b ? -1 : 1));
      this.#sit(this.#groups.get(name)!, ids, seatsByGroup.get(name)!.taken);
    }
  }

  finish(): LayoutState {
    const { places, groups } = this.#before;
    if (this.#reshaped.size > 0) this.#reshape();
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
    const slots = slotsOfGroup(group);
    let slot = 0;
    for (const id of ids) {
      while (taken.has(slot)) slot++;
      this.#steps++;
      this.#set(id, {
        group: group.name,
        slot,
        goneTurn: 0,
        isHidden: false,
        ...slotPosition(group, slots, slot),
      });
      slot++;
    }
  }

  #makeRoom(grown: readonly GrownGroup[]): void {
    const { centre } = this.#options;
    const { moved, steps } = makeRoom(this.#groups, grown, { centre, spread: this.#spread });
    if (moved.size > 0) this.#carry(moved);
    this.#steps += steps;
    this.#changed = true;
  }

  /** Takes the peers of groups that moved along. */
  #carry(moved: Set<string>): void {
    const slotsOf = new Map([...moved].map((name) => [name, slotsOfGroup(this.#groups.get(name)!)]));
    for (const [id, place] of this.#places) {
      this.#steps++;
      const slots = slotsOf.get(place.group);
      if (slots === undefined) continue;
      this.#set(id, { ...place, ...slotPosition(this.#groups.get(place.group)!, slots, place.slot) });
    }
  }

  /** Draws groups around the places that are taken, or were a moment ago. */
  #reshape(): void {
    const taken = new Map<string, LatticeSlot[]>();
    const slotsOf = new Map<string, readonly LatticeSlot[]>();
    for (const name of this.#reshaped) {
      const group = this.#groups.get(name);
      if (group === undefined) continue;
      taken.set(name, []);
      slotsOf.set(name, slotsOfGroup(group));
    }
    for (const { group, slot, isHidden } of this.#places.values()) {
      this.#steps++;
      if (!isHidden) taken.get(group)?.push(slotsOf.get(group)![slot]!);
    }
    for (const [name, slots] of taken)
      if (slots.length > 0) this.#groups.set(name, shapeGroup(this.#groups.get(name)!, slots));
  }

  #set(id: string, place: PeerPlace): void {
    const known = this.#places.get(id);
    if (known?.x !== place.x || known.y !== place.y || known.isHidden !== place.isHidden)
      this.#reshaped.add(place.group);
    this.#places.set(id, place);
    this.#changed = true;
  }

  #remove(id: string): void {
    this.#reshaped.add(this.#places.get(id)!.group);
    this.#places.delete(id);
    this.#changed = true;
  }
}

interface Seats {
  readonly taken: Set<number>;
  /** Peers that left and whose place is still kept. */
  readonly held: string[];
}

function slotsOfGroup({ capacity, lattice }: GroupPlace): readonly LatticeSlot[] {
  return latticeSlots(capacity, lattice);
}

function slotPosition(
  group: GroupPlace,
  slots: readonly LatticeSlot[],
  slot: number,
): { x: number; y: number } {
  const offset = slots[slot]!;
  return { x: (group.anchorX + offset.x) * stepX, y: (group.anchorY + offset.y) * stepY };
}
