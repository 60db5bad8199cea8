import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Collector, CollectorStatus } from "../collector/index.ts";
import { healthyExporter, template } from "../collector/testdata/exporters.ts";
import { parseCollectFlags } from "../goflow/index.ts";
import { DropCounters } from "../metrics/index.ts";
import { createCollectHttp } from "./collect-http.ts";

/** 11 MB of templates, more than sockets hold. */
const exporters = Array.from({ length: 1000 }, (_, i) =>
  healthyExporter(Date.now(), {
    address: `10.0.${i >> 8}.${i & 255}`,
    templates: Array.from({ length: 10 }, (_, n) => template({ id: 256 + n })),
  }),
);

async function startHttp(t: TestContext, answerMilliseconds?: number) {
  const parsed = parseCollectFlags(["-addr", "127.0.0.1:0"]);
  assert.ok(parsed.kind === "flags");
  const asked = { count: 0, fail: false };
  let url = "";
  const status = async () => {
    asked.count++;
    if (asked.fail) throw new Error("the receiving thread has ended");
    return { listeners: [], exporters } as unknown as CollectorStatus;
  };
  const http = createCollectHttp(parsed.flags, {
    version: "1.2.3",
    collector: { status } as unknown as Collector,
    drops: new DropCounters(),
    written: { recordCount: 0, byteCount: 0 },
    log: { write: (_level, _message, facts) => (url = String(facts?.http ?? url)) },
    ...(answerMilliseconds === undefined ? {} : { answerMilliseconds }),
  })!;
  await http.start();
  t.after(() => http.stop());
  return { url, asked };
}

test("many who ask for metrics and templates share one look; one that failed is told, and not shared", async (t) => {
  const { url, asked } = await startHttp(t);
  asked.fail = true;
  assert.equal((await fetch(`${url}/metrics`)).status, 500);
  asked.fail = false;
  const texts = await Promise.all(
    Array.from({ length: 20 }, async (_, i) =>
      (await fetch(url + (i % 2 ? "/metrics" : "/templates"))).text(),
    ),
  );
  assert.equal(new Set(texts).size, 2);
  assert.equal(asked.count, 2);
});

test("to HEAD goes the length, and no body", async (t) => {
  const { url } = await startHttp(t);
  const response = await fetch(`${url}/templates`, { method: "HEAD" });
  assert.ok(Number(response.headers.get("content-length")) > 1e7);
  assert.equal(await response.text(), "");
});

test("who does not read the answer is left alone after a while", async (t) => {
  const { url } = await startHttp(t, 200);
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write("GET /templates HTTP/1.1\r\nHost: x\r\n\r\n");
  await pause(1500);
  let received = 0;
  let announced = 0;
  try {
    for await (const part of socket) {
      announced ||= Number(/content-length: (\d+)/.exec(String(part))![1]);
      received += part.length;
    }
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ECONNRESET");
  }
  assert.ok(announced > 1e7 && received < announced, `${received} of ${announced}`);
});
