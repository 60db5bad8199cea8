import { type QueryClient, queryOptions, useQueryClient } from "@tanstack/react-query";
import type { Status } from "./answers.ts";
import { fetchStatus } from "./api.ts";

/** What runs at the server, asked again while the page is open. */
export const statusQuery = queryOptions({
  queryKey: ["status"],
  queryFn: ({ signal }) => fetchStatus(signal),
  refetchInterval: 3000,
  retry: false,
});

/** Clocks that are as close are one: so long an answer may be on its way. */
const closeMilliseconds = 2000;

/**
 * `here` (unix ms, this browser's) as the server's clock has it, which was `told` when it was `toldAt` here. A capture's stands still at its end,
 * however long this page was not looked at, and nothing was asked.
 */
export function serverTime(
  here: number,
  told: Pick<Status, "now" | "capture"> | undefined,
  toldAt: number,
): number {
  if (told?.capture === true) return told.now;
  const ahead = (told?.now ?? toldAt) - toldAt; // a server of before does not tell
  return Math.abs(ahead) < closeMilliseconds ? here : here + ahead;
}

export interface ServerClock {
  /** Unix milliseconds, as far as it is known: before the first answer this browser's. */
  now(): number;
  /** The same, once the server has said it, or not within two seconds. */
  ask(): Promise<number>;
}

/** A status waits for the store, which may be busy: what is asked of it meanwhile is asked by the browser's clock, which is off seldom. */
const patienceMilliseconds = 2000;

/**
 * What the page asks about goes by the server's clock, as its records do: a browser's may be off, and that of a capture which is shown stands
 * where the capture ends.
 */
export function createServerClock(client: QueryClient): ServerClock {
  const now = () => {
    const { data, dataUpdatedAt = 0 } = client.getQueryState(statusQuery.queryKey) ?? {};
    return serverTime(Date.now(), data, dataUpdatedAt);
  };
  const ask = async () => {
    if (client.getQueryData(statusQuery.queryKey) === undefined) await firstStatus();
    return now();
  };
  const firstStatus = () =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, patienceMilliseconds);
      client.ensureQueryData(statusQuery).then(
        () => resolve(),
        () => resolve(), // whoever asks on is told what is wrong
      );
    });
  return { now, ask };
}

export function useServerClock(): ServerClock {
  return createServerClock(useQueryClient());
}
