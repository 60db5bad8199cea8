import { existsSync, readFileSync, statSync } from "node:fs";
import { release } from "node:os";
import { hasLibbpf } from "./libbpf.ts";
import { whyNoSockDiag } from "./sock-diag/namespace-sockets.ts";
import type { SockDiagReach } from "./sock-diag/sock-diag-observer.ts";

/** What decides whether the kernel's sockets can be read, gathered without trying anything. */
export interface KernelFacts {
  readonly platform: string;
  /** "6.1.0-18-amd64" */
  readonly release: string;
  readonly hasBtf: boolean;
  /** CAP_SYS_ADMIN, or CAP_BPF with CAP_PERFMON. */
  readonly isPrivileged: boolean;
  readonly hasLibbpf: boolean;
  /** Where the root of cgroup v2 is, "" when it is not to be reached. */
  readonly cgroupRoot: string;
  /** What is mounted is a part of cgroup v2: this process is in a cgroup namespace of its own, as in a container. */
  readonly isCgroupPrivate?: boolean;
}

/** What decides whether sockets can be read without eBPF. The kernel is asked: it may lack the part, and a sandbox may forbid it. */
export interface SockDiagFacts {
  readonly platform: string;
  /** errno's name when the kernel does not list this namespace's sockets; ENOSYS on a machine we have no calls for. */
  readonly sockDiagError?: string;
}

/** In words: why not, and the one thing that would change it. */
export interface CannotRun {
  readonly reason: string;
  readonly remedy: string;
}

/** What decides whether address translation can be watched, gathered without trying anything: trying would load kernel modules. */
export interface ConntrackFacts {
  readonly platform: string;
  /** CAP_SYS_ADMIN, to enter network namespaces, and CAP_NET_ADMIN, to ask there. */
  readonly isPrivileged: boolean;
  /** nf_conntrack is in the kernel: built in, or loaded because a rule needs it. */
  readonly hasConntrack: boolean;
}

const capNetAdmin = 12n;
const capSysPtrace = 19n;
const capSysAdmin = 21n;
const capPerfmon = 38n;
const capBpf = 39n;

export function readKernelFacts(): KernelFacts {
  const cgroups =
    process.platform === "linux" ? reachCgroupRoot(readFileSync("/proc/self/mounts", "utf8")) : noCgroups;
  return {
    platform: process.platform,
    release: release(),
    hasBtf: existsSync("/sys/kernel/btf/vmlinux"),
    isPrivileged: process.platform === "linux" && hasCapabilities(readFileSync("/proc/self/status", "utf8")),
    hasLibbpf: process.platform === "linux" && hasLibbpf(),
    ...cgroups,
  };
}

const noCgroups = { cgroupRoot: "", isCgroupPrivate: false };
/** Of the folder that is the root of all cgroups (kernfs numbers them from there). */
const rootInode = 1;

/** With the host's processes in sight, its first one leads to the root from within a container. */
function reachCgroupRoot(mounts: string): typeof noCgroups {
  const mounted = findCgroupRoot(mounts);
  if (mounted === "") return noCgroups;
  for (const folder of [mounted, `/proc/1/root${mounted}`])
    if (inodeOf(folder) === rootInode) return { cgroupRoot: folder, isCgroupPrivate: false };
  return { cgroupRoot: "", isCgroupPrivate: true };
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined; // not there, or not for us
  }
}

