import { promisify } from "node:util";
import { gunzip, zstdDecompress } from "node:zlib";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { formatAddress, parseAddress } from "../../flow/index.ts";
import { ingestLimits, readMessage } from "../../ingest/index.ts";
import type { TokenBearer } from "../auth/token-check.ts";
import type { IngestCounts, IngestResult } from "../ingest-counts.ts";
import { Problem } from "../problem.ts";
import { BodyReceiver, type ReceivedBody, tooLarge } from "../receive-body.ts";
import type { Arrival, IngestOutcome } from "../remote-agent.ts";
import type { RemoteAgents } from "../remote-agents.ts";
import { Turns } from "../turns.ts";
import { ingested } from "./answers/operation.ts";
import type { Description } from "./description.ts";

export interface IngestDependencies {
  readonly agents: Pick<RemoteAgents, "accept">;
  /** Whose token an `Authorization` header carries. Undefined: whoever reaches the server may send. */
  readonly bearerOf: ((header: string | undefined) => TokenBearer | undefined) | undefined;
  readonly counts: IngestCounts;
  /** Of this start of the server, random: with another one an agent sees that its translations were forgotten. */
  readonly serverEpoch: string;
  readonly limits?: Partial<typeof receivingDefaults>;
}

export const ingestPath = "/api/v1/ingest";
const contentType = "application/x-protobuf";
const describes: Description = {
  summary: "Take a message of an agent (docs/formats/ingest.md); answered when its records are durable.",
  answer: ingested,
  statuses: [400, 408, 409, 413, 415, 503],
  body: { type: contentType, description: "`content-encoding`: zstd, gzip or identity." },
};
export const receivingDefaults = {
  bodyBytes: ingestLimits.bytes,
  bytes: 64 * 2 ** 20,
  senderBytes: 32 * 2 ** 20,
  idleMilliseconds: 10_000,
  bodyMilliseconds: 45_000,
};
/** The rest of a refused body is read to its end when it is no longer than this, so that an agent reads why; else the connection is closed. */
const unreadBytesMax = 2 ** 20;
const [gunzipped, unpacked] = [promisify(gunzip), promisify(zstdDecompress)];
const anybody: TokenBearer = { name: "", nodes: undefined };

/** `POST /api/v1/ingest`: a message of an agent (docs/formats/ingest.md), answered when it is durable. */
export function routeIngest(
  app: FastifyInstance,
  { agents, bearerOf = () => anybody, counts, serverEpoch, limits }: IngestDependencies,
): void {
  const receiver = new BodyReceiver({ ...receivingDefaults, ...limits });
  const turns = new Turns();

  /** Before the body is read. */
  async function admit(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const length = Number(request.headers["content-length"] ?? Number.NaN);
    // What is not read to its end now, would be read and thrown away before the connection's next request.
    if (!(length <= unreadBytesMax)) reply.header("connection", "close");
    if (bearerOf(request.headers.authorization) === undefined) {
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
    if (length > ingestLimits.bytes) throw tooLarge(ingestLimits.bytes);
  }

  /** Up to the point where its records wait to be stored. What is held of the message itself is let go then. */
  async function take(
    bytes: Uint8Array,
    encoding: string | undefined,
    arrival: Arrival,
  ): Promise<{ sequence: number; outcome: Promise<IngestOutcome> }> {
    const message = readMessage(await unpack(bytes, encoding));
    if ("problem" in message) throw new Problem(400, "message_invalid", message.problem);
    return { sequence: message.sequence, outcome: agents.accept(message, arrival) };
  }

  app.register(async (inner) => {
    inner.removeAllContentTypeParsers();
    inner.addContentTypeParser(contentType, async (request: FastifyRequest, payload: FastifyRequest["raw"]) =>
      receiver.receive(payload, senderOf(request, bearerOf(request.headers.authorization))),
    );
    inner.addHook("onError", async (_request, reply, error) => {
      if (!(error instanceof Problem)) return;
      counts.count(resultOf(error));
      if (error.status === 503) reply.header("retry-after", "2");
      if (error.status === 408) reply.header("connection", "close"); // the rest may never come
    });
    inner.post<{ Body: ReceivedBody | undefined }>(
      ingestPath,
      { onRequest: admit, config: { scope: "ingest", describes } },
      async (request, reply) => {
        reply.removeHeader("connection"); // the body has been read
        const { headers, ip } = request;
        const { name, nodes } = bearerOf(headers.authorization) ?? anybody;
        const sent = Number(headers["portolan-sent"]);
        const sentMilliseconds = sent > 0 && sent < 2 ** 53 ? sent : undefined;
        const arrival = { sentMilliseconds, tokenName: name, nodes, address: addressOf(ip) };
        const { sequence, outcome } = await turns.take(senderOf(request, { name }), async () => {
          const body = request.body;
          request.body = undefined; // not held until the answer
          try {
            if (request.raw.socket.destroyed) throw new Problem(400, "message_cut_off", "the sender is gone");
            return await take(body?.bytes ?? new Uint8Array(), headers["content-encoding"], arrival);
          } finally {
            body?.release();
          }
        });
        const found = await outcome;
        if (found.kind === "durable") counts.count(found.isDuplicate ? "duplicate" : "durable");
        return answer(found, sequence, serverEpoch, reply);
      },
    );
  });
}

const encodings = ["zstd", "gzip", "identity"];

/** A socket of both families shows IPv4 as ::ffff:a.b.c.d. */
function addressOf(ip: string): string {
  const bytes = parseAddress(ip);
  return bytes === undefined ? ip : formatAddress(bytes);
}

/** Agents behind a proxy share its address. */
function senderOf({ ip }: FastifyRequest, bearer: { name: string } | undefined): string {
  return `${ip} ${bearer?.name ?? ""}`;
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

function answer(outcome: IngestOutcome, sequence: number, serverEpoch: string, reply: FastifyReply) {
  switch (outcome.kind) {
    case "durable":
      return { sequence, isDuplicate: outcome.isDuplicate, serverEpoch };
    case "busy":
      throw new Problem(503, "busy", outcome.reason);
    case "forbidden":
      throw new Problem(403, "node_not_allowed", outcome.reason);
    case "conflict":
      reply.header("retry-after", String(Math.ceil(outcome.retryAfterMilliseconds / 1000)));
      throw new Problem(409, "agent_conflict", outcome.reason);
  }
}

function resultOf({ status }: Problem): IngestResult {
  if (status === 401) return "unauthorized";
  if (status === 409) return "conflict";
  return status === 503 ? "busy" : "refused";
}
