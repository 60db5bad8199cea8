import { type Collector, createLook } from "../collector/index.ts";
import type { CollectFlags } from "../goflow/index.ts";
import { type DropCounters, formatMetrics } from "../metrics/index.ts";
import type { CollectLog } from "./collect-log.ts";
import { collectMetrics, type WrittenCounts } from "./collect-metrics.ts";
import { listTemplates } from "./collect-templates.ts";
import { type Answer, createPlainHttp, plain } from "./plain-http.ts";

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
/** GoFlow2's `/metrics`, `/__health` and `/templates`, open to whoever reaches the address; undefined with `-addr ""`. */
export function createCollectHttp(flags: CollectFlags, dependencies: CollectHttpDependencies) {
  const { http: place, templatesPath, listen } = flags;
  if (place === undefined) return undefined;
  const { version, collector, drops, written, log, answerMilliseconds } = dependencies;
  let isCollecting = false;
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

  async function answerTo(target: string): Promise<Answer> {
    switch (target) {
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

  const server = createPlainHttp(place, {
    answerTo,
    answerMilliseconds,
    onError: (message) => log.write("error", message),
  });

  return {
    /** Rejects when the address cannot be had. */
    async start() {
      const { url, port, isOpen } = await server.start();
      const toWhom = isOpen
        ? ` to whoever reaches this address; -addr 127.0.0.1:${port} closes it, -addr "" serves nothing`
        : "";
      log.write("info", `metrics, health and templates are served${toWhom}`, {
        http: url,
      });
    },
    setCollecting(value: boolean) {
      isCollecting = value;
    },
    stop: () => server.stop(),
  };
}
