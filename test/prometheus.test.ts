import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeMmdb } from "../src/enrich/geo/testdata/make-mmdb.ts";
import { netflow5, type PretendFlow, sendDatagrams } from "./pretend-exporter.ts";
import { freePort, startProgram, temporaryFolder, until } from "./program.ts";
import { missing, startPrometheus, startVictoriaMetrics } from "./prometheus-process.ts";

/** Portolan with this `metrics` section, and a way to send it flows. */
async function startUp(t: TestContext, metrics: object = {}) {
  const folder = temporaryFolder(t);
  const flowPort = await freePort();
  const file = join(folder, "portolan.yaml");
  writeFileSync(file, JSON.stringify({ metrics })); // JSON is YAML
  const program = await startProgram([
    ...["up", "--no-agent", "--listen", `127.0.0.1:${await freePort()}`, "--data", join(folder, "data")],
    ...["--flows", `udp://127.0.0.1:${flowPort}`, "--config", file],
  ]);
  t.after(() => program.stop());
  let sequence = 0;
  return {
    program,
    host: new URL(program.url).host,
    async send(flows: readonly PretendFlow[]) {
      await sendDatagrams(flowPort, [netflow5(flows, sequence)]);
      sequence += flows.length;
    },
  };
}

const flow = (last: number, bytes: number, changes: Partial<PretendFlow> = {}): PretendFlow => ({
  ...{ source: `10.0.0.${last}`, destination: "192.0.2.7", sourcePort: 40_000, destinationPort: 443 },
  ...{ bytes, packets: Math.ceil(bytes / 1000), ...changes },
});

const near = (value: number, expected: number, what: string) =>
  assert.ok(
    Math.abs(value - expected) <= expected * 0.01,
    `${what}: ${value}, expected ${expected} within 1 %`,
  );

test("Prometheus scrapes what was sent; the seed design's queries and portolan geoip return the right figures", async (t) => {
  const lacking = missing("prometheus");
  if (lacking !== undefined) return t.skip(lacking);
  const { program, host, send } = await startUp(t, { compat: ["caretta", "goflow2"] });
  const prometheus = await startPrometheus(t, [host]);
  await until("it was scraped", async () =>
    (await prometheus.query("up == 1")).length === 1 ? true : undefined,
  );

  // Three talkers, steadily: their shares do not depend on when Prometheus looks.
  const rounds = 150;
  const begun = performance.now();
  for (let round = 0; round < rounds; round++) {
    await send([
      flow(1, 40_000),
      flow(2, 20_000),
      flow(3, 1000, { destinationPort: 53 }),
      flow(1, 80_000, {
        source: "192.0.2.7",
        destination: "10.0.0.1",
        sourcePort: 443,
        destinationPort: 40_000,
      }),
    ]);
    await delay(100);
  }
  const seconds = (performance.now() - begun) / 1000;
  const top = await prometheus.query("topk(10, sum by (src_addr, dst_addr) (rate(flow_bytes[10s])))");
  const rate = (source: string) => top.find(({ labels }) => labels.src_addr === source)?.value ?? 0;
  assert.deepEqual(
    top.toSorted((a, b) => b.value - a.value).map(({ labels }) => `${labels.src_addr} ${labels.dst_addr}`),
    ["192.0.2.7 10.0.0.1", "10.0.0.1 192.0.2.7", "10.0.0.2 192.0.2.7", "10.0.0.3 192.0.2.7"],
  );
  near(rate("192.0.2.7") / rate("10.0.0.1"), 2, "twice as much came back");
  near(rate("10.0.0.1") / rate("10.0.0.2"), 2, "of the second");
  near(rate("10.0.0.1") / rate("10.0.0.3"), 40, "of the third");
  const sentRate = (40_000 * rounds) / seconds;
  // The machine may be busy while they are sent: this is about the unit, the shares above are about the figures.
  const factor = rate("10.0.0.1") / sentRate;
  assert.ok(factor > 0.5 && factor < 2, `${rate("10.0.0.1")} of ${sentRate} bytes a second`);
  assert.equal((await prometheus.query("sum by (proto) (rate(flow_bytes[5s]))"))[0]?.labels.proto, "tcp");
  assert.ok((await prometheus.query("sum(rate(flow_packets[5s]))"))[0]!.value > 0);

  const only = async (query: string) => {
    const found = await prometheus.query(query);
    assert.equal(found.length, 1, `${query}: ${JSON.stringify(found)}`);
    return found[0]!;
  };
  await until("the last is scraped", async () =>
    (await only('flow_bytes_total{src_addr="10.0.0.1"}')).value === 40_000 * rounds ? true : undefined,
  );
  // The collector is looked at a twentieth of the time at most: on a busy machine its figures come seconds later.
  await until("the collector was looked at", async () =>
    (await only('goflow2_flow_process_nf_total{router="127.0.0.1",version="5"}')).value === rounds
      ? true
      : undefined,
  );
  const figures: [string, number][] = [
    [
      'flow_bytes_total{src_addr="10.0.0.2",dst_addr="192.0.2.7",dst_port="443",proto="tcp",exporter="127.0.0.1"}',
      20_000,
    ],
    ['flow_bytes{src_addr="10.0.0.3",dst_port="53"}', 1000],
    ['flow_bytes{src_addr="192.0.2.7",dst_addr="10.0.0.1",dst_port="dynamic"}', 80_000],
    ['flow_packets_total{src_addr="10.0.0.1"}', 40],
    ['flow_packets{src_addr="10.0.0.1"}', 40],
    [
      'portolan_link_sent_bytes_total{client="10.0.0.1",server="192.0.2.7",server_port="443",protocol="tcp",client_kind="host"}',
      40_000,
    ],
    ['portolan_link_received_bytes_total{client="10.0.0.1",server="192.0.2.7"}', 80_000],
    ['sum by (client_name, server_name) (caretta_links_observed{client_name="10.0.0.1"})', 120_000],
    ['goflow2_flow_process_nf_total{router="127.0.0.1",version="5"}', 1],
    ['goflow2_flow_process_nf_flowset_total{type="DataFlowSet"}', 4],
  ];
  for (const [query, perRound] of figures) near((await only(query)).value, perRound * rounds, query);
  assert.doesNotMatch(
    prometheus.output(),
    /different value but same timestamp|Error on ingesting|append failed/i,
  );

  const file = join(temporaryFolder(t), "places.mmdb");
  const place = {
    country: { iso_code: "DE" },
    location: { latitude: 52, longitude: 13 },
    postal: { code: "10115" },
  };
  writeFileSync(file, makeMmdb({ "192.0.2.0/24": place }));
  const geoip = await startProgram(
    [
      "geoip",
      "-p",
      prometheus.url,
      "-i",
      "dst_addr",
      "-d",
      file,
      "-l",
      "src_addr",
      "-D",
      "--listen",
      "127.0.0.1:0",
      "--interval",
      "1",
    ],
    ["env", "QUERY=sum by (src_addr, dst_addr) (flow_bytes)"],
  );
  t.after(() => geoip.stop());
  const lines = await until("geo_ip is told", async () => {
    const text = await (await fetch(`${new URL(geoip.url).origin}/metrics`)).text();
    const found = text.split("\n").filter((line) => line.startsWith("geo_ip{"));
    return found.length > 0 ? found : undefined;
  });
  const labels = (source: string) =>
    `src_addr="${source}",ip="192.0.2.7",country="DE",latitude="52",longitude="13",zip="10115"`;
  assert.deepEqual(lines.sort(), [
    `geo_ip{${labels("10.0.0.1")}} ${40_000 * rounds}`,
    `geo_ip{${labels("10.0.0.2")}} ${20_000 * rounds}`,
    `geo_ip{${labels("10.0.0.3")}} ${1000 * rounds}`,
  ]);
  assert.equal(await program.stop(), 0);
});

