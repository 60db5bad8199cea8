import type { FastifyInstance } from "fastify";
import type { Store } from "../../store/index.ts";
import { buildTopology, groupings } from "../../topology/index.ts";
import { readLinks } from "../history.ts";
import type { PeerFactsTable } from "../peer-facts.ts";
import { Parameters } from "./parameters.ts";
import { withTimeout } from "./timeout.ts";

export const metrics = ["bytes", "packets", "connections", "failed", "retransmits"] as const;
/** Links per answer: enough to fill a screen by default, and what the page can still draw at most. */
export const linksMaxBounds = { fallback: 2000, min: 1, max: 50_000 };

/** `GET /api/v1/map`: peers and links of a window. */
export function routeMap(
  app: FastifyInstance,
  store: Store,
  peerFacts: PeerFactsTable,
  now: () => number,
): void {
  app.get("/api/v1/map", async (request) => {
    const parameters = new Parameters(
      request.query,
      ["from", "to", "filter", "group", "metric", "limit"],
      now(),
    );
    const grouping = parameters.oneOf("group", groupings);
    const metric = parameters.oneOf("metric", metrics) ?? "bytes";
    const linksMax = parameters.integer("limit", linksMaxBounds);
    const window = parameters.window();
    const filter = parameters.filter();
    const question = { ...window, filter, metric, limit: linksMax };
    const { from, to, links, linksLeftOut } = await withTimeout(request, (signal) =>
      readLinks(store, { ...question, signal }, grouping),
    );
    const topology = peerFacts.describe(buildTopology(links, { from, to, metric, grouping, linksMax }));
    const { truncated } = topology;
    return { ...topology, truncated: { ...truncated, links: truncated.links + linksLeftOut } };
  });
}
