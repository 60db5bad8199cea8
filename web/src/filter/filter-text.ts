import { filterFields, parseFilter } from "../../../src/query/index.ts";

/** Adds a term to a filter's text so that both have to hold. */
export function addTerm(filter: string, term: string): string {
  const text = filter.trim();
  if (text === "") return term;
  if (hasTerm(text, term)) return text;
  const parsed = parseFilter(text, "links");
  return parsed.filter?.kind === "or" ? `(${text}) ${term}` : `${text} ${term}`;
}

export function toggleTerm(filter: string, term: string): string {
  if (!hasTerm(filter, term)) return addTerm(filter, term);
  return words(filter)
    .filter((word) => word !== term)
    .join(" ");
}

/** Whether the term stands in the filter as it is; one inside parentheses is not looked for. */
export function hasTerm(filter: string, term: string): boolean {
  return words(filter).includes(term);
}

/** Pieces between blanks that are outside quotes and parentheses. */
export function words(filter: string): string[] {
  const found: string[] = [];
  let word = "";
  let depth = 0;
  let isQuoted = false;
  for (const [i, letter] of [...filter].entries()) {
    if (letter === '"' && filter[i - 1] !== "\\") isQuoted = !isQuoted;
    if (!isQuoted && letter === "(") depth++;
    if (!isQuoted && letter === ")") depth--;
    if (letter !== " " || isQuoted || depth > 0) word += letter;
    else if (word !== "") {
      found.push(word);
      word = "";
    }
  }
  if (word !== "") found.push(word);
  return found;
}

/** Whether the last word may be becoming a field, which as a word of its own would leave nothing. */
export function endsInField(text: string): boolean {
  const start = /(?:^|[\s(])-?(?:client\.|server\.)?([a-z]+)$/i.exec(text)?.[1]?.toLowerCase();
  return start !== undefined && filterFields.some(({ name }) => name.toLowerCase().startsWith(start));
}

export interface FilterMistake {
  readonly message: string;
  readonly position: number;
  readonly length: number;
}

/** The first mistake of a filter on links, with its place; undefined when there is none. */
export function filterMistake(text: string): FilterMistake | undefined {
  const { error } = parseFilter(text, "links");
  return error && { message: error.message, position: error.position, length: error.length };
}
