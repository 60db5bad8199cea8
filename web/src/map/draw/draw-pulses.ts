import { pointOn } from "../curve.ts";
import type { SceneLink } from "../scene.ts";
import { linksInView } from "./draw-links.ts";
import { type Pen, setMapUnits } from "./pen.ts";

/** How many links at most show their traffic moving: the heaviest. */
const pulsesMax = 140;

/** The links whose traffic moves, chosen when the scene changes, not per frame. */
export function pulsingLinks(links: readonly SceneLink[]): SceneLink[] {
  const heaviest: SceneLink[] = [];
  let least = 0;
  for (const link of links) {
    const { sentRate, receivedRate } = link.topology;
    if (sentRate + receivedRate === 0 || link.rate <= least) continue;
    heaviest.push(link);
    // Sorted now and then only: very many links are looked at, and few are among the heaviest.
    if (heaviest.length < pulsesMax * 4) continue;
    heaviest.sort(byRate).length = pulsesMax;
    least = heaviest.at(-1)!.rate;
  }
  return heaviest.sort(byRate).slice(0, pulsesMax);
}

const byRate = (a: SceneLink, b: SceneLink) => b.rate - a.rate;

/** A dot per direction that carries bytes, on its way from who sends. */
export function drawPulses(pen: Pen, links: readonly SceneLink[], milliseconds: number): void {
  const { context, palette, camera } = pen;
  const size = Math.min(1.2, Math.max(0.55, camera.scale / 0.6));
  setMapUnits(pen);
  context.beginPath();
  for (const link of linksInView(pen, links)) {
    const { sentRate, receivedRate } = link.topology;
    const { x0, y0, x1, y1 } = link.curve;
    // Steady pixels per second, so that long links do not look faster.
    const travel = Math.max(1400, (Math.hypot(x1 - x0, y1 - y0) * camera.scale) / 0.11);
    const phase = (milliseconds / travel + spreadOf(link.id)) % 1;
    const radius = ((1 + link.level * 0.26) * size) / camera.scale;
    if (sentRate > 0) dot(pen, link, phase, radius);
    if (receivedRate > 0) dot(pen, link, 1 - ((phase + 0.37) % 1), radius);
  }
  context.fillStyle = palette.pulse;
  context.globalAlpha = 0.9;
  context.fill();
  context.globalAlpha = 1;
}

function dot({ context }: Pen, { curve }: SceneLink, part: number, radius: number): void {
  const { x, y } = pointOn(curve, part);
  context.moveTo(x + radius, y);
  context.arc(x, y, radius, 0, 2 * Math.PI);
}

/** A number from 0 to 1 that stays with the link, so that dots do not march in step. */
function spreadOf(id: string): number {
  let hash = 0;
  for (let i = 0; i < id.length; i++) hash = (hash * 31 + id.charCodeAt(i)) | 0;
  return (hash >>> 0) / 2 ** 32;
}
