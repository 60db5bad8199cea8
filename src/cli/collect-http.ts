import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { Collector } from "../collector/index.ts";
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
}

/** Exporters told by name, here and in `/templates`. */
const exportersMax = 1000;

/** GoFlow2's `/metrics`, `/__health` and `/templates`, open to whoever reaches the address; undefined with `-addr ""`. */
export function createCollectHttp(flags: CollectFlags, dependencies: CollectHttpDependencies) {
  const { http: place, templatesPath, listen } = flags;
  if (place === undefined) return undefined;
  const { version, collector, drops, written, log } = dependencies;
  let isCollecting = false;
  const server = createServer({ headersTimeout: 5000 }, (request, response) => {
    answer(new URL(request.url ?? "/", "http://localhost").pathname, response).catch((error: unknown) => {
      log.write("error", `http: ${error}`);
      response.writeHead(500).end("Internal Server Error\n");
    });
  });

  async function answer(path: string, response: ServerResponse): Promise<void> {
    if (path === "/__health") {
      response.writeHead(isCollecting ? 200 : 503, { "content-type": "text/plain; charset=utf-8" });
      response.end(isCollecting ? "OK\n" : "Not OK\n");
    } else if (path === "/metrics") {
      const status = await collector.status(exportersMax);
      const text = formatMetrics(collectMetrics({ version, listen, status, drops, written }));
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(text);
    } else if (path === templatesPath) {
      const { exporters } = await collector.status(exportersMax);
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(listTemplates(exporters), null, 2));
    } else
      response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("404 page not found\n");
  }

  return {
    /** Rejects when the address cannot be had. */
    async start() {
      server.listen({ port: place.port, ...(place.host === "" ? {} : { host: place.host }) });
      await once(server, "listening");
      const { address, port } = server.address() as { address: string; port: number };
      const host = address.includes(":") ? `[${address}]` : address;
      log.write("info", "metrics, health and templates are served", { http: `http://${host}:${port}` });
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
