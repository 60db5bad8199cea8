import type { FastifyInstance } from "fastify";
import { ConfigError } from "../../settings/index.ts";
import { Problem } from "../problem.ts";
import { reloaded } from "./answers/operation.ts";
import type { Description } from "./description.ts";

const describes: Description = {
  summary: "Read the configuration again, as SIGHUP does: tokens and the certificate are taken at once.",
  answer: reloaded,
  statuses: [422],
};

/** `POST /api/v1/reload`, where no signal can be sent. */
export function routeReload(app: FastifyInstance, reload: () => string[]): void {
  app.post("/api/v1/reload", { config: { scope: "admin", describes } }, () => {
    try {
      return { wantRestart: reload() };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const detail = "the configuration stays as it was";
      throw new Problem(422, "configuration_invalid", detail, { problems: error.problems });
    }
  });
}
