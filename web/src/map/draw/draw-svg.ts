import { toScreen } from "../camera.ts";
import type { Scene } from "../scene.ts";
import { linkWidths, type SceneLink, type ScenePeer } from "../scene.ts";
import { alphaOf, colourOf, linksInView } from "./draw-links.ts";
import { behindOffset, iconPixels, peersInView } from "./draw-peers.ts";
import { linkStyle } from "./draw-picture.ts";
import { fontFamily, type Pen } from "./pen.ts";
import { iconPath, shapePath } from "./sign-path.ts";

/** The map as it is seen, as a drawing that can be edited: groups, links and signs with their names, in pixels of the view. */
export function drawSvg(pen: Pen, scene: Scene): string {
  const { width, height, palette } = pen;
  const { strength, widthFactor } = linkStyle(pen, scene.links.length);
  const links = linksInView(pen, scene.links).map((link) => svgLink(pen, link, strength, widthFactor));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${escapeXml(fontFamily)}">`,
    `<rect width="100%" height="100%" fill="${palette.sea}"/>`,
    `<g fill="${palette.land}" stroke="${palette.coast}">${svgAreas(pen, scene)}</g>`,
    `<g fill="none">${links.join("")}</g>`,
    `<g fill="${palette.body}" stroke-width="1.5">${peersInView(pen, scene.peers)
      .map((peer) => svgSign(pen, peer))
      .join("")}</g>`,
    `<g fill="${palette.label}" font-size="11.5" text-anchor="middle">${peersInView(pen, scene.peers)
      .map((peer) => svgName(pen, peer))
      .join("")}</g>`,
    `<g fill="${palette.heading}" font-size="12.5" font-weight="600" text-anchor="middle">${svgHeadings(pen, scene)}</g>`,
    "</svg>\n",
  ].join("\n");
}

const figure = (value: number) => value.toFixed(1);

function svgAreas(pen: Pen, { groups }: Scene): string {
  return groups
    .map(({ x, y, radiusX, radiusY }) => {
      const spot = toScreen(pen.camera, pen, x, y);
      const { scale } = pen.camera;
      return `<ellipse cx="${figure(spot.x)}" cy="${figure(spot.y)}" rx="${figure(radiusX * scale)}" ry="${figure(radiusY * scale)}"/>`;
    })
    .join("");
}

function svgHeadings(pen: Pen, { groups }: Scene): string {
  return groups
    .map(({ name, peerCount, x, y, radiusY }) => {
      const spot = toScreen(pen.camera, pen, x, y - radiusY);
      return `<text x="${figure(spot.x)}" y="${figure(spot.y - 6)}">${escapeXml(name)} · ${peerCount}</text>`;
    })
    .join("");
}

function svgLink(
  pen: Pen,
  { curve, look, level, isDashed, id }: SceneLink,
  strength: number,
  factor: number,
): string {
  const from = toScreen(pen.camera, pen, curve.x0, curve.y0);
  const bend = toScreen(pen.camera, pen, curve.cx, curve.cy);
  const to = toScreen(pen.camera, pen, curve.x1, curve.y1);
  const path = `M${figure(from.x)} ${figure(from.y)}Q${figure(bend.x)} ${figure(bend.y)} ${figure(to.x)} ${figure(to.y)}`;
  const dashes = isDashed ? ' stroke-dasharray="6 5"' : "";
  const opacity = Math.min(1, alphaOf(look, level) * strength).toFixed(2);
  const width = (linkWidths[level]! * factor).toFixed(2);
  return `<path d="${path}" stroke="${colourOf(pen, look)}" stroke-width="${width}" opacity="${opacity}"${dashes}><title>${escapeXml(id)}</title></path>`;
}

function svgSign(pen: Pen, peer: ScenePeer): string {
  const { radius, kind, isGroup, peerCount, hasWarning } = peer;
  const { camera, palette } = pen;
  const { x, y } = toScreen(camera, pen, peer.x, peer.y);
  const size = radius * camera.scale;
  const colour = palette.kinds[kind] ?? palette.kinds.other;
  const behind = behindOffset * camera.scale;
  const parts = [
    ...(isGroup && peerCount > 1
      ? [`<path d="${shapePath(kind, x + behind, y - behind, size)}" opacity="0.55"/>`]
      : []),
    `<path d="${shapePath(kind, x, y, size)}"/>`,
    ...(size < iconPixels
      ? []
      : [`<path d="${iconPath(kind, x, y, size)}" fill="none" stroke-width="1.1"/>`]),
    ...(hasWarning
      ? [
          `<circle cx="${figure(x + size * 0.72)}" cy="${figure(y - size * 0.72)}" r="4" fill="${palette.warning}" stroke="none"/>`,
        ]
      : []),
  ];
  return `<g stroke="${colour}">${parts.join("")}</g>`;
}

function svgName(pen: Pen, { x, y, radius, name }: ScenePeer): string {
  const spot = toScreen(pen.camera, pen, x, y + radius);
  return `<text x="${figure(spot.x)}" y="${figure(spot.y + 13)}">${escapeXml(name)}</text>`;
}

/** XML 1.0 has no place for most control characters: they are left out. */
export function escapeXml(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
