import { LabelSpace } from "../label-space.ts";
import type { Scene, SceneGroup, SceneLink, ScenePeer } from "../scene.ts";
import { blockPeers, drawChosenLabels, drawPortLabels } from "./draw-labels.ts";
import { drawArrows, drawLinks, drawMarks } from "./draw-links.ts";
import { drawPeers, traceShape } from "./draw-peers.ts";
import { drawAll, linkStyle } from "./draw-picture.ts";
import { type Pen, setMapUnits } from "./pen.ts";

/** What is hovered or selected, with all that belongs to it. */
export interface Focus {
  readonly peers: readonly ScenePeer[];
  readonly links: readonly SceneLink[];
  /** How many of `peers`, from the first, are meant themselves; the others are neighbours. */
  readonly chosenCount: number;
  /** An open group that is meant as a whole. */
  readonly area?: SceneGroup;
}

/** A peer with its links and neighbours, or a link with its ends. */
export function focusOf(scene: Scene, kind: "peer" | "link", id: string): Focus | undefined {
  if (kind === "link") {
    const link = linkOf(scene, id);
    if (link === undefined) return undefined;
    const peers = link.client === link.server ? [link.client] : [link.client, link.server];
    return { peers, links: [link], chosenCount: peers.length };
  }
  const group = scene.groupById.get(id);
  if (group !== undefined) return focusOfGroup(scene, group);
  const peer = scene.peerById.get(id) ?? scene.peerById.get(scene.signOf.get(id) ?? "");
  if (peer === undefined) return undefined;
  const neighbours = new Set(peer.links.flatMap(({ client, server }) => [client, server]));
  neighbours.delete(peer);
  const byWeight = [...neighbours].sort((a, b) => b.weight - a.weight);
  return { peers: [peer, ...byWeight], links: peer.links, chosenCount: 1 };
}

/** A link between peers that are folded is the one between their signs. */
function linkOf({ linkById, signOf }: Scene, id: string): SceneLink | undefined {
  const known = linkById.get(id);
  if (known !== undefined) return known;
  for (let at = id.indexOf(">"); at > 0; at = id.indexOf(">", at + 1)) {
    const [client, server] = [id.slice(0, at), id.slice(at + 1)];
    const folded = linkById.get(`${signOf.get(client) ?? client}>${signOf.get(server) ?? server}`);
    if (folded !== undefined) return folded;
  }
  return undefined;
}

/** All signs in an open group, with their links. */
function focusOfGroup({ peers, groups }: Scene, { x, y, radiusX, radiusY, id }: SceneGroup): Focus {
  const isInside = (peer: ScenePeer) => Math.hypot((peer.x - x) / radiusX, (peer.y - y) / radiusY) < 1;
  const chosen = peers.filter(isInside);
  const links = [...new Set(chosen.flatMap((peer) => peer.links))];
  const inside = new Set(chosen);
  const neighbours = new Set(
    links.flatMap(({ client, server }) => [client, server]).filter((one) => !inside.has(one)),
  );
  const area = groups.find((group) => group.id === id);
  return { peers: [...chosen, ...neighbours], links, chosenCount: chosen.length, ...(area && { area }) };
}

/** Drawn over the dimmed picture. */
export function drawFocus(pen: Pen, focus: Focus): void {
  const style = { ...linkStyle(pen, focus.links.length), strength: 1 };
  const links = { ...style, widthFactor: style.widthFactor * 1.25 };
  drawAll(drawLinks(pen, focus.links, links));
  drawArrows(pen, focus.links, links);
  drawMarks(pen, focus.links);
  if (focus.area !== undefined) drawCoast(pen, focus.area);
  else drawHalo(pen, focus.peers.slice(0, focus.chosenCount));
  drawPeers(pen, focus.peers.slice(focus.chosenCount));
  drawPeers(pen, focus.peers.slice(0, focus.chosenCount), { isChosen: true });
  const space = new LabelSpace();
  blockPeers(pen, focus.peers, space);
  drawChosenLabels(pen, focus.peers, space, focus.chosenCount);
  drawPortLabels(pen, focus.links, space, 60);
}

function drawCoast(pen: Pen, { x, y, radiusX, radiusY }: SceneGroup): void {
  const { context, palette, camera } = pen;
  setMapUnits(pen);
  context.beginPath();
  context.ellipse(x, y, radiusX, radiusY, 0, 0, 2 * Math.PI);
  context.strokeStyle = palette.chosen;
  context.lineWidth = 1.8 / camera.scale;
  context.stroke();
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
