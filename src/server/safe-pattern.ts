import { setImmediate as yieldNow } from "node:timers/promises";
import { RE2JS, RE2JSException } from "re2js";
import { Problem } from "./problem.ts";

/** Go's syntax (RE2): time grows with the text, whatever the pattern, but also with the pattern's size. */
const patternLengthMax = 256;
/** Work done at a stretch, and altogether. */
const stretchMilliseconds = 20;
const costMillisecondsMax = 2000;

export interface SafePattern {
  readonly test: (text: string) => boolean;
}

/** A pattern of a stranger's, unanchored; a Problem (400) that says what is wrong with it. Undefined where none is given. */
export function compilePattern(name: string, pattern: string | undefined): SafePattern | undefined {
  if (pattern === undefined || pattern === "") return undefined;
  const refuse = (what: string) =>
    new Problem(400, "pattern_invalid", `${name}: ${what}`, { parameter: name });
  if (pattern.length > patternLengthMax) throw refuse(`at most ${patternLengthMax} characters are expected`);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    if (error instanceof RE2JSException)
      throw refuse(`no regular expression as Go has them: ${error.message}`);
    throw error;
  }
  const known = new Map<string, boolean>();
  return {
    test(text) {
      const answer = known.get(text) ?? compiled.matcher(text).find();
      known.set(text, answer);
      return answer;
    },
  };
}

/** The items that are wanted. Others get their turn meanwhile; a question that takes too long, by `now` in ms, is a Problem (400). */
export async function filterPatiently<T>(
  items: readonly T[],
  isWanted: (item: T) => boolean,
  now = () => performance.now(),
): Promise<T[]> {
  const wanted: T[] = [];
  let spent = 0;
  let begun = now();
  for (const item of items) {
    if (isWanted(item)) wanted.push(item);
    const stretch = now() - begun;
    if (stretch < stretchMilliseconds) continue;
    spent += stretch;
    if (spent > costMillisecondsMax)
      throw new Problem(
        400,
        "pattern_too_costly",
        "the patterns take too long on this map: simpler ones are expected",
      );
    await yieldNow();
    begun = now();
  }
  return wanted;
}
