import assert from "node:assert/strict";
import { test } from "node:test";
import { QueryClient } from "@tanstack/react-query";
import { createServerClock, serverTime, statusQuery } from "./server-clock.ts";

const here = 1_795_000_000_000;

test("where both clocks are as one the browser's is taken as it is", () => {
  assert.equal(serverTime(here + 5, { now: here - 40, capture: false }, here), here + 5);
});

test("before a status is there, and with a server of before, which tells no time, the browser's is taken", () => {
  assert.equal(serverTime(here, undefined, 0), here);
  assert.equal(serverTime(here + 5, { version: "0.9.0" } as never, here), here + 5);
});

const hour = 3_600_000;

test("a browser whose clock is off asks by the server's", () => {
  assert.equal(serverTime(here + 1000, { now: here + hour, capture: false }, here), here + hour + 1000);
  const behind = 9000 * hour;
  assert.equal(serverTime(here + 1000, { now: here - behind, capture: false }, here), here - behind + 1000);
});

test("a capture is asked about at its own time, which stands still while nobody looks at the page", () => {
  const told = { now: here - 9000 * hour, capture: true };
  assert.equal(serverTime(here + 8 * hour, told, here), told.now);
});

test("the first question waits for the server's clock, but not for long", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: here });
  const client = new QueryClient();
  t.after(() => client.clear());
  const clock = createServerClock(client);
  const asking = (answer: Promise<unknown>) => {
    client.removeQueries(statusQuery);
    client.fetchQuery({ ...statusQuery, queryFn: () => answer as never }).catch(() => undefined);
    return clock.ask();
  };
  const told = Promise.resolve({ now: here + hour, capture: false });
  assert.equal(await asking(told), here + hour);
  assert.equal(await asking(Promise.reject(new Error("away"))), here);
  const patient = asking(new Promise(() => {}));
  t.mock.timers.tick(2000);
  assert.equal(await patient, here + 2000);
});
