import {
  arrange,
  type Container,
  type LayoutNode,
  type Member,
  type Spot,
  signRadius,
} from "./layout-container.ts";
import { latticeFor, stepX, stepY } from "./layout-lattice.ts";

export type { LayoutNode, Spot } from "./layout-container.ts";

/**
 * Where the map puts things, so that each stays where it was as others come and go. Things stand in containers, which stand in
 * containers; "" is the map itself. Each member of a container has a home in it, given once. Where an open container needs more room than
 * its home, those further out make way, and come back when it closes.
 */
export interface LayoutState {
  /** How often `layout` was called on the way here; gone members age by it. */
  readonly turn: number;
  readonly containers: ReadonlyMap<string, Container>;
  /** Where each thing is now, those held for members that left a moment ago among them. */
  readonly places: ReadonlyMap<string, Place>;
  /** Where each open container is drawn. */
  readonly areas: ReadonlyMap<string, Area>;
  /** Steps the last call took: members looked at, spots tried. */
  readonly work: number;
}

/** In the map's units. */
export interface Place extends Spot {
  readonly parent: string;
  /** It left, and its place is held. */
  readonly isGone: boolean;
  /** It left because something else was asked: the place is held for longer, but not drawn as part of the container. */
  readonly isHidden: boolean;
}

export interface Area extends Spot {
  readonly parent: string;
  readonly radiusX: number;
  readonly radiusY: number;
}

export interface LayoutOptions {
  /** The container drawn in the middle: the machine Portolan runs on. */
  readonly centre?: string;
  /** How much further things spread sideways than up and down: 1.35 for a wide screen, below 1 for a tall one. */
  readonly spread?: number;
  /** Turns for which a gone member's place is kept free. */
  readonly holdTurns?: number;
  /** Things missing now did not leave: another question was asked, such as another filter. */
  readonly isOtherQuestion?: boolean;
  /** Homes known from an earlier visit, in lattice steps from the middle of the container. */
  readonly homes?: ReadonlyMap<string, Spot>;
  /** Homes given by hand: nobody moves these out of the way. */
  readonly pins?: ReadonlyMap<string, Spot>;
}

export const emptyLayout: LayoutState = {
  turn: 0,
  containers: new Map(),
  places: new Map(),
  areas: new Map(),
  work: 0,
};

export function layout(
  state: LayoutState,
  nodes: readonly LayoutNode[],
  options: LayoutOptions = {},
): LayoutState {
  const work = new Work(state, options);
  work.keepThose(nodes);
  work.forgetLongGone(options.holdTurns ?? 60);
  work.arrangeAll();
  return work.finish();
}

/** Lattice steps from a container's middle to where `spot`, in the map's units, is. */
export function stepsWithin(state: LayoutState, parent: string, spot: Spot): Spot {
  let [x, y] = [spot.x / stepX, spot.y / stepY];
  for (let at = parent; at !== ""; ) {
    const container = state.containers.get(at);
    if (container === undefined) break;
    const member = state.containers.get(container.parent)?.members.get(at);
    x -= member?.at.x ?? 0;
    y -= member?.at.y ?? 0;
    at = container.parent;
  }
  return { x, y };
}

/** One call's changes, on copies of the containers that change. */
class Work {
  readonly #before: LayoutState;
  readonly #options: LayoutOptions;
  readonly #turn: number;
  readonly #containers: Map<string, Container>;
  /** Containers that are a copy already. */
  readonly #own = new Set<string>();
  /** Containers whose members have to be placed again. */
  readonly #stale = new Set<string>();
  /** Containers in which something closed: they give back the room it took. */
  readonly #shrinking = new Set<string>();
  /** Newcomers by container. */
  readonly #newcomers = new Map<string, LayoutNode[]>();
  #isChanged = false;
  #steps = 0;

  constructor(before: LayoutState, options: LayoutOptions) {
    this.#before = before;
    this.#options = options;
    this.#turn = before.turn + 1;
    this.#containers = new Map(before.containers);
  }

