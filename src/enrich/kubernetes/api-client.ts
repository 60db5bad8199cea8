import type { Agent as HttpAgent, IncomingMessage } from "node:http";
import { createGunzip } from "node:zlib";
import type { ClusterAccess, Credentials } from "./access.ts";
import { objectOf, parseJson, textOf } from "./json.ts";

/** An answer other than 200, or none: `status` is 0 then. */
export class ApiError extends Error {
  readonly status: number;
  /** What the server asks to wait; 0 when it says nothing. */
  readonly retryAfterSeconds: number;
  constructor(status: number, message: string, retryAfterSeconds = 0) {
    super(message);
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** What the server was asked so far. */
export interface ApiLoad {
  requests: number;
  /** Answers that were no success, and connections that broke. */
  failures: number;
  bytesReceived: number;
}

export interface ApiClientOptions {
  /** An answer that stands still for as long is given up. */
  readonly answerMilliseconds?: number;
}

export interface ApiClient {
  readonly load: Readonly<ApiLoad>;
  /** The JSON of one answer; rejects with ApiError. */
  get(path: string, signal: AbortSignal, accept?: string): Promise<unknown>;
  /**
   * The lines of an answer that goes on, each given before the next is read; resolves when the server ends it, rejects with ApiError.
   * A stream that is silent for `idleMilliseconds` is ended, as if the server had.
   */
  stream(path: string, signal: AbortSignal, taker: StreamTaker, idleMilliseconds: number): Promise<void>;
  close(): void;
}

export interface StreamTaker {
  readonly accept?: string;
  /** The server has answered that there will be lines. */
  onOpen?(): void;
  /** What it throws ends the stream. */
  onLine(line: string): void;
}

/** One page of a list: 500 pods of a megabyte and a half each, which etcd does not take, would not fit. */
const answerBytesMax = 256 * 2 ** 20;
const lineBytesMax = 16 * 2 ** 20;
/** Files of credentials are looked at again after. */
const credentialsMilliseconds = 30_000;

/** Whole objects, or only their metadata (Kubernetes API concepts, "Alternate representations of resources"). */
export const acceptWhole = "application/json";
export const acceptMetadataList =
  "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
export const acceptMetadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/** Asks a Kubernetes API server (GET only), over HTTP/1.1 with connections kept. */
export function createApiClient(
  access: ClusterAccess,
  { answerMilliseconds = 30_000 }: ApiClientOptions = {},
): ApiClient {
  const load: ApiLoad = { requests: 0, failures: 0, bytesReceived: 0 };
  const isPlain = new URL(access.server).protocol === "http:";
  // The one that is needed, and not by `import`, which reads everything it exports, WebSocket among it: an agent has no room for that.
  const { Agent, request: send } = process.getBuiltinModule(isPlain ? "node:http" : "node:https");
  let agent: HttpAgent | undefined;
  let agentsCredentials: Credentials = {};
  let credentials: Promise<Credentials> | undefined;
  let readAt = 0;
  let wasRefused = false;

  function currentCredentials(): Promise<Credentials> {
    if (credentials === undefined || wasRefused || Date.now() - readAt > credentialsMilliseconds) {
      readAt = Date.now();
      credentials = access.credentials(wasRefused).catch((error: Error) => {
        credentials = undefined;
        throw new ApiError(0, error.message);
      });
      wasRefused = false;
    }
    return credentials;
  }

  function agentFor(now: Credentials): HttpAgent {
    const { certificate, key, authority } = agentsCredentials;
    const isSame = now.certificate === certificate && now.key === key && now.authority === authority;
    if (agent !== undefined && isSame) return agent;
    agentsCredentials = now;
    const options = { keepAlive: true, maxSockets: 32 };
    agent = new Agent({
      ...options,
      ...(now.authority === undefined ? {} : { ca: now.authority }),
      ...(now.certificate === undefined ? {} : { cert: now.certificate, key: now.key }),
      ...(access.serverName === undefined ? {} : { servername: access.serverName }),
      rejectUnauthorized: !access.isUnverified,
    });
    return agent;
  }

  /** Resolves with the head of an answer of 200. */
  async function ask(path: string, signal: AbortSignal, accept: string): Promise<IncomingMessage> {
    const shown = await currentCredentials();
    load.requests++;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = {
        accept,
        "accept-encoding": "gzip",
        "user-agent": "portolan",
        ...(shown.token === undefined ? {} : { authorization: `Bearer ${shown.token}` }),
      };
      const asked = send(`${access.server}${path}`, { agent: agentFor(shown), headers, signal });
      const timer = setTimeout(() => asked.destroy(silence), answerMilliseconds).unref();
      asked.on("response", resolve);
      asked.on("response", () => clearTimeout(timer));
      asked.on("error", reject);
      asked.on("close", () => clearTimeout(timer));
      asked.end();
    }).catch((error: NodeJS.ErrnoException) => {
      load.failures++;
      throw error instanceof ApiError ? error : new ApiError(0, describeFailure(error));
    });
    if (response.statusCode === 200) return response;
    load.failures++;
    if (response.statusCode === 401) wasRefused = true;
    throw await errorOf(response);
  }

