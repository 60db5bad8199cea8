import type { FastifyInstance } from "fastify";
import type { LiveHub } from "../live-hub.ts";
import { Problem } from "../problem.ts";
import { type Description, readQuery } from "./description.ts";
import { viewParameters } from "./map.ts";

/** Streams open at once; each may hold `behindBytes` of unsent text. */
const subscribersMax = 500;
const behindBytes = 1024 * 1024;

const describes = {
  summary:
    "Server-sent events: `map`, a Topology, then each second `change`, what is new, changed and gone; what is new and gone each half second.",
  parameters: viewParameters,
  answer: ["text/event-stream"],
  statuses: [503],
} satisfies Description;

/** `GET /api/v1/live`: server-sent events, a whole map and then changes. */
export function routeLive(app: FastifyInstance, live: LiveHub, now: () => number): void {
  const frameOf = createFrames();
  const options = { exposeHeadRoute: false, config: { cost: "stream", describes } } as const;
  app.get("/api/v1/live", options, (request, reply) => {
    const given = readQuery(describes, request.query, now());
    if (live.subscriberCount >= subscribersMax) {
      throw new Problem(503, "too_many_streams", `${subscribersMax} live streams are open already`);
    }
    const query = {
      filterText: (request.query as { filter?: string }).filter ?? "",
      filter: given.filter,
      grouping: given.group,
      metric: given.metric,
      linksMax: given.limit,
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
      send: (event, data) => void stream.write(frameOf(event, data)),
      keepAlive: () => void stream.write(":\n\n"),
      isBehind: () => stream.writableLength > behindBytes,
    });
    stream.on("close", leave);
    stream.on("error", leave);
  });
}

/** Everybody who looks at a view is sent the same: it is made into bytes once, and held once however many are behind. */
function createFrames(): (event: string, data: string) => Buffer {
  let last = { event: "", data: "", bytes: Buffer.alloc(0) };
  return (event, data) => {
    if (data !== last.data || event !== last.event)
      last = { event, data, bytes: Buffer.from(`event: ${event}\ndata: ${data}\n\n`) };
    return last.bytes;
  };
}
