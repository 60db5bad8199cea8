import type { Store } from "../store/index.ts";

const windowMilliseconds = 3_600_000;
/** On a slow disk it is given up: whoever asks then has the store for himself. */
const patienceMilliseconds = 20_000;

/**
 * Asks the store for the map of the last hour, as large as the API's is, so that the first who asks need not wait for the disk. What is read stays in the engine's
 * memory, and the peers that it tells of in the store's.
 */
export async function warmUp(store: Pick<Store, "links">, now: number, stopped: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(patienceMilliseconds)]);
  const window = { from: now - windowMilliseconds, to: now };
  await store.links({ ...window, metric: "bytes", limit: 2000, signal }).catch(() => undefined);
}
