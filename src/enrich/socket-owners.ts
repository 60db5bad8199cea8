import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename } from "node:path";
import { cleanText, formatAddress } from "../flow/index.ts";
import type { Peer, PeerTable } from "../topology/index.ts";
import { AddressTable, addressWords } from "./address-table.ts";
import { findNamespaceRoot } from "./cgroup-namespace.ts";
import {
  type CgroupPlace,
  nowhere,
  parseCgroupPath,
  parseProcCgroup,
  unescapeUnitName,
} from "./cgroup-path.ts";
import { type CgroupMounts, createCgroupTree, readCgroupMounts } from "./cgroup-tree.ts";
import { readCommandLine } from "./command-line.ts";
import type { ContainerNames } from "./container-names.ts";
import { networkOf as fallbackNetworkOf } from "./networks/fallback-network.ts";

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
  /** Who knows what containers are called; without it they go by their ids. */
  readonly containerNames?: Pick<ContainerNames, "nameOf" | "takeChanges">;
  /** Whether peers tell a process's command line, of whichever process was seen first, in place of its name. */
  readonly commandLine?: boolean;
  /** The network an address is shown in; by default its /24 or /64, or "internet". */
  networkOf?(bytes: Uint8Array, offset: number): string;
  /** Where the kernel's files are; tests give stored trees. */
  readonly procFolder?: string;
  readonly namedNamespacesFolder?: string;
  readonly cgroupMounts?: CgroupMounts;
  /** What a cgroup was called that is not in the tree any more, the last part of its path; "" when nobody knows. */
  cgroupNameOf?(cgroupId: number): string;
}

export interface SocketOwners {
  /** The peer that owns a socket, at the local address `bytes[offset]`; 0 when the owner is not known. */
  peerOf(owner: SocketOwner, bytes: Uint8Array, offset: number): number;
  /** Gives containers whose names were learned since the last call their names. */
  refresh(): void;
}

/** Identities kept at most; beyond, they are learned anew. */
const identitiesMax = 16_384;

/** Some runtimes name their first thread, and with it the process, after its role: Node 24, and many C++ programs. */
const threadNames = new Set(["MainThread", "main", "Main"]);

/** This program runs on Node, but is known by its own name. */
const ownProcess = process.pid;
const ownName = "portolan";

/** Characters of a file's name, which units and namespaces have; the kernel keeps 15 bytes of what a process calls itself. */
const nameLengthMax = 255;

/** Names are shown in terminals and pages, and whoever starts a process chooses them: `?` has nothing that can be shown. */
function shown(name: string): string {
  return name === "" ? "" : cleanText(name, nameLengthMax) || "?";
}

/** Most processes have a socket at one or two addresses. */
const fewAddresses = 4;

/** A process may call itself anything: in an id, what separates ids is written as its code. */
function idText(name: string): string {
  return name.replace(/[%/>@\s\p{Cc}\p{Cf}]/gu, (character) => encodeURIComponent(character));
}

/**
 * A unit that is started anew for each connection to its socket has the connection in its name:
 * `sshd@3-192.0.2.1:22-192.0.2.9:51234.service` is `sshd@.service` (systemd.socket(5), Accept=).
 */
function withoutConnection(unit: string): string {
  return unit.replace(/@\d+-(?:.*:.*|\d+[-_]\d+(?:[-_]\d+)?)(?=\.service$)/, "@");
}

/** Who was last met of a process in a network namespace, so that a key has to be made for its first socket there only, or when it changes. */
interface Met {
  readonly process: number;
  readonly processName: string;
  readonly cgroupId: number;
  readonly networkNamespace: number;
  readonly identity: Identity;
}

interface Identity {
  /** Its name may be learned later. */
  peer: Omit<Peer, "address" | "network">;
  readonly rows: AddressTable;
}

/**
 * Names the ends whose socket an agent read: by container when the process runs in one, else by the systemd unit that
 * started it, else by process name on its machine. Nothing is concluded from an address, so a pod on its node's network is
 * itself. A process in a named network namespace (`ip netns`) counts as running on a machine of its own.
 */
