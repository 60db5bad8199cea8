/** The hexagonal lattice peers sit on, in lattice steps. */
export interface LatticeSlot {
  readonly x: number;
  readonly y: number;
  /** Shell, then place in the shell. */
  readonly order: number;
}

/** What of the lattice is in the middle of a group. */
export type LatticeKind = "slot" | "edge" | "triangle";

/**
 * Map units per lattice step. The map is a little flatter than wide, because labels and screens are wider than high, so a
 * group's disc is drawn as an ellipse.
 */
export const stepX = 104;
export const stepY = 84;

const rowHeight = Math.sqrt(3) / 2;
/** Where the rows begin, even and odd, and how far they are below the middle. */
const origins: Readonly<Record<LatticeKind, { even: number; odd: number; down: number }>> = {
  slot: { even: 0, odd: 0.5, down: 0 },
  edge: { even: 0.5, odd: 0, down: 0 },
  triangle: { even: 0.5, odd: 0, down: rowHeight / 3 },
};

/**
 * The slots around the middle, nearest first. Slots at the same distance (a shell) alternate around the middle, so that
 * a half full group stays balanced. The first n never change.
 */
function latticeSlots(count: number, kind: LatticeKind, spread: number): readonly LatticeSlot[] {
  const { even, odd, down } = origins[kind];
  const reach = Math.sqrt((count * rowHeight) / Math.PI) + 2;
  const [reachX, reachY] = [reach * Math.sqrt(spread), reach / Math.sqrt(spread)];
  const rows = Math.ceil(reachY / rowHeight) + 1;
  const slots: LatticeSlot[] = [];
  for (let row = -rows; row <= rows; row++) {
    const y = row * rowHeight + down;
    for (let column = -Math.ceil(reachX) - 1; column <= reachX + 1; column++) {
      const x = column + (row % 2 === 0 ? even : odd);
      const distance = Math.hypot(x / spread, y) * Math.sqrt(spread);
      const turn = ((Math.atan2(y, x) / (2 * Math.PI) + 1.25) * 1.6180339887) % 1;
      if (distance <= reach) slots.push({ x, y, order: Math.round(distance * 1000) + turn / 2 });
    }
  }
  return slots.sort((a, b) => a.order - b.order);
}

const spotsKept = new Map<string, readonly LatticeSlot[]>();

/** The lattice's spot of this number, the nearest to the middle first, where sideways counts for `spread` times less. */
export function latticeSpots(kind: LatticeKind, spread: number, number: number): LatticeSlot {
  const key = `${kind} ${spread}`;
  let spots = spotsKept.get(key);
  if (spots === undefined || spots.length <= number) {
    spots = latticeSlots(Math.max(64, number * 2), kind, spread);
    if (spotsKept.size > 30) spotsKept.clear();
    spotsKept.set(key, spots);
  }
  return spots[number]!;
}

/** The lattice on which this many take the smallest disc. One alone is likely to get company: two, then three. */
export function latticeFor(count: number): LatticeKind {
  if (count <= 1) return "triangle";
  const kinds = ["triangle", "slot", "edge"] as const;
  const reach = (kind: LatticeKind) => {
    const { x, y } = latticeSpots(kind, 1, count - 1);
    return Math.hypot(x, y);
  };
  return kinds.reduce((best, kind) => (reach(kind) < reach(best) - 1e-9 ? kind : best));
}
