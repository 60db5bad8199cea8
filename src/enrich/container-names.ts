import { join } from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { type CriRuntimes, createCriRuntimes } from "./cri-runtimes.ts";
import { createDockerEngine, type DockerEngine, dockerSocket, notAsked } from "./docker-engine.ts";
import type { NameSource } from "./name-source.ts";
import { createRuntimeFiles, hostRoot, type RuntimeFiles } from "./runtime-files.ts";

export interface ContainerNamesDependencies {
  log(message: string): void;
  /** What runtimes' folders and sockets are under; tests give a folder of their own. */
  readonly root?: string;
  readonly dockerSocketPath?: string;
  /** Pauses before a container without a name is looked up again; the first, before Docker and CRI are asked again. */
  readonly retryMilliseconds?: readonly number[];
  /** How long Docker, and each runtime, may take to answer. */
  readonly answerMilliseconds?: number;
}

export interface ContainerNames {
  start(): void;
  stop(): void;
  /** The name, or "" as long as it is not known; `takeChanges` tells when it is. */
  nameOf(containerId: string): string;
  /** New names, since the last call, of containers that were asked for. */
  takeChanges(): ReadonlyMap<string, string>;
  status(): readonly NameSource[];
  /** Whether every source that is asked has answered, or was given up. */
  isAsked(): boolean;
}

/** Containers whose names are kept; the oldest go first and are learned anew. */
const namesMax = 16_384;
/** Containers waiting to be looked up; those beyond are looked up when they are asked for again. */
const waitingMax = 4096;

interface Known {
  readonly name: string;
  /** Whether somebody goes by what was said of it. */
  readonly isAsked: boolean;
}

/**
 * Names of containers by id, from Docker's socket, from Kubernetes' runtimes by theirs (CRI), and from what runtimes leave on
 * disk. Nobody waits for a name: a container is named by its id first, and renamed.
 */
export function createContainerNames({
  log,
  root = hostRoot(),
  dockerSocketPath = root === "/" ? dockerSocket : join(root, "run/docker.sock"),
  retryMilliseconds = [1000, 5000, 30_000],
  answerMilliseconds = 10_000,
}: ContainerNamesDependencies): ContainerNames {
  const known = new Map<string, Known>();
  const waiting = new Set<string>();
  const timers = new Set<NodeJS.Timeout>();
  let changes = new Map<string, string>();
  let isRunning = false;
  let isLooking = false;
  const files: RuntimeFiles = createRuntimeFiles({ root });
  const told = {
    onName: learn,
    log,
    answerMilliseconds,
    ...(retryMilliseconds[0] === undefined ? {} : { retryMilliseconds: retryMilliseconds[0] }),
  };
  const docker: DockerEngine = createDockerEngine({ ...told, socketPath: dockerSocketPath });
  const cri: CriRuntimes = createCriRuntimes({ ...told, root });

  function learn(containerId: string, name: string): void {
    const before = known.get(containerId);
    if (before?.name === name) return;
    const isAsked = before?.isAsked ?? false;
    keep(containerId, { name, isAsked });
    if (isAsked) changes.set(containerId, name);
  }

  function keep(containerId: string, value: Known): void {
    const oldest = known.keys().next();
    if (known.size >= namesMax && !known.has(containerId) && !oldest.done) {
      known.delete(oldest.value);
      changes.delete(oldest.value);
    }
    known.set(containerId, value);
  }

  function wait(containerId: string): void {
    if (!isRunning || waiting.size >= waitingMax) return;
    waiting.add(containerId);
    if (!isLooking) void look();
  }

  /** One after the other: a machine that starts a thousand containers has better things to do. */
  async function look(): Promise<void> {
    isLooking = true;
    for (const containerId of waiting) {
      if (known.get(containerId)?.name === "") {
        const name = await files.nameOf(containerId);
        if (!isRunning) break;
        // Docker or CRI may have told it meanwhile, and know better.
        if (known.get(containerId)?.name === "") {
          if (name === "") cri.ask();
          else learn(containerId, name);
        }
      }
      waiting.delete(containerId);
    }
    isLooking = false;
  }

  /** A container's files may be written after its first connection was seen. */
  function lookAgainLater(containerId: string): void {
    for (const pause of retryMilliseconds) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        if (known.get(containerId)?.name === "") wait(containerId);
      }, pause);
      timers.add(timer.unref());
    }
  }

  return {
    start() {
      if (isRunning) return;
      isRunning = true;
      docker.start();
      cri.start();
    },
    stop() {
      isRunning = false;
      docker.stop();
      cri.stop();
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      waiting.clear();
    },
    nameOf(containerId) {
      const found = known.get(containerId);
      if (found !== undefined) {
        if (!found.isAsked) known.set(containerId, { ...found, isAsked: true });
        return found.name;
      }
      keep(containerId, { name: "", isAsked: true });
      wait(containerId);
      if (isRunning && timers.size < waitingMax) lookAgainLater(containerId);
      return "";
    },
    takeChanges() {
      const taken = changes;
      if (taken.size > 0) changes = new Map();
      return taken;
    },
    status: () => [docker.status(), ...cri.status(), files.status()],
    isAsked: () => docker.status().reason !== notAsked.reason && cri.isAsked(),
  };
}

/** Asks once where names of containers would come from. Gives an answer within three seconds, if it is only that none came. */
export async function askNameSources(
  dependencies: Omit<ContainerNamesDependencies, "log"> = {},
): Promise<readonly NameSource[]> {
  const names = createContainerNames({ answerMilliseconds: 2500, ...dependencies, log() {} });
  names.start();
  try {
    for (let tries = 0; tries < 150 && !names.isAsked(); tries++) await rest(20);
    return names.status();
  } finally {
    names.stop();
  }
}
