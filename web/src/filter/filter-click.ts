import { addTerm } from "./filter-text.ts";

/** Keys that were held during a click; Shift also with Enter. */
interface Held {
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

/** What a click on something that can also be chosen makes of the filter: with Alt it goes out, with Shift only it is left. */
export function filterOfClick(filter: string, term: string, { altKey, shiftKey }: Held): string | undefined {
  if (term === "") return undefined;
  if (altKey) return addTerm(filter, `-(${term})`);
  return shiftKey ? addTerm(filter, term) : undefined;
}

/** Where a plain click chooses. */
export const chooseTitle = "Shift-click: only this, Alt-click: without it";
/** Where a plain click filters. */
export const filterTitle = "Click: only this, Alt-click: without it";
