import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { components, problem } from "./answers/components.ts";
import type { DescribedRoute, Description, JsonSchema } from "./description.ts";
import { mediaTypes } from "./form.ts";

/** What a person may find on the way, whatever is asked. */
const paths: readonly string[] = ["/", "/*", "/sign-in", "/sign-in.css", "/sign-out"];
const schemaFolder = "#/components/schemas/";

/** `GET /api/openapi.json`: OpenAPI 3.1, put together from what the routes validate and answer with. */
export function routeOpenApi(app: FastifyInstance, version: string): void {
  const describes: Description = {
    summary: "This description.",
    answer: z.looseObject({ openapi: z.string() }),
  };
  let text: string | undefined;
  app.get("/api/openapi.json", { config: { describes } }, (_request, reply) => {
    text ??= JSON.stringify(describeApi(app.describedRoutes, version));
    return reply.type(mediaTypes.json).send(text);
  });
}

export function describeApi(routes: readonly DescribedRoute[], version: string) {
  const operations: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    if (route.description === undefined || paths.includes(route.path)) continue;
    const path = route.path.replace(/:(\w+)/g, "{$1}");
    operations[path] = {
      ...operations[path],
      [route.method.toLowerCase()]: describeOperation(route, route.description),
    };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Portolan",
      version,
      description:
        "Who talks to whom in a network, now and in the past. Times are unix milliseconds; totals are over the window.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, { basic: [] }, { session: [] }],
    paths: operations,
    components: {
      schemas: allSchemas(),
      responses: { Problem: response("Why there is no answer.", "application/problem+json", refTo(problem)) },
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        basic: { type: "http", scheme: "basic", description: "The token is the password." },
        session: {
          ...{ type: "apiKey", in: "cookie", name: "portolan_session" },
          description: "As the page has it, after /sign-in.",
        },
      },
    },
  };
}

function describeOperation(route: DescribedRoute, description: Description) {
  const { summary, parameters = {}, inPath = {}, answer, forms = [], statuses = [], body } = description;
  const { alsoAnswers } = description;
  const success = successOf(answer, forms);
  const { scope = "read", cost } = route.config;
  const isOpen = scope === "open";
  const asksStore = cost === "question";
  const ofEverybody = isOpen ? [500] : [401, 403, 429, 500];
  const mistakes = Object.keys(parameters).length > 0 ? [400] : [];
  const problems = [...mistakes, ...ofEverybody, ...(asksStore ? [503, 504] : []), ...statuses];
  return {
    operationId: operationId(route),
    summary,
    ...(isOpen ? { security: [] } : { description: `Scope \`${scope}\`.` }),
    parameters: [
      ...Object.entries(inPath).map(([name, said]) => ({
        ...{ name, in: "path", required: true, description: said, schema: { type: "string" } },
      })),
      ...Object.entries(parameters).map(([name, { description, schema }]) => ({
        ...{ name, in: "query", description, schema },
        ...(schema.type === "array" ? { style: "form", explode: false } : {}),
      })),
    ],
    ...(body && {
      requestBody: {
        ...{ required: true, description: body.description, content: { [body.type]: {} } },
      },
    }),
    responses: {
      200: success,
      ...(alsoAnswers === undefined ? {} : { [alsoAnswers]: success }),
      ...Object.fromEntries(
        problems
          .toSorted((a, b) => a - b)
          .map((status) => [status, { $ref: "#/components/responses/Problem" }]),
      ),
    },
  };
}

function successOf(answer: Description["answer"], forms: NonNullable<Description["forms"]>) {
  if (answer === undefined) return { description: "Done." };
  if (isListOfTypes(answer)) return { description: "Done.", content: texts(answer) };
  const { description, content } = response(describe(answer), mediaTypes.json, refTo(answer));
  return { description, content: { ...content, ...texts(forms.map((form) => mediaTypes[form])) } };
}

function isListOfTypes(answer: z.ZodType | readonly string[]): answer is readonly string[] {
  return Array.isArray(answer);
}

function texts(types: readonly string[]) {
  return Object.fromEntries(types.map((type) => [type, { schema: { type: "string" } }]));
}

function response(description: string, type: string, schema: JsonSchema) {
  return { description, content: { [type]: { schema } } };
}

function describe(answer: z.ZodType): string {
  return components.get(answer)?.description ?? "Done.";
}

/** A part by its name; what has none stands where it is used. */
function refTo(answer: z.ZodType): JsonSchema {
  const id = components.get(answer)?.id;
  if (id !== undefined) return { $ref: `${schemaFolder}${id}` };
  const { $schema: _, ...schema } = z.toJSONSchema(answer);
  return schema;
}

function allSchemas(): Record<string, JsonSchema> {
  const { schemas } = z.toJSONSchema(components, { uri: (id) => `${schemaFolder}${id}` });
  const plain = Object.entries(schemas).map(([id, { $schema: _, $id: __, id: ___, ...schema }]) => [
    id,
    schema,
  ]);
  return Object.fromEntries(plain);
}

/** `GET /api/v1/exporters/:address` → `getExportersAddress`. */
function operationId({ method, path }: DescribedRoute): string {
  const words = path.replace(/^\/api\/(v1\/)?/, "").split(/[^A-Za-z0-9]+/);
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}
