import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Metric } from "../exposition.ts";
import { readSnappy } from "../testdata/read-snappy.ts";
import { type ReadSeries, readWriteRequest, staleValue } from "../testdata/read-write-request.ts";
import { createRemoteWrite, type RemoteWriteConfig } from "./remote-write.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly series: readonly ReadSeries[];
}

/** A receiver that answers as it is told, in turn; the last answer again and again; "never" does not answer. */
async function createReceiver(
  t: TestContext,
  answers: readonly (Answer | "never" | Promise<Answer>)[],
  secure?: { key: string; cert: string },
) {
  const received: Received[] = [];
  const listener: RequestListener = async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const given = answers[Math.min(received.length, answers.length - 1)]!;
    received.push({ headers: request.headers, series: readWriteRequest(readSnappy(Buffer.concat(parts))) });
    const answer = await given;
    if (answer !== "never") response.writeHead(answer.status, answer.headers).end(answer.body);
  };
  const server: Server = secure === undefined ? createServer(listener) : createSecureServer(secure, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const scheme = secure === undefined ? "http" : "https";
  return { received, url: `${scheme}://127.0.0.1:${port}/api/v1/write` };
}

const counter = (value: number, labels: Record<string, string> = {}): Metric => ({
  ...{ name: "things_total", type: "counter", help: "Things." },
  samples: [{ labels, value }],
});

function createWriter(
  t: TestContext,
  config: Partial<RemoteWriteConfig> & { url: string },
  {
    metrics = () => [counter(1)],
    gate = async () => {},
  }: { metrics?: () => Iterable<Metric>; gate?: () => Promise<void> } = {},
) {
  const drops: [string, string, number][] = [];
  const logs: string[] = [];
  let doneCount = 0;
  const writer = createRemoteWrite(
    { intervalSeconds: 0.02, labels: { job: "portolan" }, queueBytesMax: 1e6, ...config },
    {
      async read() {
        await gate();
        return { metrics: metrics(), done: () => doneCount++ };
      },
      drop: (reason, source, count = 1) => void drops.push([reason, source, count]),
      log: (message) => void logs.push(message),
      now: () => 1_700_000_000_123,
      retryMilliseconds: 5,
      stopMilliseconds: 200,
    },
  );
  t.after(() => writer.stop());
  return { writer, drops, logs, doneCount: () => doneCount };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (isSo()) return;
    await delay(10);
  }
  throw new Error(`not within 10 s: ${what}`);
}

test("series are pushed with their labels sorted, empty ones left out, and the receiver's headers", async (t) => {
  const { received, url } = await createReceiver(t, [{ status: 204 }]);
  const labels = { z: "1", a: "x\0\ud800", empty: "", job: "own" };
  const metrics = () => [
    counter(7, labels),
    { ...counter(0), name: "h", samples: [{ suffix: "_bucket", le: "0.5", value: 3.25 }] },
  ];
  const { writer, doneCount } = createWriter(
    t,
    { url, labels: { job: "portolan", instance: "vm" }, headers: { "X-Scope-OrgID": "t1" } },
    { metrics },
  );
  writer.start();
  await until("a request", () => received.length > 0);
  const { headers, series } = received[0]!;
  assert.equal(headers["content-encoding"], "snappy");
  assert.equal(headers["content-type"], "application/x-protobuf");
  assert.equal(headers["x-prometheus-remote-write-version"], "0.1.0");
  assert.equal(headers["x-scope-orgid"], "t1");
  assert.equal(headers.authorization, undefined);
  assert.deepEqual(series, [
    {
      labels: { __name__: "things_total", a: "x\ufffd\ufffd", instance: "vm", job: "own", z: "1" },
      names: ["__name__", "a", "instance", "job", "z"],
      samples: [{ value: 7, time: 1_700_000_000_123 }],
    },
    {
      labels: { __name__: "h_bucket", instance: "vm", job: "portolan", le: "0.5" },
      names: ["__name__", "instance", "job", "le"],
      samples: [{ value: 3.25, time: 1_700_000_000_123 }],
    },
  ]);
  assert.ok(doneCount() > 0, "reading is ended");
  await until("it is counted", () => writer.status().sentSampleCount >= 2);
});

