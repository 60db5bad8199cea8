import { type Curve, pointOn } from "../curve.ts";
import type { LinkLook } from "../link-look.ts";
import { linkWidths, type SceneLink } from "../scene.ts";
import { type Pen, setMapUnits, viewOf } from "./pen.ts";

export interface LinkStyle {
  /** How strongly links are drawn: thinner on a crowded map. */
  readonly strength: number;
  readonly widthFactor: number;
}

/** Below this scale dashes can not be told from lines, and cost more than all else: those links are fainter instead. */
const dashScale = 0.3;

/**
 * A style that more links in view have is drawn no wider than a pixel, and the fainter for it: without a GPU a wider line takes ten
 * times as long, and nobody tells the widths of so many apart.
 */
const wideMax = 600;
/** Links in one path, after which whoever draws may do something else first. */
const pathLinks = 2000;

/** All links in view, in paths of one style each. `links` is ordered by style. Returns how many were in view. */
export function* drawLinks(pen: Pen, links: readonly SceneLink[], style: LinkStyle): Generator<void, number> {
  const visible = linksInView(pen, links);
  for (let start = 0; start < visible.length; ) {
    const first = visible[start]!;
    let end = start;
    while (end < visible.length && visible[end]!.style === first.style) end++;
    for (let from = start; from < end; from += pathLinks) {
      setStroke(pen, first, style, end - start);
      stroke(pen, visible, from, Math.min(end, from + pathLinks));
      if (visible.length > pathLinks) yield;
    }
    start = end;
  }
  pen.context.setLineDash([]);
  pen.context.globalAlpha = 1;
  return visible.length;
}

/** How links of one style are drawn, `count` of which are in view. */
function setStroke(
  pen: Pen,
  { look, level, isDashed }: SceneLink,
  { strength, widthFactor }: LinkStyle,
  count: number,
): void {
  const { context, camera } = pen;
  setMapUnits(pen);
  context.lineCap = "butt";
  context.strokeStyle = colourOf(pen, look);
  const hasDashes = isDashed && camera.scale > dashScale && count <= wideMax;
  const faint = isDashed && !hasDashes ? 0.6 : 1;
  const width = Math.max(linkWidths[level]! * widthFactor, leastWidth(look));
  const drawnWidth = count > wideMax ? Math.min(1, width) : width;
  context.globalAlpha = Math.min(1, (alphaOf(look, level) * strength * faint * width) / drawnWidth);
  context.lineWidth = drawnWidth / camera.scale;
  context.setLineDash(hasDashes ? [(4 + width * 2) / camera.scale, (3 + width * 1.1) / camera.scale] : []);
}

/** What fails or is slow is seen from far away too, however little it carries. */
function leastWidth(look: LinkLook): number {
  return look === "warning" || look === "slow" ? 1.5 : 0;
}

function stroke({ context }: Pen, links: readonly SceneLink[], from: number, to: number): void {
  context.beginPath();
  for (let i = from; i < to; i++) {
    const { x0, y0, cx, cy, x1, y1 } = links[i]!.curve;
    context.moveTo(x0, y0);
    context.quadraticCurveTo(cx, cy, x1, y1);
  }
  context.stroke();
}

/** Arrow heads at the server's end, one path per look. */
export function drawArrows(
  pen: Pen,
  links: readonly SceneLink[],
  { strength, widthFactor }: LinkStyle,
): void {
  const { context, camera } = pen;
  setMapUnits(pen);
  for (const [look, ofLook] of Map.groupBy(linksInView(pen, links), ({ look }) => look)) {
    context.beginPath();
    for (const link of ofLook) {
      // Many heads at one server would run into a blot.
      const crowd = Math.min(1, Math.sqrt(14 / link.server.links.length));
      const pixels = (4.5 + linkWidths[link.level]! * 1.5) * Math.sqrt(widthFactor) * crowd;
      arrow(pen, link.curve, pixels / camera.scale);
    }
    context.fillStyle = colourOf(pen, look);
    context.globalAlpha = Math.min(1, alphaOf(look, 4) * strength * 1.15);
    context.fill();
  }
  context.globalAlpha = 1;
}

function arrow({ context }: Pen, { cx, cy, x1, y1 }: Curve, length: number): void {
  const reach = Math.hypot(x1 - cx, y1 - cy) || 1;
  const alongX = ((x1 - cx) / reach) * length;
  const alongY = ((y1 - cy) / reach) * length;
  context.moveTo(x1, y1);
  context.lineTo(x1 - alongX - alongY * 0.42, y1 - alongY + alongX * 0.42);
  context.lineTo(x1 - alongX + alongY * 0.42, y1 - alongY - alongX * 0.42);
}

/** What a mark looks like, in arms' lengths from the middle of its link: nothing is told by colour alone. */
const marks: Partial<Record<LinkLook, readonly (readonly [number, number, number, number])[]>> = {
  /** A cross: connections fail. */
  warning: [
    [-1, -1, 1, 1],
    [1, -1, -1, 1],
  ],
  /** A pause: it takes long. */
  slow: [
    [-0.5, -1, -0.5, 1],
    [0.5, -1, 0.5, 1],
  ],
  new: [
    [-1, 0, 1, 0],
    [0, -1, 0, 1],
  ],
  gone: [[-1, 0, 1, 0]],
  grown: [
    [-0.9, 0.5, 0, -0.6],
    [0, -0.6, 0.9, 0.5],
  ],
  shrunk: [
    [-0.9, -0.5, 0, 0.6],
    [0, 0.6, 0.9, -0.5],
  ],
};

export function drawMarks(pen: Pen, links: readonly SceneLink[]): void {
  const { context, camera, palette } = pen;
  setMapUnits(pen);
  const arm = 4 / camera.scale;
  context.lineCap = "round";
  for (const [look, ofLook] of Map.groupBy(linksInView(pen, links), ({ look }) => look)) {
    const mark = marks[look];
    if (mark === undefined) continue;
    context.beginPath();
    for (const { curve } of ofLook) {
      const { x, y } = pointOn(curve, 0.5);
      for (const [fromX, fromY, toX, toY] of mark) {
        context.moveTo(x + fromX * arm, y + fromY * arm);
        context.lineTo(x + toX * arm, y + toY * arm);
      }
    }
    context.strokeStyle = palette.sea;
    context.lineWidth = 5 / camera.scale;
    context.stroke();
    context.strokeStyle = colourOf(pen, look);
    context.lineWidth = 2 / camera.scale;
    context.stroke();
  }
}

export function linksInView(pen: Pen, links: readonly SceneLink[]): SceneLink[] {
  const { left, top, right, bottom } = viewOf(pen);
  return links.filter(({ curve: { x0, y0, cx, cy, x1, y1 } }) => {
    if (Math.max(x0, cx, x1) < left || Math.min(x0, cx, x1) > right) return false;
    return Math.max(y0, cy, y1) >= top && Math.min(y0, cy, y1) <= bottom;
  });
}

export function colourOf({ palette }: Pick<Pen, "palette">, look: LinkLook): string {
  return palette.looks[look];
}

export function alphaOf(look: LinkLook, level: number): number {
  if (look === "idle" || look === "same") return 0.34;
  return look === "active" || look === "shrunk" ? 0.5 + level * 0.06 : 0.9;
}
