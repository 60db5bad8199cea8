import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

// Not by `import`, which reads everything the module exports: WebSocket among it, 14 MB of memory.
const { createServer } = process.getBuiltinModule("node:http");

/** Strangers may reach this: how many at once, and how long one may take to ask. */
const connectionsMax = 256;
const requestMilliseconds = 5000;

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface PlainHttpDependencies {
  /** Of a GET or HEAD; the target has no query. */
  answerTo(target: string): Answer | Promise<Answer>;
  /** Told what could not be answered. */
  onError(message: string): void;
  /** So long a client may take to read its answer. */
  readonly answerMilliseconds?: number | undefined;
}

/** A few small answers over HTTP, for commands that are no server; `host` "" is every address. */
export function createPlainHttp(
  { host, port }: { readonly host: string; readonly port: number },
  { answerTo, onError, answerMilliseconds = 30_000 }: PlainHttpDependencies,
) {
  const server = createServer(
    {
      headersTimeout: requestMilliseconds,
      requestTimeout: requestMilliseconds,
      connectionsCheckingInterval: 1000,
    },
    (request, response) => {
      silent.delete(request.socket);
      response.once("close", () => {
        if (!request.socket.destroyed) silent.add(request.socket);
      });
      answer(request, response).catch((error: unknown) => {
        onError(`http: ${error}`);
        if (response.headersSent) response.destroy();
        else send(response, plain(500, "Internal Server Error\n"));
      });
    },
  );
  const silent = keepRoom(server, connectionsMax);

  async function answer({ method = "", url = "" }: IncomingMessage, response: ServerResponse): Promise<void> {
    const reading = setTimeout(() => response.destroy(), answerMilliseconds);
    response.once("close", () => clearTimeout(reading));
    if (method !== "GET" && method !== "HEAD") {
      const headers = { allow: "GET, HEAD", connection: "close" };
      return send(response, { ...plain(405, "Method Not Allowed\n"), headers });
    }
    // A request target need not be a URL: `//` is a path.
    send(response, await answerTo(url.split("?", 1)[0]!));
  }

  return {
    /** Rejects when the address cannot be had. `isOpen`: others than this machine may reach it. */
    async start(): Promise<{ url: string; port: number; isOpen: boolean }> {
      server.listen({ port, ...(host === "" ? {} : { host }) });
      await once(server, "listening");
      const bound = server.address() as { address: string; port: number };
      const name = bound.address.includes(":") ? `[${bound.address}]` : bound.address;
      return {
        url: `http://${name}:${bound.port}`,
        port: bound.port,
        isOpen: !/^(127\.|::1$)/.test(bound.address),
      };
    },
    async stop() {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * Of connections beyond `countMax`, the one that has asked nothing for longest goes, so that whoever asks at once is answered however many are
 * silent; where all have asked, the new one. Returns those that ask nothing, the longest first.
 */
function keepRoom(server: Server, countMax: number): Set<Socket> {
  const silent = new Set<Socket>();
  let count = 0;
  server.on("connection", (socket) => {
    count++;
    socket.once("close", () => {
      count--;
      silent.delete(socket);
    });
    silent.add(socket);
    if (count <= countMax) return;
    const [longest = socket] = silent;
    silent.delete(longest); // its end is told later
    longest.destroy();
  });
  return silent;
}

export function plain(status: number, text: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body: Buffer.from(text) };
}

/** To HEAD, Node sends the headers alone. */
function send(response: ServerResponse, { status, type, body, headers }: Answer): void {
  response.writeHead(status, { "content-type": type, "content-length": body.length, ...headers }).end(body);
}
