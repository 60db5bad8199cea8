import type { LayoutState } from "../../../src/topology/layout.ts";
import type { Chart, ChartSign } from "../nest/chart-fold.ts";
import type { ChartLink } from "../nest/chart-link.ts";
import type { NestKind } from "../nest/nest-path.ts";
import type { Bounds } from "./camera.ts";
import { type Curve, linkCurve } from "./curve.ts";
import { type LinkLook, linkLook, linkRate } from "./link-look.ts";

/** What there is to draw, in map units. Built anew when the topology changed, never while panning. */
export interface Scene {
  /** Open groups, each before those inside it. */
  readonly groups: readonly SceneGroup[];
  /** Heaviest first: labels go to the first that finds room. */
  readonly peers: readonly ScenePeer[];
  /** By look, so that one path holds all links of one style. */
  readonly links: readonly SceneLink[];
  readonly peerById: ReadonlyMap<string, ScenePeer>;
  readonly linkById: ReadonlyMap<string, SceneLink>;
  readonly groupById: ReadonlyMap<string, SceneGroup>;
  /** Under which sign each peer of the topology is drawn. */
  readonly signOf: ReadonlyMap<string, string>;
  readonly bounds: Bounds;
}

export interface SceneGroup {
  readonly id: string;
  readonly kind: NestKind;
  readonly name: string;
  readonly parent: string;
  /** How many groups are around it. */
  readonly depth: number;
  readonly x: number;
  readonly y: number;
  readonly radiusX: number;
  readonly radiusY: number;
  readonly peerCount: number;
  readonly isCentre: boolean;
  readonly isPinned: boolean;
}

/** A sign: a peer, a closed group, or what an open group has no room for. */
export interface ScenePeer {
  readonly id: string;
  readonly name: string;
  readonly kind: ChartSign["kind"];
  /** Name of the group it stands in, "" for none. */
  readonly group: string;
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly weight: number;
  readonly peerCount: number;
  readonly isGroup: boolean;
  readonly isPinned: boolean;
  readonly links: SceneLink[];
  hasWarning: boolean;
}

export interface SceneLink {
  readonly id: string;
  readonly client: ScenePeer;
  readonly server: ScenePeer;
  readonly curve: Curve;
  readonly look: LinkLook;
  /** Seen by exporters only, or there no more. */
  readonly isDashed: boolean;
  /** Index into `linkWidths`. */
  readonly level: number;
  /** Links of one number are drawn alike; the larger above. */
  readonly style: number;
  readonly rate: number;
  readonly topology: ChartLink;
}

/** CSS pixels; one step per power of ten of bytes per second, from 100 B/s. */
export const linkWidths = [0.9, 1.25, 1.7, 2.4, 3.3, 4.4, 5.8];

export interface SceneOptions {
  /** Name of the machine in the middle. */
  readonly centre: string;
  readonly isLive: boolean;
  readonly pinned: ReadonlySet<string>;
}

export function buildScene(chart: Chart, layout: LayoutState, options: SceneOptions): Scene {
  const peerById = sceneSigns(chart, layout, options);
  const groups = sceneGroups(chart, layout, options);
  const groupById = new Map(groups.map((group) => [group.id, group]));
  const links = sceneLinks(chart, peerById, groupById.get(`node:${options.centre}`), options.isLive);
  return {
    groups,
    peers: [...peerById.values()].sort((a, b) => b.weight - a.weight || (a.id < b.id ? -1 : 1)),
    links,
    peerById,
    groupById,
    signOf: chart.signOf,
    linkById: new Map(links.map((link) => [link.id, link])),
    bounds: boundsOf(groups, peerById.values()),
  };
}

function sceneSigns(chart: Chart, { places }: LayoutState, { pinned }: SceneOptions): Map<string, ScenePeer> {
  const signs = new Map<string, ScenePeer>();
  for (const { id, kind, name, parent, peerCount, bytes, isGroup } of chart.signs.values()) {
    const place = places.get(id);
    if (place === undefined) continue;
    const weight = 12 + Math.min(6, Math.log10(1 + bytes / 10_000));
    signs.set(id, {
      ...{ id, kind, peerCount, isGroup },
      name: kind === "more" ? `${peerCount} more` : name,
      group: chart.groups.get(parent)?.name ?? "",
      x: place.x,
      y: place.y,
      radius: isGroup ? Math.min(23, weight + 2 + Math.log2(peerCount) * 0.8) : weight,
      weight: bytes,
      isPinned: pinned.has(id),
      links: [],
      hasWarning: chart.troubled.has(id),
    });
  }
  return signs;
}

