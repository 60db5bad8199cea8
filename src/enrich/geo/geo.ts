import { isPrivateAddress } from "../../flow/index.ts";
import { bundledFiles } from "./bundled-files.ts";
import { type GeoFacts, type GeoKind, geoKinds } from "./geo-facts.ts";
import { createGeoFile, type GeoFile, type GeoFileStatus } from "./geo-file.ts";

/** Per kind: what comes with the program, files of the user's (of several the first that knows counts), or none. */
export type GeoConfig = Readonly<Record<GeoKind, "bundled" | "off" | readonly string[]>>;

export const geoDefaults: GeoConfig = { country: "bundled", city: "off", asn: "bundled" };

export interface GeoDependencies {
  log(message: string): void;
  /** How often the user's files are looked at; a changed one is in use after two looks. */
  readonly lookMilliseconds?: number;
}

export interface Geo {
  /** Begins to load; resolves when that is done. Until then, addresses have no facts. */
  start(): Promise<void>;
  stop(): void;
  /** What is known of the address, IPv4 mapped, at `bytes[offset]`; nothing of one that is not routed on the internet. */
  find(bytes: Uint8Array, offset?: number): GeoFacts;
  /** Changes whenever answers may have. */
  readonly generation: number;
  status(): readonly GeoFileStatus[];
}

const nothing: GeoFacts = {};

/** Where addresses are and whose they are, out of files. A look-up costs microseconds: whoever asks often remembers. */
export function createGeo(config: GeoConfig, { log, lookMilliseconds = 5000 }: GeoDependencies): Geo {
  let generation = 0;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const dependencies = { log, onChange: () => void generation++ };
  const own: GeoFile[] = [];
  /** A city's country goes with its city; so cities come first. */
  const files = { country: filesOf("country"), city: filesOf("city"), asn: filesOf("asn") };
  const all = geoKinds.flatMap((kind) => files[kind]);

  function filesOf(kind: GeoKind): GeoFile[] {
    const wanted = config[kind];
    if (wanted === "off") return [];
    if (wanted === "bundled")
      return bundledFiles(kind).map((data) => createGeoFile(kind, data, dependencies));
    const opened = wanted.map((file) => createGeoFile(kind, { file }, dependencies));
    own.push(...opened);
    return opened;
  }

  function lookLater(): void {
    timer = setTimeout(async () => {
      for (const file of own) await file.look();
      if (!isStopped) lookLater();
    }, lookMilliseconds);
    timer.unref();
  }

  return {
    /** One after the other: what else starts has better use for the second processor. */
    async start() {
      for (const file of all) if (!isStopped) await file.load();
      if (!isStopped && own.length > 0) lookLater();
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
      for (const file of all) file.stop();
    },
    find(bytes, offset = 0) {
      if (isPrivateAddress(bytes, offset)) return nothing;
      const city = firstOf(files.city, bytes, offset);
      const place = city.country === undefined ? { ...firstOf(files.country, bytes, offset), ...city } : city;
      return { ...withoutSystem(place), ...firstOf(files.asn, bytes, offset) };
    },
    get generation() {
      return generation;
    },
    status: () => all.map((file) => file.status()),
  };
}

/** Countries and cities may come with a system, in a file that has all: asked for by `asn`, it would be another's. */
function withoutSystem({ asNumber: _number, asName: _name, ...place }: GeoFacts): GeoFacts {
  return place;
}

function firstOf(files: readonly GeoFile[], bytes: Uint8Array, offset: number): GeoFacts {
  for (const file of files) {
    const found = file.find(bytes, offset);
    if (found !== nothing && Object.keys(found).length > 0) return found;
  }
  return nothing;
}
