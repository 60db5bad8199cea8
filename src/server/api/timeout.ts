import type { FastifyRequest } from "fastify";
import { Problem } from "../problem.ts";

/** A question that takes longer is stopped, so that nobody can keep the store busy. */
const timeoutMilliseconds = 30_000;

/** Runs a question of the store; it is stopped when it takes too long or the asker has gone. */
export async function withTimeout<T>(
  request: FastifyRequest,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMilliseconds);
  const gone = () => controller.abort();
  request.raw.socket.once("close", gone);
  try {
    return await ask(controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    throw new Problem(
      504,
      "question_timeout",
      "stopped after 30 s: ask for a shorter window or a narrower filter",
    );
  } finally {
    clearTimeout(timer);
    request.raw.socket.off("close", gone);
  }
}
