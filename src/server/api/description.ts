import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import type { Form } from "./form.ts";
import { Parameters } from "./parameters.ts";

/** A JSON Schema (2020-12, the dialect of OpenAPI 3.1). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** One parameter of a query string: how it is read is how it is described. */
export interface Parameter<T> {
  readonly description: string;
  readonly schema: JsonSchema;
  read(parameters: Parameters, name: string): T;
}

export type ParameterSet = Readonly<Record<string, Parameter<unknown>>>;
export type Read<S extends ParameterSet> = {
  readonly [K in keyof S]: S[K] extends Parameter<infer T> ? T : never;
};

/** What a route is asked and answers: what validates its query, and what /api/openapi.json says of it. */
export interface Description<S extends ParameterSet = ParameterSet> {
  readonly summary: string;
  readonly parameters?: S;
  /** Of the path, by name. */
  readonly inPath?: Readonly<Record<string, string>>;
  /** Of the answer 200; media types where it is no JSON, undefined where it has no body. */
  readonly answer: z.ZodType | readonly string[] | undefined;
  /** Further forms the answer comes in. */
  readonly forms?: readonly Exclude<Form, "json">[];
  /** Statuses of problems beside those that any request may have. */
  readonly statuses?: readonly number[];
  /** The status that has the same answer as 200, with another content. */
  readonly alsoAnswers?: number;
  /** Of a POST. */
  readonly body?: { readonly type: string; readonly description: string };
}

export interface DescribedRoute {
  readonly method: string;
  /** As fastify has it, `/api/v1/peers/:id`. */
  readonly path: string;
  readonly description: Description | undefined;
  readonly config: { readonly scope?: string; readonly cost?: string };
}

declare module "fastify" {
  interface FastifyContextConfig {
    readonly describes?: Description;
  }
  interface FastifyInstance {
    /** Every route there is, in the order in which they were added. */
    readonly describedRoutes: readonly DescribedRoute[];
  }
}

/** To be called before routes are added. */
export function collectDescriptions(app: FastifyInstance): void {
  const routes: DescribedRoute[] = [];
  app.decorate("describedRoutes", routes);
  app.addHook("onRoute", ({ method, url, config = {} }) => {
    for (const one of [method].flat())
      if (one !== "HEAD") routes.push({ method: one, path: url, description: config.describes, config });
  });
}

/** The query of a request, checked whole. */
export function readQuery<S extends ParameterSet>(
  { parameters }: { readonly parameters: S },
  query: unknown,
  now: number,
): Read<S> {
  const given = new Parameters(query, Object.keys(parameters), now);
  const entries = Object.entries(parameters).map(([name, parameter]) => [name, parameter.read(given, name)]);
  return Object.fromEntries(entries) as Read<S>;
}