export function createSocketOwners({
  peers,
  node,
  containerNames,
  commandLine = false,
  networkOf = fallbackNetworkOf,
  procFolder = "/proc",
  namedNamespacesFolder = "/run/netns",
  cgroupMounts = readCgroupMounts(),
  cgroupNameOf = () => "",
}: SocketOwnersDependencies): SocketOwners {
  const identities = new Map<string, Identity>();
  const lastMet = new Map<number, Met>();
  /** A process may be gone when it is asked for; its cgroup was perhaps seen before. */
  const placeByCgroup = new Map<number, CgroupPlace>();
  const cgroups = createCgroupTree({ mounts: cgroupMounts });
  const namespaceRoot = findNamespaceRoot(cgroupMounts, procFolder);
  const namespaces = createNamespaceNames(namedNamespacesFolder);
  let corrections = new Map<string, string>();
  let generation = peers.generation;

  /** A process id is used again after a while; its name and cgroup then differ. */
  function identityOf(owner: SocketOwner): Identity {
    const { process, processName, cgroupId, networkNamespace } = owner;
    // A process may have sockets in several namespaces, in turn. Where two of them meet at one place, keys are made each time.
    const place = process ^ (networkNamespace << 10);
    const met = lastMet.get(place);
    if (
      met !== undefined &&
      met.process === process &&
      met.cgroupId === cgroupId &&
      met.networkNamespace === networkNamespace &&
      met.processName === processName
    )
      return met.identity;
    const key = `${process} ${cgroupId} ${networkNamespace} ${processName}`;
    let identity = identities.get(key);
    if (identity === undefined) {
      identity = identify(owner);
      identities.set(key, identity);
    }
    lastMet.set(place, { process, processName, cgroupId, networkNamespace, identity });
    return identity;
  }

  function identify(owner: SocketOwner): Identity {
    const place =
      owner.process === 0 ? placeOfCgroup(owner.cgroupId) : placeOf(owner.process, owner.cgroupId);
    const processName = processNameOf(owner);
    const namespace = place.containerId === "" ? shown(namespaces.nameOf(owner.networkNamespace)) : "";
    const machine = namespace === "" ? node : `${node}/${namespace}`;
    const line = commandLine ? readCommandLine(`${procFolder}/${owner.process}/cmdline`) : "";
    return {
      peer: {
        ...named(place, machine, processName),
        node: machine,
        process: line || processName,
        container: place.containerId,
        ...(place.podUid === "" ? {} : { podUid: place.podUid }),
      },
      rows: new AddressTable(fewAddresses),
    };
  }

  function named(
    { containerId, runtime, systemdUnit }: CgroupPlace,
    machine: string,
    processName: string,
  ): Pick<Peer, "id" | "kind" | "name"> {
    if (containerId !== "") {
      const isName = runtime === "lxc" || runtime === "systemd-nspawn";
      const known = isName ? shown(containerId) : containerNames?.nameOf(containerId);
      const name = known || `${processName} ${containerId.slice(0, 12)}`.trim();
      return { id: containerPeerId(containerId), kind: "container", name };
    }
    if (systemdUnit !== "") {
      const unit = withoutConnection(systemdUnit);
      return { id: `unit:${machine}/${idText(unit)}`, kind: "unit", name: shown(unescapeUnitName(unit)) };
    }
    return { id: `process:${machine}/${idText(processName)}`, kind: "process", name: processName };
  }

  function processNameOf({ process, processName }: SocketOwner): string {
    if (process === ownProcess) return ownName;
    return shown(threadNames.has(processName) ? programOf(process, processName) : processName);
  }

  function containerPeerId(containerId: string): string {
    return `container:${node}/${idText(containerId)}`;
  }

  function placeOf(process: number, cgroupId: number): CgroupPlace {
    try {
      const text = readFileSync(`${procFolder}/${process}/cgroup`, "utf8");
      const { place, isUnified } = parseProcCgroup(text, namespaceRoot);
      if (isUnified) keepPlace(cgroupId, place);
      return place;
    } catch {
      return placeOfCgroup(cgroupId); // the process has ended
    }
  }

  function placeOfCgroup(cgroupId: number): CgroupPlace {
    return placeByCgroup.get(cgroupId) ?? placeInTree(cgroupId);
  }

  function placeInTree(cgroupId: number): CgroupPlace {
    const path = cgroups.pathOf(cgroupId) || (cgroupId === 0 ? "" : cgroupNameOf(cgroupId));
    return path === "" ? nowhere : keepPlace(cgroupId, parseCgroupPath(path));
  }

  /** Where version 1 has the containers, version 2 has them in their runtime's service: that says nothing of who has gone. */
  function keepPlace(cgroupId: number, place: CgroupPlace): CgroupPlace {
    if (cgroupId === 0 || (place.containerId === "" && cgroups.isHybrid)) return nowhere;
    if (placeByCgroup.size >= identitiesMax) placeByCgroup.clear();
    placeByCgroup.set(cgroupId, place);
    return place;
  }

  function programOf(process: number, comm: string): string {
    try {
      return basename(readlinkSync(`${procFolder}/${process}/exe`).replace(/ \(deleted\)$/, ""));
    } catch {
      return comm; // the process has ended
    }
  }

  /** The row may be older than the name: from the store, or from when the container was renamed. Done with the next refresh. */
  function correctName(row: number, { id, kind, name, container }: Identity["peer"]): void {
    if (kind !== "container" || peers.get(row).name === name) return;
    if (containerNames?.nameOf(container) === name) corrections.set(id, name);
  }

  return {
    peerOf(owner, bytes, offset) {
      const isNameless = owner.process === 0 || owner.processName === "";
      if (isNameless && placeOfCgroup(owner.cgroupId).containerId === "") return 0;
      if (generation !== peers.generation || identities.size >= identitiesMax) {
        generation = peers.generation;
        identities.clear();
        lastMet.clear();
      }
      const identity = identityOf(owner);
      const known = identity.rows.get(addressWords(bytes, offset), 0);
      if (known !== 0) return known;
      const address = formatAddress(bytes, offset);
      const row = peers.intern({ ...identity.peer, address, network: networkOf(bytes, offset) });
      if (row <= 1) return row;
      identity.rows.set(addressWords(bytes, offset), 0, row);
      correctName(row, identity.peer);
      return row;
    },
    refresh() {
      const names = corrections;
      for (const [containerId, name] of containerNames?.takeChanges() ?? [])
        names.set(containerPeerId(containerId), name);
      if (names.size === 0) return;
      corrections = new Map();
      for (const identity of identities.values()) {
        const name = names.get(identity.peer.id);
        if (name !== undefined) identity.peer = { ...identity.peer, name };
      }
      peers.renameAll(names);
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
