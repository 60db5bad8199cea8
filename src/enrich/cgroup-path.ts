import { join } from "node:path/posix";

/** Who runs in a cgroup, as far as its path says; "" for what it does not say. */
export interface CgroupPlace {
  /** 64 hex digits for most runtimes; for LXC and systemd-nspawn the container's name. */
  readonly containerId: string;
  readonly runtime: ContainerRuntime | "";
  /** With dashes, as Kubernetes writes it; of a static pod 32 hex digits. */
  readonly podUid: string;
  readonly qosClass: QosClass | "";
  /** Of the container's own systemd when the process is in a container. */
  readonly systemdUnit: string;
  readonly slice: string;
}

export type ContainerRuntime = "docker" | "containerd" | "cri-o" | "podman" | "lxc" | "systemd-nspawn";
export type QosClass = "guaranteed" | "burstable" | "besteffort";

export const nowhere: CgroupPlace = {
  containerId: "",
  runtime: "",
  podUid: "",
  qosClass: "",
  systemdUnit: "",
  slice: "",
};

/** Parts looked at of a path: kind in Docker in LXC has some fifteen. */
const partsMax = 64;

/**
 * Where a cgroup path puts a process. Of containers within containers the innermost counts; of containers within a pod's
 * container (Docker in a pod) the pod's, which is the one this machine's runtime knows by name.
 */
export function parseCgroupPath(path: string): CgroupPlace {
  const parts = path
    .replace(/ \(deleted\)$/, "") // cgroups(7): the cgroup has gone, its last processes have not
    .split("/", partsMax);
  const reader = new PathReader();
  for (const part of parts) reader.take(part);
  return reader.place();
}

/**
 * What the text of /proc/PID/cgroup says. On a hybrid machine a runtime may put a container in the old hierarchies only,
 * so the line that names a container counts; units are believed from systemd's own hierarchy. `namespaceRoot` is where the reader's
 * cgroup namespace begins, which paths of version 2 are told from; "" for the root of all.
 */
export function parseProcCgroup(
  text: string,
  namespaceRoot = "",
): { readonly place: CgroupPlace; readonly isUnified: boolean } {
  let unified = nowhere;
  let systemd = nowhere;
  let first = nowhere;
  for (const line of text.split("\n")) {
    // hierarchy-ID:controllers:path, and the path may hold colons (proc(5), cgroups(7)).
    const [hierarchy, controllers, ...path] = line.split(":");
    const told = path.join(":");
    const isTold = hierarchy !== "0" || namespaceRoot === "";
    const place = parseCgroupPath(isTold ? told : join(namespaceRoot, told));
    if (hierarchy === "0") unified = place;
    else if (controllers === "name=systemd") systemd = place;
    if (first.containerId === "") first = place.containerId === "" ? first : place;
  }
  if (unified.containerId !== "") return { place: unified, isUnified: true };
  if (first.containerId !== "") return { place: first, isUnified: false };
  const isUnified = unified.systemdUnit !== "" || systemd.systemdUnit === "";
  return { place: isUnified ? unified : systemd, isUnified };
}

/** `a\x2db` → `a-b`: how systemd writes characters that a unit's name gives a meaning of its own (systemd-escape(1)). */
export function unescapeUnitName(name: string): string {
  return name.replace(/\\x([2-7][0-9a-f])/g, (written, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return character === "\x7f" ? written : character;
  });
}

const runtimeByPrefix: Readonly<Record<string, ContainerRuntime>> = {
  docker: "docker",
  "cri-containerd": "containerd",
  containerd: "containerd",
  nerdctl: "containerd",
  crio: "cri-o",
  libpod: "podman",
  "libpod-payload": "podman",
};

/** `ID`, `docker-ID.scope`, `kubepods-burstable-podUID.slice:cri-containerd:ID`: what is before the id, and the id. */
const containerPart = /^(?:(.*)[-:])?([0-9a-f]{64})(?:\.scope)?$/;
/** AWS Fargate: the task's id and a number. */
const fargatePart = /^[0-9a-f]{32}-\d{6,20}$/;
/** `kubepods-besteffort-podUID.slice`, `kubelet-kubepods-podUID.slice` in kind: dashes of the uid are underscores. */
const podSlice = /(?:^|-)kubepods(?:-(besteffort|burstable))?-pod([0-9A-Za-z_]{1,64})\.slice$/;
const podFolder = /^pod([0-9A-Za-z_-]{1,64})$/;
const safeName = /^[\w.:@-]{1,128}$/;
/** What systemd keeps processes in beside scopes. */
const unitPart = /^.+\.(?:service|socket|mount|swap)$/;

