import type { ScenePeer } from "../scene.ts";
import type { PathPen } from "./svg-path.ts";

/** Adds the sign of a kind to the path, within `size` of the middle; the caller strokes. */
export function drawKindIcon(
  path: PathPen,
  kind: ScenePeer["kind"],
  x: number,
  y: number,
  size: number,
): void {
  icons[kind](path, x, y, size);
}

const icons: Record<ScenePeer["kind"], (path: PathPen, x: number, y: number, size: number) => void> = {
  /** A prompt: what runs. */
  process(path, x, y, size) {
    path.moveTo(x - size * 0.85, y - size * 0.7);
    path.lineTo(x - size * 0.05, y);
    path.lineTo(x - size * 0.85, y + size * 0.7);
    path.moveTo(x + size * 0.15, y + size * 0.75);
    path.lineTo(x + size * 0.95, y + size * 0.75);
  },
  /** A switch: what is started and stopped. */
  unit(path, x, y, size) {
    const gap = Math.PI / 5;
    path.moveTo(x, y - size);
    path.lineTo(x, y);
    path.moveTo(x + Math.sin(gap) * size * 0.9, y - Math.cos(gap) * size * 0.9);
    path.arc(x, y, size * 0.9, gap - Math.PI / 2, 1.5 * Math.PI - gap);
  },
  /** A box seen from a corner. */
  container(path, x, y, size) {
    const side = size * 0.9;
    path.moveTo(x, y - size);
    path.lineTo(x + side, y - size * 0.5);
    path.lineTo(x + side, y + size * 0.5);
    path.lineTo(x, y + size);
    path.lineTo(x - side, y + size * 0.5);
    path.lineTo(x - side, y - size * 0.5);
    path.closePath();
    path.moveTo(x - side, y - size * 0.5);
    path.lineTo(x, y);
    path.lineTo(x + side, y - size * 0.5);
    path.moveTo(x, y);
    path.lineTo(x, y + size);
  },
  /** Seven sides, like the wheel on Kubernetes' flag. */
  pod(path, x, y, size) {
    sides(path, x, y, size, 7);
  },
  /** One comes in, several may answer. */
  service(path, x, y, size) {
    path.moveTo(x - size, y);
    path.lineTo(x - size * 0.2, y);
    for (const dy of [-0.75, 0, 0.75]) {
      path.moveTo(x - size * 0.2, y);
      path.lineTo(x + size * 0.9, y + dy * size);
    }
  },
  /** A pod, and those behind it. */
  workload(path, x, y, size) {
    sides(path, x - size * 0.2, y + size * 0.2, size * 0.8, 7);
    path.moveTo(x - size * 0.1, y - size * 0.95);
    path.lineTo(x + size * 0.95, y - size * 0.6);
    path.lineTo(x + size * 0.95, y + size * 0.2);
  },
  /** Corners of a frame around many. */
  namespace(path, x, y, size) {
    for (const [dx, dy] of [
      [-1, -1],
      [1, -1],
      [1, 1],
      [-1, 1],
    ] as const) {
      path.moveTo(x + dx * size * 0.4, y + dy * size * 0.9);
      path.lineTo(x + dx * size * 0.9, y + dy * size * 0.9);
      path.lineTo(x + dx * size * 0.9, y + dy * size * 0.4);
    }
  },
  /** A screen on its foot. */
  host(path, x, y, size) {
    path.rect(x - size, y - size * 0.8, size * 2, size * 1.25);
    path.moveTo(x - size * 0.5, y + size * 0.9);
    path.lineTo(x + size * 0.5, y + size * 0.9);
  },
  /** A rack. */
  node(path, x, y, size) {
    for (const top of [-0.9, -0.25, 0.4]) path.rect(x - size, y + size * top, size * 2, size * 0.5);
  },
  /** Three joined hosts. */
  network(path, x, y, size) {
    for (const [dx, dy] of [
      [0, -0.75],
      [-0.85, 0.65],
      [0.85, 0.65],
    ] as const) {
      path.moveTo(x, y);
      path.lineTo(x + dx * size * 0.6, y + dy * size * 0.6);
      path.moveTo(x + dx * size + size * 0.28, y + dy * size);
      path.arc(x + dx * size, y + dy * size, size * 0.28, 0, 2 * Math.PI);
    }
  },
  /** A globe. */
  internet: globe,
  /** A flag. */
  country(path, x, y, size) {
    path.moveTo(x - size * 0.7, y + size);
    path.lineTo(x - size * 0.7, y - size * 0.9);
    path.lineTo(x + size * 0.85, y - size * 0.9);
    path.lineTo(x + size * 0.45, y - size * 0.35);
    path.lineTo(x + size * 0.85, y + size * 0.2);
    path.lineTo(x - size * 0.7, y + size * 0.2);
  },
  system: ring,
  as: ring,
  domain: globe,
  /** And more: it opens. */
  more(path, x, y, size) {
    path.moveTo(x - size * 0.7, y);
    path.lineTo(x + size * 0.7, y);
    path.moveTo(x, y - size * 0.7);
    path.lineTo(x, y + size * 0.7);
  },
  /** Who is it? */
  unresolved(path, x, y, size) {
    path.moveTo(x - size * 0.55, y - size * 0.45);
    path.arc(x, y - size * 0.45, size * 0.55, Math.PI, 2.5 * Math.PI);
    path.lineTo(x, y + size * 0.4);
    path.moveTo(x + 0.8, y + size * 0.9);
    path.arc(x, y + size * 0.9, 0.8, 0, 2 * Math.PI);
  },
  /** All others. */
  other(path, x, y, size) {
    for (const dx of [-0.7, 0, 0.7]) {
      path.moveTo(x + dx * size + 0.8, y);
      path.arc(x + dx * size, y, 0.8, 0, 2 * Math.PI);
    }
  },
};

/** Routers in a ring. */
function ring(path: PathPen, x: number, y: number, size: number): void {
  sides(path, x, y, size * 0.85, 5);
  path.moveTo(x + size * 0.3, y);
  path.arc(x, y, size * 0.3, 0, 2 * Math.PI);
}

function globe(path: PathPen, x: number, y: number, size: number): void {
  path.moveTo(x + size, y);
  path.arc(x, y, size, 0, 2 * Math.PI);
  path.moveTo(x + size * 0.45, y);
  path.ellipse(x, y, size * 0.45, size, 0, 0, 2 * Math.PI);
  path.moveTo(x - size, y);
  path.lineTo(x + size, y);
}

function sides(path: PathPen, x: number, y: number, size: number, count: number): void {
  for (let side = 0; side < count; side++) {
    const turn = (side / count) * 2 * Math.PI;
    const [cornerX, cornerY] = [x + Math.sin(turn) * size, y - Math.cos(turn) * size];
    if (side === 0) path.moveTo(cornerX, cornerY);
    else path.lineTo(cornerX, cornerY);
  }
  path.closePath();
}
