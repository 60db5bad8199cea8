import type { Size } from "./messages.ts";

/** Where the map is looked at from: the map's point in the middle of the view, and pixels per map unit. */
export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

export interface Bounds {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

type ViewSize = Pick<Size, "width" | "height">;

const scaleMin = 0.02;
const scaleMax = 5;

export function toScreen(camera: Camera, size: ViewSize, x: number, y: number): { x: number; y: number } {
  return {
    x: (x - camera.x) * camera.scale + size.width / 2,
    y: (y - camera.y) * camera.scale + size.height / 2,
  };
}

export function toMap(camera: Camera, size: ViewSize, x: number, y: number): { x: number; y: number } {
  return {
    x: (x - size.width / 2) / camera.scale + camera.x,
    y: (y - size.height / 2) / camera.scale + camera.y,
  };
}

export function pan(camera: Camera, dx: number, dy: number): Camera {
  return { ...camera, x: camera.x - dx / camera.scale, y: camera.y - dy / camera.scale };
}

/** The map's point below the pointer stays below the pointer. */
export function zoom(camera: Camera, size: ViewSize, factor: number, x: number, y: number): Camera {
  const scale = Math.min(scaleMax, Math.max(scaleMin, camera.scale * factor));
  const held = toMap(camera, size, x, y);
  return {
    x: held.x - (x - size.width / 2) / scale,
    y: held.y - (y - size.height / 2) / scale,
    scale,
  };
}

/** Pixels of the view that something else lies over, or that stay free. */
export interface Margin {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

/** Shows all of `bounds`, but never larger than peers are meant to be seen. */
export function fit(bounds: Bounds, size: ViewSize, margin: Margin): Camera {
  const width = Math.max(1, bounds.right - bounds.left);
  const height = Math.max(1, bounds.bottom - bounds.top);
  const roomX = Math.max(40, size.width - margin.left - margin.right);
  const roomY = Math.max(40, size.height - margin.top - margin.bottom);
  const scale = Math.min(1.35, Math.max(scaleMin, Math.min(roomX / width, roomY / height)));
  return {
    x: (bounds.left + bounds.right) / 2 - (margin.left - margin.right) / 2 / scale,
    y: (bounds.top + bounds.bottom) / 2 - (margin.top - margin.bottom) / 2 / scale,
    scale,
  };
}

/** A step of the way from one camera to another, `part` from 0 to 1; scale goes evenly in ratios. */
export function glide(from: Camera, to: Camera, part: number): Camera {
  const eased = 1 - (1 - part) ** 3;
  return {
    x: from.x + (to.x - from.x) * eased,
    y: from.y + (to.y - from.y) * eased,
    scale: from.scale * (to.scale / from.scale) ** eased,
  };
}
