import type { Selection } from "../view.ts";
import { distanceTo } from "./curve.ts";
import type { Heading } from "./draw/draw-sea.ts";
import type { Scene, ScenePeer } from "./scene.ts";
import type { Viewpoint } from "./viewpoint.ts";

/** The open group whose heading is at a point of the view. */
export function hitHeading(
  headings: readonly Heading[],
  viewpoint: Viewpoint,
  x: number,
  y: number,
): string | undefined {
  return headings.find(({ mapX, mapY, width }) => {
    const spot = viewpoint.toScreen(mapX, mapY);
    return Math.abs(x - spot.x) < width / 2 + 4 && y > spot.y - 19 && y < spot.y - 1;
  })?.id;
}

/** What is at a point of the map: a peer before a link, the nearest of each. `reach` is how far a finger may miss. */
export function hitTest(scene: Scene, x: number, y: number, reach: number): Selection | undefined {
  const peer = nearestPeer(scene.peers, x, y, reach);
  if (peer !== undefined) return { kind: "peer", id: peer.id };
  let nearest = reach;
  let found: string | undefined;
  for (const link of scene.links) {
    if (link.client.kind === "more" || link.server.kind === "more") continue;
    const distance = distanceTo(link.curve, x, y, reach);
    if (distance > nearest) continue;
    nearest = distance;
    found = link.id;
  }
  return found === undefined ? undefined : { kind: "link", id: found };
}

function nearestPeer(
  peers: readonly ScenePeer[],
  x: number,
  y: number,
  reach: number,
): ScenePeer | undefined {
  let found: ScenePeer | undefined;
  let nearest = Infinity;
  for (const peer of peers) {
    const distance = Math.hypot(peer.x - x, peer.y - y);
    if (distance > peer.radius + reach * 0.6 || distance >= nearest) continue;
    nearest = distance;
    found = peer;
  }
  return found;
}

/** The next peer in a direction, for the arrow keys: near, and more ahead than aside. */
export function peerToward(
  scene: Scene,
  from: { x: number; y: number },
  dx: number,
  dy: number,
): ScenePeer | undefined {
  let best: ScenePeer | undefined;
  let least = Infinity;
  for (const peer of scene.peers) {
    const ahead = (peer.x - from.x) * dx + (peer.y - from.y) * dy;
    const aside = Math.abs((peer.x - from.x) * dy - (peer.y - from.y) * dx);
    const cost = ahead + aside * 2.2;
    if (ahead < 1 || cost >= least) continue;
    least = cost;
    best = peer;
  }
  return best;
}
