import type { ScenePeer } from "../scene.ts";
import { drawKindIcon } from "./kind-icon.ts";
import { fontFamily, type Pen, setMapUnits, setPixels, viewOf } from "./pen.ts";
import type { PathPen } from "./svg-path.ts";

/** Below this many pixels a peer is a dot in its kind's colour. */
const dotPixels = 4.5;
/** A smaller shape has no icon. */
export const iconPixels = 7.5;
/** Of the icon within a shape, to the shape's radius. */
export const iconShare = 0.46;
/** Where the shape behind a closed group is, in units of the map. */
export const behindOffset = 3.6;
/** With more signs in view their edges are thin. */
const crowdedSigns = 600;
/** A badge's radius is never less. */
const badgePixels = 2.2;

export function drawPeers(pen: Pen, peers: readonly ScenePeer[], { isChosen = false } = {}): void {
  const { context, palette, camera } = pen;
  setMapUnits(pen);
  const visible = peersInView(pen, peers);
  for (const [kind, ofKind] of Map.groupBy(visible, ({ kind }) => kind)) {
    const colour = palette.kinds[kind] ?? palette.kinds.other;
    if (15 * camera.scale < dotPixels) {
      drawDots(pen, ofKind, colour);
      continue;
    }
    drawBehind(pen, ofKind, colour);
    context.beginPath();
    for (const peer of ofKind) traceShape(context, peer, kind, Math.max(peer.radius, 2 / camera.scale));
    context.fillStyle = palette.body;
    context.fill();
    context.strokeStyle = isChosen ? palette.chosen : colour;
    // As with links, what is wider than a pixel takes long where there is much of it.
    context.lineWidth = (isChosen ? 2.4 : visible.length > crowdedSigns ? 1 : 1.5) / camera.scale;
    context.stroke();
    if (15 * camera.scale < iconPixels) continue;
    context.beginPath();
    for (const { x, y, radius } of ofKind) drawKindIcon(context, kind, x, y, radius * iconShare);
    context.strokeStyle = colour;
    context.lineWidth = Math.max(1.2, 1.1 / camera.scale);
    context.lineCap = "round";
    context.lineJoin = "round";
    context.stroke();
  }
  drawBadges(pen, visible);
  drawCounts(pen, visible);
}

/** So small that no shape can be told. */
function drawDots({ context, camera }: Pen, peers: readonly ScenePeer[], colour: string): void {
  context.beginPath();
  for (const { x, y, radius } of peers) {
    const dotRadius = Math.max(radius, 2 / camera.scale);
    context.moveTo(x + dotRadius, y);
    context.arc(x, y, dotRadius, 0, 2 * Math.PI);
  }
  context.fillStyle = colour;
  context.fill();
}

/** A closed group has the edge of another sign behind it: there is more in it. */
function drawBehind({ context, palette, camera }: Pen, peers: readonly ScenePeer[], colour: string): void {
  const groups = peers.filter(({ isGroup, peerCount }) => isGroup && peerCount > 1);
  if (groups.length === 0) return;
  context.beginPath();
  for (const { x, y, kind, radius } of groups)
    traceShape(context, { x: x + behindOffset, y: y - behindOffset }, kind, radius);
  context.fillStyle = palette.body;
  context.fill();
  context.strokeStyle = colour;
  context.globalAlpha = 0.55;
  context.lineWidth = 1.1 / camera.scale;
  context.stroke();
  context.globalAlpha = 1;
}

/** How many are behind a closed group's sign. */
function drawCounts(pen: Pen, peers: readonly ScenePeer[]): void {
  const { context, palette, camera, width, height } = pen;
  if (camera.scale < 0.42) return;
  const counted = peers.filter(({ isGroup, peerCount, kind }) => isGroup && peerCount > 1 && kind !== "more");
  setPixels(pen);
  context.font = `600 10px ${fontFamily}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const { x, y, radius, peerCount } of counted) {
    const text = peerCount > 9999 ? `${Math.round(peerCount / 1000)}k` : String(peerCount);
    const spotX = (x + radius * 0.8 - camera.x) * camera.scale + width / 2 + 2;
    const spotY = (y + radius * 0.75 - camera.y) * camera.scale + height / 2;
    const half = 4.5 + text.length * 3;
    context.beginPath();
    context.roundRect(spotX - half, spotY - 7, half * 2, 14, 7);
    context.fillStyle = palette.plate;
    context.fill();
    context.strokeStyle = palette.coast;
    context.lineWidth = 1;
    context.stroke();
    context.fillStyle = palette.label;
    context.fillText(text, spotX, spotY + 0.5);
  }
  setMapUnits(pen);
}

/** An orange spot on a peer with a link in trouble, or within which there is one; on a map from far away it is as large as the dots. */
function drawBadges({ context, palette, camera }: Pen, peers: readonly ScenePeer[]): void {
  const badgeRadius = Math.max(4, badgePixels / camera.scale);
  context.beginPath();
  for (const { x, y, radius, hasWarning } of peers) {
    if (!hasWarning) continue;
    const badgeX = x + radius * 0.72;
    const badgeY = y - radius * 0.72;
    context.moveTo(badgeX + badgeRadius, badgeY);
    context.arc(badgeX, badgeY, badgeRadius, 0, 2 * Math.PI);
  }
  context.fillStyle = palette.warning;
  context.fill();
  context.strokeStyle = palette.land;
  context.lineWidth = Math.min(1.5, 1 / camera.scale);
  context.stroke();
}

const discKinds: ReadonlySet<ScenePeer["kind"]> = new Set([
  ...(["process", "unit", "other", "more", "internet", "country", "system", "domain"] as const),
]);

/** Process, unit, what of the internet is a group: disc. Container: rounded box. Host, node: hexagon. Network: octagon. */
export function traceShape(
  path: PathPen,
  { x, y }: { x: number; y: number },
  kind: ScenePeer["kind"],
  radius: number,
): void {
  if (kind === "container") {
    const half = radius * 0.92;
    path.roundRect(x - half, y - half, half * 2, half * 2, radius * 0.34);
    return;
  }
  if (discKinds.has(kind)) {
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
    return;
  }
  const corners = kind === "network" ? 8 : 6;
  const cornerRadius = radius * 1.07;
  const inner = cornerRadius * Math.cos(Math.PI / corners);
  // From the middle of a side round to it again, so that it needs no closing: Chromium looks at the whole path to close a part of it.
  path.moveTo(x + inner, y);
  for (let corner = 0; corner < corners; corner++) {
    const angle = ((corner + 0.5) / corners) * 2 * Math.PI;
    path.lineTo(x + Math.cos(angle) * cornerRadius, y + Math.sin(angle) * cornerRadius);
  }
  path.lineTo(x + inner, y);
}

export function peersInView(pen: Pen, peers: readonly ScenePeer[]): ScenePeer[] {
  const { left, top, right, bottom } = viewOf(pen);
  const reach = 24;
  return peers.filter(
    ({ x, y }) => x > left - reach && x < right + reach && y > top - reach && y < bottom + reach,
  );
}
