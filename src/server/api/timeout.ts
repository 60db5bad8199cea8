import type { FastifyInstance, FastifyRequest } from "fastify";
import { clientOf } from "../auth/access.ts";
import { Problem } from "../problem.ts";
import { Turns } from "../turns.ts";

/** A question that takes longer is stopped, so that nobody can keep the store busy. It is the time waited that counts, too. */
const timeoutMilliseconds = 30_000;
/** One more than the store answers at once: it has the next when one is done. */
const runningMax = 3;
const waitingMax = 256;

declare module "fastify" {
  interface FastifyInstance {
    /** Whose question is asked next. */
    readonly questionTurns: Turns;
  }
}

/** To be called before routes are added. */
export function takeQuestionsInTurn(app: FastifyInstance): void {
  app.decorate("questionTurns", new Turns({ runningMax, waitingMax }));
}

/**
 * Runs a question of the store when it is its asker's turn, so that one who asks much does not keep the others waiting; it is stopped
 * when it takes too long or the asker has gone.
 */
export async function withTimeout<T>(
  request: FastifyRequest,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { questionTurns: turns } = request.server;
  if (turns.isFull)
    throw new Problem(
      503,
      "too_many_questions",
      `${waitingMax} questions are waiting already: ask again later`,
    );
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(() => controller.abort(), timeoutMilliseconds);
  const gone = () => controller.abort();
  request.raw.socket.once("close", gone);
  try {
    return await turns.take(clientOf(request), () => ask(signal), signal);
  } catch (error) {
    if (!signal.aborted) throw error;
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
