import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** How cgroups are mounted on this machine. */
export interface CgroupMounts {
  /** Of version 2; undefined when there are none. */
  readonly folder: string | undefined;
  /** Whether there are hierarchies of version 1 beside it. */
  readonly isHybrid: boolean;
}

export interface CgroupTreeDependencies {
  readonly mounts?: CgroupMounts;
  /** Milliseconds of a clock that never goes back. */
  now?(): number;
}

export interface CgroupTree {
  /** The path of a cgroup by its id, as /proc/PID/cgroup would have it; "" when it is not found. */
  pathOf(cgroupId: number): string;
  readonly isHybrid: boolean;
}

const foldersMax = 20_000;
/** A walk takes some milliseconds: at most this share of the time is spent walking. */
const walkShare = 0.002;
const walkMillisecondsMin = 1000;

/**
 * Finds cgroups by their ids, which are their folders' inodes: a process that has ended cannot be asked any more where it
 * was, but where it was is mostly still there.
 */
export function createCgroupTree({
  mounts: { folder, isHybrid } = readCgroupMounts(),
  now = () => performance.now(),
}: CgroupTreeDependencies = {}): CgroupTree {
  let paths = new Map<number, string>();
  let walkAgain = Number.NEGATIVE_INFINITY;

  return {
    isHybrid,
    pathOf(cgroupId) {
      const known = paths.get(cgroupId);
      if (known !== undefined || folder === undefined || cgroupId === 0) return known ?? "";
      const start = now();
      if (start < walkAgain) return "";
      paths = cgroupPaths(folder);
      const end = now();
      walkAgain = end + Math.max(walkMillisecondsMin, (end - start) / walkShare);
      return paths.get(cgroupId) ?? "";
    },
  };
}

/** Version 2 is on /sys/fs/cgroup, or on /sys/fs/cgroup/unified of a hybrid machine. */
export function readCgroupMounts(mounts = "/proc/self/mounts"): CgroupMounts {
  try {
    const text = readFileSync(mounts, "utf8");
    return { folder: /^\S+ (\S+) cgroup2 /m.exec(text)?.[1], isHybrid: /^\S+ \S+ cgroup /m.test(text) };
  } catch {
    return { folder: undefined, isHybrid: false }; // not Linux
  }
}

/** Paths of cgroups, the first 20,000, by their ids. */
export function cgroupPaths(top: string): Map<number, string> {
  const paths = new Map<number, string>();
  const waiting = ["/"];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    try {
      const folder = join(top, path);
      paths.set(statSync(folder).ino, path);
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        if (entry.isDirectory() && paths.size + waiting.length < foldersMax)
          waiting.push(join(path, entry.name));
      }
    } catch {
      // it went while it was looked at
    }
  }
  return paths;
}
