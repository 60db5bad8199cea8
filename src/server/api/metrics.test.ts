import assert from "node:assert/strict";
import { type AddressInfo, connect } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import type { Metric } from "../../metrics/index.ts";
import { createHttp } from "../http.ts";
import { routeMetrics } from "./metrics.ts";
import { holdAnswers } from "./testdata/hold-answers.ts";

/** `/metrics` without end, unless `count` says how many samples there are. */
async function startMetrics(
  t: TestContext,
  { count = Number.POSITIVE_INFINITY, scrapeMilliseconds = 60_000 } = {},
) {
  let reading = 0;
  let made = 0;
  let isOver = false;
  const metric = (): Metric => ({
    ...{ name: "things_total", type: "counter", help: "Things." },
    samples: (function* () {
      for (let i = 0; i < count; i++, made++) yield { labels: { number: String(i) }, value: i };
    })(),
  });
  const app = createHttp({ logger: pino({}, { write: () => {} }), isLoopbackOnly: true });
  holdAnswers(t, app);
  routeMetrics(
    app,
    async () => {
      reading++;
      return { metrics: [metric()], isOver: () => isOver, done: () => void reading-- };
    },
    scrapeMilliseconds,
  );
  await app.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/metrics`,
    readingCount: () => reading,
    madeCount: () => made,
    endReadings: () => {
      isOver = true;
    },
    /** A scraper that asks and then takes nothing. */
    hang(coding = "identity") {
      const socket = connect(port, "127.0.0.1");
      t.after(() => socket.destroy());
      socket.on("error", () => {});
      socket.pause();
      socket.write(`GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept-Encoding: ${coding}\r\n\r\n`);
      return socket;
    },
  };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (isSo()) return;
    await delay(10);
  }
  throw new Error(`not within 10 s: ${what}`);
}

test("the format is the one asked for", async (t) => {
  const { url, readingCount } = await startMetrics(t, { count: 1 });
  const text = await fetch(url);
  assert.equal(text.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.match(await text.text(), /^# HELP things_total/);
  const open = await fetch(url, { headers: { accept: "application/openmetrics-text;version=1.0.0" } });
  assert.equal(
    open.headers.get("content-type"),
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  );
  assert.match(await open.text(), /# EOF\n$/);
  assert.equal(readingCount(), 0, "every reading was ended");
});

test("it is packed for whoever takes gzip, and only for them", async (t) => {
  const { url, readingCount } = await startMetrics(t, { count: 20_000 });
  const plain = await fetch(url, { headers: { "accept-encoding": "identity" } });
  assert.equal(plain.headers.get("content-encoding"), null);
  const text = await plain.text();
  for (const accepted of ["gzip", "br;q=1.0, gzip;q=0.8"]) {
    const packed = await fetch(url, { headers: { "accept-encoding": accepted } });
    assert.equal(packed.headers.get("content-encoding"), "gzip", accepted);
    assert.equal(await packed.text(), text);
  }
  for (const accepted of ["br", "gzip;q=0", "gzip; q=0.0, identity"]) {
    const given = await fetch(url, { headers: { "accept-encoding": accepted } });
    assert.equal(given.headers.get("content-encoding"), null, accepted);
    await given.body?.cancel();
  }
  await until("every reading was ended", () => readingCount() === 0);
});

for (const coding of ["identity", "gzip"]) {
  test(`no more is made than the scraper takes, and one that takes nothing is cut off (${coding})`, async (t) => {
    const { hang, readingCount, madeCount } = await startMetrics(t, { scrapeMilliseconds: 300 });
    const socket = hang(coding);
    let isClosed = false;
    socket.on("close", () => {
      isClosed = true;
    });
    await until("it has begun", () => readingCount() === 1);
    await until("it is cut off", () => readingCount() === 0);
    const made = madeCount();
    assert.ok(made < 2_000_000, `${made} samples for nobody`);
    socket.resume();
    await until("the scraper knows", () => isClosed);
  });

  test(`a scraper that goes away is read for no more (${coding})`, async (t) => {
    const { hang, readingCount } = await startMetrics(t);
    const socket = hang(coding);
    await until("it has begun", () => readingCount() === 1);
    socket.destroy();
    await until("its reading is ended", () => readingCount() === 0);
  });
}

test("a reading that took too long is not gone on with", async (t) => {
  const { url, endReadings, readingCount } = await startMetrics(t);
  endReadings();
  await assert.rejects(fetch(url).then((response) => response.text()));
  assert.equal(readingCount(), 0);
});

test("eight at once, and no more", async (t) => {
  const { url, hang, readingCount } = await startMetrics(t);
  const sockets = Array.from({ length: 8 }, () => hang());
  await until("eight read", () => readingCount() === 8);
  const refused = await fetch(url);
  assert.equal(refused.status, 503);
  assert.equal(((await refused.json()) as { code: string }).code, "scrapes_busy");
  sockets[0]!.destroy();
  await until("one has left", () => readingCount() === 7);
  const taken = await fetch(url);
  assert.equal(taken.status, 200);
  await taken.body!.cancel();
});
