/** A broken assumption of ours, never bad input: the program stops. (node:assert is not there in the browser.) */
export function assert(condition: boolean, assumption: string): asserts condition {
  if (!condition) throw new Error(`broken assumption: ${assumption}`);
}
