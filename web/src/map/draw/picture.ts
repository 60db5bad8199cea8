import { type Camera, toMap, toScreen } from "../camera.ts";
import type { Size } from "../messages.ts";
import type { Scene } from "../scene.ts";
import { drawPicture, type Pictured } from "./draw-picture.ts";
import type { Heading } from "./draw-sea.ts";
import type { Context, Pen } from "./pen.ts";

/** The picture is this many pixels larger than the view on each side, so that a small pan shows no gap. */
const overscan = 140;

/** The last whole picture, kept beside the view so that it can be moved without drawing it again, and the next one as it is drawn. */
export class Picture {
  #front = new Sheet();
  #back = new Sheet();
  #drawing: { readonly camera: Camera; readonly steps: Generator<void, Pictured> } | undefined;
  /** From where it was drawn. */
  camera: Camera | undefined;
  /** Headings that it has. */
  headings: readonly Heading[] = [];

  get isUnderWay(): boolean {
    return this.#drawing !== undefined;
  }

  setSize({ width, height, ratio }: Size): void {
    for (const { canvas } of [this.#front, this.#back]) {
      canvas.width = Math.round((width + 2 * overscan) * ratio);
      canvas.height = Math.round((height + 2 * overscan) * ratio);
    }
    this.#drawing = undefined;
  }

  /** Begins the next picture; the last one stays until it is whole. */
  begin(pen: Pen, scene: Scene): void {
    const { context } = this.#back;
    const [width, height] = [pen.width + 2 * overscan, pen.height + 2 * overscan];
    this.#drawing = { camera: pen.camera, steps: drawPicture({ ...pen, context, width, height }, scene) };
  }

  /** Goes on for about so long; returns what was in view once the picture is whole, and then shows that one. */
  draw(milliseconds: number): Pictured | undefined {
    const end = performance.now() + milliseconds;
    for (;;) {
      const { done, value } = this.#drawing!.steps.next();
      if (done === true) {
        this.#back.finish();
        this.camera = this.#drawing!.camera;
        this.headings = value.headings;
        this.#drawing = undefined;
        [this.#front, this.#back] = [this.#back, this.#front];
        return value;
      }
      if (milliseconds === Infinity) continue;
      this.#back.finish();
      if (performance.now() >= end) return undefined;
    }
  }

  /** Puts it where it belongs for another camera. */
  show(context: Context, camera: Camera, size: Size): void {
    const drawnFrom = this.camera ?? camera;
    const zoomed = camera.scale / drawnFrom.scale;
    const corner = toMap(drawnFrom, size, -overscan, -overscan);
    const { x, y } = toScreen(camera, size, corner.x, corner.y);
    const [width, height] = [size.width + 2 * overscan, size.height + 2 * overscan];
    context.drawImage(this.#front.canvas, x, y, width * zoomed, height * zoomed);
  }

  /** Whether, moved, it leaves a part of the view empty, or is blown up too much to look at. */
  isFarOff(camera: Camera, size: Size): boolean {
    if (this.camera === undefined) return true;
    const zoomed = camera.scale / this.camera.scale;
    const corner = toMap(camera, size, 0, 0);
    const { x, y } = toScreen(this.camera, size, corner.x, corner.y);
    if (zoomed > 1.7 || x < -overscan || y < -overscan) return true;
    const { width, height } = size;
    return x + width / zoomed > width + overscan || y + height / zoomed > height + overscan;
  }
}

class Sheet {
  readonly canvas = new OffscreenCanvas(1, 1);
  readonly context = this.canvas.getContext("2d", { alpha: false })!;
  readonly #eye = new OffscreenCanvas(1, 1).getContext("2d")!;

  /** Has the browser paint what it was told so far; it would put that off until somebody looks. */
  finish(): void {
    this.#eye.drawImage(this.canvas, 0, 0, 1, 1, 0, 0, 1, 1);
    // Else the eye would keep all that it was shown.
    this.#eye.reset();
  }
}
