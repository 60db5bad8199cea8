import { readdirSync, readlinkSync, type Stats, statSync } from "node:fs";

/** A network namespace of this machine. */
export interface NetworkNamespace {
  /** As sockets and processes name it: the inode of its file in nsfs. */
  readonly inode: number;
  /** A file to enter it by. It may be gone by then: namespaces come and go. */
  readonly path: string;
}

export interface FoundNamespaces {
  /** This thread's own first, then those of processes, oldest process first, then those that only have a name. */
  readonly namespaces: readonly NetworkNamespace[];
  /** Found beyond `namespacesMax`. */
  readonly beyondCount: number;
}

/** Where `ip netns`, container runtimes and CNI, and Docker keep namespaces that may have no process. */
const nameFolders = ["/run/netns", "/run/docker/netns"];

/**
 * A process is asked at each of its first looks, since whoever starts a container changes namespaces before it runs what is in it; then at
 * every eighth, since hardly anybody does later. Each time takes 10 microseconds.
 */
const looksOfYoung = 3;
const turns = 8;

interface Process {
  inode: number | undefined;
  looks: number;
}

/**
 * Finds the network namespaces that processes are in or that have a name, each once; nothing is opened. One that is held by nothing but
 * an open file or socket is not found, nor one of a thread that left its process's; one that a process moves to late, or that has the id of
 * one that has ended, eight looks later at most. Until then its path leads elsewhere: `insideNamespace` compares the inode.
 */
export function createNamespaceFinder(procFolder = "/proc"): (namespacesMax: number) => FoundNamespaces {
  let processes = new Map<string, Process>();
  let look = 0;

  /** Of every process, oldest first; what has ended is forgotten. */
  function lookAtProcesses(): Map<string, Process> {
    const found = new Map<string, Process>();
    look++;
    for (const entry of entriesOf(procFolder)) {
      const first = entry.charCodeAt(0);
      if (first < 0x30 || first > 0x39) continue;
      const process = processes.get(entry) ?? { inode: undefined, looks: 0 };
      if (process.looks < looksOfYoung || Number(entry) % turns === look % turns)
        process.inode = inodeOfLink(`${procFolder}/${entry}/ns/net`);
      process.looks++;
      found.set(entry, process);
    }
    processes = found;
    return found;
  }

  return (namespacesMax) => findNetworkNamespaces(namespacesMax, procFolder, lookAtProcesses());
}

function findNetworkNamespaces(
  namespacesMax: number,
  procFolder: string,
  processes: ReadonlyMap<string, Process>,
): FoundNamespaces {
  const paths = new Map<number, string>();
  const beyond = new Set<number>();
  const add = (inode: number, path: string) => {
    if (paths.has(inode)) return;
    if (paths.size < namespacesMax) paths.set(inode, path);
    else beyond.add(inode);
  };
  const own = inodeOfLink("/proc/thread-self/ns/net");
  if (own !== undefined) add(own, "/proc/thread-self/ns/net");
  for (const [entry, { inode }] of processes)
    if (inode !== undefined) add(inode, `${procFolder}/${entry}/ns/net`);
  for (const folder of nameFolders) {
    // Other things may lie there, and a name whose mount is gone: what is not on nsfs is no namespace.
    const nsfs = statOf("/proc/thread-self/ns/net")?.dev;
    for (const name of entriesOf(folder)) {
      const stat = statOf(`${folder}/${name}`);
      if (stat !== undefined && stat.dev === nsfs) add(stat.ino, `${folder}/${name}`);
    }
  }
  return {
    namespaces: [...paths].map(([inode, path]) => ({ inode, path })),
    beyondCount: beyond.size,
  };
}

/** From `net:[4026531840]`, which costs the kernel less than opening it. Undefined when the process has ended or is not ours to ask. */
function inodeOfLink(path: string): number | undefined {
  try {
    return Number(readlinkSync(path).slice("net:[".length, -1));
  } catch {
    return undefined;
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
