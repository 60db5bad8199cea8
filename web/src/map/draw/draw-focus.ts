import { LabelSpace } from "../label-space.ts";
import type { Scene, SceneLink, ScenePeer } from "../scene.ts";
import { blockPeers, drawChosenLabels, drawPortLabels } from "./draw-labels.ts";
import { drawArrows, drawLinks, drawTrouble } from "./draw-links.ts";
import { drawPeers, traceShape } from "./draw-peers.ts";
import { linkStyle } from "./draw-picture.ts";
import { type Pen, setMapUnits } from "./pen.ts";

/** What is hovered or selected, with all that belongs to it. */
export interface Focus {
  readonly peers: readonly ScenePeer[];
  readonly links: readonly SceneLink[];
  /** How many of `peers`, from the first, are meant themselves; the others are neighbours. */
  readonly chosenCount: number;
}

/** A peer with its links and neighbours, or a link with its ends. */
export function focusOf(scene: Scene, kind: "peer" | "link", id: string): Focus | undefined {
  if (kind === "link") {
    const link = scene.linkById.get(id);
    if (link === undefined) return undefined;
    const peers = link.client === link.server ? [link.client] : [link.client, link.server];
    return { peers, links: [link], chosenCount: peers.length };
  }
  const peer = scene.peerById.get(id);
  if (peer === undefined) return undefined;
  const neighbours = new Set(peer.links.flatMap(({ client, server }) => [client, server]));
  neighbours.delete(peer);
  const byWeight = [...neighbours].sort((a, b) => b.weight - a.weight);
  return { peers: [peer, ...byWeight], links: peer.links, chosenCount: 1 };
}

/** Drawn over the dimmed picture. */
export function drawFocus(pen: Pen, focus: Focus): void {
  const style = { ...linkStyle(pen, focus.links.length), strength: 1 };
  const links = { ...style, widthFactor: style.widthFactor * 1.25 };
  drawLinks(pen, focus.links, links);
  drawArrows(pen, focus.links, links);
  drawTrouble(pen, focus.links);
  drawHalo(pen, focus.peers.slice(0, focus.chosenCount));
  drawPeers(pen, focus.peers.slice(focus.chosenCount));
  drawPeers(pen, focus.peers.slice(0, focus.chosenCount), { isChosen: true });
  const space = new LabelSpace();
  blockPeers(pen, focus.peers, space);
  drawChosenLabels(pen, focus.peers, space, focus.chosenCount);
  drawPortLabels(pen, focus.links, space, 60);
}

function drawHalo(pen: Pen, peers: readonly ScenePeer[]): void {
  const { context, palette, camera } = pen;
  setMapUnits(pen);
  context.beginPath();
  for (const peer of peers) traceShape(context, peer, peer.kind, peer.radius + 6 / Math.min(1, camera.scale));
  context.fillStyle = palette.chosen;
  context.globalAlpha = 0.22;
  context.fill();
  context.globalAlpha = 1;
}
