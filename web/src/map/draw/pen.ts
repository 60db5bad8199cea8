import type { Camera } from "../camera.ts";
import type { Palette } from "../palette.ts";

export type Context = OffscreenCanvasRenderingContext2D;

/** What every part of the picture is drawn with. Coordinates of the scene are turned into CSS pixels of the picture. */
export interface Pen {
  readonly context: Context;
  readonly palette: Palette;
  readonly camera: Camera;
  /** CSS pixels of the picture. */
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
}

export const fontFamily =
  'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans", sans-serif';

/** From here on drawing is in map units. */
export function setMapUnits({ context, camera, width, height, ratio }: Pen): void {
  const scale = camera.scale * ratio;
  context.setTransform(
    scale,
    0,
    0,
    scale,
    (width / 2 - camera.x * camera.scale) * ratio,
    (height / 2 - camera.y * camera.scale) * ratio,
  );
}

/** From here on drawing is in CSS pixels of the picture. */
export function setPixels({ context, ratio }: Pen): void {
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
}

/** The part of the map in the picture. */
export function viewOf({ camera, width, height }: Pen): {
  left: number;
  top: number;
  right: number;
  bottom: number;
} {
  const halfWidth = width / 2 / camera.scale;
  const halfHeight = height / 2 / camera.scale;
  return {
    left: camera.x - halfWidth,
    top: camera.y - halfHeight,
    right: camera.x + halfWidth,
    bottom: camera.y + halfHeight,
  };
}
