import { stat } from "node:fs/promises";
import { Reader, type Response } from "maxmind";
import { assert, formatAddress, isMappedIPv4 } from "../../flow/index.ts";
import { AsRanges } from "./as-ranges.ts";
import { type Attribution, attributionOf } from "./attribution.ts";
import type { BundledFile } from "./bundled-files.ts";
import { type GeoFacts, type GeoKind, readGeoRecord } from "./geo-facts.ts";
import type { LoadAnswer } from "./load-child.ts";
import { loadFile } from "./load-file.ts";

export interface GeoFileStatus {
  readonly kind: GeoKind;
  readonly file: string;
  readonly source: "bundled" | "own";
  /** `off`: nothing of it is in use. A file that was refused after another was taken leaves that one `on`. */
  readonly state: "on" | "loading" | "off";
  /** In words, when it is off, or when what is there now was refused. */
  readonly reason: string;
  /** What the file says it is; "" for CSV. */
  readonly databaseType: string;
  /** Unix milliseconds of when the data was put together, null when nobody says. */
  readonly built: number | null;
  /** Held in memory. */
  readonly bytes: number;
  readonly attribution: readonly Attribution[];
}

export interface GeoFileDependencies {
  log(message: string): void;
  /** Another file has been taken: what was looked up before may be wrong. */
  onChange(): void;
}

export interface GeoFile {
  /** Loads it; resolves when that is done, well or not. */
  load(): Promise<void>;
  /** Loads it again when it has changed since, and has stopped changing; to be called every few seconds. */
  look(): Promise<void>;
  stop(): void;
  /** What it says of the address, IPv4 mapped, at `bytes[offset]`. */
  find(bytes: Uint8Array, offset: number): GeoFacts;
  status(): GeoFileStatus;
}

/** What is looked up in, once it has been checked. */
interface Loaded {
  find(bytes: Uint8Array, offset: number): GeoFacts;
  readonly databaseType: string;
  readonly built: number | null;
  readonly bytes: number;
}

const nothing: GeoFacts = {};

/** One file of places or systems. A file that cannot be used is refused in words, and the one before stays in use. */
export function createGeoFile(
  kind: GeoKind,
  { file, ...bundled }: Pick<BundledFile, "file"> & Partial<BundledFile>,
  { log, onChange }: GeoFileDependencies,
): GeoFile {
  const isBundled = bundled.attribution !== undefined;
  let loaded: Loaded | undefined;
  let state: GeoFileStatus["state"] = "loading";
  let reason = "";
  let stopLoading = () => {};
  let isStopped = false;
  /** What the file looked like when it was loaded, and when it was last looked at. */
  let loadedMark = "";
  let lastMark = "";

  function refuse(problem: string): void {
    reason = `${file}: ${problem}`;
    state = loaded === undefined ? "off" : "on";
    log(`geo.${kind}: ${reason}${loaded === undefined ? "" : "; the one before stays in use"}`);
  }

  async function load(mark?: string): Promise<void> {
    loadedMark = mark ?? (await markOf(file));
    const { answer, stop } = loadFile({ kind, file });
    stopLoading = stop;
    const loading = await answer;
    if (isStopped) return;
    if (loading.form === "problem") return refuse(loading.problem);
    const isAnother = loaded !== undefined;
    loaded = open(loading);
    state = "on";
    reason = "";
    if (isAnother) log(`geo.${kind}: ${file} has changed and is used as it is now`);
    onChange();
  }

  return {
    load: () => load(),
    async look() {
      const mark = await markOf(file);
      const hasSettled = mark === lastMark;
      lastMark = mark;
      if (!hasSettled || mark === loadedMark || isStopped) return;
      // A file that is missing for a moment is being replaced; one that stays away is in memory still.
      if (mark === missing && loaded !== undefined) return;
      await load(mark);
    },
    stop() {
      isStopped = true;
      stopLoading();
    },
    find: (bytes, offset) => loaded?.find(bytes, offset) ?? nothing,
    status: () => ({
      kind,
      file,
      source: isBundled ? "bundled" : "own",
      state,
      reason,
      databaseType: loaded?.databaseType ?? "",
      built: bundled.builtMilliseconds ?? loaded?.built ?? null,
      bytes: loaded?.bytes ?? 0,
      attribution: loaded === undefined ? [] : (bundled.attribution ?? attributionOf(loaded.databaseType)),
    }),
  };
}

const missing = "missing";

async function markOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino, dev } = await stat(file);
    return `${mtimeMs} ${size} ${ino} ${dev}`;
  } catch {
    return missing;
  }
}

function open(answer: Exclude<LoadAnswer, { form: "problem" }>): Loaded {
  if (answer.form === "mmdb") return openMmdb(answer.bytes);
  const ranges = new AsRanges(answer.columns);
  return {
    find: (bytes, offset) =>
      (isMappedIPv4(bytes, offset) ? ranges.findIPv4(bytes, offset) : ranges.findIPv6(bytes, offset)) ??
      nothing,
    databaseType: "",
    built: null,
    bytes: ranges.byteLength,
  };
}

function openMmdb(bytes: Uint8Array): Loaded {
  const reader = new Reader<Response>(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  const { ipVersion, databaseType, buildEpoch } = reader.metadata;
  assert(ipVersion === 4 || ipVersion === 6, "checked when it was loaded");
  return {
    find(address, offset) {
      // The reader would look the first 32 bits of an IPv6 address up as if they were one of IPv4.
      if (ipVersion === 4 && !isMappedIPv4(address, offset)) return nothing;
      return readGeoRecord(reader.get(formatAddress(address, offset)));
    },
    databaseType: typeof databaseType === "string" ? databaseType : "",
    built: Number.isFinite(buildEpoch.getTime()) ? buildEpoch.getTime() : null,
    bytes: bytes.length,
  };
}
