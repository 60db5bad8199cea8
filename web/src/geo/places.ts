import type { TopologyPeer } from "../../../src/topology/topology.ts";
import { linkLook } from "../map/link-look.ts";
import type { ComparedLink } from "../nest/chart-link.ts";
import { countryCentres } from "./country-centres.ts";

/** Where on the world peers are: each with its coordinates where they are known, else in the middle of its country. */
export interface Places {
  readonly places: readonly Place[];
  readonly arcs: readonly Arc[];
  /** Peers that are nowhere: in a network of one's own they stand at home. */
  readonly homePeers: number;
}

export interface Place {
  /** A country of the map, `country:DE`, or a place in it. */
  readonly id: string;
  readonly country: string;
  readonly name: string;
  /** Degrees. */
  readonly longitude: number;
  readonly latitude: number;
  readonly peers: readonly string[];
  readonly bytes: number;
  readonly failed: number;
}

export interface Arc {
  readonly id: string;
  /** Undefined for home. */
  readonly from: Place | undefined;
  readonly to: Place | undefined;
  readonly bytes: number;
  readonly hasTrouble: boolean;
}

interface Flat {
  readonly from: number;
  readonly to: number;
  readonly peers: ReadonlyMap<string, TopologyPeer>;
  readonly links: ReadonlyMap<string, ComparedLink>;
}

type Mutable = { -readonly [K in keyof Place]: Place[K] } & { peers: string[] };

export function buildPlaces(flat: Flat, arcsMax: number): Places {
  const places = new Map<string, Mutable>();
  const placeOf = new Map<string, Mutable>();
  let homePeers = 0;
  for (const peer of flat.peers.values()) {
    const spot = spotOf(peer);
    if (spot === undefined) {
      homePeers++;
      continue;
    }
    let place = places.get(spot.id);
    if (place === undefined) {
      place = { ...spot, peers: [], bytes: 0, failed: 0 };
      places.set(spot.id, place);
    }
    place.peers.push(peer.id);
    placeOf.set(peer.id, place);
  }
  const arcs = new Map<string, { -readonly [K in keyof Arc]: Arc[K] }>();
  for (const link of flat.links.values()) {
    const [from, to] = [placeOf.get(link.client), placeOf.get(link.server)];
    const bytes = link.bytesSent + link.bytesReceived;
    for (const place of from === to ? [from] : [from, to]) {
      if (place === undefined) continue;
      place.bytes += bytes;
      place.failed += link.failed;
    }
    if (from === to) continue;
    const id = `${from?.id ?? "home"}>${to?.id ?? "home"}`;
    const hasTrouble = linkLook(link, flat, false) === "warning";
    const arc = arcs.get(id);
    if (arc === undefined) arcs.set(id, { id, from, to, bytes, hasTrouble });
    else {
      arc.bytes += bytes;
      arc.hasTrouble ||= hasTrouble;
    }
  }
  const heaviest = <T extends { bytes: number; id: string }>(all: Iterable<T>) =>
    [...all].sort((a, b) => b.bytes - a.bytes || (a.id < b.id ? -1 : 1));
  return { places: heaviest(places.values()), arcs: heaviest(arcs.values()).slice(0, arcsMax), homePeers };
}

function spotOf({ country, countryName, city, latitude, longitude }: TopologyPeer) {
  if (country === undefined) return undefined;
  const name = countryName ?? country;
  if (latitude !== undefined && longitude !== undefined) {
    const id = `${country} ${latitude.toFixed(1)} ${longitude.toFixed(1)}`;
    return { id, country, name: city === undefined ? name : `${city}, ${name}`, latitude, longitude };
  }
  const centre = countryCentres().get(country);
  return centre && { id: country, country, name, latitude: centre.latitude, longitude: centre.longitude };
}

/** Where a browser's clock says that it is: the middle of its time zone, north. A guess that can be moved by hand. */
export function guessHome(timezoneOffsetMinutes: number): { longitude: number; latitude: number } {
  return { longitude: -timezoneOffsetMinutes / 4, latitude: 46 };
}