test("a series that is told no more is ended at once, by its labels, and only once; a reading that breaks off ends none", async (t) => {
  const { received, url } = await createReceiver(t, [{ status: 204 }]);
  const bucket = { ...counter(0), name: "h", samples: [{ suffix: "_bucket", le: "0.5", value: 3 }] };
  let reading = 0;
  const metrics = function* (): Generator<Metric> {
    reading++;
    yield counter(1);
    if (reading === 2) throw new Error("broken off");
    if (reading < 4) yield counter(2, { a: "x" });
    if (reading !== 4) yield bucket;
  };
  const { writer } = createWriter(t, { url }, { metrics });
  writer.start();
  const ended = () =>
    received.flatMap(({ series }) => series).filter(({ samples }) => samples[0]?.value === staleValue);
  await until("the end is told", () => received.length >= 8);
  assert.deepEqual(
    ended().map(({ labels }) => labels),
    [
      { __name__: "things_total", a: "x", job: "portolan" },
      { __name__: "h_bucket", job: "portolan", le: "0.5" },
    ],
  );
});

test("429 and 500 are tried again, as Retry-After says; nothing is lost or out of order", async (t) => {
  let value = 0;
  const { received, url } = await createReceiver(t, [
    { status: 500, body: "broken" },
    { status: 429, headers: { "retry-after": "0" } },
    { status: 503 },
    { status: 200 },
  ]);
  const { writer, drops, logs } = createWriter(t, { url }, { metrics: () => [counter(++value)] });
  writer.start();
  await until("five requests", () => received.length >= 6);
  await writer.stop();
  const values = received.map(({ series }) => series[0]!.samples[0]!.value);
  assert.deepEqual(values.slice(0, 6), [1, 1, 1, 1, 2, 3]);
  assert.equal(new Set(values).size, value, "each was taken");
  assert.deepEqual(drops, []);
  assert.equal(writer.status().retryCount, 3);
  assert.match(logs[0]!, /answered 500: broken; tried again/);
  assert.equal(logs.length, 1, "the same trouble is not told again and again");
});

test("a stop in the midst of a reading waits for it: its samples are sent", async (t) => {
  const { received, url } = await createReceiver(t, [{ status: 200 }]);
  let isAsked = false;
  let goOn = () => {};
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  const { writer } = createWriter(
    t,
    { url },
    {
      async gate() {
        isAsked = true;
        await gate;
      },
    },
  );
  writer.start();
  await until("a reading has begun", () => isAsked);
  const stopping = writer.stop();
  goOn();
  await stopping;
  assert.equal(received.length, 1);
  assert.equal(writer.status().sentSampleCount, 1);
});

test("a long Retry-After is kept to", async (t) => {
  const { received, url } = await createReceiver(t, [{ status: 429, headers: { "retry-after": "3600" } }]);
  const { writer } = createWriter(t, { url });
  writer.start();
  await until("it was told to wait", () => writer.status().retryCount === 1);
  await delay(200);
  assert.equal(received.length, 1);
});

test("400 is not tried again: the samples are given up, counted, and it is said why", async (t) => {
  const { received, url } = await createReceiver(t, [
    { status: 400, body: "out of order sample\nmore" },
    { status: 200 },
  ]);
  const { writer, drops, logs } = createWriter(t, { url });
  writer.start();
  await until("it goes on", () => received.length >= 2);
  assert.deepEqual(drops, [["output_failed", `remote write ${new URL(url).host}`, 1]]);
  assert.match(logs[0]!, /answered 400: out of order sample; 1 samples were given up$/);
});

