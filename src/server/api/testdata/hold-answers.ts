import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { FastifyInstance } from "fastify";
import { describeApi } from "../openapi.ts";

interface Operation {
  readonly responses: Readonly<Record<string, { $ref?: string; content?: Record<string, unknown> }>>;
}

/**
 * Holds every answer that a test gets to what /api/openapi.json says: the path, the method, the status, the media type, and
 * the body where it is JSON. What does not hold fails the test at its end.
 */
export function holdAnswers(t: TestContext, app: FastifyInstance): void {
  const broken: string[] = [];
  let check: ReturnType<typeof createCheck> | undefined;
  app.addHook("onSend", async (request, reply, payload) => {
    const { url: route } = request.routeOptions;
    if (route === undefined || !/^\/(api|healthz|readyz|metrics|nodegraph)/.test(route)) return;
    check ??= createCheck(app);
    const type = String(reply.getHeader("content-type") ?? "").split(";")[0]!;
    const body = typeof payload === "string" ? payload : undefined;
    const problem = check({ route, method: request.method, status: reply.statusCode, type, body });
    if (problem !== undefined) broken.push(`${request.method} ${request.url}: ${reply.statusCode}: ${problem}`);
  });
  t.after(() => assert.deepEqual(broken, [], "answers are as /api/openapi.json says"));
}

interface Answer {
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly type: string;
  readonly body: string | undefined;
}

/** Undefined when the answer is as described, else what is not. */
function createCheck(app: FastifyInstance): (answer: Answer) => string | undefined {
  const api = describeApi(app.describedRoutes, "test");
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajv.addSchema({ $id: "api", ...api });
  const pointer = (...names: string[]) =>
    `api#/${names.map((name) => encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`;
  return ({ route, method, status, type, body }) => {
    if (method === "HEAD") return undefined;
    const path = route.replace(/:(\w+)/g, "{$1}");
    const operation = api.paths[path]?.[method.toLowerCase()] as Operation | undefined;
    if (operation === undefined) return "is not described";
    const response = operation.responses[status];
    if (response === undefined) return "has a status that is not described";
    const isProblem = response.$ref !== undefined;
    const content = isProblem ? api.components.responses.Problem.content : response.content;
    if (content === undefined) return body === undefined || body === "" ? undefined : "has a body";
    if (!(type in content)) return `is ${type}, not ${Object.keys(content).join(", ")}`;
    if (body === undefined || !type.endsWith("json")) return undefined;
    const at = isProblem
      ? pointer("components", "responses", "Problem", "content", type, "schema")
      : pointer("paths", path, method.toLowerCase(), "responses", String(status), "content", type, "schema");
    const validate = ajv.getSchema(at);
    assert.ok(validate !== undefined, at);
    return validate(JSON.parse(body)) ? undefined : ajv.errorsText(validate.errors).slice(0, 500);
  };
}
