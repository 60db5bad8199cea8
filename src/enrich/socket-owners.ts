import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename } from "node:path";
import { formatAddress } from "../flow/index.ts";
import type { Peer, PeerTable } from "../topology/index.ts";
import { AddressTable, addressWords } from "./address-table.ts";
import { createCgroupPaths } from "./cgroup-paths.ts";
import { containerIdOf, containerIdOfProcess } from "./container-id.ts";
import { networkOf } from "./network.ts";

/** What the kernel says of a socket's owner. */
export interface SocketOwner {
  /** Thread group id, 0 when unknown. */
  readonly process: number;
  readonly processName: string;
  readonly cgroupId: number;
  readonly networkNamespace: number;
}

export interface SocketOwnersDependencies {
  readonly peers: PeerTable;
  readonly node: string;
  /** Where the kernel's files are; tests give stored trees. */
  readonly procFolder?: string;
  readonly namedNamespacesFolder?: string;
  /** Where cgroup v2 is mounted, "" when it is not: names the containers of processes that have ended. */
  cgroupRoot?(): string;
}

export interface SocketOwners {
  /** The peer that owns a socket, at the local address `bytes[offset]`; 0 when the owner is not known. */
  peerOf(owner: SocketOwner, bytes: Uint8Array, offset: number): number;
}

/** Identities kept at most; beyond, they are learned anew. */
const identitiesMax = 16_384;

/** Some runtimes name their first thread, and with it the process, after its role: Node 24, and many C++ programs. */
const threadNames = new Set(["MainThread", "main", "Main"]);

/** This program runs on Node, but is known by its own name. */
const ownProcess = process.pid;
const ownName = "portolan";

/** Most processes have a socket at one or two addresses. */
const fewAddresses = 4;

/** A process may call itself anything: in an id, what separates ids is written as its code. */
function idText(name: string): string {
  return name.replace(/[%/>@\s\p{Cc}]/gu, (character) => encodeURIComponent(character));
}

interface Identity {
  readonly peer: Omit<Peer, "address" | "network">;
  readonly rows: AddressTable;
}

/**
 * Names the ends whose socket an agent read: by container when the process runs in one, else by process name on its
 * machine. A process in a named network namespace (`ip netns`) counts as running on a machine of its own.
 */
export function createSocketOwners({
  peers,
  node,
  procFolder = "/proc",
  namedNamespacesFolder = "/run/netns",
  cgroupRoot = () => "",
}: SocketOwnersDependencies): SocketOwners {
  const identities = new Map<string, Identity>();
  /** A process may be gone when it is asked for; its cgroup was perhaps seen before. */
  const containerByCgroup = new Map<number, string>();
  const cgroups = createCgroupPaths(cgroupRoot);
  const namespaces = createNamespaceNames(namedNamespacesFolder);
  let generation = peers.generation;

  function identify({ process, processName: comm, cgroupId, networkNamespace }: SocketOwner): Identity {
    const container = process === 0 ? containerOfCgroup(cgroupId) : containerOf(process, cgroupId);
    const processName =
      process === ownProcess ? ownName : threadNames.has(comm) ? programOf(process, comm) : comm;
    const namespace = container === "" ? namespaces.nameOf(networkNamespace) : "";
    const place = namespace === "" ? node : `${node}/${namespace}`;
    const peer =
      container === ""
        ? ({ id: `process:${place}/${idText(processName)}`, kind: "process", name: processName } as const)
        : ({
            id: `container:${node}/${container}`,
            kind: "container",
            name: `${processName} ${container.slice(0, 12)}`.trim(),
          } as const);
    return {
      peer: { ...peer, node: place, process: processName, container },
      rows: new AddressTable(fewAddresses),
    };
  }

  function containerOf(process: number, cgroupId: number): string {
    try {
      const container = containerIdOfProcess(readFileSync(`${procFolder}/${process}/cgroup`, "utf8"));
      if (containerByCgroup.size >= identitiesMax) containerByCgroup.clear();
      if (cgroupId !== 0) containerByCgroup.set(cgroupId, container);
      return container;
    } catch {
      return containerOfCgroup(cgroupId); // the process has ended
    }
  }

  /** A container that has ended may be remembered; one that lives has a folder. */
  function containerOfCgroup(cgroupId: number): string {
    return containerByCgroup.get(cgroupId) ?? containerIdOf(cgroups.pathOf(cgroupId));
  }

  function programOf(process: number, comm: string): string {
    try {
      return basename(readlinkSync(`${procFolder}/${process}/exe`).replace(/ \(deleted\)$/, ""));
    } catch {
      return comm; // the process has ended
    }
  }

  return {
    peerOf(owner, bytes, offset) {
      const isNameless = owner.process === 0 || owner.processName === "";
      if (isNameless && containerOfCgroup(owner.cgroupId) === "") return 0;
      if (generation !== peers.generation || identities.size >= identitiesMax) {
        generation = peers.generation;
        identities.clear();
      }
      // A process id is used again after a while; its name and cgroup then differ.
      const key = `${owner.process} ${owner.cgroupId} ${owner.networkNamespace} ${owner.processName}`;
      let identity = identities.get(key);
      if (identity === undefined) {
        identity = identify(owner);
        identities.set(key, identity);
      }
      const known = identity.rows.get(addressWords(bytes, offset), 0);
      if (known !== 0) return known;
      const address = formatAddress(bytes, offset);
      const row = peers.intern({ ...identity.peer, address, network: networkOf(bytes, offset) });
      if (row > 1) identity.rows.set(addressWords(bytes, offset), 0, row);
      return row;
    },
  };
}

/**
 * Names of network namespaces by inode, as `ip netns` lists them. The kernel uses inodes again, so they are read anew
 * whenever the folder has changed, or an unknown one turns up.
 */
function createNamespaceNames(folder: string): { nameOf(inode: number): string } {
  const names = new Map<number, string>();
  let changed = 0;

  function read(): void {
    try {
      for (const name of readdirSync(folder)) names.set(statSync(`${folder}/${name}`).ino, name);
    } catch {
      // no named namespaces on this machine, or one went while it was read
    }
  }

  return {
    nameOf(inode) {
      const now = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0;
      if (now !== changed || names.size >= identitiesMax) names.clear();
      changed = now;
      const known = names.get(inode);
      if (known !== undefined) return known;
      read();
      const name = names.get(inode) ?? "";
      names.set(inode, name);
      return name;
    },
  };
}
