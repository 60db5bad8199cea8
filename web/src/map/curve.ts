/** A quadratic Bézier curve from the client's edge to the server's. */
export interface Curve {
  readonly x0: number;
  readonly y0: number;
  readonly cx: number;
  readonly cy: number;
  readonly x1: number;
  readonly y1: number;
}

interface Spot {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** An island that links between others go round, so that its own links can be seen. */
export interface Obstacle {
  readonly x: number;
  readonly y: number;
  readonly radiusX: number;
  readonly radiusY: number;
}

/**
 * Bends to the left of its direction, so that a link and the one the other way round lie apart, or as far as it takes to
 * pass the obstacle. A peer's link to itself is a loop above it.
 */
export function linkCurve(client: Spot, server: Spot, obstacle?: Obstacle): Curve {
  const dx = server.x - client.x;
  const dy = server.y - client.y;
  const length = Math.hypot(dx, dy);
  if (length < 1) return loop(client);
  const detour = obstacle === undefined ? undefined : detourAround(client, server, obstacle);
  const bend = Math.min(0.18, 34 / length + 0.07);
  const cx = (client.x + server.x) / 2 + (detour?.x ?? dy * bend);
  const cy = (client.y + server.y) / 2 + (detour?.y ?? -dx * bend);
  const start = edgeToward(client, cx, cy, 2);
  const end = edgeToward(server, cx, cy, 3);
  return { x0: start.x, y0: start.y, cx, cy, x1: end.x, y1: end.y };
}

/** Where the control point has to go so that the curve passes on the side where the straight line already is. */
function detourAround(
  client: Spot,
  server: Spot,
  { x, y, radiusX, radiusY }: Obstacle,
): { x: number; y: number } | undefined {
  // In a plane stretched so that the obstacle is a disc.
  const stretch = radiusX / radiusY;
  const dx = server.x - client.x;
  const dy = (server.y - client.y) * stretch;
  const length = Math.hypot(dx, dy);
  const along = ((x - client.x) * dx + (y - client.y) * stretch * dy) / length;
  const aside = ((client.x - x) * dy - (client.y - y) * stretch * dx) / length;
  if (along < 0 || along > length || Math.abs(aside) > radiusX) return undefined;
  // Half way along, a quadratic curve is half as far out as its control point.
  const part = Math.min(0.8, Math.max(0.2, along / length));
  const out = (radiusX * 1.06 * (aside < 0 ? -1 : 1) - aside) / (2 * part * (1 - part));
  const bounded = Math.max(-length * 0.75, Math.min(length * 0.75, out));
  return { x: (dy / length) * bounded, y: ((-dx / length) * bounded) / stretch };
}

function loop({ x, y, radius }: Spot): Curve {
  const side = radius * 0.75;
  const top = y - radius * 0.7;
  return { x0: x - side, y0: top, cx: x, cy: y - radius * 4, x1: x + side, y1: top };
}

function edgeToward(
  { x, y, radius }: Spot,
  towardX: number,
  towardY: number,
  gap: number,
): { x: number; y: number } {
  const length = Math.hypot(towardX - x, towardY - y) || 1;
  const part = Math.min(0.5, (radius + gap) / length);
  return { x: x + (towardX - x) * part, y: y + (towardY - y) * part };
}

/** The point at `part` of the way, 0 to 1. */
export function pointOn({ x0, y0, cx, cy, x1, y1 }: Curve, part: number): { x: number; y: number } {
  const rest = 1 - part;
  return {
    x: rest * rest * x0 + 2 * rest * part * cx + part * part * x1,
    y: rest * rest * y0 + 2 * rest * part * cy + part * part * y1,
  };
}

/** Distance of a point to the curve, or Infinity when it is clearly further than `reach`. */
export function distanceTo(curve: Curve, x: number, y: number, reach: number): number {
  const { x0, y0, cx, cy, x1, y1 } = curve;
  if (x < Math.min(x0, cx, x1) - reach || x > Math.max(x0, cx, x1) + reach) return Infinity;
  if (y < Math.min(y0, cy, y1) - reach || y > Math.max(y0, cy, y1) + reach) return Infinity;
  let nearest = Infinity;
  let before = { x: x0, y: y0 };
  const pieces = 16;
  for (let i = 1; i <= pieces; i++) {
    const next = pointOn(curve, i / pieces);
    nearest = Math.min(nearest, distanceToSegment(before, next, x, y));
    before = next;
  }
  return nearest;
}

function distanceToSegment(
  a: { x: number; y: number },
  b: { x: number; y: number },
  x: number,
  y: number,
): number {
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  const along = Math.min(1, Math.max(0, ((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(x - a.x - along * dx, y - a.y - along * dy);
}
