import { z } from "zod";
import { filterLimits } from "../../../query/index.ts";
import { named } from "./components.ts";

const filterField = named("FilterField", "A field of the filter language.", {
  name: z.string(),
  values: z.string().describe("What may stand behind it: a key of `values`."),
  of: z.enum(["end", "link", "measure"]),
  description: z.string(),
  example: z.string(),
  prefixes: z.array(z.string()).optional().describe("What may stand before it, with a point between."),
});

/** One per bound there is, so that a new one is described with the language. */
const filterLimitSchemas = Object.fromEntries(
  Object.keys(filterLimits).map((name) => [name, z.int()]),
) as Record<keyof typeof filterLimits, z.ZodInt>;

export const fields = named("Fields", "What can be asked for.", {
  fields: z.array(filterField),
  values: z.record(z.string(), z.string()).describe("What each kind of value accepts, in words."),
  limits: z
    .strictObject(filterLimitSchemas)
    .describe("Bounds of a filter: its characters, terms, wildcards, and levels of NOT and parentheses."),
  dimensions: z.array(z.string()).describe("For `by`; `client.label.KEY` and `server.label.KEY` too."),
  metrics: z.array(z.string()),
  groupings: z.array(z.string()).describe("For `group`."),
});

export const values = named("Values", "Values of a field, those that most peers have first.", {
  field: z.string(),
  values: z.array(z.string()),
});
