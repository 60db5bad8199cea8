import { type Dirent, readdirSync, statSync } from "node:fs";

/** Folders read at most for one look-up: a machine has a few hundred. */
const foldersMax = 10_000;
/** Ids without a folder, kept so that the tree is not read for each of their packets again. */
const unknownMax = 1024;

export interface CgroupPaths {
  /** The path of a cgroup v2 below the root, by its id; "" when it is not there. */
  pathOf(cgroupId: number): string;
}

/** A cgroup's id is the inode number of its folder. The tree is read when an id is asked for that was not there before. */
export function createCgroupPaths(root: () => string): CgroupPaths {
  let paths = new Map<number, string>();
  const unknown = new Set<number>();

  return {
    pathOf(cgroupId) {
      const known = paths.get(cgroupId);
      if (known !== undefined) return known;
      if (cgroupId === 0 || root() === "" || unknown.has(cgroupId)) return "";
      paths = readTree(root());
      if (!paths.has(cgroupId)) {
        if (unknown.size >= unknownMax) unknown.clear();
        unknown.add(cgroupId);
      }
      return paths.get(cgroupId) ?? "";
    },
  };
}

function readTree(root: string): Map<number, string> {
  const paths = new Map<number, string>();
  const waiting = [""];
  for (let path = waiting.pop(); path !== undefined && paths.size < foldersMax; path = waiting.pop()) {
    const inode = statSync(`${root}${path}`, { throwIfNoEntry: false })?.ino;
    if (inode === undefined) continue; // it went meanwhile
    paths.set(inode, path === "" ? "/" : path);
    for (const entry of foldersOf(`${root}${path}`)) waiting.push(`${path}/${entry.name}`);
  }
  return paths;
}

function foldersOf(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  } catch {
    return []; // it went meanwhile
  }
}
