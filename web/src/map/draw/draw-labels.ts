import { portsOf } from "../../nest/chart-link.ts";
import { shorten } from "../../units/units.ts";
import { pointOn } from "../curve.ts";
import type { LabelSpace } from "../label-space.ts";
import type { SceneLink, ScenePeer } from "../scene.ts";
import { linksInView } from "./draw-links.ts";
import { peersInView } from "./draw-peers.ts";
import { fontFamily, type Pen, setPixels } from "./pen.ts";

const labelFont = `500 11.5px ${fontFamily}`;
const portFont = `500 10.5px ${fontFamily}`;
const lineHeight = 14;
const labelsMax = 400;
/** On a crowded map there is no room for most names: after so many the lightest are not tried. */
const triesMax = 2000;
const nameLengthMax = 22;
const chosenNameLengthMax = 64;

/** Below this scale an IPv4 address or a container's id is wider than its place. */
const addressScale = 0.82;

interface PeerLabel {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

/** Names below their peers, heaviest first, each only where nothing is written yet. */
export function drawPeerLabels(pen: Pen, peers: readonly ScenePeer[], space: LabelSpace): number {
  const { context } = pen;
  setPixels(pen);
  context.font = labelFont;
  const labels: PeerLabel[] = [];
  const isTight = pen.camera.scale < addressScale;
  let tries = 0;
  for (const peer of peersInView(pen, peers)) {
    if (labels.length >= labelsMax || tries >= triesMax) break;
    const { x, y } = below(pen, peer);
    if (space.isTaken(x, y + lineHeight / 2)) continue;
    tries++;
    // Where the whole name has no room, its last part may have some.
    for (const name of isTight ? [lastPart(peer)] : [peer.name, lastPart(peer)]) {
      const text = shorten(name, nameLengthMax);
      const width = textWidth(pen, text);
      if (!space.take(x - width / 2 - 3, y, width + 6, lineHeight)) continue;
      labels.push({ text, x, y });
      break;
    }
  }
  writeHaloed(pen, labels, pen.palette.label);
  return labels.length;
}

/** An address without its network, which is written above; a container without its id, or of `namespace/pod/container` the last. */
function lastPart({ name, group, kind }: ScenePeer): string {
  if (kind === "container" || kind === "pod") return name.replace(/ [0-9a-f]{12}$/, "").replace(/^.*\//, "");
  const network = /^(\d+\.\d+\.\d+\.)0\/24$/.exec(group)?.[1];
  return network !== undefined && name.startsWith(network) ? name.slice(network.length - 1) : name;
}

/** Names of hovered and selected peers and their neighbours: longer; the first is always written. */
export function drawChosenLabels(
  pen: Pen,
  peers: readonly ScenePeer[],
  space: LabelSpace,
  certain: number,
): void {
  const { context } = pen;
  setPixels(pen);
  context.font = labelFont;
  const labels: PeerLabel[] = [];
  for (const [i, peer] of peers.entries()) {
    const text = shorten(peer.name, i < certain ? chosenNameLengthMax : nameLengthMax);
    const { x, y } = below(pen, peer);
    const width = textWidth(pen, text);
    const isFree = space.take(x - width / 2 - 3, y, width + 6, lineHeight);
    if (isFree || i < certain) labels.push({ text, x, y });
  }
  writeHaloed(pen, labels, pen.palette.label);
}

/** `443/tcp` on a plate in the middle of each link that has room. */
export function drawPortLabels(
  pen: Pen,
  links: readonly SceneLink[],
  space: LabelSpace,
  labelsAtMost: number,
): void {
  const { context, palette, camera, width, height } = pen;
  setPixels(pen);
  context.font = portFont;
  context.textAlign = "center";
  context.textBaseline = "middle";
  let count = 0;
  for (const link of linksInView(pen, links).sort((a, b) => b.rate - a.rate)) {
    const text = portText(link);
    if (text === "" || count >= labelsAtMost) continue;
    const middle = pointOn(link.curve, 0.5);
    const x = (middle.x - camera.x) * camera.scale + width / 2;
    const y = (middle.y - camera.y) * camera.scale + height / 2;
    const textPixels = textWidth(pen, text);
    if (!space.take(x - textPixels / 2 - 5, y - 8, textPixels + 10, 16)) continue;
    count++;
    context.beginPath();
    context.roundRect(x - textPixels / 2 - 5, y - 8, textPixels + 10, 16, 8);
    context.fillStyle = palette.plate;
    context.fill();
    context.lineWidth = 1;
    context.strokeStyle = link.look === "warning" ? palette.warning : palette.shallows;
    context.stroke();
    context.fillStyle = link.look === "warning" ? palette.warning : palette.label;
    context.fillText(text, x, y + 0.5);
  }
}

/** Of several ports the heaviest, and how many more. */
export function portText({ topology: { members } }: SceneLink): string {
  const ports = portsOf(members);
  let heaviest = ports[0];
  if (heaviest === undefined) return "";
  for (const port of ports) {
    if (port.bytesSent + port.bytesReceived > heaviest.bytesSent + heaviest.bytesReceived) heaviest = port;
  }
  const text = heaviest.port === 0 ? heaviest.protocol : `${heaviest.port}/${heaviest.protocol}`;
  return ports.length > 1 ? `${text} +${ports.length - 1}` : text;
}

/** No label is written over a peer. */
export function blockPeers(pen: Pen, peers: readonly ScenePeer[], space: LabelSpace): void {
  const { camera, width, height } = pen;
  for (const { x, y, radius } of peersInView(pen, peers)) {
    const pixels = Math.max(2, radius * camera.scale);
    const left = (x - camera.x) * camera.scale + width / 2 - pixels;
    space.block(left, (y - camera.y) * camera.scale + height / 2 - pixels, pixels * 2, pixels * 2);
  }
}

function below({ camera, width, height }: Pen, { x, y, radius }: ScenePeer): { x: number; y: number } {
  return {
    x: (x - camera.x) * camera.scale + width / 2,
    y: (y + radius - camera.y) * camera.scale + height / 2 + 2.5,
  };
}

function writeHaloed({ context, palette }: Pen, labels: readonly PeerLabel[], colour: string): void {
  context.textAlign = "center";
  context.textBaseline = "top";
  context.lineJoin = "round";
  context.lineWidth = 3;
  context.strokeStyle = palette.labelHalo;
  for (const { text, x, y } of labels) context.strokeText(text, x, y);
  context.fillStyle = colour;
  for (const { text, x, y } of labels) context.fillText(text, x, y);
}

/** Measuring is the slow part of a label, and names come back in every picture. */
const widthByText = new Map<string, number>();

function textWidth({ context }: Pen, text: string): number {
  const key = `${context.font}${text}`;
  const known = widthByText.get(key);
  if (known !== undefined) return known;
  if (widthByText.size > 20_000) widthByText.clear();
  const width = context.measureText(text).width;
  widthByText.set(key, width);
  return width;
}
