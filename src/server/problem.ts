import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance, FastifyReply } from "fastify";
import { OperatingError } from "../store/index.ts";

/** An answer that is not what was asked for: RFC 9457 `application/problem+json`. */
export class Problem extends Error {
  readonly status: number;
  /** Stable, lower_snake. */
  readonly code: string;
  readonly extra: Readonly<Record<string, unknown>>;
  /** When to ask again, where that is known. */
  readonly retryAfterSeconds: number | undefined;
  constructor(
    status: number,
    code: string,
    detail: string,
    extra: Readonly<Record<string, unknown>> = {},
    retryAfterSeconds?: number,
  ) {
    super(detail);
    this.retryAfterSeconds = retryAfterSeconds;
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
  431: "Too large",
  500: "Internal error",
  503: "Not available",
  504: "Took too long",
};

function formatProblem({ status, code, message: detail, extra }: Problem): string {
  return JSON.stringify({
    ...{ type: "about:blank", title: titles[status] ?? "Error", status, detail, code },
    ...extra,
  });
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { retryAfterSeconds } = problem;
  if (retryAfterSeconds !== undefined) reply.header("retry-after", String(retryAfterSeconds));
  return reply
    .code(problem.status)
    .header("content-type", "application/problem+json")
    .send(formatProblem(problem));
}

const unreadMilliseconds = 2000;

/** Of a connection whose request cannot be read; there is nothing to reply to but the socket. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (socket.writableEnded) return; // the rest of what was answered cannot be read either
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const problem =
    error.code === "HPE_HEADER_OVERFLOW"
      ? new Problem(
          431,
          "head_too_large",
          "URL and headers have at most 16 KiB; a filter has at most 4096 characters",
        )
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? new Problem(408, "request_invalid", "the request did not arrive in time")
        : new Problem(400, "request_invalid", "this is no HTTP request");
  const body = formatProblem(problem);
  // The rest is read and thrown away for a moment: else the connection is reset before the answer is read.
  socket.removeAllListeners("data").resume();
  setTimeout(() => socket.destroy(), unreadMilliseconds).unref();
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
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
