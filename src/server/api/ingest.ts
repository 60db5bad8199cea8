import { promisify } from "node:util";
import { gunzip, zstdDecompress } from "node:zlib";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ingestLimits, readMessage } from "../../ingest/index.ts";
import type { IngestToken } from "../../settings/index.ts";
import { createTokenCheck } from "../ingest-token.ts";
import { Problem } from "../problem.ts";
import type { IngestOutcome, RemoteAgents } from "../remote-agents.ts";

export interface IngestDependencies {
  readonly agents: Pick<RemoteAgents, "accept">;
  /** Undefined: whoever reaches the server may send. */
  readonly tokens: readonly IngestToken[] | undefined;
}

export const ingestPath = "/api/v1/ingest";
const contentType = "application/x-protobuf";
/** Bodies being received and unpacked, by their announced size. */
const readingBytesMax = 64 * 2 ** 20;
const [gunzipped, unpacked] = [promisify(gunzip), promisify(zstdDecompress)];

/** `POST /api/v1/ingest`: a message of an agent (docs/formats/ingest.md), answered when it is durable. */
export function routeIngest(app: FastifyInstance, { agents, tokens }: IngestDependencies): void {
  const tokenName = tokens === undefined ? () => "" : createTokenCheck(tokens);
  let readingBytes = 0;

  /** Before the body is read. */
  async function admit(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (tokenName(request.headers.authorization) === undefined) {
      reply.header("www-authenticate", 'Bearer realm="ingest"');
      throw new Problem(
        401,
        "token_invalid",
        "a Bearer token of auth.ingestTokens is expected: portolan agent --token-file FILE",
      );
    }
    const encoding = request.headers["content-encoding"] ?? "identity";
    if (!encodings.includes(encoding))
      throw new Problem(
        415,
        "encoding_unknown",
        `content-encoding: one of ${encodings.join(", ")} is expected`,
      );
    const bytes = bytesOf(request);
    if (readingBytes + bytes > readingBytesMax) throw busy(reply, "too many messages are being read");
    readingBytes += bytes;
    reply.raw.once("close", () => {
      readingBytes -= bytes;
    });
  }

  app.register(async (inner) => {
    inner.removeAllContentTypeParsers();
    inner.addContentTypeParser(contentType, { parseAs: "buffer" }, (_request, body, done) =>
      done(null, body),
    );
    inner.post<{ Body: Buffer }>(
      ingestPath,
      { onRequest: admit, bodyLimit: ingestLimits.bytes },
      async (request, reply) => {
        const { body, headers, ip } = request;
        const message = readMessage(await unpack(body ?? new Uint8Array(), headers["content-encoding"]));
        if ("problem" in message) throw new Problem(400, "message_invalid", message.problem);
        const sent = Number(headers["portolan-sent"]);
        const outcome = await agents.accept(message, {
          sentMilliseconds: sent > 0 && sent < 2 ** 53 ? sent : undefined,
          tokenName: tokenName(headers.authorization) ?? "",
          address: ip,
        });
        return answer(outcome, message.sequence, reply);
      },
    );
  });
}

const encodings = ["zstd", "gzip", "identity"];

function bytesOf({ headers }: FastifyRequest): number {
  const length = Number(headers["content-length"]);
  return Number.isInteger(length) && length >= 0 && length <= ingestLimits.bytes
    ? length
    : ingestLimits.bytes;
}

async function unpack(body: Uint8Array, encoding: string | undefined): Promise<Uint8Array> {
  if (encoding === undefined || encoding === "identity") return body;
  const options = { maxOutputLength: ingestLimits.bytes };
  try {
    return await (encoding === "gzip" ? gunzipped(body, options) : unpacked(body, options));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE")
      throw new Problem(
        413,
        "message_too_large",
        `a message has at most ${ingestLimits.bytes} bytes without compression`,
      );
    throw new Problem(400, "message_invalid", `the body is not ${encoding}`);
  }
}

function answer(outcome: IngestOutcome, sequence: number, reply: FastifyReply) {
  switch (outcome.kind) {
    case "durable":
      return { sequence, isDuplicate: outcome.isDuplicate };
    case "busy":
      throw busy(reply, outcome.reason);
    case "conflict":
      reply.header("retry-after", "30");
      throw new Problem(409, "agent_conflict", outcome.reason);
  }
}

function busy(reply: FastifyReply, reason: string): Problem {
  reply.header("retry-after", "2");
  return new Problem(503, "busy", reason);
}
