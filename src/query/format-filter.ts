import type { FilterField } from "./filter.ts";
import { type FilterFieldInfo, filterFields, filterLimits, filterValueKinds } from "./filter-fields.ts";
import { escapePattern } from "./pattern.ts";

/**
 * A term that matches exactly this value, quoted where it has to be. An end's prefix may stand before the field.
 * The page builds filters from clicks with it, so it parses back whatever a peer is called.
 */
export function formatFilterTerm(
  field: FilterField | `${string}.${FilterField}`,
  value: string | number,
): string {
  const pattern = escapePattern(String(value));
  return `${field}:${/^[^\s()",\\]+$/.test(pattern) ? pattern : `"${pattern.replaceAll('"', '\\"')}"`}`;
}

/** The fields' part of docs/reference/filter.md. */
export function formatFilterReference(): string {
  const kinds = Object.entries(filterValueKinds).map(([kind, accepts]) => `| ${kind} | ${accepts} |`);
  return [
    "| field | of | values | meaning | example |",
    "| --- | --- | --- | --- | --- |",
    ...filterFields.map(formatFieldRow),
    "",
    "| values | accepted |",
    "| --- | --- |",
    ...kinds,
    "",
    `A filter has at most ${filterLimits.textLength} characters, ${filterLimits.terms} terms, ${filterLimits.wildcards} wildcards (a bare word has two) and ${filterLimits.nesting} levels of NOT and parentheses.`,
    "",
  ].join("\n");
}

function formatFieldRow({ name, of, values, description, example }: FilterFieldInfo): string {
  return `| \`${name}\` | ${of} | ${values} | ${description} | \`${example}\` |`;
}