/** The first thing that stands in the way of the TCP observer, or undefined when nothing known does. */
export function canRunTcp(facts: KernelFacts): CannotRun | undefined {
  if (facts.platform !== "linux") {
    return {
      reason: `the agent reads the Linux kernel's sockets, and this is ${facts.platform}`,
      remedy: "run Portolan on the Linux machine whose connections you want to see",
    };
  }
  const [major = 0, minor = 0] = facts.release.split(".").map((part) => Number.parseInt(part, 10));
  if (major < 5 || (major === 5 && minor < 14)) {
    return {
      reason: `Linux ${facts.release} lacks what the agent's programs need`,
      remedy: "boot Linux 5.14 or newer",
    };
  }
  if (!facts.isPrivileged) {
    return {
      reason: "reading the kernel's sockets needs root, or the capabilities CAP_BPF and CAP_PERFMON",
      remedy: "start it as root: sudo ./portolan up",
    };
  }
  if (!facts.hasBtf) {
    return {
      reason: `the kernel ${facts.release} does not describe its types: /sys/kernel/btf/vmlinux is missing`,
      remedy: "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y (Debian's own kernels are)",
    };
  }
  if (!facts.hasLibbpf) {
    return { reason: "the library libbpf.so.1 is not installed", remedy: "apt-get install libbpf1" };
  }
  return undefined;
}

/** The first thing that stands in the way of the datagram observer: what TCP needs, and cgroup v2. */
export function canRunDatagrams(facts: KernelFacts): CannotRun | undefined {
  return canRunTcp(facts) ?? canReachCgroups(facts, "UDP, ICMP and DNS are");
}

/** What it means that the kernel took the slower of two sets of programs, and what it said of the faster. */
export function slowerDatagrams(release: string, { message }: Error): CannotRun {
  return {
    reason: `the kernel ${release} did not take the faster programs (${message}): to count a packet of a busy flow takes some 0.1 µs more`,
    remedy: "boot Linux 6.2 or newer; if it is, please report this line",
  };
}

/** The same for TCP's soft errors (`agent.softErrors`), without which the TCP observer still runs. */
export function canFollowSoftErrors(facts: KernelFacts): CannotRun | undefined {
  return canRunTcp(facts) ?? canReachCgroups(facts, "refusals that TCP tells to the program alone are");
}

/** `what` begins the sentence: whose hook is at the root. */
function canReachCgroups(facts: KernelFacts, what: string): CannotRun | undefined {
  if (facts.isCgroupPrivate === true) {
    return {
      reason: `${what} seen at the root of cgroup v2, and this process sees a part of it alone (a private cgroup namespace)`,
      remedy: "start the container with the host's: docker run --cgroupns=host",
    };
  }
  if (facts.cgroupRoot === "") {
    return {
      reason: `${what} seen at the root of cgroup v2, which is not mounted`,
      remedy: "mount it: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified",
    };
  }
  return undefined;
}

export function readConntrackFacts(): ConntrackFacts {
  const isLinux = process.platform === "linux";
  return {
    platform: process.platform,
    isPrivileged: isLinux && hasConntrackCapabilities(readFileSync("/proc/self/status", "utf8")),
    hasConntrack: existsSync("/proc/sys/net/netfilter/nf_conntrack_count"),
  };
}

/** The first thing that stands in the way of the conntrack observer, or undefined when nothing known does. */
export function canRunConntrack(facts: ConntrackFacts): CannotRun | undefined {
  if (facts.platform !== "linux") {
    return {
      reason: `address translation is read from the Linux kernel, and this is ${facts.platform}`,
      remedy: "run Portolan on the Linux machine that translates addresses",
    };
  }
  if (!facts.isPrivileged) {
    return {
      reason: "reading address translation needs root, or the capabilities CAP_NET_ADMIN and CAP_SYS_ADMIN",
      remedy: "start it as root: sudo ./portolan up",
    };
  }
  if (!facts.hasConntrack) {
    return {
      reason: "nothing on this machine uses connection tracking, so no addresses are translated",
      remedy:
        "add the rule that translates (nft, iptables, Docker, kube-proxy); it is noticed within seconds",
    };
  }
  return undefined;
}

/** `mounts` is the text of /proc/self/mounts: device, place, type, options. */
export function findCgroupRoot(mounts: string): string {
  for (const line of mounts.split("\n")) {
    const [, place = "", type] = line.split(" ");
    if (type === "cgroup2")
      return place.replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)));
  }
  return "";
}

