import { cleanText } from "../../flow/index.ts";

/** What a database says of an address. Only what it says is set. */
export interface GeoFacts {
  /** ISO 3166-1 alpha-2, upper case. */
  readonly country?: string;
  readonly city?: string;
  /** Degrees, WGS 84: somewhere in the city or country, never a house. */
  readonly latitude?: number;
  readonly longitude?: number;
  readonly asNumber?: number;
  readonly asName?: string;
}

/** The kinds of database that are told apart in the configuration. */
export const geoKinds = ["country", "city", "asn"] as const;
export type GeoKind = (typeof geoKinds)[number];

/**
 * Reads a record of a MaxMind DB, by whoever made it: MaxMind's own and DB-IP's nest (`country.iso_code`), those of
 * ip-location-db and IPinfo are flat (`country_code`, `asn: "AS64500"`). Whatever is not of the expected form is left out.
 */
export function readGeoRecord(record: unknown): GeoFacts {
  const country =
    countryCode(pick(record, "country", "iso_code")) ??
    countryCode(pick(record, "registered_country", "iso_code")) ??
    countryCode(pick(record, "country_code")) ??
    countryCode(pick(record, "country"));
  const city = text(pick(record, "city", "names", "en")) ?? text(pick(record, "city"));
  const latitude = degrees(pick(record, "location", "latitude") ?? pick(record, "latitude"), 90);
  const longitude = degrees(pick(record, "location", "longitude") ?? pick(record, "longitude"), 180);
  const asNumber = autonomousSystem(pick(record, "autonomous_system_number") ?? pick(record, "asn"));
  const asName = text(pick(record, "autonomous_system_organization") ?? pick(record, "as_name"));
  return {
    ...(country === undefined ? {} : { country }),
    ...(city === undefined ? {} : { city }),
    ...(latitude === undefined || longitude === undefined ? {} : { latitude, longitude }),
    ...(asNumber === undefined ? {} : { asNumber, ...(asName === undefined ? {} : { asName }) }),
  };
}

/** Whether facts are what a database of this kind is there for. */
export function isOfKind(kind: GeoKind, facts: GeoFacts): boolean {
  switch (kind) {
    case "country":
      return facts.country !== undefined;
    case "city":
      return facts.city !== undefined || facts.latitude !== undefined;
    case "asn":
      return facts.asNumber !== undefined;
  }
}

function pick(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

/** ZZ says that nobody knows. */
function countryCode(value: unknown): string | undefined {
  if (typeof value !== "string" || !/^[A-Za-z]{2}$/.test(value)) return undefined;
  const code = value.toUpperCase();
  return code === "ZZ" ? undefined : code;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? cleanText(value, 100) || undefined : undefined;
}

function degrees(value: unknown, bound: number): number | undefined {
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  return typeof number === "number" && Math.abs(number) <= bound ? number : undefined;
}

/** 0 is reserved (RFC 7607) and stands for "none" in some databases. */
function autonomousSystem(value: unknown): number | undefined {
  const number = typeof value === "string" ? Number(value.replace(/^AS/i, "") || Number.NaN) : value;
  return typeof number === "number" && Number.isInteger(number) && number > 0 && number <= 0xffffffff
    ? number
    : undefined;
}