/** Follows a path from its root, part by part. */
class PathReader {
  #containerId = "";
  #runtime: ContainerRuntime | "" = "";
  #podUid = "";
  #qosClass: QosClass | "" = "";
  #unit = "";
  #slice = "";
  #before = "";
  /** The part before named a pod, so that this one is a container of it, whatever it looks like. */
  #isBelowPod = false;
  /** The innermost pod's container was found: what runs in it is its own affair. */
  #isPodsContainer = false;

  take(part: string): void {
    const isBelowPod = this.#isBelowPod;
    this.#isBelowPod = false;
    if (part !== "" && part !== "..") this.#takePart(part, isBelowPod);
    this.#before = part;
  }

  place(): CgroupPlace {
    return {
      containerId: this.#containerId,
      runtime: this.#runtime,
      podUid: this.#podUid,
      qosClass: this.#qosClass,
      systemdUnit: this.#unit,
      slice: this.#slice,
    };
  }

  #takePart(part: string, isBelowPod: boolean): void {
    if (this.#takePod(part)) return;
    const [, prefix = "", id] = containerPart.exec(part) ?? [];
    if (id !== undefined) this.#takeContainer(prefix, id);
    else if (this.#before === "lxc" || this.#before === "lxc.payload") this.#enter(part, "lxc");
    else if (part.startsWith("lxc.payload.")) this.#enter(part.slice("lxc.payload.".length), "lxc");
    else if (fargatePart.test(part)) this.#enter(part, "");
    else if (part === "supervisor" && this.#runtime === "systemd-nspawn") this.#enter("", "");
    else if (/\.(service|socket|mount|swap|scope|slice)$/.test(part)) this.#takeUnit(part);
    else if (isBelowPod && safeName.test(part)) this.#enter(part, "");
  }

  #takePod(part: string): boolean {
    const ofSlice = podSlice.exec(part);
    if (ofSlice !== null) {
      this.#slice = part;
      return this.#enterPod(ofSlice[2]!.replaceAll("_", "-"), ofSlice[1]);
    }
    const isBelowClass = this.#before === "besteffort" || this.#before === "burstable";
    const ofFolder = isBelowClass || this.#before === "kubepods" ? podFolder.exec(part) : null;
    return ofFolder === null ? false : this.#enterPod(ofFolder[1]!, isBelowClass ? this.#before : undefined);
  }

  #enterPod(uid: string, qosClass: string | undefined): boolean {
    this.#podUid = uid;
    this.#qosClass = (qosClass as QosClass | undefined) ?? "guaranteed";
    this.#isBelowPod = true;
    this.#isPodsContainer = false;
    return true;
  }

  #takeContainer(prefix: string, id: string): void {
    const [slice = "", colonPrefix] = prefix.split(":");
    if (colonPrefix !== undefined) this.#takePod(slice); // containerd without systemd's driver, asked by a kubelet with it
    const name = colonPrefix ?? prefix;
    if (name.endsWith("conmon")) return; // CRI-O's and podman's own process beside the container
    const isDocker = name === "" && this.#before === "docker";
    this.#enter(id, isDocker ? "docker" : (runtimeByPrefix[name] ?? ""));
  }

  #enter(id: string, runtime: ContainerRuntime | ""): void {
    this.#unit = "";
    if (this.#isPodsContainer) return;
    this.#containerId = id.slice(0, 128);
    this.#runtime = runtime;
    this.#isBelowPod = false;
    this.#isPodsContainer = this.#podUid !== "";
  }

  #takeUnit(part: string): void {
    const name = part.replace(/^_/, ""); // systemd's way around names of the kernel's own files: `_cpu.service`
    if (name.endsWith(".slice")) this.#slice = name;
    else if (name.endsWith(".scope")) this.#takeScope(name);
    else if (name.startsWith("systemd-nspawn@"))
      this.#enter(
        unescapeUnitName(name.slice("systemd-nspawn@".length, -".service".length)),
        "systemd-nspawn",
      );
    else if (unitPart.test(name)) this.#unit = /^user@\d+\.service$/.test(name) ? "" : name;
  }

  /** Sessions and what desktops start are scopes: their processes have names of their own. */
  #takeScope(name: string): void {
    const machine = /^machine-(.+)\.scope$/.exec(name)?.[1];
    this.#unit = "";
    if (machine === undefined) return;
    const unescaped = unescapeUnitName(machine);
    if (unescaped.startsWith("qemu-"))
      this.#unit = name; // libvirt's virtual machine is no container
    else this.#enter(unescaped, "systemd-nspawn");
  }
}
