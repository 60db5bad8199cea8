/** Rectangles already written on, so that no label runs into another. */
export class LabelSpace {
  readonly #cells = new Map<number, Rect[]>();

  /** Takes the room when it is free. */
  take(left: number, top: number, width: number, height: number): boolean {
    const rect = { left, top, right: left + width, bottom: top + height };
    for (const key of cellsOf(rect)) {
      if (this.#cells.get(key)?.some((other) => overlap(other, rect))) return false;
    }
    this.#add(rect);
    return true;
  }

  /** Whether something is written at a point: quicker to ask than whether a label has room there. */
  isTaken(x: number, y: number): boolean {
    const cell = this.#cells.get(keyOf(Math.floor(x / cellWidth), Math.floor(y / cellHeight)));
    return (
      cell?.some(({ left, top, right, bottom }) => x > left && x < right && y > top && y < bottom) ?? false
    );
  }

  /** Takes the room whether it is free or not. */
  block(left: number, top: number, width: number, height: number): void {
    this.#add({ left, top, right: left + width, bottom: top + height });
  }

  #add(rect: Rect): void {
    for (const key of cellsOf(rect)) {
      const cell = this.#cells.get(key);
      if (cell === undefined) this.#cells.set(key, [rect]);
      else cell.push(rect);
    }
  }
}

interface Rect {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const cellWidth = 80;
const cellHeight = 24;

function overlap(a: Rect, b: Rect): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function cellsOf({ left, top, right, bottom }: Rect): number[] {
  const keys: number[] = [];
  for (let column = Math.floor(left / cellWidth); column <= Math.floor(right / cellWidth); column++) {
    for (let row = Math.floor(top / cellHeight); row <= Math.floor(bottom / cellHeight); row++) {
      keys.push(keyOf(column, row));
    }
  }
  return keys;
}

function keyOf(column: number, row: number): number {
  return column * 100_003 + row;
}
