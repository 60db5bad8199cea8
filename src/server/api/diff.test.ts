import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import type { Comparison, Totals } from "../../store/index.ts";
import { createHttp } from "../http.ts";
import { routeDiff } from "./diff.ts";

const hour = 3_600_000;
const nothing: Totals = {
  ...{ bytesSent: 0, bytesReceived: 0, packets: 0, connections: 0, failed: 0, retransmits: 0 },
  ...{ refused: 0, timedOut: 0, unreachable: 0, reset: 0, lost: 0 },
  ...{ connectMicroseconds: 0, connectCount: 0, rttMicroseconds: null, rttMinMicroseconds: null },
  ...{ firstSeen: 0, lastSeen: 0 },
};
const sent = (bytesSent: number): Totals => ({ ...nothing, bytesSent });

/** Tells which of these links, by their servers, are told as changed. */
async function changedOf(links: readonly (readonly [base: number, now: number])[], query = "") {
  const compared: Comparison = {
    ...{ from: 3 * hour, to: 4 * hour, baseFrom: 0, baseTo: 2 * hour },
    ...{ newCount: 0, goneCount: 0, bothCount: links.length },
    rows: links.map(([base, now]) => ({
      ...{ group: ["client", `${base} to ${now}`], now: sent(now), base: sent(base), firstSeen: 0 },
    })),
  };
  const app = createHttp({ logger: pino({ level: "silent" }), isLoopbackOnly: true });
  const store = { compare: async () => compared, peersById: async () => [] };
  routeDiff(app, store, () => 4 * hour);
  const answer = await app.inject({ url: `/api/v1/diff?from=-1h&${query}`, headers: { host: "localhost" } });
  return (answer.json() as { links: { server: string }[] }).links.map(({ server }) => server);
}

test("a link is told when it grew or shrank per second by the factor, or more", async () => {
  // The base is twice as long as the window: 200 in it are as much as 100.
  const links = [
    ...([
      [200, 200],
      [200, 199],
      [200, 201],
    ] as const),
    ...([
      [200, 50],
      [200, 51],
      [200, 10],
      [200, 100],
    ] as const),
    ...([
      [0, 0],
      [0, 1],
      [1, 0],
    ] as const),
  ];
  assert.deepEqual(await changedOf(links), [
    "200 to 200",
    "200 to 201",
    "200 to 50",
    "200 to 10",
    "0 to 1",
    "1 to 0",
  ]);
  assert.deepEqual(await changedOf(links, "factor=10"), ["200 to 10", "0 to 1", "1 to 0"]);
});
