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
export function latticeSlots(count: number, kind: LatticeKind): readonly LatticeSlot[] {
  const { even, odd, down } = origins[kind];
  const reach = Math.sqrt((count * rowHeight) / Math.PI) + 2;
  const rows = Math.ceil(reach / rowHeight) + 1;
  const slots: LatticeSlot[] = [];
  for (let row = -rows; row <= rows; row++) {
    const y = row * rowHeight + down;
    for (let column = -Math.ceil(reach) - 1; column <= reach + 1; column++) {
      const x = column + (row % 2 === 0 ? even : odd);
      const distance = Math.hypot(x, y);
      const turn = ((Math.atan2(y, x) / (2 * Math.PI) + 1.25) * 1.6180339887) % 1;
      if (distance <= reach) slots.push({ x, y, order: Math.round(distance * 1000) + turn / 2 });
    }
  }
  return slots.sort((a, b) => a.order - b.order);
}

/** One, or whole shells with a little room to grow into. */
export function capacityFor(count: number, kind: LatticeKind): number {
  if (count <= 1) return 1;
  const wanted = count + Math.floor(count / 12);
  const slots = latticeSlots(wanted + 8, kind);
  const shell = Math.floor(slots[wanted - 1]!.order);
  let capacity = wanted;
  while (capacity < slots.length && Math.floor(slots[capacity]!.order) === shell) capacity++;
  return capacity;
}

/** The lattice on which this many peers take the smallest disc. One alone is likely to get company: two, then three. */
export function latticeFor(count: number): LatticeKind {
  if (count <= 1) return "triangle";
  const kinds = ["triangle", "slot", "edge"] as const;
  const reach = (kind: LatticeKind) => latticeReach(capacityFor(count, kind), kind);
  return kinds.reduce((best, kind) => (reach(kind) < reach(best) - 1e-9 ? kind : best));
}

/** Distance of the outermost slot from the middle. */
export function latticeReach(capacity: number, kind: LatticeKind): number {
  const { x, y } = latticeSlots(capacity, kind)[capacity - 1]!;
  return Math.hypot(x, y);
}
