import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeMessage } from "./cri-call.ts";
import { listOf, message } from "./testdata/protobuf.ts";

/** For tests: as much of a container runtime for Kubernetes as tells names, on a socket of its own. */
export class PretendCri {
  readonly socketPath: string;
  /** The services it has; a runtime of today has v1 only. */
  services = ["runtime.v1.RuntimeService"];
  /** Answers by method. */
  answers = new Map<string, Buffer>([
    ["Version", message([1, "0.1.0"], [2, "pretend"], [3, "1.0"], [4, "v1"])],
    ["ListContainers", listOf()],
    ["ListPodSandbox", listOf()],
  ]);
  /** Takes a call in the runtime's place; returns whether it did. */
  instead: ((path: string, stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean) | undefined;
  readonly asked: string[] = [];
  /** Calls in flight at once, at most. */
  callCountMax = 0;
  #callCount = 0;
  readonly #folder = mkdtempSync(join(tmpdir(), "portolan-cri-"));
  readonly #sessions = new Set<ServerHttp2Session>();
  #server: Http2Server | undefined;

  constructor(socketPath?: string) {
    this.socketPath = socketPath ?? join(this.#folder, "cri.sock");
  }

  async start(): Promise<void> {
    const server = createServer();
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
      session.on("error", () => {});
    });
    server.on("stream", (stream, headers) => this.#take(stream, headers));
    this.#server = server;
    await once(server.listen(this.socketPath), "listening");
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** What `call` gets: by default all that is asked for, in one message with an OK behind it. */
  answer(
    stream: ServerHttp2Stream,
    framed: Uint8Array,
    trailers: Record<string, string> = { "grpc-status": "0" },
  ) {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(framed);
  }

  /** An error comes in the headers, with nothing behind them. */
  refuse(stream: ServerHttp2Stream, status: number, text: string): void {
    stream.respond(
      {
        ":status": 200,
        "content-type": "application/grpc",
        "grpc-status": String(status),
        "grpc-message": encodeURIComponent(text),
      },
      { endStream: true },
    );
  }

  async stop(): Promise<void> {
    const closed = this.#server === undefined ? undefined : once(this.#server, "close");
    this.#server?.close();
    for (const session of this.#sessions) session.destroy();
    await closed;
    this.#server = undefined;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const path = headers[":path"] ?? "";
    this.asked.push(path);
    this.callCountMax = Math.max(this.callCountMax, ++this.#callCount);
    stream.on("close", () => this.#callCount--);
    stream.on("error", () => {});
    if (this.instead?.(path, stream, headers)) return;
    const [service = "", method = ""] = path.slice(1).split("/");
    const answer = this.answers.get(method);
    if (answer !== undefined && this.services.includes(service)) this.answer(stream, writeMessage(answer));
    else this.refuse(stream, 12, `unknown service ${service}`);
  }
}