  /** What comes, as it was before it was packed. Silence ends it: as a failure, or as `onSilence` says. */
  async function* read(
    response: IncomingMessage,
    silentMilliseconds: number,
    onSilence: () => void = () => response.destroy(silence),
  ): AsyncGenerator<Buffer> {
    const timer = setTimeout(onSilence, silentMilliseconds).unref();
    response.on("data", (chunk: Buffer) => {
      load.bytesReceived += chunk.length;
      timer.refresh();
    });
    try {
      yield* response.headers["content-encoding"] === "gzip" ? unzipped(response) : response;
    } finally {
      clearTimeout(timer);
      response.destroy();
    }
  }

  async function errorOf(response: IncomingMessage): Promise<ApiError> {
    const text = await readText(response, 65_536).catch(() => "");
    const message = textOf(objectOf(parseJson(text)).message).slice(0, 500);
    const retryAfter = Number(response.headers["retry-after"]);
    const status = response.statusCode ?? 0;
    return new ApiError(
      status,
      message || `it answers ${status}`,
      Number.isFinite(retryAfter) ? retryAfter : 0,
    );
  }

  async function readText(response: IncomingMessage, bytesMax: number): Promise<string> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of read(response, answerMilliseconds)) {
      length += chunk.length;
      if (length > bytesMax) throw new ApiError(0, `its answer is larger than ${bytesMax} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  return {
    load,
    async get(path, signal, accept = acceptWhole) {
      const response = await ask(path, signal, accept);
      const text = await readText(response, answerBytesMax).catch((error: Error) => {
        load.failures++;
        throw error instanceof ApiError ? error : new ApiError(0, describeFailure(error));
      });
      const value = parseJson(text);
      if (value === undefined) throw new ApiError(0, "its answer is no JSON");
      return value;
    },
    async stream(path, signal, { accept = acceptWhole, onOpen, onLine }, idleMilliseconds) {
      const response = await ask(path, signal, accept);
      onOpen?.();
      let isSilent = false;
      const onSilence = () => {
        isSilent = true;
        response.destroy();
      };
      const lines = new LineSplitter(onLine);
      try {
        for await (const chunk of read(response, idleMilliseconds, onSilence)) lines.take(chunk);
      } catch (error) {
        if (signal.aborted || isSilent) return;
        load.failures++;
        throw error instanceof ApiError ? error : new ApiError(0, describeFailure(error as Error));
      }
    },
    close() {
      agent?.destroy();
    },
  };
}

const silence = new ApiError(0, "it is silent");

function unzipped(response: IncomingMessage): AsyncIterable<Buffer> {
  const gunzip = createGunzip();
  response.on("error", (error) => gunzip.destroy(error));
  response.on("aborted", () => gunzip.destroy(new Error("the connection was closed")));
  return response.pipe(gunzip);
}

/** Lines of a stream that comes in pieces of any length. */
class LineSplitter {
  readonly #onLine: (line: string) => void;
  #pieces: Buffer[] = [];
  #length = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  take(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const last = chunk.subarray(start, end);
      const line = this.#pieces.length === 0 ? last : Buffer.concat([...this.#pieces, last]);
      this.#pieces = [];
      this.#length = 0;
      start = end + 1;
      if (line.length > 0) this.#onLine(line.toString("utf8"));
    }
    if (start === chunk.length) return;
    this.#pieces.push(start === 0 ? chunk : chunk.subarray(start));
    this.#length += chunk.length - start;
    if (this.#length > lineBytesMax) throw new ApiError(0, `a line is longer than ${lineBytesMax} bytes`);
  }
}

function describeFailure(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ECONNREFUSED":
      return "nobody listens there";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "its name cannot be looked up";
    case "ECONNRESET":
    case "EPIPE":
    case "ERR_STREAM_PREMATURE_CLOSE":
      return "the connection was closed";
    default:
      return error.message.split("\n")[0] ?? "no answer";
  }
}
