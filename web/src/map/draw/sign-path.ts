import type { ScenePeer } from "../scene.ts";
import { iconShare, traceShape } from "./draw-peers.ts";
import { drawKindIcon } from "./kind-icon.ts";
import { SvgPath } from "./svg-path.ts";

type Kind = ScenePeer["kind"];

/** The shape of a kind as the `d` of an SVG path. */
export function shapePath(kind: Kind, x: number, y: number, radius: number): string {
  const path = new SvgPath();
  traceShape(path, { x, y }, kind, radius);
  return path.d;
}

/** The icon within a shape of this radius. */
export function iconPath(kind: Kind, x: number, y: number, radius: number): string {
  const path = new SvgPath();
  drawKindIcon(path, kind, x, y, radius * iconShare);
  return path.d;
}
