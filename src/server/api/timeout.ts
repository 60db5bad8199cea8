import type { Socket } from "node:net";
import type { Problem } from "../problem.ts";

export interface TimeoutOptions {
  readonly milliseconds: number;
  /** The asker's: when it is closed nobody wants the answer. */
  readonly socket: Socket;
  /** What is said when it has taken too long. */
  readonly problem: Problem;
}

/** Runs `work` with a signal that stops it when it takes too long or the asker has gone; rejects with the problem then. */
export async function withTimeout<T>(
  { milliseconds, socket, problem }: TimeoutOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const stop = () => controller.abort();
  const timer = setTimeout(stop, milliseconds);
  socket.once("close", stop);
  if (socket.destroyed) stop();
  try {
    return await work(signal);
  } catch (error) {
    throw signal.aborted ? problem : error;
  } finally {
    clearTimeout(timer);
    socket.off("close", stop);
  }
}
