import { readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { type CgroupMounts, cgroupPaths } from "./cgroup-tree.ts";

/** The machine's first cgroup namespace, whose root is that of all cgroups (PROC_CGROUP_INIT_INO, include/linux/proc_ns.h). */
const firstNamespace = "cgroup:[4026531835]";

/**
 * The path, among the machine's cgroups of version 2, that this process's cgroup namespace begins at; "" where it begins at the root. containerd
 * and CRI-O give every container that is not privileged a namespace of its own, and /proc/PID/cgroup tells paths from there
 * (cgroup_namespaces(7)): `/` of the container's own processes, `/../../podUID/ID` of a neighbour's. Also "" where it cannot be found,
 * since what is mounted is not the machine's tree.
 */
export function findNamespaceRoot({ folder }: CgroupMounts, procFolder = "/proc", own = process.pid): string {
  try {
    if (folder === undefined || readlinkSync(`${procFolder}/${own}/ns/cgroup`) === firstNamespace) return "";
    const told = /^0::(.*)$/m.exec(readFileSync(`${procFolder}/${own}/cgroup`, "utf8"))?.[1] ?? "";
    const below = told === "/" ? "" : told;
    const path = findProcess(folder, own);
    return path?.endsWith(below) === true ? path.slice(0, path.length - below.length) : "";
  } catch {
    return ""; // no Linux, or a kernel without cgroup namespaces
  }
}

function findProcess(folder: string, process: number): string | undefined {
  const line = new RegExp(`^${process}$`, "m");
  for (const path of cgroupPaths(folder).values()) {
    try {
      if (line.test(readFileSync(join(folder, path, "cgroup.procs"), "utf8")))
        return path === "/" ? "" : path;
    } catch {
      // it went meanwhile, or is threaded and has no such list
    }
  }
  return undefined;
}
