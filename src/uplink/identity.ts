import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

const fileName = "agent";

/**
 * Who the agent is, for as long as it keeps its folder: 32 hex digits, made when there are none. What is no identity is
 * replaced. Throws what the file system throws.
 */
export function openIdentity(folder: string): string {
  const path = join(folder, fileName);
  const known = /^portolan agent 1\n([0-9a-f]{32})\n$/.exec(readIfThere(path))?.[1];
  if (known !== undefined) return known;
  const instance = randomBytes(16).toString("hex");
  const file = openSync(`${path}.new`, "w", 0o600);
  try {
    writeSync(file, `portolan agent 1\n${instance}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
  return instance;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
