/** The room a thing takes, in lattice steps; two may touch. */
export interface Disc {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** How finely room is looked for around a disc that has to make way. */
const ringSteps = 0.25;
const ringSpots = 24;

/** Discs in a coarse grid, so that what a disc overlaps is found without looking at all. */
export class DiscIndex {
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

  /** Where the disc is clear of all others, near to where it was, and no nearer to the middle. */
  makeWay(disc: Disc): Disc {
    if (!this.overlaps(disc)) return disc;
    const outward = this.#pushOutward(disc);
    const far = Math.hypot(outward.x - disc.x, outward.y - disc.y);
    const reach = Math.hypot(disc.x, disc.y);
    const start = Math.atan2(disc.y, disc.x);
    for (let ring = ringSteps; ring < far; ring += ringSteps) {
      // Straight outward first, then to both sides by turns.
      for (let turn = 0; turn < ringSpots; turn++) {
        const angle = start + ((turn % 2 === 0 ? turn : -turn - 1) / ringSpots) * Math.PI;
        const near = { ...disc, x: disc.x + Math.cos(angle) * ring, y: disc.y + Math.sin(angle) * ring };
        if (Math.hypot(near.x, near.y) >= reach && !this.overlaps(near)) return near;
      }
    }
    return outward;
  }

  /** Moves along the ray from the middle; past a disc it can not meet that disc again, so this ends. */
  #pushOutward(disc: Disc): Disc {
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
        return Math.hypot(other.x - disc.x, other.y - disc.y) < other.radius + disc.radius - 1e-6;
      });
      return found !== undefined;
    });
    return found;
  }

  #eachCell({ x, y, radius }: Disc, visit: (key: number) => boolean): void {
    const cellSteps = 4;
    const reach = radius;
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
  const apart = disc.radius + other.radius;
  const far = along + Math.sqrt(Math.max(0, apart * apart - aside * aside)) + 1e-6;
  return { x: rayX * far, y: rayY * far, radius: disc.radius };
}
