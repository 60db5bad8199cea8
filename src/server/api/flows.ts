import type { FastifyInstance } from "fastify";
import type { Store } from "../../store/index.ts";
import { Parameters } from "./parameters.ts";
import { withTimeout } from "./timeout.ts";

/** `GET /api/v1/flows`: raw records, newest first, in pages. */
export function routeFlows(app: FastifyInstance, store: Store, now: () => number): void {
  app.get("/api/v1/flows", async (request) => {
    const parameters = new Parameters(request.query, ["from", "to", "filter", "limit", "cursor"], now());
    const limit = parameters.integer("limit", { fallback: 100, min: 1, max: 1000 });
    const question = {
      ...parameters.window(),
      filter: parameters.filter("flows"),
      limit,
      cursor: parameters.text("cursor"),
    };
    return withTimeout(request, (signal) => store.flows({ ...question, signal }));
  });
}
