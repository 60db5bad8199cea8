/** Which groups a person opened and closed by hand, and how the others are decided. Part of the page's address. */
export interface Openness {
  /** `auto`: as many as can be read; `closed`: none; `open`: all, and all that is in them. */
  readonly detail: Detail;
  /** Ids of groups; of `more:ID` all that is in group ID is shown. */
  readonly opened: readonly string[];
  readonly closed: readonly string[];
}

export const details = ["auto", "closed", "open"] as const;
export type Detail = (typeof details)[number];

export const defaultOpenness: Openness = { detail: "auto", opened: [], closed: [] };

/** By hand at most: what an address can hold. */
export const openedMax = 100;

export function openGroup(openness: Openness, id: string): Openness {
  const closed = openness.closed.filter((other) => other !== id);
  const opened = [...openness.opened.filter((other) => other !== id), id].slice(-openedMax);
  return { ...openness, opened, closed };
}

export function closeGroup(openness: Openness, id: string): Openness {
  const opened = openness.opened.filter((other) => other !== id && other !== `more:${id}`);
  const closed = [...openness.closed.filter((other) => other !== id), id].slice(-openedMax);
  return { ...openness, opened, closed };
}

export function isSameOpenness(a: Openness, b: Openness): boolean {
  return a.detail === b.detail && isSameList(a.opened, b.opened) && isSameList(a.closed, b.closed);
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
