import { rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { DatabaseConnection } from "./database.ts";
import { checkpoint } from "./retention.ts";

/**
 * On a full disk nothing can be removed: a deletion has to be logged, and a checkpoint writes before it frees. So a
 * file is kept that is given up when that happens, and made again once there is room.
 */
const reserveFileName = "reserve";
const reserveBytes = 16 * 2 ** 20;

/** Makes the reserve when it is missing; without room for it the store does without. */
export async function keepReserve(databasePath: string): Promise<void> {
  const path = reservePath(databasePath);
  const found = await stat(path).catch(() => undefined);
  if (found?.size === reserveBytes) return;
  // Zeros would be kept as a hole by some file systems; DuckDB's own blocks are not zero either.
  await writeFile(path, new Uint8Array(reserveBytes).fill(0x50)).catch(() => rm(path, { force: true }));
}

/** Gives the reserve up, and with its room moves the log into the database. */
export async function makeRoom(connection: DatabaseConnection, databasePath: string): Promise<void> {
  await rm(reservePath(databasePath), { force: true });
  await checkpoint(connection);
}

function reservePath(databasePath: string): string {
  return join(dirname(databasePath), reserveFileName);
}
