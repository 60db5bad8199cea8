import { ProblemError } from "./problem.ts";

/** Twice more. */
const retriesMax = 2;

/**
 * Whether to ask once more: where no answer came, as when the machine changes its network, but not where the server said no. Views that
 * ask again by themselves every few seconds do without.
 */
export function retriesUnanswered(failureCount: number, error: Error): boolean {
  return !(error instanceof ProblemError) && failureCount < retriesMax;
}

/** In milliseconds. */
export function retryPause(failureCount: number): number {
  return 300 * 3 ** failureCount;
}

/** A part of the page that is loaded when it is first looked at; a fetch that was cut is done anew. */
export async function loadAgain<T>(load: () => Promise<T>): Promise<T> {
  for (let failureCount = 0; failureCount < retriesMax; failureCount++) {
    try {
      return await load();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, retryPause(failureCount)));
    }
  }
  return await load();
}
