import { z } from "zod";

/** Answers and their parts by the names that they have in /api/openapi.json. */
export const components = z.registry<{ id: string; description?: string }>();

/** An object that has these members and no others, by a name. */
export function named<S extends z.ZodRawShape>(id: string, description: string, shape: S) {
  return z.strictObject(shape).register(components, { id, description });
}

export const count = z.number().min(0);
/** Unix milliseconds. */
export const instant = z.number().min(0).describe("Unix milliseconds.");
export const milliseconds = z.number().min(0).nullable().describe("Milliseconds; null when nobody measured.");
export const countsByName = z.record(z.string(), count);

/** RFC 9457; members beside these say where a mistake is: `parameter`, `position`, `length`, `found`, `expected`. */
export const problem = z
  .looseObject({
    type: z.literal("about:blank"),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string(),
    code: z.string().describe("Stable, lower_snake."),
    parameter: z.string().optional().describe("The parameter that is wrong."),
    position: z.int().optional().describe("Where in the filter the mistake begins."),
    length: z.int().optional(),
    found: z.string().optional(),
    expected: z.string().optional(),
  })
  .register(components, { id: "Problem", description: "Why there is no answer (RFC 9457)." });
