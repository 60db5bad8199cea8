import type { FastifyInstance } from "fastify";
import { formatProtocol } from "../../flow/index.ts";
import { filterFields } from "../../query/index.ts";
import type { Store } from "../../store/index.ts";
import { values as valuesAnswer } from "./answers/completion.ts";
import { askInTurn } from "./ask-in-turn.ts";
import { type Description, type Parameter, readQuery } from "./description.ts";
import { integer, text } from "./parameter-kinds.ts";
import { invalid } from "./parameters.ts";

const fieldNames = filterFields.map(({ name }) => name as string);

/** With or without the end; `label.KEY` for a label's values. */
const field: Parameter<string> = {
  description: `A field of the filter language: ${fieldNames.join(", ")}; \`label\` for the keys of labels, \`label.KEY\` for the values of one. \`client.\` and so on may stand before it.`,
  schema: { type: "string", maxLength: 400, examples: ["name", "client.namespace", "label.app"] },
  read(parameters, name) {
    const given = parameters.text(name, 400);
    if (given === undefined) throw invalid(name, `missing; one of ${fieldNames.join(", ")} is expected`);
    const bare = given.replace(/^(client|server|source|destination)\./i, "");
    const isLabel = /^label\../i.test(bare);
    const known = fieldNames.find((one) => one.toLowerCase() === bare.toLowerCase());
    if (known === undefined && !isLabel)
      throw invalid(name, `no such field; accepted: ${fieldNames.join(", ")}, label.KEY`);
    return known ?? `label.${bare.slice("label.".length)}`;
  },
};

const describes = {
  summary:
    "Values that a field of the filter language has, those that most peers have first: for completion.",
  parameters: {
    field,
    prefix: text("What they begin with, without regard to case.", 500),
    limit: integer("Values at most.", { fallback: 20, min: 1, max: 1000 }),
  },
  answer: valuesAnswer,
} satisfies Description;

/** `GET /api/v1/values?field&prefix`. Of what is measured there are no values to choose from. */
export function routeValues(app: FastifyInstance, store: Pick<Store, "values">, now: () => number): void {
  app.get("/api/v1/values", { config: { cost: "question", describes } }, async (request) => {
    const { field, prefix = "", limit } = readQuery(describes, request.query, now());
    if (field === "protocol") return { field, values: protocolsFrom(prefix, limit) };
    const values = await askInTurn(request, (signal) => store.values({ field, prefix, limit, signal }));
    return { field, values };
  });
}

/** By number, those that have a name. */
function protocolsFrom(prefix: string, limit: number): string[] {
  const names = Array.from({ length: 256 }, (_, number) => formatProtocol(number));
  return names.filter((name) => !/^\d+$/.test(name) && name.startsWith(prefix.toLowerCase())).slice(0, limit);
}
