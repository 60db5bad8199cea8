import { accessSync } from "node:fs";
import { connectGrpc, type GrpcConnection, isUnimplemented } from "./cri-call.ts";
import { type CriListing, listCri } from "./cri-listing.ts";
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
    try {
      accessSync(socketPath); // before anything of HTTP/2 is loaded
    } catch (error) {
      return failed(error as Error);
    }
    const mine = connectGrpc(socketPath, { answerMilliseconds });
    connection = mine;
    const found = await listCri(mine).catch((error: Error) => error);
    mine.close();
    if (connection !== mine) return; // stopped meanwhile
    connection = undefined;
    if (found instanceof Error) failed(found);
    else answered(found);
  }

  function answered({ runtime, names }: CriListing): void {
    pause = retryMilliseconds;
    status = { ...off, state: "on", reason: `${runtime} answers on ${socketPath}` };
    for (const [id, name] of names) onName(id, name);
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
