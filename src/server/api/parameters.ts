import { type Filter, type FilterTarget, parseFilter } from "../../query/index.ts";
import { Problem } from "../problem.ts";

/** The query string of a request, read once and checked whole: an unknown name or a bad value is a 400 that says what is accepted. */
export class Parameters {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #now: number;

  constructor(query: unknown, accepted: readonly string[], now: number) {
    this.#values = (query ?? {}) as Record<string, unknown>;
    this.#now = now;
    for (const [name, value] of Object.entries(this.#values)) {
      if (!accepted.includes(name))
        throw invalid(name, `no such parameter; accepted: ${accepted.join(", ")}`);
      if (typeof value !== "string") throw invalid(name, "given more than once");
    }
  }

  text(name: string, lengthMax = Number.POSITIVE_INFINITY): string | undefined {
    const value = this.#values[name];
    if (typeof value !== "string" || value === "") return undefined;
    if (value.length > lengthMax)
      throw invalid(name, `of ${value.length} characters; at most ${lengthMax} are expected`);
    return value;
  }

  oneOf<const T extends string>(name: string, accepted: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const found = accepted.find((candidate) => candidate === value);
    if (found === undefined)
      throw invalid(name, `"${clip(value)}" is not known; accepted: ${accepted.join(", ")}`);
    return found;
  }

  listOf<const T extends string>(name: string, accepted: readonly T[], countMax: number): T[] {
    const parts = this.text(name)?.split(",") ?? [];
    if (parts.length > countMax) throw invalid(name, `at most ${countMax} of: ${accepted.join(", ")}`);
    return parts.map((part) => {
      const found = accepted.find((candidate) => candidate === part.trim());
      if (found === undefined)
        throw invalid(name, `"${clip(part)}" is not known; accepted: ${accepted.join(", ")}`);
      return found;
    });
  }

  integer(name: string, { fallback, min, max }: { fallback: number; min: number; max: number }): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < min || number > max) {
      throw invalid(name, `"${clip(value)}" is not a whole number from ${min} to ${max}`);
    }
    return number;
  }

  filter(target: FilterTarget = "links"): Filter | undefined {
    const text = this.text("filter");
    if (text === undefined) return undefined;
    const parsed = parseFilter(text, target);
    if (parsed.error === undefined) return parsed.filter;
    const { message, position, length, found, expected } = parsed.error;
    throw new Problem(400, "filter_invalid", message, {
      ...{ position, length, found: clip(found), expected },
    });
  }

  time(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const time = parseTime(value, this.#now);
    if (time === undefined) {
      throw invalid(
        name,
        `"${clip(value)}" is no time; accepted: RFC 3339, unix milliseconds, now, or relative such as -15m, -6h, -7d`,
      );
    }
    return time;
  }
}

/** Windows are asked for in unix ms: the last 15 minutes when nothing is said. */
export function windowOf(
  given: { readonly from: number | undefined; readonly to: number | undefined },
  now: number,
): { from: number; to: number } {
  const to = given.to ?? now;
  const from = given.from ?? to - 15 * 60_000;
  if (from >= to) throw invalid("from", "lies behind `to`: the window is empty");
  return { from, to };
}

const unitMilliseconds: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
/** The end of the year 9999: what ISO 8601 can write. */
const timeMax = 253_402_300_799_999;

/** RFC 3339, unix ms, `now`, or relative to now (`-15m`). Undefined when it is none of these. */
export function parseTime(text: string, now: number): number | undefined {
  if (text === "now") return now;
  const time = readTime(text, now);
  return Number.isFinite(time) && time >= 0 && time <= timeMax ? time : undefined;
}

function readTime(text: string, now: number): number {
  const relative = /^-(\d{1,6})([smhd])$/.exec(text);
  if (relative !== null) return now - Number(relative[1]) * unitMilliseconds[relative[2]!]!;
  if (/^\d+$/.test(text)) return Number(text);
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
}

export function invalid(name: string, what: string): Problem {
  return new Problem(400, "parameter_invalid", `${name}: ${what}`, { parameter: name });
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
