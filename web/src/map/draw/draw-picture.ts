import { LabelSpace } from "../label-space.ts";
import type { Scene } from "../scene.ts";
import { blockPeers, drawPeerLabels, drawPortLabels } from "./draw-labels.ts";
import { drawArrows, drawLinks, drawMarks, type LinkStyle } from "./draw-links.ts";
import { drawPeers } from "./draw-peers.ts";
import { drawGroups, drawHeadings, drawSea, type Heading, placeHeadings } from "./draw-sea.ts";
import type { Pen } from "./pen.ts";

/** From this scale on every link with room says its port. */
const portScale = 1.15;
/** Signs of more than these take a part of a frame. */
const crowdedPeers = 1000;

export interface Pictured {
  /** In view. */
  readonly links: number;
  readonly labels: number;
  readonly headings: readonly Heading[];
}

/** The whole chart, bottom to top; of a crowded one it stops now and then, so that it need not be drawn at one go. */
export function* drawPicture(pen: Pen, scene: Scene): Generator<void, Pictured> {
  const style = linkStyle(pen, scene.links.length);
  drawSea(pen);
  drawGroups(pen, scene.groups);
  const links = yield* drawLinks(pen, scene.links, style);
  if (links < 1500 && pen.camera.scale > 0.25) drawArrows(pen, scene.links, style);
  if (pen.camera.scale > 0.25) drawMarks(pen, scene.links);
  drawPeers(pen, scene.peers);
  if (scene.peers.length > crowdedPeers) yield;
  const space = new LabelSpace();
  const headings = placeHeadings(pen, scene.groups).filter(({ x, y, width, isCentre }) => {
    const isFree = space.take(x - width / 2 - 4, y - 12, width + 8, 17);
    return isFree || isCentre;
  });
  blockPeers(pen, scene.peers, space);
  const labels = drawPeerLabels(pen, scene.peers, space);
  if (pen.camera.scale >= portScale) drawPortLabels(pen, scene.links, space, 150);
  drawHeadings(pen, headings);
  return { links, labels, headings };
}

export function linkStyle({ camera }: Pen, linkCount: number): LinkStyle {
  return {
    strength: Math.min(1, Math.max(0.14, Math.sqrt(220 / Math.max(1, linkCount)))),
    widthFactor: Math.min(1.6, Math.max(0.45, Math.sqrt(camera.scale / 0.7))),
  };
}

/** Draws to the end what may be drawn bit by bit. */
export function drawAll<Result>(drawing: Generator<void, Result>): Result {
  for (;;) {
    const { done, value } = drawing.next();
    if (done === true) return value;
  }
}
