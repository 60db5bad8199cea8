import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseProcCgroup } from "../src/enrich/cgroup-path.ts";
import { readCgroupMounts } from "../src/enrich/cgroup-tree.ts";

/** Why cgroups cannot be made here, or false when they can. */
export function whyNoCgroups(): string | false {
  const { folder } = readCgroupMounts();
  if (folder === undefined) return "there are no cgroups of version 2";
  const probe = join(folder, `portolan-probe-${process.pid}`);
  try {
    mkdirSync(probe);
    rmdirSync(probe);
    return false;
  } catch (error) {
    return `a cgroup cannot be made: ${(error as Error).message}`;
  }
}

/** A hierarchy of version 1 that processes can be put into beside, as on a hybrid machine; undefined where there is none. */
export function hybridFolder(): string | undefined {
  return readCgroupMounts().isHybrid && existsSync("/sys/fs/cgroup/pids/cgroup.procs")
    ? "/sys/fs/cgroup/pids"
    : undefined;
}

/** The peer that a test's own child is: where tests are run by a service, as CI's machines do, its unit. */
export function peerIdHere(machine: string, processName: string): string {
  const { systemdUnit } = parseProcCgroup(readFileSync("/proc/self/cgroup", "utf8")).place;
  return systemdUnit === "" ? `process:${machine}/${processName}` : `unit:${machine}/${systemdUnit}`;
}

/** Cgroups with the paths that runtimes give them, below one of the test's own, and processes in them. */
export class TestCgroups {
  readonly #top: string;
  readonly #made: string[] = [];
  readonly #children: ChildProcess[] = [];

  constructor(folder = readCgroupMounts().folder ?? "/nowhere") {
    this.#top = join(folder, `portolan-test-${process.pid}`);
  }

  /** Runs a program in the cgroup of this path. */
  run(path: string, command: string, ...parameters: string[]): ChildProcess {
    const folder = join(this.#top, path);
    this.#make(folder);
    const enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
    const child = spawn("sh", ["-c", enter, folder, command, ...parameters], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#children.push(child);
    return child;
  }

  async remove(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    for (const folder of this.#made.reverse()) await removeWhenEmpty(folder);
    this.#made.length = 0;
  }

  #make(folder: string): void {
    if (this.#made.includes(folder) || folder === dirname(this.#top)) return;
    this.#make(dirname(folder));
    mkdirSync(folder);
    this.#made.push(folder);
  }
}

/** The kernel takes a process out of its cgroup a little after it has ended. */
async function removeWhenEmpty(folder: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      rmdirSync(folder);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
