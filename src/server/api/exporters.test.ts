import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import type { ExporterStatus, ListenerStatus } from "../../collector/index.ts";
import { healthyExporter } from "../../collector/testdata/exporters.ts";
import { DropCounters, formatMetrics } from "../../metrics/index.ts";
import { createHttp } from "../http.ts";
import { collectorMetrics } from "./collector-metrics.ts";
import { routeExporters } from "./exporters.ts";
import { holdAnswers } from "./testdata/hold-answers.ts";

const now = Date.parse("2026-03-01T12:00:00Z");
const listener: ListenerStatus = {
  host: "::",
  port: 2055,
  receiveBufferBytes: 425_984,
  kernelDropCount: 7,
  recentKernelDropCount: 7,
};

const healthy = healthyExporter(now);
const silent = healthyExporter(now, {
  address: "10.0.0.3",
  lastSeenMilliseconds: now - 3_000_000,
  recordRate: 0,
});
const lossy = healthyExporter(now, {
  address: "2001:db8::2",
  loss: { ...healthy.loss, lostCount: 36, lostCountEver: 36, recentLostCount: 0 },
});

function createApi(t: TestContext, exporters: readonly ExporterStatus[], listeners = [listener]) {
  const app = createHttp({ logger: pino({}, { write: () => {} }), isLoopbackOnly: true });
  holdAnswers(t, app);
  const drops = new DropCounters();
  const asked = { count: 0, fail: false };
  routeExporters(app, {
    collector: {
      status: async () => {
        asked.count++;
        if (asked.fail) throw new Error("the worker is gone");
        return { listeners, exporters };
      },
    },
    drops,
    doubledCount: (row) => row * 100,
    now: () => now,
  });
  t.after(() => app.close());
  return {
    drops,
    asked,
    get: (url: string) => app.inject({ url: `/api/v1/exporters${url}`, headers: { host: "localhost" } }),
  };
}

test("exporters are told with what is wrong, the worst first", async (t) => {
  const { get } = createApi(t, [healthy, lossy, silent]);
  const { exporters, counts, leftOut, listeners, strangers } = (await get("")).json();
  const seen = exporters.map((e: { address: string; health: string }) => [e.address, e.health]);
  assert.deepEqual(seen, [
    ["10.0.0.3", "problem"],
    ["2001:db8::2", "warning"],
    ["10.0.0.1", "ok"],
  ]);
  assert.deepEqual([counts, leftOut, strangers], [{ ok: 1, warning: 1, problem: 1 }, 0, []]);
  assert.deepEqual(listeners, [
    { url: "udp://[::]:2055", host: "::", port: 2055, receiveBufferBytes: 425_984, kernelDrops: 7 },
  ]);
  assert.deepEqual(
    exporters[1].findings.map(({ code }: { code: string }) => code),
    ["loss_here", "doubled"],
  );
  assert.match(exporters[0].findings[0].remedy, /src host 10\.0\.0\.3/);
});

test("one of the list has its figures, and templates without their fields", async (t) => {
  const { get } = createApi(t, [
    healthyExporter(now, {
      missingTemplates: [
        {
          id: 300,
          protocol: "ipfix",
          observationDomainId: 5,
          port: 4444,
          waitingSetCount: 3,
          waitingBytes: 99,
          sinceMilliseconds: now - 9000,
        },
      ],
    }),
  ]);
  const [{ findings, ...exporter }] = (await get("")).json().exporters;
  assert.deepEqual(
    findings.map(({ code }: { code: string }) => code),
    ["template_missing", "doubled"],
  );
  assert.deepEqual(exporter, {
    address: "10.0.0.1",
    protocols: ["netflow9"],
    health: "warning",
    firstSeen: now - 3_600_000,
    lastSeen: now - 1000,
    packets: 3600,
    bytes: 3_600_000,
    records: 72_000,
    packetRate: 1,
    recordRate: 20,
    octets: 1e9,
    octetRate: 300_000,
    sampling: { interval: 1, origin: "options", samplers: [] },
    clockSkewMs: 200,
    loss: {
      unit: "datagrams",
      received: 3600,
      lost: 0,
      percent: 0,
      recentPercent: 0,
      reordered: 0,
      duplicates: 0,
      restarts: 0,
    },
    directions: { ingress: 72_000, egress: 0, unknown: 0, doubled: 100 },
    templates: {
      known: [
        {
          id: 260,
          protocol: "netflow9",
          observationDomainId: 0,
          port: 50_000,
          isOptions: false,
          fieldCount: 10,
          records: 1000,
          announced: now - 60_000,
        },
        {
          id: 256,
          protocol: "netflow9",
          observationDomainId: 0,
          port: 50_000,
          isOptions: true,
          fieldCount: 2,
          records: 1000,
          announced: now - 60_000,
        },
      ],
      missing: [
        {
          id: 300,
          protocol: "ipfix",
          observationDomainId: 5,
          port: 4444,
          waitingSets: 3,
          waitingBytes: 99,
          since: now - 9000,
        },
      ],
    },
    waitingBytes: 0,
    interfaces: 1,
    drops: {},
  });
});

