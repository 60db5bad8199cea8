import { join } from "node:path";
import { type CriRuntime, type CriRuntimeDependencies, createCriRuntime } from "./cri-runtime.ts";
import type { NameSource } from "./name-source.ts";

export interface CriRuntimesDependencies extends Omit<CriRuntimeDependencies, "socketPath"> {
  /** What runtimes' sockets are under. */
  readonly root: string;
}

export interface CriRuntimes extends Omit<CriRuntime, "status"> {
  /** One per socket that is there, or one that says that none is. */
  status(): readonly NameSource[];
  /** Whether each was asked, and has answered or not. */
  isAsked(): boolean;
}

/** Where runtimes listen for the kubelet unless told otherwise. */
export const criSockets: readonly string[] = [
  "run/containerd/containerd.sock",
  "run/crio/crio.sock",
  "run/k3s/containerd/containerd.sock", // RKE2's too
  "run/k0s/containerd.sock",
  "var/snap/microk8s/common/run/containerd.sock",
  "run/cri-dockerd.sock",
  "run/k3s/cri-dockerd/cri-dockerd.sock",
];

/** Names of pods' containers from every container runtime for Kubernetes on this machine. */
export function createCriRuntimes({ root, ...dependencies }: CriRuntimesDependencies): CriRuntimes {
  const runtimes = criSockets.map((socket) =>
    createCriRuntime({ ...dependencies, socketPath: join(root, socket) }),
  );
  return {
    start() {
      for (const runtime of runtimes) runtime.start();
    },
    stop() {
      for (const runtime of runtimes) runtime.stop();
    },
    ask() {
      for (const runtime of runtimes) runtime.ask();
    },
    status() {
      const present = runtimes.map((runtime) => runtime.status()).filter(({ isAbsent }) => !isAbsent);
      const told = present.filter(({ isAsked }) => isAsked);
      if (told.length > 0) return told.map(({ isAsked, isAbsent, ...source }) => source);
      const reason =
        present.length > 0 ? "not asked yet" : "no container runtime for Kubernetes listens here";
      return [{ name: "CRI", state: "off", reason }];
    },
    isAsked: () => runtimes.every((runtime) => runtime.status().isAsked),
  };
}
