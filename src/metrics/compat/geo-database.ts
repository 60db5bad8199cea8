import { readFile } from "node:fs/promises";
import type { CityResponse, Reader } from "maxmind";

/** Where an address is, as texts for labels. */
export interface Place {
  readonly country: string;
  readonly latitude: string;
  readonly longitude: string;
  readonly zip: string;
}

export type FindPlace = (address: string) => Place | undefined;

/** Opens a MaxMind DB of cities or countries. Rejects with what is wrong with the file. */
export async function openPlaces(file: string): Promise<FindPlace> {
  let reader: Reader<CityResponse>;
  try {
    const maxmind = await import("maxmind"); // only here: most do without
    reader = new maxmind.Reader<CityResponse>(await readFile(file));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(
      `${file}: ${code ?? message}: a MaxMind DB of cities is expected, such as GeoLite2-City.mmdb`,
    );
  }
  return (address) => placeOf(reader, address);
}

function placeOf(reader: Reader<CityResponse>, address: string): Place | undefined {
  let found: CityResponse | null;
  try {
    found = reader.get(address);
  } catch {
    return undefined; // no address, or a record that cannot be read
  }
  if (found === null) return undefined;
  const { latitude, longitude } = found.location ?? {};
  return {
    country: found.country?.iso_code ?? "",
    latitude: latitude === undefined ? "" : String(latitude),
    longitude: longitude === undefined ? "" : String(longitude),
    zip: found.postal?.code ?? "",
  };
}
