import { type Filter, type FilterTarget, filterLimits } from "../../query/index.ts";
import { type Dimension, dimensions, metrics, parseDimension } from "../../store/index.ts";
import type { Parameter } from "./description.ts";
import { type Form, forms } from "./form.ts";
import { invalid } from "./parameters.ts";

/** A whole number within bounds. */
export function integer(
  description: string,
  bounds: { readonly fallback: number; readonly min: number; readonly max: number },
): Parameter<number> {
  const { fallback, min, max } = bounds;
  return {
    description,
    schema: { type: "integer", minimum: min, maximum: max, default: fallback },
    read: (parameters, name) => parameters.integer(name, bounds),
  };
}

export function oneOf<const T extends string, F extends T | undefined = undefined>(
  description: string,
  accepted: readonly T[],
  fallback?: F,
): Parameter<T | F> {
  return {
    description,
    schema: { type: "string", enum: accepted, ...(fallback === undefined ? {} : { default: fallback }) },
    read: (parameters, name) => parameters.oneOf(name, accepted) ?? (fallback as F),
  };
}

/** Several, with commas between. */
export function listOf<const T extends string>(
  description: string,
  accepted: readonly T[],
  countMax: number,
): Parameter<T[]> {
  return {
    description,
    schema: {
      ...{ type: "array", items: { type: "string", enum: accepted }, maxItems: countMax },
    },
    read: (parameters, name) => parameters.listOf(name, accepted, countMax),
  };
}

export function text(description: string, lengthMax: number): Parameter<string | undefined> {
  return {
    description,
    schema: { type: "string", maxLength: lengthMax },
    read: (parameters, name) => parameters.text(name, lengthMax),
  };
}

export function filter(target: FilterTarget = "links"): Parameter<Filter | undefined> {
  const ofAskers = target === "askers";
  const example = ofAskers ? "namespace:shop" : "port:443 bytes>10MB";
  const what = ofAskers ? "Who looked names up: fields of a peer, as a client, in" : "In";
  const such = ofAskers ? "namespace:shop -workload:cart" : "port:443 -client.name:backup";
  return {
    description: `${what} the filter language (docs/reference/filter.md), such as \`${such}\`.`,
    schema: { type: "string", maxLength: filterLimits.textLength, examples: [example] },
    read: (parameters) => parameters.filter(target),
  };
}

const timeSchema = {
  type: "string",
  examples: ["2026-03-01T12:00:00Z", "1772366400000", "-15m", "now"],
};

export function time(description: string): Parameter<number | undefined> {
  return {
    description: `${description} RFC 3339, unix milliseconds, \`now\`, or relative to now: \`-30s\`, \`-15m\`, \`-6h\`, \`-7d\`.`,
    schema: timeSchema,
    read: (parameters, name) => parameters.time(name),
  };
}

/** The window of a question: to be read with `windowOf`. */
export const windowParameters = {
  from: time("Start of the window; 15 minutes before its end when not given."),
  to: time("End of the window, now when not given."),
};

/** Fields of either end, or of the link, with commas between. */
export function byDimensions(fallback: string, countMax: number): Parameter<Dimension[]> {
  return {
    description: `What is grouped by, ${countMax} at most with commas between; ${fallback}. \`client.label.KEY\` and \`server.label.KEY\` too.`,
    schema: {
      type: "array",
      items: { anyOf: [{ enum: dimensions }, { type: "string", pattern: "^(client|server)\\.label\\.." }] },
      maxItems: countMax,
    },
    read(parameters, name) {
      const parts = parameters.text(name)?.split(",") ?? [];
      const accepted = `${dimensions.join(", ")}, client.label.KEY, server.label.KEY`;
      if (parts.length > countMax) throw invalid(name, `at most ${countMax} of: ${accepted}`);
      return parts.map((part) => {
        const dimension = parseDimension(part.trim());
        if (dimension === undefined)
          throw invalid(name, `"${part.slice(0, 60)}" is not known; accepted: ${accepted}`);
        return dimension;
      });
    },
  };
}

export const metric = oneOf("What is added up, and what the answer is ordered by.", metrics, "bytes");

export const sampling = oneOf(
  "Bytes and packets multiplied by the exporter's sampling interval, or as they were exported.",
  ["corrected", "raw"],
  "corrected",
);

/** `csv` and `ndjson` for those who do not read JSON. */
export const format: Parameter<Form | undefined> = oneOf(
  "The answer's form, before what `Accept` says.",
  forms,
);
