import type { FastifyInstance } from "fastify";
import { groupings } from "../../topology/index.ts";
import type { LiveHub } from "../live-hub.ts";
import { Problem } from "../problem.ts";
import { linksMaxBounds, metrics } from "./map.ts";
import { Parameters } from "./parameters.ts";

/** Streams open at once; each may hold `behindBytes` of unsent text. */
const subscribersMax = 500;
const behindBytes = 1024 * 1024;

/** `GET /api/v1/live`: server-sent events, a whole map and then changes each second. */
export function routeLive(app: FastifyInstance, live: LiveHub, now: () => number): void {
  app.get("/api/v1/live", { exposeHeadRoute: false }, (request, reply) => {
    const parameters = new Parameters(request.query, ["filter", "group", "metric", "limit"], now());
    if (live.subscriberCount >= subscribersMax) {
      throw new Problem(503, "too_many_streams", `${subscribersMax} live streams are open already`);
    }
    const query = {
      filterText: parameters.text("filter") ?? "",
      filter: parameters.filter(),
      grouping: parameters.oneOf("group", groupings),
      metric: parameters.oneOf("metric", metrics) ?? "bytes",
      linksMax: parameters.integer("limit", linksMaxBounds),
    };
    if (!live.hasRoomFor(query)) {
      throw new Problem(503, "too_many_views", "too many different live views are open already");
    }
    reply.hijack();
    const stream = reply.raw;
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) stream.setHeader(name, value);
    stream.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    const leave = live.subscribe(query, {
      send: (event, data) => void stream.write(`event: ${event}\ndata: ${data}\n\n`),
      isBehind: () => stream.writableLength > behindBytes,
    });
    stream.on("close", leave);
    stream.on("error", leave);
  });
}
