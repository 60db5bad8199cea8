/**
 * The literal runs between the `*` of a pattern, in lower case: `a*b` gives `["a", "b"]`, a pattern without `*` one
 * run. A text matches when it starts with the first, ends with the last, and has the others between in order.
 */
export function patternSegments(pattern: string): string[] {
  return splitPattern(pattern).map((segment) => segment.toLowerCase());
}

function splitPattern(pattern: string): string[] {
  const segments: string[] = [];
  let segment = "";
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] === "*") {
      segments.push(segment);
      segment = "";
      continue;
    }
    if (pattern[i] === "\\" && i + 1 < pattern.length) i++;
    segment += pattern[i];
  }
  return [...segments, segment];
}

/** How many `*` a pattern has that are wildcards. */
export function wildcardCount(pattern: string): number {
  return splitPattern(pattern).length - 1;
}

/** A pattern that matches exactly this text. */
export function escapePattern(text: string): string {
  return text.replace(/[\\*]/g, "\\$&");
}

/** The text of a pattern without wildcards; undefined when it has one. */
export function literalOf(pattern: string): string | undefined {
  const segments = splitPattern(pattern);
  return segments.length === 1 ? segments[0] : undefined;
}

/** A test for texts that are already in lower case. Takes time linear in the text, whatever the pattern. */
export function compilePattern(pattern: string): (lowerCaseText: string) => boolean {
  const segments = patternSegments(pattern);
  const first = segments[0]!;
  if (segments.length === 1) return (text) => text === first;
  const last = segments.at(-1)!;
  const middle = segments.slice(1, -1).filter((segment) => segment !== "");
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
      return false;
    let from = first.length;
    for (const segment of middle) {
      const found = text.indexOf(segment, from);
      if (found === -1) return false;
      from = found + segment.length;
    }
    return from <= text.length - last.length;
  };
}
