import type { LayoutState } from "../../../src/topology/layout.ts";
import type { TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import type { TopologyState } from "../data/topology-state.ts";
import type { Bounds } from "./camera.ts";
import { type Curve, linkCurve } from "./curve.ts";

/** What there is to draw, in map units. Built anew when the topology changed, never while panning. */
export interface Scene {
  readonly groups: readonly SceneGroup[];
  /** Heaviest first: labels go to the first that finds room. */
  readonly peers: readonly ScenePeer[];
  /** By look, so that one path holds all links of one style. */
  readonly links: readonly SceneLink[];
  readonly peerById: ReadonlyMap<string, ScenePeer>;
  readonly linkById: ReadonlyMap<string, SceneLink>;
  readonly bounds: Bounds;
}

export interface SceneGroup {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly radiusX: number;
  readonly radiusY: number;
  readonly peerCount: number;
  readonly isCentre: boolean;
}

export interface ScenePeer {
  readonly id: string;
  readonly name: string;
  readonly kind: TopologyPeer["kind"];
  readonly group: string;
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly weight: number;
  readonly links: SceneLink[];
  readonly hasWarning: boolean;
}

export type LinkLook = "active" | "warning" | "idle";

export interface SceneLink {
  readonly id: string;
  readonly client: ScenePeer;
  readonly server: ScenePeer;
  readonly curve: Curve;
  readonly look: LinkLook;
  /** Seen by exporters only. */
  readonly isDashed: boolean;
  /** Index into `linkWidths`. */
  readonly level: number;
  readonly rate: number;
  readonly topology: TopologyLink;
}

/** CSS pixels; one step per power of ten of bytes per second, from 100 B/s. */
export const linkWidths = [0.9, 1.25, 1.7, 2.4, 3.3, 4.4, 5.8];
/** A link without traffic for this long is idle. */
const idleMilliseconds = 30_000;

export interface SceneOptions {
  readonly centre: string;
  readonly isLive: boolean;
}

export function buildScene(
  state: TopologyState,
  layout: LayoutState,
  { centre, isLive }: SceneOptions,
): Scene {
  const weights = weigh(state);
  const peerById = new Map<string, ScenePeer>();
  const countByGroup = new Map<string, number>();
  for (const peer of state.peers.values()) {
    const place = layout.places.get(peer.id);
    if (place === undefined) continue;
    countByGroup.set(place.group, (countByGroup.get(place.group) ?? 0) + 1);
    const { bytes, hasWarning } = weights.get(peer.id) ?? { bytes: 0, hasWarning: false };
    peerById.set(peer.id, {
      id: peer.id,
      name: peer.name === "" ? peer.id : peer.name,
      kind: peer.kind,
      group: place.group,
      x: place.x,
      y: place.y,
      radius: 12 + Math.min(6, Math.log10(1 + bytes / 10_000)),
      weight: bytes,
      links: [],
      hasWarning,
    });
  }
  const island = layout.groups.get(centre);
  const links: SceneLink[] = [];
  for (const link of state.links.values()) {
    const client = peerById.get(link.client);
    const server = peerById.get(link.server);
    if (client === undefined || server === undefined) continue;
    const isTransit = client.group !== centre && server.group !== centre && client.group !== server.group;
    const curve = linkCurve(client, server, isTransit ? island : undefined);
    const sceneLink = buildLink(link, client, server, curve, state, isLive);
    links.push(sceneLink);
    client.links.push(sceneLink);
    if (server !== client) server.links.push(sceneLink);
  }
  links.sort((a, b) => styleOrder(a) - styleOrder(b));
  const groups = sceneGroups(layout, countByGroup, centre);
  return {
    groups,
    peers: [...peerById.values()].sort((a, b) => b.weight - a.weight || (a.id < b.id ? -1 : 1)),
    links,
    peerById,
    linkById: new Map(links.map((link) => [link.id, link])),
    bounds: boundsOf(groups),
  };
}

/** Idle below active below warnings; within a look, links of one style stand together. */
export function styleOrder({
  look,
  isDashed,
  level,
}: Pick<SceneLink, "look" | "isDashed" | "level">): number {
  return { idle: 0, active: 100, warning: 200 }[look] + (isDashed ? 10 : 0) + level;
}

function buildLink(
  link: TopologyLink,
  client: ScenePeer,
  server: ScenePeer,
  curve: Curve,
  state: TopologyState,
  isLive: boolean,
): SceneLink {
  const rate = linkRate(link, state, isLive);
  return {
    id: link.id,
    client,
    server,
    curve,
    look: linkLook(link, state.to, isLive),
    isDashed: link.observers.length > 0 && link.observers.every(({ kind }) => kind === "exporter"),
    level: Math.min(linkWidths.length - 1, Math.max(0, Math.floor(Math.log10(rate + 1)) - 1)),
    rate,
    topology: link,
  };
}

/** Bytes per second: now where the live map knows it, else the interval's mean. */
export function linkRate(
  link: TopologyLink,
  { from, to }: { from: number; to: number },
  isLive: boolean,
): number {
  const now = (link.sentRate ?? 0) + (link.receivedRate ?? 0);
  if (isLive && now > 0) return now;
  return (link.bytesSent + link.bytesReceived) / Math.max(1, (to - from) / 1000);
}

export function linkLook(link: TopologyLink, to: number, isLive: boolean): LinkLook {
  if (hasTrouble(link)) return "warning";
  const now = (link.sentRate ?? 0) + (link.receivedRate ?? 0);
  return isLive && now === 0 && link.active === 0 && to - link.lastSeen > idleMilliseconds
    ? "idle"
    : "active";
}

/** Failed connections, or more than one packet in fifty sent again. */
export function hasTrouble({
  failed,
  retransmits,
  packets,
}: Pick<TopologyLink, "failed" | "retransmits" | "packets">): boolean {
  return failed > 0 || (retransmits >= 5 && retransmits > packets / 50);
}

function weigh(state: TopologyState): Map<string, { bytes: number; hasWarning: boolean }> {
  const weights = new Map<string, { bytes: number; hasWarning: boolean }>();
  for (const link of state.links.values()) {
    const bytes = link.bytesSent + link.bytesReceived;
    const trouble = hasTrouble(link);
    for (const id of link.client === link.server ? [link.client] : [link.client, link.server]) {
      const weight = weights.get(id);
      if (weight === undefined) weights.set(id, { bytes, hasWarning: trouble });
      else {
        weight.bytes += bytes;
        weight.hasWarning ||= trouble;
      }
    }
  }
  return weights;
}

function sceneGroups(layout: LayoutState, countByGroup: Map<string, number>, centre: string): SceneGroup[] {
  return [...layout.groups.values()].flatMap((group) => {
    const peerCount = countByGroup.get(group.name) ?? 0;
    if (peerCount === 0) return [];
    const { name, x, y, radiusX, radiusY } = group;
    return [{ name, x, y, radiusX, radiusY, peerCount, isCentre: name === centre }];
  });
}

/** Of all islands, those of peers that left a moment ago among them: the view need not follow each coming and going. */
export function boundsOfLayout({ groups, places }: LayoutState): Bounds {
  const shown = new Set<string>();
  for (const { group, isHidden } of places.values()) if (!isHidden) shown.add(group);
  return boundsOf([...groups.values()].filter(({ name }) => shown.has(name)));
}

function boundsOf(groups: readonly Pick<SceneGroup, "x" | "y" | "radiusX" | "radiusY">[]): Bounds {
  if (groups.length === 0) return { left: -400, top: -250, right: 400, bottom: 250 };
  return {
    left: Math.min(...groups.map(({ x, radiusX }) => x - radiusX)),
    top: Math.min(...groups.map(({ y, radiusY }) => y - radiusY)),
    right: Math.max(...groups.map(({ x, radiusX }) => x + radiusX)),
    bottom: Math.max(...groups.map(({ y, radiusY }) => y + radiusY)),
  };
}
