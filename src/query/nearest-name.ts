/** The name that differs from the text by the fewest edits; undefined when none is near enough to be meant. */
export function nearestName<N extends string>(text: string, names: readonly N[]): N | undefined {
  if (text.length > 24) return undefined;
  let best: N | undefined;
  let bestDistance = Math.min(3, Math.ceil(text.length / 2) + 1);
  for (const name of names) {
    const distance = name.startsWith(text) && text.length > 1 ? 0.5 : editDistance(text, name);
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
