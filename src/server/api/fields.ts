import type { FastifyInstance } from "fastify";
import { filterFields, filterLimits, filterValueKinds } from "../../query/index.ts";
import { dimensions, metrics } from "../../store/index.ts";
import { groupings } from "../../topology/index.ts";
import { fields } from "./answers/completion.ts";
import type { Description } from "./description.ts";

const describes: Description = {
  summary: "The fields of the filter language, and what can be grouped and ordered by: for completion.",
  answer: fields,
};

/** `GET /api/v1/fields`. */
export function routeFields(app: FastifyInstance): void {
  const answer = {
    fields: filterFields.map(({ name, values, of, description, example }) => ({
      ...{ name, values, of, description, example },
      ...(of === "end" ? { prefixes: ["client", "server", "source", "destination"] } : {}),
    })),
    values: filterValueKinds,
    limits: filterLimits,
    ...{ dimensions, metrics, groupings },
  };
  app.get("/api/v1/fields", { config: { describes } }, () => answer);
}
