import { existsSync, type Stats, statSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { asObject, containerNameOf } from "./container-text.ts";
import type { NameSource } from "./name-source.ts";

export interface RuntimeFilesDependencies {
  /** What runtimes' folders are under. Tests give a folder of their own. */
  readonly root?: string;
}

export interface RuntimeFiles {
  /** The name of a container as its runtime's files on this machine have it; "" when none has. */
  nameOf(containerId: string): Promise<string>;
  /** Which runtimes have files here. */
  status(): NameSource;
}

interface Layout {
  readonly runtime: string;
  /** A folder that says that the runtime is here. */
  readonly folder: string;
  /** The file of a container, below the folder. */
  file(containerId: string): string;
  read(value: Record<string, unknown>): string;
}

/** OCI's config.json: what the runtime was told to run. */
const readAnnotations = ({ annotations }: Record<string, unknown>) =>
  containerNameOf(asObject(annotations) ?? {});
const ociFile = (containerId: string) => `${containerId}/config.json`;
const storedFile = (containerId: string) => `${containerId}/userdata/config.json`;

const containerd = (state: string, namespace: string): Layout => ({
  runtime: "containerd",
  folder: `${state}/io.containerd.runtime.v2.task/${namespace}`,
  file: ociFile,
  read: readAnnotations,
});

const layouts: readonly Layout[] = [
  containerd("/run/containerd", "k8s.io"),
  containerd("/run/k3s/containerd", "k8s.io"),
  containerd("/run/k0s/containerd", "k8s.io"),
  containerd("/var/snap/microk8s/common/run/containerd", "k8s.io"),
  containerd("/run/containerd", "default"),
  {
    runtime: "CRI-O",
    folder: "/run/containers/storage/overlay-containers",
    file: storedFile,
    read: readAnnotations,
  },
  {
    runtime: "CRI-O",
    folder: "/var/lib/containers/storage/overlay-containers",
    file: storedFile,
    read: readAnnotations,
  },
  {
    runtime: "Docker",
    folder: "/var/lib/docker/containers",
    file: (containerId) => `${containerId}/config.v2.json`,
    read: ({ Name, Config }) =>
      containerNameOf(asObject(asObject(Config)?.Labels) ?? {}, typeof Name === "string" ? Name : ""),
  },
];

/** Names of podman's containers (and CRI-O's own names for its): one list for all of them. */
const storageLists = [
  "/var/lib/containers/storage/overlay-containers/containers.json",
  "/run/containers/storage/overlay-containers/volatile-containers.json",
];

const fileBytesMax = 4 * 1024 * 1024;

/** Reads what runtimes leave on disk of their containers: for those that no socket tells of, or none that may be opened. */
export function createRuntimeFiles({ root = hostRoot() }: RuntimeFilesDependencies = {}): RuntimeFiles {
  const lists = new Map<string, { readonly changed: number; readonly names: ReadonlyMap<string, string> }>();

  async function nameIn(layout: Layout, containerId: string): Promise<string> {
    const value = asObject(await readJson(join(root, layout.folder, layout.file(containerId))));
    return value === undefined ? "" : layout.read(value);
  }

  async function nameInList(file: string, containerId: string): Promise<string> {
    const changed = (await stat(file).catch(() => undefined))?.mtimeMs;
    if (changed === undefined) return "";
    if (lists.get(file)?.changed !== changed)
      lists.set(file, { changed, names: readStorageList(await readJson(file)) });
    return lists.get(file)?.names.get(containerId) ?? "";
  }

  return {
    async nameOf(containerId) {
      if (!/^[0-9a-f]{64}$/.test(containerId)) return ""; // it becomes part of a path
      for (const layout of layouts) {
        const name = await nameIn(layout, containerId);
        if (name !== "") return name;
      }
      for (const file of storageLists) {
        const name = await nameInList(join(root, file), containerId);
        if (name !== "") return name;
      }
      return "";
    },
    status() {
      const found = layouts.filter(({ folder }) => existsSync(join(root, folder)));
      const runtimes = [...new Set(found.map(({ runtime }) => runtime))];
      if (storageLists.some((file) => existsSync(join(root, file)))) runtimes.push("podman");
      return runtimes.length === 0
        ? { name: "files", state: "off", reason: "no runtime has files here" }
        : { name: "files", state: "on", reason: `files of ${runtimes.join(", ")}` };
    },
  };
}

function readStorageList(value: unknown): Map<string, string> {
  const names = new Map<string, string>();
  for (const each of Array.isArray(value) ? value : []) {
    const { id, names: known } = asObject(each) ?? {};
    const name = Array.isArray(known) ? known[0] : undefined;
    if (typeof id === "string" && typeof name === "string") names.set(id, containerNameOf({}, name));
  }
  return names;
}

/** Undefined for what is not there, too long, or not JSON: a file may be half written, and anybody's. */
async function readJson(path: string): Promise<unknown> {
  try {
    await using file = await open(path);
    const found = await file.stat();
    if (!found.isFile() || found.size > fileBytesMax) return undefined;
    return JSON.parse(await file.readFile("utf8"));
  } catch {
    return undefined;
  }
}

/** A program in a container that shares the host's processes finds the host's files by way of its first process. */
export function hostRoot(): string {
  const own = identityOf("/");
  const host = identityOf("/proc/1/root/");
  return own === undefined || host === undefined || own === host ? "/" : "/proc/1/root";
}

function identityOf(path: string): string | undefined {
  let found: Stats | undefined;
  try {
    found = statSync(path);
  } catch {
    return undefined; // not allowed to look
  }
  return `${found.dev} ${found.ino}`;
}
