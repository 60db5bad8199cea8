import { pipeline, Readable } from "node:stream";
import { constants, createGzip } from "node:zlib";
import type { FastifyInstance } from "fastify";
import { createLook } from "../../collector/index.ts";
import {
  type CompatName,
  chooseFormat,
  contentTypes,
  type ExpositionFormat,
  formatPieces,
  goflow2Metrics,
  type Metric,
  type TrafficMetrics,
} from "../../metrics/index.ts";
import { Problem } from "../problem.ts";
import { collectorMetrics } from "./collector-metrics.ts";
import type { Description } from "./description.ts";
import { type ExporterSource, everyExporter } from "./exporters.ts";
import { type OwnMetricsDependencies, ownMetrics } from "./own-metrics.ts";

export interface MetricsDependencies extends OwnMetricsDependencies {
  readonly collector: Pick<ExporterSource, "status">;
  readonly traffic: TrafficMetrics;
  readonly compat: readonly CompatName[];
}

/** Scrapes at once; each holds the series where they are. */
const scrapesMax = 8;
const scrapeMillisecondsMax = 30_000;

/** Everything that is told of, to be read until `done` is called. */
export interface MetricsReading {
  readonly metrics: readonly Metric[];
  isOver(): boolean;
  done(): void;
}

export type ReadMetrics = () => Promise<MetricsReading>;

/** What `/metrics` and remote write tell: Portolan's own state, then links and flows. */
export function createReadMetrics(dependencies: MetricsDependencies): ReadMetrics {
  const { agent, collector, traffic, compat } = dependencies;
  const look = createLook(async () => {
    const status = await collector.status(everyExporter);
    return [
      ...collectorMetrics(status),
      ...(compat.includes("goflow2") ? goflow2Metrics(status, listenUris(status)) : []),
    ];
  });
  return async () => {
    const own = await ownMetrics(dependencies, await look());
    const reading = traffic.read(agent.status().sockets);
    return { ...reading, metrics: [...own, ...reading.metrics] };
  };
}

/** GoFlow2's word for a listener that takes every protocol is `flow`. */
function listenUris({ listeners }: { listeners: readonly { host: string; port: number }[] }) {
  return listeners.map(({ host, port }) => ({ scheme: "flow", host, port }));
}

/**
 * `GET /metrics`, Prometheus text or OpenMetrics, in pieces that are made as the scraper takes them. One that takes too long is cut off.
 */
export function routeMetrics(
  app: FastifyInstance,
  read: ReadMetrics,
  scrapeMilliseconds = scrapeMillisecondsMax,
): void {
  let scrapes = 0;
  app.get("/metrics", { config: { describes } }, async (request, reply) => {
    if (scrapes >= scrapesMax)
      throw new Problem(
        503,
        "scrapes_busy",
        `${scrapesMax} scrapes are going on; ask again when one has ended`,
      );
    scrapes++;
    let reading: MetricsReading;
    try {
      reading = await read();
    } catch (error) {
      scrapes--;
      throw error;
    }
    const format = chooseFormat(request.headers.accept);
    const stream = Readable.from(piecesOf(reading, format), { objectMode: false, highWaterMark: 1 << 16 });
    const timer = setTimeout(() => request.raw.socket.destroy(), scrapeMilliseconds);
    const isPacked = acceptsGzip(request.headers["accept-encoding"]);
    // Level 1 is done in threads of the runtime's; the errors of the one are the other's.
    const body = isPacked
      ? pipeline(stream, createGzip({ level: constants.Z_BEST_SPEED }), () => {})
      : stream;
    stream.once("close", () => reading.done());
    body.once("close", () => {
      clearTimeout(timer);
      scrapes--;
    });
    if (isPacked) reply.header("content-encoding", "gzip");
    return reply
      .header("content-type", contentTypes[format])
      .header("vary", "accept, accept-encoding")
      .send(body);
  });
}

const describes: Description = {
  summary: "Metrics in Prometheus text, or OpenMetrics where `Accept` asks for it.",
  answer: Object.values(contentTypes).map((type) => type.split(";")[0]!),
  statuses: [503],
};

/** Whether an `Accept-Encoding` header names gzip, and not with a weight of 0. */
function acceptsGzip(header: string | string[] | undefined): boolean {
  return String(header ?? "")
    .split(",")
    .some((part) => {
      const [coding = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
      return coding === "gzip" && !parameters.some((text) => /^q=0(\.0*)?$/.test(text));
    });
}

function* piecesOf(reading: MetricsReading, format: ExpositionFormat): Generator<Buffer> {
  for (const piece of formatPieces(reading.metrics, format)) {
    yield Buffer.from(piece);
    if (reading.isOver()) throw new Error("the scraper took too long");
  }
}