function sceneGroups(chart: Chart, { areas }: LayoutState, { centre, pinned }: SceneOptions): SceneGroup[] {
  const groups = new Map<string, SceneGroup>();
  for (const { id, kind, name, parent, peerCount } of chart.groups.values()) {
    const area = areas.get(id);
    if (area === undefined) continue;
    const { x, y, radiusX, radiusY } = area;
    const depth = parent === "" ? 0 : 1 + (groups.get(parent)?.depth ?? 0);
    const isCentre = kind === "node" && name === centre;
    groups.set(id, {
      id,
      kind,
      name,
      parent,
      depth,
      x,
      y,
      radiusX,
      radiusY,
      peerCount,
      isCentre,
      isPinned: pinned.has(id),
    });
  }
  return [...groups.values()];
}

function sceneLinks(
  chart: Chart,
  signs: ReadonlyMap<string, ScenePeer>,
  island: SceneGroup | undefined,
  isLive: boolean,
): SceneLink[] {
  const links: SceneLink[] = [];
  for (const link of chart.links.values()) {
    const client = signs.get(link.client);
    const server = signs.get(link.server);
    if (client === undefined || server === undefined) continue;
    const isTransit =
      island !== undefined &&
      client.group !== island.name &&
      server.group !== island.name &&
      client.group !== server.group;
    const curve = linkCurve(client, server, isTransit ? island : undefined);
    const sceneLink = buildLink(link, client, server, curve, chart, isLive);
    links.push(sceneLink);
    client.links.push(sceneLink);
    if (server !== client) server.links.push(sceneLink);
    if (sceneLink.look === "warning") {
      client.hasWarning = true;
      server.hasWarning = true;
    }
  }
  const byStyle: SceneLink[][] = [];
  for (const link of links) {
    byStyle[link.style] ??= [];
    byStyle[link.style]!.push(link);
  }
  return byStyle.flat();
}

const lookOrder: Readonly<Record<LinkLook, number>> = {
  ...{ idle: 0, same: 0, active: 100, gone: 150, shrunk: 200, grown: 250, slow: 300, new: 350, warning: 400 },
};

/** Idle below active below warnings; within a look, links of one style stand together. */
function styleOf(look: LinkLook, isDashed: boolean, level: number): number {
  return lookOrder[look] + (look === "same" ? 20 : 0) + (isDashed ? 10 : 0) + level;
}

function buildLink(
  link: ChartLink,
  client: ScenePeer,
  server: ScenePeer,
  curve: Curve,
  interval: { from: number; to: number },
  isLive: boolean,
): SceneLink {
  const look = linkLook(link, interval, isLive);
  const rate = look === "gone" ? link.baseRate : linkRate(link, interval, isLive && link.baseRate < 0);
  const isDashed = look === "gone" || (link.isSeenByExporter && !link.isSeenByAgent);
  const level = Math.min(linkWidths.length - 1, Math.max(0, Math.floor(Math.log10(rate + 1)) - 1));
  const style = styleOf(look, isDashed, level);
  return { id: link.id, client, server, curve, look, rate, isDashed, level, style, topology: link };
}

/** Of all that is drawn or was a moment ago: the view need not follow each coming and going. */
export function boundsOfLayout({ areas, places }: LayoutState, groups: Chart["groups"]): Bounds {
  const outermost = [...areas]
    .filter(([, { parent }]) => parent === "")
    .map(([id, area]) => ({ ...area, radiusX: Math.max(area.radiusX, headingReach(groups.get(id)?.name)) }));
  const alone = [...places.values()].filter(({ parent, isHidden }) => parent === "" && !isHidden);
  return boundsOf(
    outermost,
    alone.map(({ x, y }) => ({ x, y, radius: 20 })),
  );
}

/** Half of a heading's length in map units, at the scale of a map that fills a screen: it may be longer than its island. */
function headingReach(name = ""): number {
  return Math.min(28, name.length) * 4.8 + 34;
}

function boundsOf(
  groups: Iterable<Pick<SceneGroup, "x" | "y" | "radiusX" | "radiusY">>,
  signs: Iterable<Pick<ScenePeer, "x" | "y" | "radius">>,
): Bounds {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  const add = (x: number, y: number, radiusX: number, radiusY: number) => {
    left = Math.min(left, x - radiusX);
    top = Math.min(top, y - radiusY);
    right = Math.max(right, x + radiusX);
    bottom = Math.max(bottom, y + radiusY);
  };
  for (const { x, y, radiusX, radiusY } of groups) add(x, y, radiusX, radiusY);
  // A sign has its name below.
  for (const { x, y, radius } of signs) add(x, y, radius + 40, radius + 20);
  return left === Infinity
    ? { left: -400, top: -250, right: 400, bottom: 250 }
    : { left, top, right, bottom };
}
