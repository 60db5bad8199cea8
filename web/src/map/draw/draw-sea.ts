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

/** Groups as islands: two lines of shallow water, the coast, the land; a group inside another is a rise of the land. */
export function drawGroups(pen: Pen, groups: readonly SceneGroup[]): void {
  const { context, palette, camera } = pen;
  setMapUnits(pen);
  const outermost = groups.filter(({ depth }) => depth === 0);
  for (const distance of [13, 7]) {
    outline(pen, outermost, distance);
    context.strokeStyle = palette.shallows;
    context.lineWidth = 1 / Math.max(0.3, camera.scale);
    context.stroke();
  }
  for (let depth = 0; ; depth++) {
    const level = groups.filter((group) => group.depth === depth);
    if (level.length === 0) break;
    outline(pen, level, 0);
    context.fillStyle = depth === 0 ? palette.land : palette.rise;
    context.fill();
    context.strokeStyle = palette.coast;
    context.lineWidth = (depth === 0 ? 1.1 : 0.8) / camera.scale;
    context.stroke();
  }
}

function outline({ context }: Pen, groups: readonly SceneGroup[], distance: number): void {
  context.beginPath();
  for (const { x, y, radiusX, radiusY } of groups) {
    context.moveTo(x + radiusX + distance, y);
    context.ellipse(x, y, radiusX + distance, radiusY + distance, 0, 0, 2 * Math.PI);
  }
}

export interface Heading {
  /** Of the group, which a click on the heading closes. */
  readonly id: string;
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly isCentre: boolean;
  /** The point of the map it stands above. */
  readonly mapX: number;
  readonly mapY: number;
}

/** Headings stand on the coast's upper edge; of islands too small to have one, none. */
export function placeHeadings(pen: Pen, groups: readonly SceneGroup[]): Heading[] {
  const { context, camera, width, height } = pen;
  setPixels(pen);
  context.font = headingFont(pen.camera.scale);
  const headings: Heading[] = [];
  for (const group of [...groups].sort(
    (a, b) => Number(b.isCentre) - Number(a.isCentre) || a.depth - b.depth || b.peerCount - a.peerCount,
  )) {
    const [mapX, mapY] = [group.x, group.y - group.radiusY];
    const x = (mapX - camera.x) * camera.scale + width / 2;
    const y = (mapY - camera.y) * camera.scale + height / 2 - 6;
    if (x < -200 || x > width + 200 || y < -20 || y > height + 20) continue;
    if (group.depth > 0 && group.radiusX * camera.scale < 34) continue;
    const name = `${group.isPinned ? "⚲ " : ""}${cut(group.name)}`;
    const text = `${group.peerCount > 1 ? `${name} · ${group.peerCount}` : name} −`;
    const { id, isCentre } = group;
    headings.push({ id, text, x, y, width: context.measureText(text).width, isCentre, mapX, mapY });
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
