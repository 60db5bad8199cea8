/**
 * The container a cgroup path belongs to, or "" for none. Runtimes write the id as 64 hex digits, as the last part or
 * in a systemd scope: `docker-ID.scope`, `cri-containerd-ID.scope`, `crio-ID.scope`, `libpod-ID.scope`, `/docker/ID`,
 * `/kubepods/besteffort/podUID/ID`, `….slice:cri-containerd:ID`. `crio-conmon-ID` is CRI-O's own process beside the container.
 */
export function containerIdOf(cgroupPath: string): string {
  if (cgroupPath.includes("crio-conmon-") || cgroupPath.includes("libpod-conmon-")) return "";
  return /(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?:\/|$)/.exec(cgroupPath)?.[1] ?? "";
}

/** The container named in the text of /proc/PID/cgroup, whichever hierarchy says so. */
export function containerIdOfProcess(procCgroup: string): string {
  for (const line of procCgroup.split("\n")) {
    // hierarchy-ID:controllers:path, and the path may hold colons (proc(5), cgroups(7)).
    const id = containerIdOf(line.split(":").slice(2).join(":"));
    if (id !== "") return id;
  }
  return "";
}