test("what is not known is null, not 0", async (t) => {
  const loss = { ...healthy.loss, receivedCount: 0, recentReceivedCount: 0 };
  const unknown = healthyExporter(now, { clockSkewMilliseconds: undefined, loss });
  const { get } = createApi(
    t,
    [unknown],
    [{ ...listener, kernelDropCount: undefined, recentKernelDropCount: undefined }],
  );
  const { exporters, listeners } = (await get("")).json();
  const [exporter] = exporters;
  assert.deepEqual(
    [exporter.clockSkewMs, exporter.loss.percent, exporter.loss.recentPercent, listeners[0].kernelDrops],
    [null, null, null, null],
  );
});

test("one exporter is told whole, by any way to write its address", async (t) => {
  const { get } = createApi(t, [healthy, lossy]);
  for (const text of ["2001:db8::2", "2001:0DB8:0::2", "2001%3Adb8%3A%3A2"]) {
    const answer = await get(`/${text}`);
    assert.equal(answer.statusCode, 200, text);
    assert.equal(answer.json().address, "2001:db8::2");
  }
  const { templates, interfaces, findings } = (await get("/10.0.0.1")).json();
  assert.deepEqual(templates.known[0].fields[0], { name: "sourceIPv4Address", length: 4 });
  assert.deepEqual(interfaces, [{ index: 1, name: "ge-0/0/1", description: "uplink" }]);
  assert.equal(findings.length, 1);
});

test("an exporter nobody knows is a problem in words", async (t) => {
  const { get } = createApi(t, [healthy]);
  for (const [text, words] of [
    ["10.9.9.9", /^nothing that can be read has come from 10\.9\.9\.9 since the start; /],
    ["router", /^"router" is no IPv4 or IPv6 address/],
  ] as const) {
    const { statusCode, headers, json } = await get(`/${text}`);
    assert.equal(statusCode, 404);
    assert.match(String(headers["content-type"]), /^application\/problem\+json/);
    assert.equal(json().code, "exporter_unknown");
    assert.match(json().detail, words);
  }
});

for (const [query, parameter, words] of [
  ["?health=ill", "health", /"ill" is not known; accepted: ok, warning, problem/],
  ["?view=long", "view", /accepted: whole, brief/],
  ["?limit=10001", "limit", /from 0 to 10000/],
  ["?from=-1h", "from", /no such parameter; accepted: health, view, limit/],
  ["/10.0.0.1?view=brief", "view", /no such parameter/],
] as const) {
  test(`/api/v1/exporters${query} is a problem that names its parameter`, async (t) => {
    const { get } = createApi(t, [healthy]);
    const { statusCode, json } = await get(query);
    assert.deepEqual([statusCode, json().code, json().parameter], [400, "parameter_invalid", parameter]);
    assert.match(json().detail, words);
  });
}

test("only some, and how many more there are", async (t) => {
  const { get } = createApi(t, [healthy, lossy, silent, healthyExporter(now, { address: "10.0.0.4" })]);
  const ask = async (query: string) => {
    const { exporters, leftOut, counts } = (await get(query)).json();
    return [exporters.map(({ address }: { address: string }) => address), leftOut, counts.ok];
  };
  assert.deepEqual(await ask("?limit=1"), [["10.0.0.3"], 3, 2]);
  assert.deepEqual(await ask("?limit=0"), [[], 4, 2]);
  assert.deepEqual(await ask("?health=ok&limit=1"), [["10.0.0.1"], 1, 2]);
});

test("ten thousand exporters are told briefly in less than 7 MB", async (t) => {
  const many = Array.from({ length: 10_000 }, (_, i) =>
    healthyExporter(now, {
      address: `10.${i >> 8}.${i & 255}.1`,
      templates: Array.from({ length: 4 }, (_, id) => ({ ...healthy.templates[0]!, id: 256 + id })),
    }),
  );
  const { get } = createApi(t, many);
  const brief = await get("?view=brief&limit=10000");
  const [first] = brief.json().exporters;
  assert.deepEqual(first.templates, { known: 4, missing: 0 });
  assert.deepEqual(Object.keys(first.findings[0]), ["code", "severity", "title"]);
  assert.ok(brief.body.length < 7e6, String(brief.body.length));
  const { exporters, leftOut } = (await get("")).json();
  assert.deepEqual([exporters.length, leftOut], [1000, 9000]);
});

