import type { Spot } from "../../../src/topology/layout.ts";

/** Where things are on the map, kept in this browser between visits: homes by themselves, pins by hand. */
export interface KeptPlaces {
  readonly homes: ReadonlyMap<string, Spot>;
  readonly pins: ReadonlyMap<string, Spot>;
}

/** What fits a tall page is scattered on a wide one: each has homes of its own. */
const homesKey = () =>
  (globalThis.innerHeight ?? 0) > (globalThis.innerWidth ?? 0) ? "portolan-homes-tall" : "portolan-homes";
const pinsKey = "portolan-pins";
const homesMax = 5000;
const pinsMax = 500;

export function readPlaces(storage: Storage = localStorage): KeptPlaces {
  return { homes: readSpots(storage, homesKey()), pins: readSpots(storage, pinsKey) };
}

/** A filtered map has a few of all: what is known of the others stays, the oldest of it only as long as there is room. */
export function keepHomes(
  homes: readonly (readonly [string, Spot])[],
  storage: Storage = localStorage,
): void {
  const all = readSpots(storage, homesKey());
  for (const [id, home] of homes) {
    all.delete(id);
    all.set(id, home);
  }
  write(storage, homesKey(), [...all].slice(-homesMax));
}

export function keepPins(pins: ReadonlyMap<string, Spot>, storage: Storage = localStorage): void {
  write(storage, pinsKey, [...pins].slice(-pinsMax));
}

/** What is in the storage may be of another version, or anybody's: what makes no sense is left out. */
function readSpots(storage: Storage, key: string): Map<string, Spot> {
  const spots = new Map<string, Spot>();
  try {
    const kept: unknown = JSON.parse(storage.getItem(key) ?? "[]");
    if (!Array.isArray(kept)) return spots;
    for (const one of kept) {
      const [id, x, y] = Array.isArray(one) ? one : [];
      if (typeof id === "string" && Number.isFinite(x) && Number.isFinite(y)) spots.set(id, { x, y });
    }
  } catch {
    // Unreadable: the map is laid out anew.
  }
  return spots;
}

function write(storage: Storage, key: string, spots: readonly (readonly [string, Spot])[]): void {
  const round = (value: number) => Math.round(value * 1000) / 1000;
  try {
    storage.setItem(key, JSON.stringify(spots.map(([id, { x, y }]) => [id, round(x), round(y)])));
  } catch {
    // The storage is full or forbidden: the next visit starts anew.
  }
}
