import { type Disc, DiscIndex } from "./layout-discs.ts";
import { type LatticeKind, latticeSpots } from "./layout-lattice.ts";

export interface Spot {
  readonly x: number;
  readonly y: number;
}

/** A thing to be placed; a container comes before what stands in it. */
export interface LayoutNode {
  readonly id: string;
  /** The container it stands in, "" for the map. */
  readonly parent: string;
  readonly isContainer: boolean;
  /** The heaviest come first: into the middle. */
  readonly weight: number;
}

/** All lengths are in lattice steps, from the container's own origin. */
export interface Container {
  readonly id: string;
  readonly parent: string;
  readonly members: ReadonlyMap<string, Member>;
  readonly lattice: LatticeKind;
  /** The room kept for it: some more than its members take, so that the next newcomer moves nobody else. */
  readonly room: Disc;
  /** What is drawn: around its members. */
  readonly area: Disc;
}

export interface Member {
  /** Where it stands as long as nobody needs the room. */
  readonly home: Spot;
  /** Where it stands now. */
  readonly at: Spot;
  /** Set by hand: nobody moves it. */
  readonly pin: Spot | undefined;
  readonly isContainer: boolean;
  /** Its home is known from elsewhere, and was not looked for here. */
  readonly isGuest: boolean;
  /** What it takes around `at`. */
  readonly room: Disc;
  /** The turn in which it left, 0 while it is there. */
  readonly goneTurn: number;
  readonly isHidden: boolean;
}

export interface ArrangeOptions {
  /** The outermost one, the map itself. */
  readonly isMap: boolean;
  readonly spread: number;
  /** Room that is not needed any more is kept all the same. */
  readonly keepsRoom: boolean;
  readonly centre: string | undefined;
  readonly homes: ReadonlyMap<string, Spot> | undefined;
  readonly pins: ReadonlyMap<string, Spot> | undefined;
  readonly roomOf: (id: string) => Disc;
}

/** Half the distance of two signs on the lattice. */
export const signRadius = 0.5;
/** Between a container's outermost sign and its edge, and half of the distance between two containers. */
const rimSteps = 0.36;
const gapSteps = 0.27;
/** Rooms grow by this much at once. */
const roomSteps = 0.75;

const goldenAngle = Math.PI * (3 - Math.sqrt(5));

/** Makes way where members need more room than before, then gives newcomers a home. */
export function arrange(
  container: Container,
  newcomers: readonly LayoutNode[],
  options: ArrangeOptions,
): { container: Container; steps: number } {
  const members = new Map(container.members);
  const strangers: LayoutNode[] = [];
  for (const node of newcomers) {
    const home = options.homes?.get(node.id) ?? options.pins?.get(node.id);
    if (home === undefined) strangers.push(node);
    else members.set(node.id, { ...memberAt(home, node, options), isGuest: true });
  }
  const index = new DiscIndex();
  settle(members, index, options.spread);
  const rank = ({ id, isContainer, weight }: LayoutNode) => {
    if (id === options.centre) return { tier: Number.MAX_VALUE, weight };
    return { tier: isContainer ? options.roomOf(id).radius : 0, weight };
  };
  const ranked = strangers.map((node) => ({ node, ...rank(node) }));
  ranked.sort((a, b) => b.tier - a.tier || b.weight - a.weight || (a.node.id < b.node.id ? -1 : 1));
  const search = new Search(container.lattice, options.spread, index);
  for (const { node } of ranked) {
    const { room } = memberAt({ x: 0, y: 0 }, node, options);
    const home = search.find(room, node.isContainer);
    index.add(moved(room, home));
    members.set(node.id, memberAt(home, node, options));
  }
  const area = aroundMembers(members);
  const isKept = options.keepsRoom && contains(container.room, area) && members.size > 1;
  return {
    container: { ...container, members, area, room: isKept ? container.room : roomFor(area) },
    steps: index.steps,
  };
}

function memberAt(home: Spot, { id, isContainer }: LayoutNode, { pins, roomOf }: ArrangeOptions): Member {
  const room = isContainer ? roomOf(id) : { x: 0, y: 0, radius: signRadius };
  return {
    home,
    at: home,
    pin: pins?.get(id),
    isContainer,
    isGuest: false,
    room,
    goneTurn: 0,
    isHidden: false,
  };
}

