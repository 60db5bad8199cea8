import type { CityResponse, Reader } from "maxmind";

/** Where an address is, as texts for labels. */
export interface Place {
  readonly country: string;
  readonly latitude: string;
  readonly longitude: string;
  readonly zip: string;
}

export type FindPlace = (address: string) => Place | undefined;

/** Databases that are not MaxMind's own have it so. */
type PlaceRecord = CityResponse & { readonly country_code?: string };

/** Looks up in a MaxMind DB of cities or countries, which somebody has checked. */
export async function placesIn(database: Buffer): Promise<FindPlace> {
  const maxmind = await import("maxmind"); // only here: most do without
  const reader = new maxmind.Reader<PlaceRecord>(database);
  return (address) => placeOf(reader, address);
}

function placeOf(reader: Reader<PlaceRecord>, address: string): Place | undefined {
  let found: PlaceRecord | null;
  try {
    found = reader.get(address);
  } catch {
    return undefined; // no address
  }
  if (found === null) return undefined;
  const { latitude, longitude } = found.location ?? {};
  return {
    country: found.country?.iso_code ?? found.country_code ?? "",
    latitude: latitude === undefined ? "" : String(latitude),
    longitude: longitude === undefined ? "" : String(longitude),
    zip: found.postal?.code ?? "",
  };
}
