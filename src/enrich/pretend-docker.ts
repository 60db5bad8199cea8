import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** For tests: as much of Docker's Engine API as tells names, on a socket of its own. */
export class PretendDocker {
  readonly socketPath: string;
  /** What /containers/json answers; a text is sent as it is. */
  list: unknown = [];
  /** Takes a request in the engine's place; returns whether it did. */
  instead: ((...request: Parameters<RequestListener>) => boolean) | undefined;
  readonly asked: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), "portolan-docker-"));
  readonly #streams = new Set<ServerResponse>();
  #server: Server | undefined;

  constructor() {
    this.socketPath = join(this.#folder, "docker.sock");
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.asked.push(`${request.method} ${request.url}`);
      if (this.instead?.(request, response)) return;
      if (request.url?.startsWith("/events?")) this.#stream(response);
      else if (request.url === "/containers/json") response.end(textOf(this.list));
      else response.writeHead(404).end();
    });
    this.#server = server;
    await once(server.listen(this.socketPath), "listening");
  }

  /** Event streams open now. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** An event as Docker 28 writes it. */
  tell(action: string, id: string, attributes: Record<string, unknown>): void {
    const event = {
      Type: "container",
      Action: action,
      Actor: { ID: id, Attributes: attributes },
      scope: "local",
    };
    this.write(`${JSON.stringify({ status: action, id, ...event, time: 1763729000 })}\n`);
  }

  write(text: string): void {
    for (const stream of this.#streams) stream.write(text);
  }

  /** Breaks every connection, as when the engine is restarted. */
  disconnect(): void {
    this.#server?.closeAllConnections();
  }

  async stop(): Promise<void> {
    const closed = this.#server === undefined ? undefined : once(this.#server, "close");
    this.#server?.close();
    this.disconnect();
    await closed;
    this.#server = undefined;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #stream(response: ServerResponse): void {
    this.#streams.add(response);
    response.on("close", () => this.#streams.delete(response));
    response.flushHeaders();
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
