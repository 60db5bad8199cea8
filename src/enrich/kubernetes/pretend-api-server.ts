import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Json = Record<string, unknown>;

/** For tests: as much of an API server as lists in pages, watches, and has its bad days. */
export class PretendApiServer {
  /** Objects by the path of their list. */
  readonly lists = new Map<string, Map<string, Json>>();
  readonly asked: {
    readonly path: string;
    readonly query: URLSearchParams;
    readonly accept: string;
    readonly token: string;
  }[] = [];
  /** Takes a request in the server's place; returns whether it did. */
  instead: ((request: IncomingMessage, response: ServerResponse, url: URL) => boolean) | undefined;
  /** Versions up to this are forgotten: a watch from one of them is 410. */
  forgotten = 0;
  version = 100;
  readonly #log: { readonly path: string; readonly version: number; readonly line: string }[] = [];
  readonly #watches = new Map<ServerResponse, string>();
  #server: Server | undefined;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    this.#server = createServer((request, response) => this.#answer(request, response));
    await once(this.#server.listen(this.#port, "127.0.0.1"), "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }

  watchesOf(path: string): ServerResponse[] {
    return [...this.#watches].filter(([, watched]) => watched === path).map(([response]) => response);
  }

  countOf(path: string, isWatch: boolean): number {
    return this.asked.filter((one) => one.path === path && one.query.has("watch") === isWatch).length;
  }

  put(path: string, object: Json): void {
    const list = this.lists.get(path) ?? new Map<string, Json>();
    this.lists.set(path, list);
    const key = keyOf(object);
    this.#tell(path, list.has(key) ? "MODIFIED" : "ADDED", object, () =>
      list.set(key, this.#versioned(object)),
    );
  }

  remove(path: string, object: Json): void {
    this.#tell(path, "DELETED", object, () => this.lists.get(path)?.delete(keyOf(object)));
  }

  bookmark(path: string): void {
    const line = JSON.stringify({
      type: "BOOKMARK",
      object: { metadata: { resourceVersion: String(this.version) } },
    });
    for (const response of this.watchesOf(path)) response.write(`${line}\n`);
  }

  /** As the server ends watches: after their time. */
  endWatches(path: string): void {
    for (const response of this.watchesOf(path)) response.end();
  }

  cutWatches(path: string): void {
    for (const response of this.watchesOf(path)) response.destroy();
  }

  #tell(path: string, type: string, object: Json, apply: () => void): void {
    this.version++;
    apply();
    const line = `${JSON.stringify({ type, object: this.#versioned(object) })}\n`;
    this.#log.push({ path, version: this.version, line });
    for (const response of this.watchesOf(path)) response.write(line);
  }

  #versioned(object: Json): Json {
    return { ...object, metadata: { ...(object.metadata as Json), resourceVersion: String(this.version) } };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://pretend");
    const token = (request.headers.authorization ?? "").replace("Bearer ", "");
    this.asked.push({
      path: url.pathname,
      query: url.searchParams,
      accept: String(request.headers.accept),
      token,
    });
    if (this.instead?.(request, response, url)) return;
    if (url.searchParams.has("watch")) this.#watch(url, response);
    else this.#list(url, response);
  }

  #watch(url: URL, response: ServerResponse): void {
    const from = Number(url.searchParams.get("resourceVersion"));
    if (from < this.forgotten) {
      fail(response, 410, "too old resource version");
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    for (const { path, version, line } of this.#log)
      if (path === url.pathname && version > from) response.write(line);
    this.#watches.set(response, url.pathname);
    response.on("close", () => this.#watches.delete(response));
  }

  #list(url: URL, response: ServerResponse): void {
    const items = [...(this.lists.get(url.pathname)?.values() ?? [])];
    const start = Number(url.searchParams.get("continue") ?? 0);
    const limit = Number(url.searchParams.get("limit") ?? items.length);
    const more = start + limit < items.length ? { continue: String(start + limit) } : {};
    const metadata = { resourceVersion: String(this.version), ...more };
    response.end(JSON.stringify({ kind: "List", metadata, items: items.slice(start, start + limit) }));
  }
}

export function fail(
  response: ServerResponse,
  code: number,
  message: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, headers).end(JSON.stringify({ kind: "Status", code, message }));
}

function keyOf({ metadata }: Json): string {
  const { namespace = "", name } = metadata as { namespace?: string; name: string };
  return `${namespace}/${name}`;
}
