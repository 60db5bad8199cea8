import type { Area, LayoutState, Place } from "../../../src/topology/layout.ts";

const glideMilliseconds = 500;
/** With more signs each step on the way would take longer than a frame. */
const placesMax = 1500;

/** Takes signs and islands from where they were to where the layout wants them, so that the eye can follow. */
export class LayoutGlide {
  #from: LayoutState | undefined;
  #start = 0;

  get isUnderWay(): boolean {
    return this.#from !== undefined;
  }

  stop(): void {
    this.#from = undefined;
  }

  /** Starts from what is shown, when somebody who stays has to move, or a group opens or closes. */
  begin(shown: LayoutState, aim: LayoutState, now: number): void {
    if (aim.places.size > placesMax || !isMoved(shown, aim)) return;
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

function isMoved(from: LayoutState, { areas, places }: LayoutState): boolean {
  if (from.places === places && from.areas === areas) return false;
  for (const [id, { x, y, radiusX }] of areas) {
    const known = from.areas.get(id);
    if (known !== undefined && (known.x !== x || known.y !== y || known.radiusX !== radiusX)) return true;
    if (known === undefined && from.places.has(id)) return true;
  }
  for (const [id, { x, y, parent }] of places) {
    const known = from.places.get(id);
    if (known !== undefined && (known.x !== x || known.y !== y)) return true;
    if (known === undefined && from.areas.has(id)) return true;
    if (known === undefined && !from.areas.has(parent) && from.places.has(parent)) return true;
  }
  return false;
}

/** What opens comes out of its sign, and goes back into it. */
function between(from: LayoutState, aim: LayoutState, part: number): LayoutState {
  const mix = (a: number, b: number) => a + (b - a) * part;
  const areas = new Map<string, Area>();
  for (const [id, area] of aim.areas) {
    const sign = from.places.get(id);
    const known = from.areas.get(id) ?? (sign && { ...sign, radiusX: 14, radiusY: 14 });
    areas.set(
      id,
      known === undefined
        ? area
        : {
            ...area,
            x: mix(known.x, area.x),
            y: mix(known.y, area.y),
            radiusX: mix(known.radiusX, area.radiusX),
            radiusY: mix(known.radiusY, area.radiusY),
          },
    );
  }
  const places = new Map<string, Place>();
  for (const [id, place] of aim.places) {
    const known = from.places.get(id) ?? from.areas.get(id) ?? from.places.get(place.parent);
    places.set(
      id,
      known === undefined ? place : { ...place, x: mix(known.x, place.x), y: mix(known.y, place.y) },
    );
  }
  return { ...aim, areas, places };
}
