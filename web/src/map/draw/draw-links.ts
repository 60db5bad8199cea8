import { type Curve, pointOn } from "../curve.ts";
import { type LinkLook, linkWidths, type SceneLink, styleOrder } from "../scene.ts";
import { type Pen, setMapUnits, viewOf } from "./pen.ts";

export interface LinkStyle {
  /** How strongly links are drawn: thinner on a crowded map. */
  readonly strength: number;
  readonly widthFactor: number;
}

/** Below this scale dashes can not be told from lines, and cost more than all else: those links are fainter instead. */
const dashScale = 0.3;

/** All links in view, one path per style. `links` is ordered by style. Returns how many were in view. */
export function drawLinks(
  pen: Pen,
  links: readonly SceneLink[],
  { strength, widthFactor }: LinkStyle,
): number {
  const { context, camera } = pen;
  setMapUnits(pen);
  context.lineCap = "butt";
  const visible = linksInView(pen, links);
  for (let start = 0; start < visible.length; ) {
    const first = visible[start]!;
    const style = styleOrder(first);
    let end = start;
    context.beginPath();
    for (; end < visible.length && styleOrder(visible[end]!) === style; end++) {
      const { x0, y0, cx, cy, x1, y1 } = visible[end]!.curve;
      context.moveTo(x0, y0);
      context.quadraticCurveTo(cx, cy, x1, y1);
    }
    context.strokeStyle = colourOf(pen, first.look);
    const isDashed = first.isDashed && camera.scale > dashScale;
    const faint = first.isDashed && !isDashed ? 0.6 : 1;
    context.globalAlpha = alphaOf(first.look, first.level) * strength * faint;
    const width = linkWidths[first.level]! * widthFactor;
    context.lineWidth = width / camera.scale;
    context.setLineDash(isDashed ? [(4 + width * 2) / camera.scale, (3 + width * 1.1) / camera.scale] : []);
    context.stroke();
    start = end;
  }
  context.setLineDash([]);
  context.globalAlpha = 1;
  return visible.length;
}

/** Arrow heads at the server's end, one path per look. */
export function drawArrows(
  pen: Pen,
  links: readonly SceneLink[],
  { strength, widthFactor }: LinkStyle,
): void {
  const { context, camera } = pen;
  setMapUnits(pen);
  for (const look of ["idle", "active", "warning"] as const) {
    context.beginPath();
    for (const link of linksInView(pen, links)) {
      if (link.look !== look) continue;
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

/** A link is a faint cross at its middle where connections fail: trouble is not told by colour alone. */
export function drawTrouble(pen: Pen, links: readonly SceneLink[]): void {
  const { context, camera, palette } = pen;
  setMapUnits(pen);
  const arm = 4 / camera.scale;
  context.beginPath();
  for (const link of linksInView(pen, links)) {
    if (link.look !== "warning") continue;
    const { x, y } = pointOn(link.curve, 0.5);
    context.moveTo(x - arm, y - arm);
    context.lineTo(x + arm, y + arm);
    context.moveTo(x + arm, y - arm);
    context.lineTo(x - arm, y + arm);
  }
  context.lineCap = "round";
  context.strokeStyle = palette.sea;
  context.lineWidth = 5 / camera.scale;
  context.stroke();
  context.strokeStyle = palette.warning;
  context.lineWidth = 2 / camera.scale;
  context.stroke();
}

export function linksInView(pen: Pen, links: readonly SceneLink[]): SceneLink[] {
  const { left, top, right, bottom } = viewOf(pen);
  return links.filter(({ curve: { x0, y0, cx, cy, x1, y1 } }) => {
    if (Math.max(x0, cx, x1) < left || Math.min(x0, cx, x1) > right) return false;
    return Math.max(y0, cy, y1) >= top && Math.min(y0, cy, y1) <= bottom;
  });
}

export function colourOf({ palette }: Pen, look: LinkLook): string {
  return { idle: palette.linkIdle, active: palette.link, warning: palette.warning }[look];
}

function alphaOf(look: LinkLook, level: number): number {
  if (look === "idle") return 0.34;
  return look === "warning" ? 0.9 : 0.5 + level * 0.06;
}
