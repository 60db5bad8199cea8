import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { grown } from "../../flow/index.ts";
import type { Owner } from "./socket-table.ts";

export interface SocketProcessesConfig {
  /** Links read by one search at most, about 4 microseconds each. What is left is read by the next. */
  readonly linksMax: number;
  readonly procFolder?: string;
}

interface Process {
  networkNamespace: number;
  /** Number of the search that read the last of its files; -1 when none has. */
  searched: number;
  /** Files of it that the search under way has read. */
  read: number;
  hasSockets: boolean;
  /** Inode of the socket that each file descriptor was when it was last read, else 0. */
  sockets: Uint32Array;
}

export interface Search {
  /** Whether every process of the wanted sockets' namespaces was read to its end: who was not found has no process we may see. */
  readonly isWhole: boolean;
}

const noSockets = new Uint32Array(0);
const descriptorsMax = 1 << 20; // beyond, they are read each time
const linksMaxDefault = 16_384;
const socketPrefix = "socket:[";

/**
 * Which process has a socket: the only way to know is to read the links in /proc/PID/fd, of all processes. So it is done for many
 * sockets at once, first in processes of their network namespace that had sockets before or are new, and within a bound.
 */
export class SocketProcesses {
  readonly #procFolder: string;
  readonly #linksMax: number;
  readonly #processes = new Map<number, Process>();
  #missedCount = 0;
  #search = 0;
  #linksLeft = 0;

  constructor({ linksMax = linksMaxDefault, procFolder = "/proc" }: Partial<SocketProcessesConfig> = {}) {
    this.#linksMax = linksMax;
    this.#procFolder = procFolder;
  }

  /**
   * Takes each socket that is found out of `wanted`, which maps a socket's inode to its network namespace. A descriptor that was a
   * socket which `isOpen` is taken to be it still, and not read again.
   */
  find(
    wanted: Map<number, number>,
    isOpen: (inode: number) => boolean,
    found: (inode: number, owner: Owner) => void,
  ): Search {
    this.list();
    this.#search++;
    this.#linksLeft = this.#linksMax;
    const namespaces = new Set(wanted.values());
    let isWhole = true;
    for (const [pid, process] of this.#inOrder(namespaces)) {
      if (wanted.size === 0) break;
      if (this.#linksLeft <= 0) {
        isWhole = false;
        break;
      }
      if (!this.#readFiles(pid, process, wanted, isOpen, found)) isWhole = false;
    }
    return { isWhole };
  }

  /** The process of a network namespace that has only one; then its sockets are that one's. */
  soleProcess(networkNamespace: number): Owner | undefined {
    let sole: number | undefined;
    for (const [pid, process] of this.#processes) {
      if (process.networkNamespace !== networkNamespace) continue;
      if (sole !== undefined) return undefined;
      sole = pid;
    }
    return sole === undefined ? undefined : this.#ownerOf(sole);
  }

  /** Processes of the last listing that the kernel did not let us read. */
  get missedCount(): number {
    return this.#missedCount;
  }

  /** Learns which processes there are, and where: one that is being started may go to another namespace. */
  list(): void {
    const pids = new Set<number>();
    this.#missedCount = 0;
    for (const entry of entriesOf(this.#procFolder)) {
      const pid = Number(entry);
      if (!Number.isInteger(pid)) continue;
      pids.add(pid);
      const networkNamespace = this.#namespaceOf(pid);
      const known = this.#processes.get(pid);
      if (known !== undefined) known.networkNamespace = networkNamespace;
      else
        this.#processes.set(pid, {
          networkNamespace,
          searched: -1,
          read: 0,
          hasSockets: false,
          sockets: noSockets,
        });
    }
    for (const pid of this.#processes.keys()) if (!pids.has(pid)) this.#processes.delete(pid);
  }

  /** 0 when it is not ours to know, or the process has just ended. */
  #namespaceOf(pid: number): number {
    try {
      return Number(readlinkSync(`${this.#procFolder}/${pid}/ns/net`).slice("net:[".length, -1));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EACCES") this.#missedCount++;
      return 0;
    }
  }

  #inOrder(namespaces: ReadonlySet<number>): [number, Process][] {
    const candidates = [...this.#processes].filter(([, process]) => namespaces.has(process.networkNamespace));
    const isLikely = ({ hasSockets, searched }: Process) => (hasSockets || searched < 0 ? 0 : 1);
    return candidates.sort(([, a], [, b]) => isLikely(a) - isLikely(b) || a.searched - b.searched);
  }

  /** False when the bound was reached: the next search goes on there. */
  #readFiles(
    pid: number,
    process: Process,
    wanted: Map<number, number>,
    isOpen: (inode: number) => boolean,
    found: (inode: number, owner: Owner) => void,
  ): boolean {
    const files = entriesOf(`${this.#procFolder}/${pid}/fd`);
    let owner: Owner | undefined;
    if (process.read === 0) process.hasSockets = false;
    for (; process.read < files.length && wanted.size > 0; process.read++) {
      const descriptor = Number(files[process.read]);
      let inode = process.sockets[descriptor] ?? 0;
      if (inode === 0 || !(wanted.has(inode) || isOpen(inode))) {
        if (this.#linksLeft-- <= 0) return false;
        inode = this.#socketOf(pid, process, descriptor);
      }
      if (inode === 0) continue;
      process.hasSockets = true;
      if (!wanted.has(inode)) continue;
      owner ??= this.#ownerOf(pid);
      if (owner === undefined) break; // it has just ended
      wanted.delete(inode);
      found(inode, owner);
    }
    process.searched = this.#search;
    process.read = 0;
    return true;
  }

  #ownerOf(pid: number): Owner | undefined {
    try {
      const processName = readFileSync(`${this.#procFolder}/${pid}/comm`, "utf8").trimEnd();
      return { process: pid, processName };
    } catch {
      return undefined;
    }
  }

  /** The inode of the socket that a descriptor is, 0 of another file; it is kept. */
  #socketOf(pid: number, process: Process, descriptor: number): number {
    let link = "";
    try {
      link = readlinkSync(`${this.#procFolder}/${pid}/fd/${descriptor}`);
    } catch {
      // it has been closed, or is not ours to ask
    }
    const inode = link.startsWith(socketPrefix) ? Number(link.slice(socketPrefix.length, -1)) : 0;
    if (descriptor < descriptorsMax && descriptor >= process.sockets.length && inode !== 0)
      process.sockets = grown(process.sockets, Math.max(64, 2 ** Math.ceil(Math.log2(descriptor + 1))));
    if (descriptor < process.sockets.length) process.sockets[descriptor] = inode;
    return inode;
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
