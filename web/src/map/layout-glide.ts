import type { LayoutState } from "../../../src/topology/layout.ts";

const glideMilliseconds = 500;
/** With more peers each step on the way would take longer than a frame. */
const peersMax = 1500;

/** Takes peers and islands from where they were to where the layout wants them, so that the eye can follow. */
export class LayoutGlide {
  #from: LayoutState | undefined;
  #start = 0;

  get isUnderWay(): boolean {
    return this.#from !== undefined;
  }

  stop(): void {
    this.#from = undefined;
  }

  /** Starts from what is shown, when somebody who stays has to move. */
  begin(shown: LayoutState, aim: LayoutState, now: number): void {
    if (aim.places.size > peersMax || !isMoved(shown, aim)) return;
    this.#from = shown;
    this.#start = now;
  }

  /** The layout at this moment of the way; newcomers stand at their place from the start. */
  at(aim: LayoutState, now: number): LayoutState {
    if (this.#from === undefined) return aim;
    const part = Math.min(1, Math.max(0, (now - this.#start) / glideMilliseconds));
    if (part === 1) {
      this.#from = undefined;
      return aim;
    }
    return between(this.#from, aim, 1 - (1 - part) ** 3);
  }
}

function isMoved(from: LayoutState, { groups, places }: LayoutState): boolean {
  if (from.places === places && from.groups === groups) return false;
  for (const [name, { x, y, radiusX }] of groups) {
    const known = from.groups.get(name);
    if (known !== undefined && (known.x !== x || known.y !== y || known.radiusX !== radiusX)) return true;
  }
  for (const [id, { x, y }] of places) {
    const known = from.places.get(id);
    if (known !== undefined && (known.x !== x || known.y !== y)) return true;
  }
  return false;
}

function between(from: LayoutState, aim: LayoutState, part: number): LayoutState {
  const mix = (a: number, b: number) => a + (b - a) * part;
  const groups = new Map(aim.groups);
  for (const [name, group] of aim.groups) {
    const known = from.groups.get(name);
    if (known === undefined) continue;
    groups.set(name, {
      ...group,
      x: mix(known.x, group.x),
      y: mix(known.y, group.y),
      radiusX: mix(known.radiusX, group.radiusX),
      radiusY: mix(known.radiusY, group.radiusY),
    });
  }
  const places = new Map(aim.places);
  for (const [id, place] of aim.places) {
    const known = from.places.get(id);
    if (known !== undefined) places.set(id, { ...place, x: mix(known.x, place.x), y: mix(known.y, place.y) });
  }
  return { ...aim, groups, places };
}
