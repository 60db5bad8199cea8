import { access, constants, mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { OperatingError } from "../errors.ts";
import { formatVersion } from "./schema.ts";

export const databaseFileName = "portolan.duckdb";
export const formatFileName = "FORMAT";

/** What to do about a folder that cannot be used; every such message ends with it. */
export const nothingDeleted = "nothing was deleted; move the folder away to start anew, or restore a backup";

/** Makes the folder, and refuses one that is not ours to open before DuckDB touches it. Gives the database's path. */
export async function prepareFolder(folder: string): Promise<string> {
  try {
    await makeFolder(resolve(folder));
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new OperatingError(
      "store_folder",
      `data folder ${folder}: not writable: ${(cause as Error).message}`,
      cause,
    );
  }
  await checkFormatFile(folder);
  const databasePath = join(folder, databaseFileName);
  await checkFiles(databasePath);
  return databasePath;
}

/** Who talks to whom is for whoever may ask the server: not for everybody with an account on its machine. */
const folderMode = 0o700;

/** Level by level: mkdir's own recursion never ends below a folder that takes no children, such as /proc. */
async function makeFolder(folder: string, mode = folderMode): Promise<void> {
  const made = await mkdir(folder, mode).catch((cause: NodeJS.ErrnoException) => cause);
  if (made === undefined || made.code === "EEXIST") return;
  if (made.code !== "ENOENT" || dirname(folder) === folder) throw made;
  await makeFolder(dirname(folder), 0o777);
  await mkdir(folder, mode);
}

/** `portolan data 1`: says the version even when the database is one that this DuckDB cannot open. */
async function checkFormatFile(folder: string): Promise<void> {
  const path = join(folder, formatFileName);
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw new OperatingError("store_folder", `data folder ${folder}: ${cause.message}`, cause);
  });
  if (text === undefined) return;
  const version = /^portolan data (\d{1,9})\n/.exec(text)?.[1];
  if (version === undefined) {
    const found = JSON.stringify(text.slice(0, 40));
    throw new OperatingError(
      "store_damaged",
      `${path}: expected "portolan data ${formatVersion}", found ${found}; ${nothingDeleted}`,
    );
  }
  checkVersion(folder, Number(version));
}

export function checkVersion(folder: string, version: number): void {
  if (version <= formatVersion) return;
  const message = `data folder ${folder}: its format is version ${version}, this program reads up to ${formatVersion}`;
  throw new OperatingError(
    "store_newer",
    `${message}; run the newer version again, or name another folder; nothing was deleted`,
  );
}

/** DuckDB would take an empty file for a new database, and a log without its database for litter. */
async function checkFiles(databasePath: string): Promise<void> {
  const [databaseBytes, logBytes] = await Promise.all([
    fileBytes(databasePath),
    fileBytes(`${databasePath}.wal`),
  ]);
  if (databaseBytes === undefined && logBytes !== undefined) {
    throw new OperatingError(
      "store_damaged",
      `${databasePath}: is missing, while its log ${databasePath}.wal is there; ${nothingDeleted}`,
    );
  }
  if (logBytes !== undefined) await checkLog(`${databasePath}.wal`);
  if (databaseBytes === 0)
    throw new OperatingError("store_damaged", `${databasePath}: is empty; ${nothingDeleted}`);
}

/**
 * DuckDB checks every entry of its log against a checksum, but takes an unreadable first entry for a log that a crash
 * cut off, and starts without what is behind it. A log starts with field 100, entry type 98 (its version).
 */
async function checkLog(path: string): Promise<void> {
  const file = await open(path, "r");
  const start = new Uint8Array(logStart.length);
  const { bytesRead } = await file.read(start).finally(() => file.close());
  if (start.subarray(0, bytesRead).every((byte, i) => byte === logStart[i])) return;
  throw new OperatingError("store_damaged", `${path}: is not a log of DuckDB; ${nothingDeleted}`);
}

const logStart = [100, 0, 98];

async function fileBytes(path: string): Promise<number | undefined> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw new OperatingError("store_folder", `${path}: ${cause.message}`, cause);
  });
  return found?.size;
}

/** Sizes of the database file and of its log. */
export async function databaseBytes(databasePath: string): Promise<{ database: number; log: number }> {
  const [database = 0, log = 0] = await Promise.all([
    fileBytes(databasePath),
    fileBytes(`${databasePath}.wal`),
  ]);
  return { database, log };
}

/** Written once the database is there, whole or not at all. */
export async function writeFormatFile(folder: string): Promise<void> {
  const path = join(folder, formatFileName);
  try {
    const file = await open(`${path}.new`, "w");
    try {
      await file.writeFile(`portolan data ${formatVersion}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
  } catch (cause) {
    throw new OperatingError("store_folder", `${path}: not writable: ${(cause as Error).message}`, cause);
  }
}