test("who asks at the same time shares a look; one that failed is not shared", async (t) => {
  const { get, asked } = createApi(t, [healthy]);
  asked.fail = true;
  assert.equal((await get("")).statusCode, 500);
  asked.fail = false;
  assert.equal((await get("")).statusCode, 200);
  await Promise.all([get(""), get("?limit=0"), get("/10.0.0.1")]);
  assert.equal(asked.count, 2);
});

test("who sends only what can not be read is a stranger, and is told why", async (t) => {
  const { get, drops } = createApi(t, [healthy]);
  drops.drop("version_unknown", "10.0.0.9", 12);
  drops.drop("version_unknown", "10.0.0.1", 12);
  drops.drop("version_unknown", "~other", 12);
  drops.drop("report_lost", "agent", 12);
  drops.drop("message_truncated", "10.0.0.8", 13);
  const { strangers } = (await get("")).json();
  assert.deepEqual(
    strangers.map(({ address, drops }: { address: string; drops: object }) => [address, drops]),
    [
      ["10.0.0.8", { message_truncated: 13 }],
      ["10.0.0.9", { version_unknown: 12 }],
    ],
  );
  assert.match(
    strangers[1].findings[0].detail,
    /12 datagrams from 10\.0\.0\.9 are of no protocol that is read/,
  );
});

const metricLines = (exporters: readonly ExporterStatus[], listeners = [listener]) =>
  formatMetrics(collectorMetrics({ listeners, exporters })).split("\n");

test("metrics of an exporter, in base units", () => {
  const lines = metricLines([{ ...lossy, waitingBytes: 5 }]);
  const exporter = 'exporter="2001:db8::2"';
  for (const line of [
    `portolan_collector_packets_total{${exporter}} 3600`,
    `portolan_collector_bytes_total{${exporter}} 3600000`,
    `portolan_collector_records_total{${exporter}} 72000`,
    `portolan_collector_received_total{${exporter},unit="datagrams"} 3600`,
    `portolan_collector_lost_total{${exporter},unit="datagrams"} 36`,
    `portolan_collector_sequence_restarts_total{${exporter}} 0`,
    `portolan_collector_reordered_total{${exporter}} 0`,
    `portolan_collector_duplicates_total{${exporter}} 0`,
    `portolan_collector_templates{${exporter}} 2`,
    `portolan_collector_missing_templates{${exporter}} 0`,
    `portolan_collector_waiting_bytes{${exporter}} 5`,
    `portolan_collector_clock_skew_seconds{${exporter}} 0.2`,
    `portolan_collector_sampling_interval{${exporter}} 1`,
    `portolan_collector_last_seen_timestamp_seconds{${exporter}} ${(now - 1000) / 1000}`,
    "portolan_collector_exporters 1",
    'portolan_collector_kernel_drops_total{listener="[::]:2055"} 7',
    'portolan_collector_receive_buffer_bytes{listener="[::]:2055"} 425984',
  ]) {
    assert.ok(lines.includes(line), line);
  }
  const unknown = metricLines(
    [{ ...lossy, clockSkewMilliseconds: undefined }],
    [{ ...listener, kernelDropCount: undefined, recentKernelDropCount: undefined }],
  );
  assert.ok(!unknown.some((line) => /^portolan_collector_(clock_skew|kernel_drops)/.test(line)));
});

test("metrics of very many exporters are bounded, and nothing is left out of sums", () => {
  const many = Array.from({ length: 1000 }, (_, i) =>
    healthyExporter(now, {
      address: `10.0.${i >> 8}.${i & 255}`,
      recordCount: i,
      loss: { ...healthy.loss, unit: i % 2 === 0 ? "records" : "datagrams", lostCount: 1, lostCountEver: 1 },
    }),
  );
  const lines = metricLines(many);
  assert.ok(lines.length < 15 * 204);
  const of = (name: string) => lines.filter((line) => line.startsWith(`portolan_collector_${name}{`));
  assert.equal(of("records_total").length, 201);
  assert.equal(of("clock_skew_seconds").length, 200);
  const total = of("records_total").reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
  assert.equal(total, (999 * 1000) / 2);
  assert.ok(lines.includes('portolan_collector_records_total{exporter="10.0.3.231"} 999'), "the heaviest");
  assert.deepEqual(
    of("lost_total").filter((line) => line.includes("~other")),
    [
      'portolan_collector_lost_total{exporter="~other",unit="datagrams"} 400',
      'portolan_collector_lost_total{exporter="~other",unit="records"} 400',
    ],
  );
  const series = lines.filter((line) => line.startsWith("portolan_")).map((line) => line.split(" ")[0]);
  assert.equal(new Set(series).size, series.length, "no series twice");
});
