import { pointOn } from "./curve.ts";
import type { DrawnLink, DrawnPeer } from "./messages.ts";
import { linkWidths, type SceneLink, type ScenePeer } from "./scene.ts";
import type { Viewpoint } from "./viewpoint.ts";

/** How a peer stands in the picture. */
export function describePeer({ id, name, x, y, radius }: ScenePeer, viewpoint: Viewpoint): DrawnPeer {
  const spot = viewpoint.toScreen(x, y);
  const { scale } = viewpoint.camera;
  return { id, name, ...spot, radius: radius * scale, isInView: viewpoint.isInView(spot), place: { x, y } };
}

export function describeLink(link: SceneLink, viewpoint: Viewpoint): DrawnLink {
  const middle = pointOn(link.curve, 0.5);
  const spot = viewpoint.toScreen(middle.x, middle.y);
  const { bytesSent, bytesReceived, connections, failed } = link.topology;
  const { id, look, isDashed, rate } = link;
  const width = linkWidths[link.level]!;
  return {
    ...{ id, bytesSent, bytesReceived, connections, failed, rate, width, look, isDashed },
    ...spot,
    isInView: viewpoint.isInView(spot),
  };
}