/** `status` is the text of /proc/self/status. */
export function hasConntrackCapabilities(status: string): boolean {
  const has = effectiveCapabilities(status);
  return has(capNetAdmin) && has(capSysAdmin);
}

export function readSockDiagFacts(): SockDiagFacts {
  const { platform } = process;
  const sockDiagError = platform === "linux" ? whyNoSockDiag() : undefined;
  return { platform, ...(sockDiagError !== undefined && { sockDiagError }) };
}

/** The same for the observer without eBPF, which needs no privileges for its own network namespace. */
export function canRunSockDiag({ platform, sockDiagError }: SockDiagFacts): CannotRun | undefined {
  if (platform !== "linux") {
    return {
      reason: `the agent reads the Linux kernel's sockets, and this is ${platform}`,
      remedy: "run Portolan on the Linux machine whose connections you want to see",
    };
  }
  if (sockDiagError === undefined) return undefined;
  if (sockDiagError === "ENOENT") {
    return {
      reason:
        "the kernel does not list its TCP sockets: it was built without tcp_diag, or the module is missing",
      remedy: "modprobe tcp_diag, or boot a kernel built with CONFIG_INET_DIAG",
    };
  }
  return {
    reason: `the kernel does not list its sockets here (NETLINK_SOCK_DIAG: ${sockDiagError})`,
    remedy: "run Portolan outside the sandbox or container that forbids netlink sockets",
  };
}

/** In words, what a map made without eBPF lacks; each with what would change it. Shown beside the agent's state. */
export function sockDiagLimits(reach: SockDiagReach): CannotRun[] {
  const limits: CannotRun[] = [
    {
      reason:
        "without eBPF a client whose connection is shorter than the time between two polls has no process name (except in a network " +
        "namespace with one process); such a connection is seen from its other end only when its own program aborts it; and connects " +
        "that are refused while their program waits are not seen",
      remedy: "see why the agent's eBPF programs do not run here",
    },
  ];
  if (reach.networkNamespacesMissed > 0) {
    limits.push({
      reason: `connections in ${reach.networkNamespacesMissed} further network namespaces (containers, pods) are not seen`,
      remedy: "start it as root: entering them needs CAP_SYS_ADMIN",
    });
  }
  if (reach.processesMissed > 0) limits.push(processesLimit(reach));
  if (!reach.hasEvents) {
    limits.push({
      reason:
        "the kernel does not tell of sockets that end: connections shorter than the time between two polls are not seen, and of the " +
        "others what was sent after the last poll is missing",
      remedy: "start it as root: the events need CAP_NET_ADMIN",
    });
  }
  return limits;
}

function processesLimit({ canReadProcesses, processesMissed }: SockDiagReach): CannotRun {
  if (!canReadProcesses) {
    return {
      reason:
        "only sockets of this user's own processes have process names, and only those processes' namespaces are found",
      remedy: "start it as root: sudo ./portolan up",
    };
  }
  const [which, whose] =
    processesMissed === 1 ? ["1 process is", "its"] : [`${processesMissed} processes are`, "their"];
  return {
    reason: `${which} shielded, from root as well: ${whose} sockets have no process names, and a network namespace with no others in it is not found`,
    remedy:
      "see what shields it, such as a security module or a sandbox: ls -l /proc/[0-9]*/ns/net names the process",
  };
}

/** CAP_SYS_PTRACE: what is in /proc/PID/ns and /proc/PID/fd of other users' processes can be read. */
export function canReadOthersProcesses(): boolean {
  return effectiveCapabilities(readFileSync("/proc/self/status", "utf8"))(capSysPtrace);
}

/** `status` is the text of /proc/self/status. */
export function hasCapabilities(status: string): boolean {
  const has = effectiveCapabilities(status);
  return has(capSysAdmin) || (has(capBpf) && has(capPerfmon));
}

function effectiveCapabilities(status: string): (capability: bigint) => boolean {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return (capability) => ((effective >> capability) & 1n) === 1n;
}
