import type { ScenePeer } from "../scene.ts";
import type { Context } from "./pen.ts";

/** Adds the sign of a kind to the path, within `size` of the middle; the caller strokes. */
export function drawKindIcon(
  context: Context,
  kind: ScenePeer["kind"],
  x: number,
  y: number,
  size: number,
): void {
  icons[kind](context, x, y, size);
}

const icons: Record<ScenePeer["kind"], (context: Context, x: number, y: number, size: number) => void> = {
  /** A prompt: what runs. */
  process(context, x, y, size) {
    context.moveTo(x - size * 0.85, y - size * 0.7);
    context.lineTo(x - size * 0.05, y);
    context.lineTo(x - size * 0.85, y + size * 0.7);
    context.moveTo(x + size * 0.15, y + size * 0.75);
    context.lineTo(x + size * 0.95, y + size * 0.75);
  },
  /** A switch: what is started and stopped. */
  unit(context, x, y, size) {
    const gap = Math.PI / 5;
    context.moveTo(x, y - size);
    context.lineTo(x, y);
    context.moveTo(x + Math.sin(gap) * size * 0.9, y - Math.cos(gap) * size * 0.9);
    context.arc(x, y, size * 0.9, gap - Math.PI / 2, 1.5 * Math.PI - gap);
  },
  /** A box seen from a corner. */
  container(context, x, y, size) {
    const side = size * 0.9;
    context.moveTo(x, y - size);
    context.lineTo(x + side, y - size * 0.5);
    context.lineTo(x + side, y + size * 0.5);
    context.lineTo(x, y + size);
    context.lineTo(x - side, y + size * 0.5);
    context.lineTo(x - side, y - size * 0.5);
    context.closePath();
    context.moveTo(x - side, y - size * 0.5);
    context.lineTo(x, y);
    context.lineTo(x + side, y - size * 0.5);
    context.moveTo(x, y);
    context.lineTo(x, y + size);
  },
  /** Seven sides, like the wheel on Kubernetes' flag. */
  pod(context, x, y, size) {
    sides(context, x, y, size, 7);
  },
  /** One comes in, several may answer. */
  service(context, x, y, size) {
    context.moveTo(x - size, y);
    context.lineTo(x - size * 0.2, y);
    for (const dy of [-0.75, 0, 0.75]) {
      context.moveTo(x - size * 0.2, y);
      context.lineTo(x + size * 0.9, y + dy * size);
    }
  },
  /** A pod, and those behind it. */
  workload(context, x, y, size) {
    sides(context, x - size * 0.2, y + size * 0.2, size * 0.8, 7);
    context.moveTo(x - size * 0.1, y - size * 0.95);
    context.lineTo(x + size * 0.95, y - size * 0.6);
    context.lineTo(x + size * 0.95, y + size * 0.2);
  },
  /** Corners of a frame around many. */
  namespace(context, x, y, size) {
    for (const [dx, dy] of [
      [-1, -1],
      [1, -1],
      [1, 1],
      [-1, 1],
    ] as const) {
      context.moveTo(x + dx * size * 0.4, y + dy * size * 0.9);
      context.lineTo(x + dx * size * 0.9, y + dy * size * 0.9);
      context.lineTo(x + dx * size * 0.9, y + dy * size * 0.4);
    }
  },
  /** A screen on its foot. */
  host(context, x, y, size) {
    context.rect(x - size, y - size * 0.8, size * 2, size * 1.25);
    context.moveTo(x - size * 0.5, y + size * 0.9);
    context.lineTo(x + size * 0.5, y + size * 0.9);
  },
  /** A rack. */
  node(context, x, y, size) {
    for (const top of [-0.9, -0.25, 0.4]) context.rect(x - size, y + size * top, size * 2, size * 0.5);
  },
  /** Three joined hosts. */
  network(context, x, y, size) {
    for (const [dx, dy] of [
      [0, -0.75],
      [-0.85, 0.65],
      [0.85, 0.65],
    ] as const) {
      context.moveTo(x, y);
      context.lineTo(x + dx * size * 0.6, y + dy * size * 0.6);
      context.moveTo(x + dx * size + size * 0.28, y + dy * size);
      context.arc(x + dx * size, y + dy * size, size * 0.28, 0, 2 * Math.PI);
    }
  },
  /** A globe. */
  internet: globe,
  /** A flag. */
  country(context, x, y, size) {
    context.moveTo(x - size * 0.7, y + size);
    context.lineTo(x - size * 0.7, y - size * 0.9);
    context.lineTo(x + size * 0.85, y - size * 0.9);
    context.lineTo(x + size * 0.45, y - size * 0.35);
    context.lineTo(x + size * 0.85, y + size * 0.2);
    context.lineTo(x - size * 0.7, y + size * 0.2);
  },
  system: ring,
  as: ring,
  domain: globe,
  /** And more: it opens. */
  more(context, x, y, size) {
    context.moveTo(x - size * 0.7, y);
    context.lineTo(x + size * 0.7, y);
    context.moveTo(x, y - size * 0.7);
    context.lineTo(x, y + size * 0.7);
  },
  /** Who is it? */
  unresolved(context, x, y, size) {
    context.moveTo(x - size * 0.55, y - size * 0.45);
    context.arc(x, y - size * 0.45, size * 0.55, Math.PI, 2.5 * Math.PI);
    context.lineTo(x, y + size * 0.4);
    context.moveTo(x + 0.8, y + size * 0.9);
    context.arc(x, y + size * 0.9, 0.8, 0, 2 * Math.PI);
  },
  /** All others. */
  other(context, x, y, size) {
    for (const dx of [-0.7, 0, 0.7]) {
      context.moveTo(x + dx * size + 0.8, y);
      context.arc(x + dx * size, y, 0.8, 0, 2 * Math.PI);
    }
  },
};

/** Routers in a ring. */
function ring(context: Context, x: number, y: number, size: number): void {
  sides(context, x, y, size * 0.85, 5);
  context.moveTo(x + size * 0.3, y);
  context.arc(x, y, size * 0.3, 0, 2 * Math.PI);
}

function globe(context: Context, x: number, y: number, size: number): void {
  context.moveTo(x + size, y);
  context.arc(x, y, size, 0, 2 * Math.PI);
  context.moveTo(x + size * 0.45, y);
  context.ellipse(x, y, size * 0.45, size, 0, 0, 2 * Math.PI);
  context.moveTo(x - size, y);
  context.lineTo(x + size, y);
}

function sides(context: Context, x: number, y: number, size: number, count: number): void {
  for (let side = 0; side < count; side++) {
    const turn = (side / count) * 2 * Math.PI;
    const [cornerX, cornerY] = [x + Math.sin(turn) * size, y - Math.cos(turn) * size];
    if (side === 0) context.moveTo(cornerX, cornerY);
    else context.lineTo(cornerX, cornerY);
  }
  context.closePath();
}
