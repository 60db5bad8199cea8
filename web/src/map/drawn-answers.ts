import { pointOn } from "./curve.ts";
import type { DrawnLink, DrawnPeer } from "./messages.ts";
import { linkWidths, type SceneGroup, type SceneLink, type ScenePeer } from "./scene.ts";
import type { Viewpoint } from "./viewpoint.ts";

/** How a peer stands in the picture. */
export function describePeer(sign: ScenePeer, viewpoint: Viewpoint): DrawnPeer {
  const { id, name, x, y, radius, isGroup, peerCount } = sign;
  const spot = viewpoint.toScreen(x, y);
  const isInView = viewpoint.isInView(spot);
  const of = { id, name, isGroup, peerCount, isOpen: false };
  return { ...of, ...spot, radius: radius * viewpoint.camera.scale, isInView, place: { x, y } };
}

/** Its spot is that of its heading, where it is closed by a click. */
export function describeGroup(group: SceneGroup, viewpoint: Viewpoint): DrawnPeer {
  const { id, name, x, y, radiusX, radiusY, peerCount } = group;
  const spot = viewpoint.toScreen(x, y - radiusY);
  const heading = { x: spot.x, y: spot.y - headingRise };
  const isInView = viewpoint.isInView(heading);
  const of = { id, name, isGroup: true, peerCount, isOpen: true };
  return { ...of, ...heading, radius: radiusX * viewpoint.camera.scale, isInView, place: { x, y } };
}

/** From the upper edge of an island to the middle of its heading, in pixels. */
const headingRise = 10;

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
