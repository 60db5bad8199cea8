import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { prefix } from "./world.ts";

const emptyTriesMax = 50;

/** Where cgroup v2 is mounted, alone or beside v1; undefined when it is not. */
export function findControlGroups(mounts = readFileSync("/proc/self/mounts", "utf8")): string | undefined {
  for (const line of mounts.split("\n")) {
    const [, folder, type, options = ""] = line.split(" ");
    if (type === "cgroup2" && options.split(",").includes("rw")) return folder;
  }
  return undefined;
}

/** Makes a group below the demo's own and puts a process into it, before it has a socket. */
export function enterControlGroup(root: string, path: string, process: number): void {
  const folder = join(root, prefix, path);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "cgroup.procs"), String(process));
}

/** Ends every process of the demo's groups, and removes the groups. */
export async function removeControlGroups(root: string): Promise<void> {
  const own = join(root, prefix);
  if (!existsSync(own)) return;
  writeFileSync(join(own, "cgroup.kill"), "1");
  for (let tries = 0; tries < emptyTriesMax && isPopulated(own); tries++) await sleep(20);
  removeTree(own);
}

function isPopulated(folder: string): boolean {
  return readFileSync(join(folder, "cgroup.events"), "utf8").includes("populated 1");
}

/** A control group goes when it is empty; its files go with it. */
function removeTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  }
  rmdirSync(folder);
}
