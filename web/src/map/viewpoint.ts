import { type Bounds, type Camera, fit, glide, pan, toMap, toScreen, zoom } from "./camera.ts";
import type { Covered, Size } from "./messages.ts";

const glideMilliseconds = 420;
/** Around all that is drawn; on the right for the buttons too. */
const fitMargin = { top: 36, right: 58, bottom: 16, left: 26 };

interface Spot {
  readonly x: number;
  readonly y: number;
}

/** Where the person looks from. Follows the map's bounds until it is moved by hand. */
export class Viewpoint {
  camera: Camera = { x: 0, y: 0, scale: 1 };
  size: Size = { width: 1, height: 1, ratio: 1 };
  follows = true;
  /** Pixels at the upper and lower edge under banners and legend. */
  covered: Covered = { top: 0, bottom: 0 };
  /** When it was last moved by hand. */
  movedAt = Number.NEGATIVE_INFINITY;
  #glide: { readonly from: Camera; readonly to: Camera; readonly start: number } | undefined;

  pan(dx: number, dy: number, now: number): void {
    this.#moveTo(pan(this.camera, dx, dy), now);
  }

  zoom(factor: number, x: number, y: number, now: number): void {
    this.#moveTo(zoom(this.camera, this.size, factor, x, y), now);
  }

  /** Shows all of the map, at once or gliding there. */
  fit(bounds: Bounds, now?: number): void {
    const top = fitMargin.top + this.covered.top;
    const bottom = fitMargin.bottom + this.covered.bottom;
    const camera = fit(bounds, this.size, { ...fitMargin, top, bottom });
    if (now !== undefined) this.#glideTo(camera, now);
    else {
      this.camera = camera;
      this.#glide = undefined;
    }
  }

  bringIntoView({ x, y }: Spot, now: number): void {
    const spot = this.toScreen(x, y);
    const edge = 60;
    const { width, height } = this.size;
    if (spot.x > edge && spot.x < width - edge && spot.y > edge && spot.y < height - edge) return;
    this.follows = false;
    this.#glideTo({ ...this.camera, x, y }, now);
  }

  /** Of what is under something else it brings the spot into the middle of what is free. */
  uncover({ x, y }: Spot, now: number): void {
    const { top, bottom } = this.covered;
    const spot = this.toScreen(x, y);
    const { height } = this.size;
    if (spot.y > height || spot.y < height - bottom) return;
    const { scale } = this.camera;
    const free = (top + height - bottom) / 2;
    this.#glideTo({ ...this.camera, y: y + (height / 2 - free) / scale }, now);
  }

  /** One frame on the way; without `moves` the way is one step. Returns whether the camera changed and whether it goes on. */
  step(now: number, moves: boolean): "still" | "arrived" | "gliding" {
    if (this.#glide === undefined) return "still";
    const { from, to, start } = this.#glide;
    const part = moves ? Math.min(1, Math.max(0, (now - start) / glideMilliseconds)) : 1;
    this.camera = glide(from, to, part);
    if (part < 1) return "gliding";
    this.#glide = undefined;
    return "arrived";
  }

  toScreen(x: number, y: number): Spot {
    return toScreen(this.camera, this.size, x, y);
  }

  toMap(x: number, y: number): Spot {
    return toMap(this.camera, this.size, x, y);
  }

  isInView({ x, y }: Spot): boolean {
    return x >= 0 && y >= 0 && x <= this.size.width && y <= this.size.height;
  }

  /** Islands side by side on a wide screen, one below the other on a phone. */
  spread(): number {
    const { width, height } = this.size;
    return height < 2 ? 1.35 : Math.min(1.9, Math.max(0.42, width / height));
  }

  #moveTo(camera: Camera, now: number): void {
    this.camera = camera;
    this.#glide = undefined;
    this.follows = false;
    this.movedAt = now;
  }

  #glideTo(to: Camera, now: number): void {
    this.#glide = { from: this.camera, to, start: now };
  }
}
