import { cleanText, containerNameOf } from "./container-text.ts";
import { connectGrpc, type GrpcConnection, GrpcError, grpcUnimplemented } from "./cri-call.ts";
import {
  type CriContainer,
  type CriSandbox,
  readContainers,
  readSandboxes,
  readVersion,
} from "./cri-messages.ts";
import type { NameSource } from "./name-source.ts";

export interface CriRuntimeDependencies {
  /** Told of each container and sandbox, whenever the runtime is asked. */
  onName(containerId: string, name: string): void;
  /** Said once per state: why there are no names. */
  log(message: string): void;
  readonly socketPath: string;
  /** Least pause between two questions, and first one before it is tried again; that doubles up to a minute. */
  readonly retryMilliseconds?: number;
  /** A runtime that does not answer for as long is as good as none. */
  readonly answerMilliseconds?: number;
}

export interface CriRuntime {
  start(): void;
  stop(): void;
  /** Somebody misses a name: it is asked again, as soon as that is not too often. */
  ask(): void;
  status(): CriStatus;
}

export interface CriStatus extends NameSource {
  readonly isAsked: boolean;
  /** There is no such socket: most machines have one runtime at most. */
  readonly isAbsent: boolean;
}

/** The longest pause, in first ones: a minute. It is asked as often when nobody misses a name. */
const pausesMax = 60;
const off = { name: "CRI", state: "off", isAsked: true, isAbsent: false } as const;
const notAsked: CriStatus = { ...off, isAsked: false, reason: "not asked yet" };
/** Newest first; Kubernetes dropped the other with 1.26, containerd with 2.0. */
const services = ["runtime.v1.RuntimeService", "runtime.v1alpha2.RuntimeService"] as const;
const versionLengthMax = 60;
const nothing = new Uint8Array();

/**
 * Names of pods' containers as a container runtime tells them on its socket for the kubelet (CRI). Only asks: for its version
 * and two lists, one after the other, on a connection of their own. CRI's containers keep their names, so that a list is needed
 * only for those that are new.
 */
export function createCriRuntime({
  onName,
  log,
  socketPath,
  retryMilliseconds = 1000,
  answerMilliseconds = 10_000,
}: CriRuntimeDependencies): CriRuntime {
  const pauseMax = retryMilliseconds * pausesMax;
  let connection: GrpcConnection | undefined;
  let timer: NodeJS.Timeout | undefined;
  let pause = retryMilliseconds;
  /** Whether a question may be put before the timer ends. */
  let isIdle = false;
  let isMissed = false;
  let status = notAsked;

  async function visit(): Promise<void> {
    isIdle = false;
    isMissed = false;
    const mine = connectGrpc(socketPath, { answerMilliseconds });
    connection = mine;
    const found = await list(mine).catch((error: Error) => error);
    mine.close();
    if (connection !== mine) return; // stopped meanwhile
    connection = undefined;
    if (found instanceof Error) failed(found);
    else answered(found);
  }

  function answered({ version, containers, sandboxes }: Listing): void {
    pause = retryMilliseconds;
    status = { ...off, state: "on", reason: `${version} answers on ${socketPath}` };
    for (const [id, name] of namesOf(containers, sandboxes)) onName(id, name);
    rest();
  }

  function failed(error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    const isAbsent = code === "ENOENT" || code === "ENOTDIR";
    const isWithoutCri = isUnimplemented(error);
    const { reason, remedy } = describeError(socketPath, error);
    const isNews = status.reason !== reason && (!(isAbsent || isWithoutCri) || status.state === "on");
    status = { ...off, isAbsent, reason, ...(remedy === undefined ? {} : { remedy }) };
    if (isNews) log(`container names: CRI: ${reason}${remedy === undefined ? "" : `; ${remedy}`}`);
    if (isAbsent) {
      rest(); // looking for a socket costs nothing
    } else {
      timer = setTimeout(visit, isWithoutCri ? pauseMax : pause).unref();
      pause = Math.min(pause * 2, pauseMax);
    }
  }

  /** However many names are missed, there is a pause before the next question. */
  function rest(): void {
    timer = setTimeout(() => {
      if (isMissed) {
        void visit();
      } else {
        isIdle = true;
        timer = setTimeout(visit, pauseMax).unref();
      }
    }, retryMilliseconds).unref();
  }

  return {
    start() {
      if (connection === undefined && timer === undefined) void visit();
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
      connection?.close();
      connection = undefined;
      isIdle = false;
      status = notAsked;
    },
    ask() {
      isMissed = true;
      if (!isIdle) return;
      clearTimeout(timer);
      void visit();
    },
    status: () => status,
  };
}

interface Listing {
  readonly version: string;
  readonly containers: readonly CriContainer[];
  readonly sandboxes: readonly CriSandbox[];
}

/** Sandboxes last: a container that is listed has one. */
async function list(connection: GrpcConnection): Promise<Listing> {
  const { service, version } = await askVersion(connection);
  const containers = readContainers(await connection.call(`/${service}/ListContainers`, nothing));
  if (containers === undefined) throw new Error("its list of containers is not one");
  const sandboxes = readSandboxes(await connection.call(`/${service}/ListPodSandbox`, nothing));
  if (sandboxes === undefined) throw new Error("its list of pods is not one");
  return { version, containers, sandboxes };
}

async function askVersion(
  connection: GrpcConnection,
  [service = "", ...older]: readonly string[] = services,
): Promise<{ service: string; version: string }> {
  try {
    const version = readVersion(await connection.call(`/${service}/Version`, nothing));
    if (version === undefined) throw new Error("its version is not one");
    return { service, version: cleanText(version, versionLengthMax) || "a runtime without a name" };
  } catch (error) {
    if (isUnimplemented(error) && older.length > 0) return askVersion(connection, older);
    throw error;
  }
}

function isUnimplemented(error: unknown): boolean {
  return error instanceof GrpcError && error.status === grpcUnimplemented;
}

/** By what the runtime says of container and sandbox; by the kubelet's labels where the sandbox is gone already. */
function namesOf(containers: readonly CriContainer[], sandboxes: readonly CriSandbox[]): [string, string][] {
  const names: [string, string][] = [];
  const byId = new Map(sandboxes.map((sandbox) => [sandbox.id, sandbox]));
  for (const { id, pod, namespace } of sandboxes) names.push([id, nameOf(pod, namespace, "")]);
  for (const { id, sandboxId, name, labels } of containers) {
    const { pod, namespace } = byId.get(sandboxId) ?? { pod: "", namespace: "" };
    names.push([id, pod === "" ? containerNameOf(Object.fromEntries(labels)) : nameOf(pod, namespace, name)]);
  }
  return names.filter(([, name]) => name !== "");
}

function nameOf(pod: string, namespace: string, container: string): string {
  return containerNameOf({
    "io.kubernetes.pod.name": pod,
    "io.kubernetes.pod.namespace": namespace,
    "io.kubernetes.container.name": container,
  });
}

function describeError(path: string, error: NodeJS.ErrnoException): { reason: string; remedy?: string } {
  if (isUnimplemented(error)) return { reason: `${path} answers, but not as a runtime for Kubernetes (CRI)` };
  const { code, message } = error;
  if (code?.startsWith("ERR_HTTP2"))
    return { reason: `${path}: it speaks no gRPC, or closed the connection` };
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return { reason: `there is no ${path}` };
    case "EACCES":
    case "EPERM":
      return { reason: `${path} may not be opened`, remedy: "run Portolan as root" };
    case "ECONNREFUSED":
      return { reason: `nobody listens on ${path}` };
    default:
      return { reason: `${path}: ${code ?? message}` };
  }
}
