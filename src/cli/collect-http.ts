import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type Collector, createLook } from "../collector/index.ts";
import type { CollectFlags } from "../goflow/index.ts";
import { type DropCounters, formatMetrics } from "../metrics/index.ts";
import type { CollectLog } from "./collect-log.ts";
import { collectMetrics, type WrittenCounts } from "./collect-metrics.ts";
import { listTemplates } from "./collect-templates.ts";

export interface CollectHttpDependencies {
  readonly version: string;
  readonly collector: Collector;
  readonly drops: DropCounters;
  readonly written: WrittenCounts;
  readonly log: CollectLog;
  /** So long a client may take to read its answer. */
  readonly answerMilliseconds?: number;
}

/** Exporters told by name, here and in `/templates`. */
const exportersMax = 1000;
/** Strangers may reach this: how many at once, and how long one may take to ask. */
const connectionsMax = 256;
const requestMilliseconds = 5000;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** GoFlow2's `/metrics`, `/__health` and `/templates`, open to whoever reaches the address; undefined with `-addr ""`. */
export function createCollectHttp(flags: CollectFlags, dependencies: CollectHttpDependencies) {
  const { http: place, templatesPath, listen } = flags;
  if (place === undefined) return undefined;
  const { version, collector, drops, written, log, answerMilliseconds = 30_000 } = dependencies;
  let isCollecting = false;
  const server = createServer(
    {
      headersTimeout: requestMilliseconds,
      requestTimeout: requestMilliseconds,
      connectionsCheckingInterval: 1000,
    },
    (request, response) => {
      answer(request, response).catch((error: unknown) => {
        log.write("error", `http: ${error}`);
        if (response.headersSent) response.destroy();
        else send(response, plain(500, "Internal Server Error\n"));
      });
    },
  );
  server.maxConnections = connectionsMax;

  /** The answers, not what they are made of: all who ask share these bytes, and the status is garbage again. */
  const look = createLook(async () => {
    const status = await collector.status(exportersMax);
    const { bySource, leftOutCount } = listTemplates(status.exporters);
    return {
      metrics: Buffer.from(formatMetrics(collectMetrics({ version, listen, status, drops, written }))),
      templates: Buffer.from(JSON.stringify(bySource, null, 2)),
      leftOutCount,
    };
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reading = setTimeout(() => response.destroy(), answerMilliseconds);
    response.once("close", () => clearTimeout(reading));
    send(response, await answerTo(request.method ?? "", request.url ?? ""));
  }

  async function answerTo(method: string, target: string): Promise<Answer> {
    if (method !== "GET" && method !== "HEAD")
      return { ...plain(405, "Method Not Allowed\n"), headers: { allow: "GET, HEAD", connection: "close" } };
    // A request target need not be a URL: `//` is a path.
    switch (target.split("?", 1)[0]) {
      case "/__health":
        return isCollecting ? plain(200, "OK\n") : plain(503, "Not OK\n");
      case "/metrics":
        return {
          ...{ status: 200, type: "text/plain; version=0.0.4; charset=utf-8" },
          body: (await look()).metrics,
        };
      case templatesPath || undefined: {
        const { templates, leftOutCount } = await look();
        const headers: Record<string, string> =
          leftOutCount === 0 ? {} : { "portolan-left-out": String(leftOutCount) };
        return { status: 200, type: "application/json", body: templates, headers };
      }
      default:
        return plain(404, "404 page not found\n");
    }
  }

  return {
    /** Rejects when the address cannot be had. */
    async start() {
      server.listen({ port: place.port, ...(place.host === "" ? {} : { host: place.host }) });
      await once(server, "listening");
      const { address, port } = server.address() as { address: string; port: number };
      const host = address.includes(":") ? `[${address}]` : address;
      const isOpen = !/^(127\.|::1$)/.test(address);
      const toWhom = isOpen
        ? ` to whoever reaches this address; -addr 127.0.0.1:${port} closes it, -addr "" serves nothing`
        : "";
      log.write("info", `metrics, health and templates are served${toWhom}`, {
        http: `http://${host}:${port}`,
      });
    },
    setCollecting(value: boolean) {
      isCollecting = value;
    },
    async stop() {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

function plain(status: number, text: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body: Buffer.from(text) };
}

/** To HEAD, Node sends the headers alone. */
function send(response: ServerResponse, { status, type, body, headers }: Answer): void {
  response.writeHead(status, { "content-type": type, "content-length": body.length, ...headers }).end(body);
}
