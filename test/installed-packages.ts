import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where packages of tests alone are, that are too many or too large to be dependencies. */
export interface InstalledPackages {
  /** What is in its `node_modules`. */
  readonly folder: string;
  readonly require: NodeJS.Require;
}

/**
 * The packages of `test/NAME/package.json`, by its lock file, installed once for all runs, in ~/.cache/portolan-test; `version` is theirs, `flags`
 * are npm's. A text says why they are not there.
 */
export function installPackages(
  name: string,
  version: string,
  flags: readonly string[] = [],
): InstalledPackages | string {
  const own = fileURLToPath(new URL(`./${name}/`, import.meta.url));
  const caches = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  const cache = join(caches, `portolan-test/${name}-${version}`);
  if (!existsSync(cache)) {
    const making = `${cache}.${process.pid}`;
    mkdirSync(making, { recursive: true });
    for (const file of ["package.json", "package-lock.json"])
      copyFileSync(join(own, file), join(making, file));
    const parameters = ["ci", "--ignore-scripts", ...flags, "--no-audit", "--no-fund"];
    const { status, stderr } = spawnSync("npm", [...parameters, "--prefix", making], {
      ...{ encoding: "utf8", timeout: 600_000 },
    });
    if (status !== 0) {
      rmSync(making, { recursive: true, force: true });
      return `${name} ${version} cannot be installed: ${stderr?.split("\n").find((line) => line.startsWith("npm error")) ?? status}`;
    }
    try {
      renameSync(making, cache);
    } catch {
      rmSync(making, { recursive: true, force: true }); // another test was there first
    }
  }
  return { folder: join(cache, "node_modules"), require: createRequire(join(cache, "package.json")) };
}