test("a receiver that never answers: the queue is bounded, the oldest leave and are counted, stopping does not wait for it", async (t) => {
  const { url } = await createReceiver(t, ["never"]);
  const samples = Array.from({ length: 100 }, () => ({ labels: { a: String(Math.random()) }, value: 1 }));
  const metrics = () => [{ ...counter(1), samples }];
  const { writer, drops } = createWriter(t, { url, queueBytesMax: 10_000 }, { metrics });
  writer.start();
  await until("some are given up", () => drops.length >= 3);
  assert.ok(drops.every(([reason, , count]) => reason === "queue_full" && count === 100));
  assert.ok(writer.status().waitingSampleCount <= 1000);
  await writer.stop();
  assert.ok(
    drops.some(([reason]) => reason === "output_failed"),
    "what could not be sent at the end is counted",
  );
});

test("what is on its way when the queue is full is not given up; everything was taken or is counted", async (t) => {
  const slow = Promise.withResolvers<Answer>();
  const { received, url } = await createReceiver(t, [slow.promise, { status: 200 }]);
  let value = 0;
  const { writer, drops } = createWriter(
    t,
    { url, queueBytesMax: 200 },
    { metrics: () => (++value === 1 ? [counter(1)] : [counter(value), counter(value, { second: "yes" })]) },
  );
  writer.start();
  await until("some are given up", () => drops.length >= 3);
  slow.resolve({ status: 200 });
  await until("it goes on", () => received.length >= 4);
  await writer.stop();
  const values = received.map(({ series }) => series[0]!.samples[0]!.value);
  assert.ok(
    drops.every(([, , count]) => count === 2),
    "the first, of one sample, was taken",
  );
  assert.deepEqual([values[0], values.at(-1)], [1, value]);
  assert.equal(new Set(values).size + drops.length, value);
});

test("nobody there: tried again until somebody is", async (t) => {
  const { writer, logs } = createWriter(t, { url: "http://127.0.0.1:9/api/v1/write" });
  writer.start();
  await until("it is tried again", () => writer.status().retryCount >= 2);
  assert.match(logs[0]!, /ECONNREFUSED/);
});

test("basic and bearer credentials; those in files are read each time", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "portolan-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "token");
  writeFileSync(file, "first\n");
  const { received, url } = await createReceiver(t, [{ status: 200 }]);
  const basic = createWriter(t, { url, basicAuth: { username: "me", password: { text: "pä:ss" } } });
  basic.writer.start();
  await until("a request", () => received.length > 0);
  await basic.writer.stop();
  assert.equal(received[0]!.headers.authorization, `Basic ${Buffer.from("me:pä:ss").toString("base64")}`);
  received.length = 0;
  const bearer = createWriter(t, { url, bearerToken: { file } });
  bearer.writer.start();
  await until("a request", () => received.length > 0);
  assert.equal(received[0]!.headers.authorization, "Bearer first");
  writeFileSync(file, "second\n");
  await until("the new one", () => received.at(-1)!.headers.authorization === "Bearer second");
});

test("TLS: a certificate that is not trusted is refused, with its authority it is taken", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "portolan-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  try {
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=test",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        key,
        "-out",
        cert,
      ],
      { stdio: "ignore" },
    );
  } catch {
    t.skip("openssl is not installed");
    return;
  }
  const { received, url } = await createReceiver(t, [{ status: 200 }], {
    key: readFileSync(key, "utf8"),
    cert: readFileSync(cert, "utf8"),
  });
  const wary = createWriter(t, { url });
  wary.writer.start();
  await until("it is refused", () => wary.writer.status().retryCount > 0);
  assert.match(wary.logs[0]!, /certificate/i);
  assert.equal(received.length, 0);
  const trusting = createWriter(t, { url, tls: { ca: cert } });
  trusting.writer.start();
  await until("a request", () => received.length > 0);
});