/** Members from the inside out: each at its home, or as near as it is clear of those before it. */
function settle(members: Map<string, Member>, index: DiscIndex, spread: number): void {
  if (areSettledSigns(members)) {
    for (const { home } of members.values()) index.add({ ...home, radius: signRadius });
    return;
  }
  const distance = ({ home }: Member) => Math.hypot(home.x / spread, home.y);
  const inOrder = [...members].map(([id, member]) => ({
    id,
    member,
    order: member.pin === undefined ? distance(member) : -1,
  }));
  inOrder.sort((a, b) => a.order - b.order || (a.id < b.id ? -1 : 1));
  for (const { id, member } of inOrder) {
    const { room, home, pin } = member;
    const wanted = moved(room, pin ?? home);
    const clear = pin === undefined ? index.makeWay(wanted) : wanted;
    index.add(clear);
    const at = clear === wanted ? (pin ?? home) : { x: clear.x - room.x, y: clear.y - room.y };
    if (Math.abs(at.x - member.at.x) > 1e-9 || Math.abs(at.y - member.at.y) > 1e-9)
      members.set(id, { ...member, at });
  }
}

/** Homes that were looked for do not overlap; those known from elsewhere may. */
function areSettledSigns(members: ReadonlyMap<string, Member>): boolean {
  for (const { isContainer, isGuest, pin, at, home } of members.values())
    if (isContainer || isGuest || pin !== undefined || at.x !== home.x || at.y !== home.y) return false;
  return true;
}

/** Looks for the free spot nearest to the middle; remembers per size how far out it is known to be full. */
class Search {
  readonly #lattice: LatticeKind;
  readonly #spread: number;
  readonly #index: DiscIndex;
  readonly #tried = new Map<number, number>();

  constructor(lattice: LatticeKind, spread: number, index: DiscIndex) {
    this.#lattice = lattice;
    this.#spread = spread;
    this.#index = index;
  }

  /** Signs stand on the lattice; containers anywhere, as near to the middle as they fit. */
  find(room: Disc, isContainer: boolean): Spot {
    const key = isContainer ? room.radius : -1;
    for (let turn = this.#tried.get(key) ?? 0; ; turn++) {
      const spot = isContainer ? this.#onSpiral(turn) : latticeSpots(this.#lattice, this.#spread, turn);
      const disc = isContainer ? { ...spot, radius: room.radius } : moved(room, spot);
      if (this.#index.overlaps(disc)) continue;
      this.#tried.set(key, isContainer ? turn : turn + 1);
      if (!isContainer) return { x: spot.x, y: spot.y };
      const near = this.#index.pullInward(disc);
      return { x: near.x - room.x, y: near.y - room.y };
    }
  }

  #onSpiral(turn: number): Spot {
    const reach = Math.sqrt(turn) * 0.62;
    return {
      x: reach * this.#spread * Math.cos(turn * goldenAngle),
      y: reach * Math.sin(turn * goldenAngle),
    };
  }
}

/** The smallest disc around all members that are drawn, near enough: around the middle of their box, or around the origin. */
function aroundMembers(members: ReadonlyMap<string, Member>): Disc {
  const discs: Disc[] = [];
  for (const { at, room, isHidden, isContainer } of members.values())
    if (!isHidden) discs.push({ ...moved(room, at), radius: isContainer ? room.radius : signRadius - 0.26 });
  if (discs.length === 0) return { x: 0, y: 0, radius: signRadius };
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y, radius } of discs) {
    left = Math.min(left, x - radius);
    right = Math.max(right, x + radius);
    top = Math.min(top, y - radius);
    bottom = Math.max(bottom, y + radius);
  }
  const around = (x: number, y: number): Disc => {
    const reach = discs.reduce(
      (far, disc) => Math.max(far, Math.hypot(disc.x - x, disc.y - y) + disc.radius),
      0,
    );
    return { x, y, radius: reach + rimSteps };
  };
  const [boxed, centred] = [around((left + right) / 2, (top + bottom) / 2), around(0, 0)];
  return boxed.radius < centred.radius - 1e-9 ? boxed : centred;
}

/** Some more than is drawn. */
function roomFor({ x, y, radius }: Disc): Disc {
  return { x, y, radius: Math.ceil((radius + gapSteps) / roomSteps) * roomSteps };
}

function contains(room: Disc, area: Disc): boolean {
  return Math.hypot(room.x - area.x, room.y - area.y) + area.radius + gapSteps <= room.radius + 1e-9;
}

function moved(room: Disc, { x, y }: Spot): Disc {
  return { x: room.x + x, y: room.y + y, radius: room.radius };
}
