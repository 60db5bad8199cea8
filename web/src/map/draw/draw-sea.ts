import type { SceneGroup } from "../scene.ts";
import { fontFamily, type Pen, setMapUnits, setPixels } from "./pen.ts";

/** The sea with the rhumb lines of a portolan: 32 winds from the middle of the map. */
export function drawSea(pen: Pen): void {
  const { context, palette, camera, width, height } = pen;
  setPixels(pen);
  context.fillStyle = palette.sea;
  context.fillRect(0, 0, width, height);
  const x = width / 2 - camera.x * camera.scale;
  const y = height / 2 - camera.y * camera.scale;
  const far = Math.hypot(Math.abs(x) + width, Math.abs(y) + height);
  context.beginPath();
  for (let wind = 0; wind < 32; wind++) {
    const angle = (wind / 32) * 2 * Math.PI;
    context.moveTo(x, y);
    context.lineTo(x + Math.cos(angle) * far, y + Math.sin(angle) * far);
  }
  context.strokeStyle = palette.rhumb;
  context.lineWidth = 1;
  context.stroke();
}

/** Groups as islands: two lines of shallow water, the coast, the land. */
export function drawGroups(pen: Pen, groups: readonly SceneGroup[]): void {
  const { context, palette, camera } = pen;
  setMapUnits(pen);
  for (const [distance, width] of [
    [13, 1],
    [7, 1],
  ] as const) {
    outline(pen, groups, distance);
    context.strokeStyle = palette.shallows;
    context.lineWidth = width / Math.max(0.3, camera.scale);
    context.stroke();
  }
  outline(pen, groups, 0);
  context.fillStyle = palette.land;
  context.fill();
  context.strokeStyle = palette.coast;
  context.lineWidth = 1.1 / camera.scale;
  context.stroke();
}

function outline({ context }: Pen, groups: readonly SceneGroup[], distance: number): void {
  context.beginPath();
  for (const { x, y, radiusX, radiusY } of groups) {
    context.moveTo(x + radiusX + distance, y);
    context.ellipse(x, y, radiusX + distance, radiusY + distance, 0, 0, 2 * Math.PI);
  }
}

export interface Heading {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly isCentre: boolean;
}

/** Headings stand on the coast's upper edge; on a map seen from far away only those of islands wide enough. */
export function placeHeadings(pen: Pen, groups: readonly SceneGroup[]): Heading[] {
  const { context, camera, width, height } = pen;
  setPixels(pen);
  context.font = headingFont(pen.camera.scale);
  const headings: Heading[] = [];
  for (const group of [...groups].sort(
    (a, b) => Number(b.isCentre) - Number(a.isCentre) || b.peerCount - a.peerCount,
  )) {
    const x = (group.x - camera.x) * camera.scale + width / 2;
    const y = (group.y - group.radiusY - camera.y) * camera.scale + height / 2 - 6;
    if (x < -200 || x > width + 200 || y < -20 || y > height + 20) continue;
    const text = group.peerCount > 1 ? `${cut(group.name)} · ${group.peerCount}` : cut(group.name);
    headings.push({ text, x, y, width: context.measureText(text).width, isCentre: group.isCentre });
  }
  return headings;
}

export function drawHeadings(pen: Pen, headings: readonly Heading[]): void {
  const { context, palette } = pen;
  setPixels(pen);
  context.font = headingFont(pen.camera.scale);
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.lineJoin = "round";
  context.lineWidth = 4;
  context.strokeStyle = palette.sea;
  for (const { text, x, y } of headings) context.strokeText(text, x, y);
  for (const { text, x, y, isCentre } of headings) {
    context.fillStyle = isCentre ? palette.heading : palette.headingFaint;
    context.fillText(text, x, y);
  }
}

/** Smaller on a map seen from far away, where islands are small too. */
function headingFont(scale: number): string {
  return `600 ${scale > 0.45 ? 12.5 : 11}px ${fontFamily}`;
}

function cut(name: string): string {
  return name.length > 28 ? `${name.slice(0, 27)}…` : name;
}
