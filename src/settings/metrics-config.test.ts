import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readConfig } from "./config.ts";
import { ConfigError } from "./config-error.ts";

const folder = mkdtempSync(join(tmpdir(), "portolan-config-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "portolan.yaml");
const secret = join(folder, "secret");
writeFileSync(secret, "pass");

/** JSON is YAML. */
function metricsOf(metrics: unknown, environment: Record<string, string> = {}) {
  writeFileSync(file, JSON.stringify({ metrics }));
  return readConfig({ file, environment, flags: {} }).metrics;
}

function problemsOf(metrics: unknown): readonly string[] {
  try {
    metricsOf(metrics);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map((problem) => problem.replace(/^.*?: /, ""));
  }
  return [];
}

const url = "https://prometheus:9090/api/v1/write";

test("times and sizes have units; a receiver has defaults", () => {
  const { remoteWrite, ...metrics } = metricsOf({
    ...{ links: false, limit: 10, staleAfter: "90s", compat: ["caretta", "geoip"] },
    remoteWrite: [
      { url },
      {
        url,
        interval: "1m",
        queue: "500kB",
        labels: { job: "chart" },
        basicAuth: { username: "me", passwordFile: secret },
      },
    ],
  });
  assert.deepEqual(metrics, { links: false, limit: 10, staleAfter: 90, compat: ["caretta", "geoip"] });
  assert.deepEqual(remoteWrite, [
    { url, interval: 15, labels: { job: "portolan" }, headers: {}, queue: 16e6 },
    {
      ...{ url, interval: 60, labels: { job: "chart" }, headers: {}, queue: 500_000 },
      basicAuth: { username: "me", passwordFile: secret },
    },
  ]);
});

test("the environment names drop-ins with commas", () => {
  const { compat, limit } = metricsOf(
    {},
    { PORTOLAN_METRICS_COMPAT: "caretta, convis", PORTOLAN_METRICS_LIMIT: "99" },
  );
  assert.deepEqual([compat, limit], [["caretta", "convis"], 99]);
});

const wrong: [unknown, string][] = [
  [
    { remoteWrite: [{ url, tls: { ca: "/none.pem" } }] },
    "metrics.remoteWrite.0.tls.ca: the path of a file that can be read is expected",
  ],
  [{ limit: 1 }, "metrics.limit: a whole number from 10 to 200000 is expected"],
  [
    { staleAfter: "1d" },
    'metrics.staleAfter: "1d" is not a number above 0 with a unit (s, m, h), such as 15m',
  ],
  [{ compat: "caretta" }, "metrics.compat: a list of caretta, k8spacket, convis, goflow2, geoip is expected"],
  [{ compat: ["hubble"] }, "metrics.compat.0: one of caretta, k8spacket, convis, goflow2, geoip is expected"],
  [{ remoteWrite: [{}] }, "metrics.remoteWrite.0.url: a URL is expected"],
  [
    { remoteWrite: [{ url: "prometheus:9090" }] },
    "metrics.remoteWrite.0.url: an http or https URL is expected, such as http://prometheus:9090/api/v1/write",
  ],
  [
    { remoteWrite: [{ url, labels: { "a-b": "" } }] },
    "metrics.remoteWrite.0.labels: names of labels are letters, digits and _",
  ],
  [
    { remoteWrite: [{ url, basicAuth: { username: "a" } }] },
    "metrics.remoteWrite.0.basicAuth: either password or passwordFile is expected",
  ],
  [
    { remoteWrite: [{ url, bearerToken: "a", bearerTokenFile: secret }] },
    "metrics.remoteWrite.0: only one of basicAuth, bearerToken and bearerTokenFile is expected",
  ],
];

for (const [metrics, problem] of wrong) {
  test(`what is wrong with ${JSON.stringify(metrics).slice(0, 70)} is said`, () => {
    assert.deepEqual(problemsOf(metrics), [problem]);
  });
}
