import type { FastifyInstance, FastifyReply } from "fastify";
import { OperatingError } from "../store/index.ts";

/** An answer that is not what was asked for: RFC 9457 `application/problem+json`. */
export class Problem extends Error {
  readonly status: number;
  /** Stable, lower_snake. */
  readonly code: string;
  readonly extra: Readonly<Record<string, unknown>>;
  constructor(status: number, code: string, detail: string, extra: Readonly<Record<string, unknown>> = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.extra = extra;
  }
}

const titles: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Not authorized",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  406: "Not acceptable",
  408: "Took too long",
  409: "Conflict",
  413: "Too large",
  415: "Unknown media type",
  422: "Cannot be answered",
  429: "Too many requests",
  500: "Internal error",
  503: "Not available",
  504: "Took too long",
};

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { status, code, message: detail, extra } = problem;
  return reply
    .code(status)
    .header("content-type", "application/problem+json")
    .send(
      JSON.stringify({
        type: "about:blank",
        title: titles[status] ?? "Error",
        status,
        detail,
        code,
        ...extra,
      }),
    );
}

/** What the store could not answer: a question of the asker's making, or one that may be asked again. */
function storeProblem({ code, message }: OperatingError): Problem {
  return new Problem(code === "store_cursor" ? 400 : 503, code, message);
}

/** Every error of every route leaves as a problem; what we did not foresee is logged, not told. */
export function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error: Error & { statusCode?: number; code?: string }, request, reply) => {
    if (error instanceof Problem) return sendProblem(reply, error);
    if (error instanceof OperatingError) return sendProblem(reply, storeProblem(error));
    const status = error.statusCode ?? 500;
    const code = status === 413 ? "message_too_large" : "request_invalid";
    if (status < 500) return sendProblem(reply, new Problem(status, code, error.message));
    request.log.error({ err: error, url: request.url }, "request not answered");
    return sendProblem(
      reply,
      new Problem(500, "internal_error", "something of ours is broken; the log has the details"),
    );
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      new Problem(404, "not_found", `nothing is served at ${request.method} ${request.url.split("?")[0]}`),
    ),
  );
}