  /** Marks who left and who is back, and finds who has no home yet. */
  keepThose(nodes: readonly LayoutNode[]): void {
    const present = new Map<string, LayoutNode>();
    for (const node of nodes) if (!present.has(node.id)) present.set(node.id, node);
    for (const [id, container] of this.#containers)
      for (const [member, { goneTurn }] of container.members) {
        this.#steps++;
        const node = present.get(member);
        if (node?.parent === id) {
          if (goneTurn > 0) this.#change(id, member, { goneTurn: 0, isHidden: false });
        } else if (node !== undefined) this.#remove(id, member);
        else if (goneTurn === 0)
          this.#change(id, member, {
            goneTurn: this.#turn,
            isHidden: this.#options.isOtherQuestion ?? false,
          });
      }
    for (const node of present.values()) this.#settleIn(node);
  }

  #settleIn(node: LayoutNode): void {
    const { id, parent, isContainer } = node;
    const known = this.#containers.get(parent)?.members.get(id);
    if (known === undefined) {
      const newcomers = this.#newcomers.get(parent);
      if (newcomers === undefined) this.#newcomers.set(parent, [node]);
      else newcomers.push(node);
      this.#stale.add(parent);
    } else {
      if (known.isContainer !== isContainer) {
        this.#change(parent, id, { isContainer, room: isContainer ? known.room : closedRoom });
        this.#stale.add(parent);
        if (!isContainer) this.#shrink(parent);
      }
      const pin = this.#options.pins?.get(id);
      if (pin?.x !== known.pin?.x || pin?.y !== known.pin?.y) {
        this.#change(parent, id, { pin });
        this.#stale.add(parent);
        if (pin === undefined) this.#shrink(parent);
      }
    }
    if (isContainer && !this.#containers.has(id)) {
      this.#containers.set(id, {
        id,
        parent,
        members: new Map(),
        lattice: "triangle",
        room: closedRoom,
        area: closedRoom,
      });
      this.#own.add(id);
      this.#stale.add(id);
    } else if (!isContainer && this.#containers.delete(id)) this.#isChanged = true;
  }

  #shrink(id: string): void {
    this.#shrinking.add(id);
    if (id !== "") this.#shrink(this.#containers.get(id)?.parent ?? "");
  }

  /** Frees places held for too long, and containers in which nobody is left. */
  forgetLongGone(holdTurns: number): void {
    for (const [id, container] of this.#containers)
      for (const [member, { goneTurn, isHidden }] of container.members) {
        const hold = isHidden ? holdTurns * 10 : holdTurns;
        if (goneTurn > 0 && this.#turn - goneTurn > hold) this.#remove(id, member);
      }
  }

  /** The innermost containers first, since those around them have to know how much room they take. */
  arrangeAll(): void {
    if (!this.#containers.has("") && this.#stale.has("")) {
      this.#containers.set("", {
        id: "",
        parent: "",
        members: new Map(),
        lattice: "triangle",
        room: closedRoom,
        area: closedRoom,
      });
      this.#own.add("");
    }
    const depthOf = (id: string): number =>
      id === "" ? 0 : 1 + depthOf(this.#containers.get(id)?.parent ?? "");
    const byDepth: string[][] = [];
    for (const id of this.#containers.keys()) {
      const depth = depthOf(id);
      byDepth[depth] ??= [];
      byDepth[depth].push(id);
    }
    for (const ids of byDepth.reverse())
      for (const id of ids ?? []) if (this.#stale.has(id)) this.#arrange(id);
    for (const [id, { parent }] of this.#containers)
      if (id !== "" && !this.#containers.get(parent)?.members.has(id)) this.#containers.delete(id);
  }

  #arrange(id: string): void {
    const container = this.#copy(id);
    const newcomers = this.#newcomers.get(id) ?? [];
    const lattice = container.members.size === 0 ? latticeFor(newcomers.length) : container.lattice;
    const { centre, spread = 1.35, homes, pins } = this.#options;
    const isMap = id === "";
    const arranged = arrange({ ...container, lattice }, newcomers, {
      ...{ homes, pins, isMap },
      spread: isMap ? spread : 1,
      keepsRoom: !this.#shrinking.has(id),
      centre: isMap ? centre : undefined,
      roomOf: (member) => this.#containers.get(member)?.room ?? closedRoom,
    });
    this.#steps += arranged.steps;
    this.#containers.set(id, arranged.container);
    this.#isChanged = true;
    if (isMap) return;
    const { room } = arranged.container;
    const parent = this.#containers.get(container.parent);
    const member = parent?.members.get(id);
    if (member === undefined || isSameRoom(member.room, room)) return;
    this.#change(container.parent, id, { room });
    this.#stale.add(container.parent);
  }

  finish(): LayoutState {
    const turn = this.#turn;
    if (!this.#isChanged) return { ...this.#before, turn, work: this.#steps };
    const places = new Map<string, Place>();
    const areas = new Map<string, Area>();
    this.#place("", 0, 0, places, areas);
    return { turn, containers: this.#containers, places, areas, work: this.#steps };
  }

  #place(
    id: string,
    originX: number,
    originY: number,
    places: Map<string, Place>,
    areas: Map<string, Area>,
  ): void {
    const container = this.#containers.get(id);
    if (container === undefined) return;
    if (id !== "") {
      const { x, y, radius } = container.area;
      const middle = { x: (originX + x) * stepX, y: (originY + y) * stepY };
      areas.set(id, {
        parent: container.parent,
        ...middle,
        radiusX: radius * stepX,
        radiusY: radius * stepY,
      });
    }
    for (const [member, { at, isContainer, goneTurn, isHidden }] of container.members) {
      this.#steps++;
      const [x, y] = [originX + at.x, originY + at.y];
      if (isContainer) this.#place(member, x, y, places, areas);
      else places.set(member, { parent: id, x: x * stepX, y: y * stepY, isGone: goneTurn > 0, isHidden });
    }
  }

  #copy(id: string): Container & { members: Map<string, Member> } {
    const container = this.#containers.get(id)!;
    if (this.#own.has(id)) return container as Container & { members: Map<string, Member> };
    const copy = { ...container, members: new Map(container.members) };
    this.#containers.set(id, copy);
    this.#own.add(id);
    return copy;
  }

  #change(id: string, member: string, change: Partial<Member>): void {
    const { members } = this.#copy(id);
    members.set(member, { ...members.get(member)!, ...change });
    if (change.isHidden !== undefined) this.#stale.add(id);
    this.#isChanged = true;
  }

  #remove(id: string, member: string): void {
    this.#copy(id).members.delete(member);
    this.#stale.add(id);
    this.#isChanged = true;
  }
}

const closedRoom = { x: 0, y: 0, radius: signRadius };

function isSameRoom(a: typeof closedRoom, b: typeof closedRoom): boolean {
  return a.x === b.x && a.y === b.y && a.radius === b.radius;
}
