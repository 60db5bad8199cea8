/** What shapes and signs are traced with: a canvas, or an `SvgPath`. Lengths in units of either, angles in radians, clockwise from three o'clock. */
export type PathPen = Pick<
  CanvasPath,
  "moveTo" | "lineTo" | "arc" | "ellipse" | "rect" | "roundRect" | "closePath"
>;

/** Draws as a canvas' path does, into the `d` of an SVG path. */
export class SvgPath implements PathPen {
  #d = "";

  get d(): string {
    return this.#d;
  }

  moveTo(x: number, y: number): void {
    this.#add("M", x, y);
  }

  lineTo(x: number, y: number): void {
    this.#add(this.#d === "" ? "M" : "L", x, y);
  }

  arc(x: number, y: number, radius: number, from: number, to: number): void {
    this.ellipse(x, y, radius, radius, 0, from, to);
  }

  /** From `from` clockwise to `to`; its axes are not turned. */
  ellipse(x: number, y: number, radiusX: number, radiusY: number, _turn: 0, from: number, to: number): void {
    // SVG's arcs are told by their ends: one of a whole turn would be none.
    const pieces = Math.max(1, Math.ceil((to - from) / Math.PI));
    for (let piece = 0; piece <= pieces; piece++) {
      const angle = from + ((to - from) * piece) / pieces;
      const end = [x + Math.cos(angle) * radiusX, y + Math.sin(angle) * radiusY] as const;
      if (piece === 0) this.lineTo(...end);
      else this.#add(`A${figure(radiusX)} ${figure(radiusY)} 0 0 1 `, ...end);
    }
  }

  rect(x: number, y: number, width: number, height: number): void {
    this.#add("M", x, y);
    this.#d += `h${figure(width)}v${figure(height)}h${figure(-width)}z`;
  }

  roundRect(x: number, y: number, width: number, height: number, radius: number): void {
    const [right, bottom] = [x + width, y + height];
    this.moveTo(x + radius, y);
    for (const [middleX, middleY, from] of [
      [right - radius, y + radius, -0.5],
      [right - radius, bottom - radius, 0],
      [x + radius, bottom - radius, 0.5],
      [x + radius, y + radius, 1],
    ] as const)
      this.arc(middleX, middleY, radius, from * Math.PI, (from + 0.5) * Math.PI);
    this.closePath();
  }

  closePath(): void {
    this.#d += "z";
  }

  #add(command: string, x: number, y: number): void {
    this.#d += `${command}${figure(x)} ${figure(y)}`;
  }
}

/** Hundredths suffice: a sign is some 15 pixels. */
function figure(value: number): string {
  return String(Math.round(value * 100) / 100);
}