test("promtool finds nothing to say about the text", async (t) => {
  const lacking = missing("promtool");
  if (lacking !== undefined) return t.skip(lacking);
  const { program, send } = await startUp(t);
  await send([flow(1, 1000)]);
  const text = await until("the flow is told", async () => {
    const told = await (await fetch(`${program.url}/metrics`)).text();
    return told.includes("flow_bytes_total{") ? told : undefined;
  });
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: text,
    encoding: "utf8",
  });
  assert.equal(status, 0, stdout + stderr);
});

for (const [name, start] of [
  ["prometheus", (t: TestContext) => startPrometheus(t, [])],
  ["victoria-metrics", startVictoriaMetrics],
] as const) {
  test(`remote write: ${name} has what was sent`, async (t) => {
    const lacking = missing(name);
    if (lacking !== undefined) return t.skip(lacking);
    const receiver = await start(t);
    const remoteWrite = [{ url: `${receiver.url}/api/v1/write`, interval: "1s", labels: { job: "chart" } }];
    const { program, send } = await startUp(t, { remoteWrite });
    await send([flow(1, 12_345), flow(2, 777, { destinationPort: 22 })]);
    const found = await until("the series are there", async () => {
      const series = await receiver.query('flow_bytes_total{job="chart"}');
      return series.length === 2 ? series : undefined;
    });
    const of = (source: string) => found.find(({ labels }) => labels.src_addr === source);
    assert.equal(of("10.0.0.1")?.value, 12_345);
    assert.equal(of("10.0.0.2")?.value, 777);
    assert.equal(of("10.0.0.2")?.labels.dst_port, "22");
    assert.equal((await receiver.query("portolan_build_info"))[0]?.labels.job, "chart");
    await send([flow(1, 1)]);
    assert.equal(await program.stop(), 0);
    // What came in the last second is pushed before the program ends.
    await until("the last is there", async () => {
      const [last] = await receiver.query('last_over_time(flow_bytes_total{src_addr="10.0.0.1"}[1m])');
      return last?.value === 12_346 ? true : undefined;
    });
  });
}

test("a scraper that takes nothing holds up nobody", async (t) => {
  const { program, host, send } = await startUp(t);
  await send([flow(1, 1)]);
  const [address, port] = host.split(":");
  for (let i = 0; i < 4; i++) {
    const socket = connect(Number(port), address);
    t.after(() => socket.destroy());
    socket.on("error", () => {});
    socket.pause();
    socket.write(`GET /metrics HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(50));
  }
  await until("others are answered", async () => {
    const response = await fetch(`${program.url}/metrics`);
    return (await response.text()).includes("flow_bytes_total{") ? true : undefined;
  });
});
