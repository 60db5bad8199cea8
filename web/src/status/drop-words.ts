import { dropReasons } from "../../../src/flow/drop-reason.ts";

const words: ReadonlyMap<string, string> = new Map(Object.entries(dropReasons));

/** Why something was given up, in a sentence; a reason that is not known, as a newer agent's may be, as it is. */
export function describeDrop(reason: string): string {
  return words.get(reason) ?? reason;
}
