import { type Camera, toMap, toScreen } from "../camera.ts";
import type { Size } from "../messages.ts";
import type { Scene } from "../scene.ts";
import { drawPicture } from "./draw-picture.ts";
import type { Heading } from "./draw-sea.ts";
import type { Context, Pen } from "./pen.ts";

/** The picture is this many pixels larger than the view on each side, so that a small pan shows no gap. */
const overscan = 140;

/** The last whole picture, kept beside the view so that it can be moved without drawing it again. */
export class Picture {
  readonly #canvas = new OffscreenCanvas(1, 1);
  readonly #context = this.#canvas.getContext("2d", { alpha: false })!;
  /** From where it was drawn. */
  camera: Camera | undefined;
  /** Headings that it has. */
  headings: readonly Heading[] = [];

  setSize({ width, height, ratio }: Size): void {
    this.#canvas.width = Math.round((width + 2 * overscan) * ratio);
    this.#canvas.height = Math.round((height + 2 * overscan) * ratio);
  }

  /** Draws all of a scene; returns what was in view. */
  draw(pen: Pen, scene: Scene): { links: number; labels: number } {
    this.camera = pen.camera;
    const { width, height } = pen;
    const wide = {
      ...pen,
      context: this.#context,
      width: width + 2 * overscan,
      height: height + 2 * overscan,
    };
    const { headings, ...drawn } = drawPicture(wide, scene);
    this.headings = headings;
    return drawn;
  }

  /** Puts it where it belongs for another camera. */
  show(context: Context, camera: Camera, size: Size): void {
    const drawnFrom = this.camera ?? camera;
    const zoomed = camera.scale / drawnFrom.scale;
    const corner = toMap(drawnFrom, size, -overscan, -overscan);
    const { x, y } = toScreen(camera, size, corner.x, corner.y);
    const [width, height] = [size.width + 2 * overscan, size.height + 2 * overscan];
    context.drawImage(this.#canvas, x, y, width * zoomed, height * zoomed);
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
