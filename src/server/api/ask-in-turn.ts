import type { FastifyInstance, FastifyRequest } from "fastify";
import { questionsRunningMax } from "../../store/index.ts";
import { clientOf } from "../auth/access.ts";
import { Problem } from "../problem.ts";
import { Turns } from "../turns.ts";
import { withTimeout } from "./timeout.ts";

/** A question that takes longer is stopped, so that nobody can keep the store busy. */
const timeoutMilliseconds = 30_000;
/** Twice that: two others may take all of their time before. */
const waitMilliseconds = 60_000;
const waitingMax = 256;
/** By then a turn that is taken now has ended. */
const retryAfterSeconds = 30;

declare module "fastify" {
  interface FastifyInstance {
    /** Whose question is asked next. */
    readonly questionTurns: Turns;
  }
}

/** To be called before routes are added. */
export function takeQuestionsInTurn(app: FastifyInstance): void {
  app.decorate("questionTurns", new Turns({ runningMax: questionsRunningMax, waitingMax }));
}

/**
 * Asks a question of the store when it is its asker's turn, so that one who asks much does not keep the others waiting. It is stopped
 * when it takes too long, from its turn on, or the asker has gone.
 */
export async function askInTurn<T>(
  request: FastifyRequest,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { questionTurns: turns } = request.server;
  const { socket } = request.raw;
  if (turns.isFull) throw tooManyQuestions(`${waitingMax} questions are waiting already`);
  const waiting = {
    ...{ milliseconds: waitMilliseconds, socket },
    problem: tooManyQuestions("others ask so much that the question's turn did not come within 60 s"),
  };
  const endTurn = await withTimeout(waiting, (signal) => turns.begin(clientOf(request), signal));
  try {
    return await withTimeout({ milliseconds: timeoutMilliseconds, socket, problem: questionTimeout() }, ask);
  } finally {
    endTurn();
  }
}

function tooManyQuestions(reason: string): Problem {
  return new Problem(503, "too_many_questions", `${reason}: ask again later`, {}, retryAfterSeconds);
}

function questionTimeout(): Problem {
  return new Problem(
    504,
    "question_timeout",
    "stopped after 30 s: ask for a shorter window or a narrower filter",
  );
}
