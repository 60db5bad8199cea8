import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { whyNoDemoWorld } from "../src/demo/index.ts";
import { canRunTcp, readKernelFacts } from "../src/observe/index.ts";
import { addresses, type PretendCluster, perRound, startCluster } from "./grafana-cluster.ts";
import {
  infinityFrame,
  loadGrafanaData,
  nodeGraphOf,
  pick,
  problemsOf,
  tableFrame,
  transform,
  type Vector,
} from "./grafana-frames.ts";
import { chartsOf, readDashboards, substitute, type TargetJson } from "./grafana-panels.ts";
import { freePort, startProgram, until } from "./program.ts";
import { type MetricsServer, missing, startPrometheus } from "./prometheus-process.ts";

const whyNoDemo = (whyNoDemoWorld() ?? canRunTcp(readKernelFacts()))?.reason;
const rounds = 40;
const variables = {
  ...{ job: ".*", namespace: ".*", exporter: ".*", direction: ".*", known: "1d" },
  ...{ __range: "600s", __rate_interval: "60s", __interval: "1s" },
};
const dashboards = readDashboards(".");

/** A panel's query, with these variables. */
function queryOf(uid: string, id: number, refId: string, values: Partial<typeof variables> = {}): string {
  const target = chartsOf(dashboards.find((one) => one.uid === `portolan-${uid}`)!)
    .find((panel) => panel.id === id)!
    .targets!.find((one) => one.refId === refId)!;
  return substitute(target.expr!, { ...variables, ...values });
}

/** The same query over the counters themselves, which begin with the program: what was sent altogether. */
const totals = (query: string) => query.replaceAll(/(?:rate|increase)\((\w+\{[^}]*\})\[[^\]]+\]\)/g, "$1");

const near = (value: number | undefined, expected: number, what: string) =>
  assert.ok(
    value !== undefined && Math.abs(value - expected) <= Math.abs(expected) * 0.01,
    `${what}: ${value}, expected ${expected} within 1 %`,
  );

test("every panel's query, in a real Prometheus, over the demo's world, a cluster and a router: data, and the right data", {
  skip: missing("prometheus") ?? false,
  timeout: 240_000,
}, async (t) => {
  const ports = { cluster: await freePort(), demo: await freePort() };
  const prometheus = await startPrometheus(t, {
    cluster: [`127.0.0.1:${ports.cluster}`],
    ...(whyNoDemo === undefined ? { demo: [`127.0.0.1:${ports.demo}`] } : {}),
  });
  const [cluster] = await Promise.all([
    startCluster(t, { port: ports.cluster, remoteWrite: prometheus.url }),
    whyNoDemo === undefined ? startDemo(t, ports.demo) : undefined,
  ]);
  const begun = performance.now();
  for (let round = 0; round < rounds; round++) {
    await cluster.talk();
    await delay(500);
  }
  const seconds = (performance.now() - begun) / 1000;
  await cluster.isHeard();
  const toApi = 'portolan_link_sent_bytes_total{job="cluster",server_port="8080"}';
  await until("the last round is scraped", async () => {
    const [last] = await prometheus.query(toApi);
    return last?.value === rounds * perRound.webToApi.sent ? true : undefined;
  });

  // The collector is looked at a twentieth of the time at most: on a busy machine its figures come seconds later.
  await until("the collector was looked at", async () => {
    const [records] = await prometheus.query('portolan_collector_records_total{job="cluster"}');
    return records?.value === rounds * 4 ? true : undefined;
  });

  await t.test("each query answers", async () => {
    const empty: string[] = [];
    let count = 0;
    for (const { uid, panels } of dashboards)
      for (const { id, title, targets = [] } of panels)
        for (const { refId, expr } of targets) {
          if (expr === undefined) continue;
          if (whyNoDemo !== undefined && /_dns_/.test(expr)) continue;
          count++;
          const found = await prometheus.query(substitute(expr, variables));
          if (found.length === 0 || found.every(({ value }) => Number.isNaN(value)))
            empty.push(`${uid} ${id} ${title} ${refId}`);
        }
    assert.deepEqual(empty, []);
    assert.ok(count > 90, `${count} queries`);
    if (whyNoDemo !== undefined) t.diagnostic(`without the demo's world: ${whyNoDemo}`);
  });

  await t.test("figures are what was sent", () => checkFigures(prometheus));
  await t.test("rates are in the proportions of what was sent", () =>
    checkRates(prometheus, rounds / seconds),
  );
  await t.test("variables offer what there is", async () => {
    const namespaces = await prometheus.query(
      'count by (server_namespace) (portolan_link_connections_total{job=~".*"})',
    );
    assert.ok(namespaces.some(({ labels }) => labels.server_namespace === "shop"));
  });
  await t.test("node graphs are whole, for Grafana's own code", async (t) => {
    const data = loadGrafanaData();
    if (typeof data === "string") return t.skip(data);
    const jobs = whyNoDemo === undefined ? ["cluster", "demo", ".*"] : ["cluster"];
    for (const id of [10, 11]) {
      const panel = dashboards
        .find(({ uid }) => uid === "portolan-topology")!
        .panels.find((one) => one.id === id)!;
      for (const job of jobs) {
        const frames = [];
        for (const refId of ["nodes", "edges"])
          frames.push(
            tableFrame(data, refId, await prometheus.query(queryOf("topology", id, refId, { job })), 2),
          );
        const graph = nodeGraphOf(data, await transform(data, panel.transformations!, frames));
        assert.deepEqual(problemsOf(graph), [], `${panel.title} of ${job}`);
        if (job === "demo" && id === 10)
          assert.ok(graph.node("id")!.length > 15, "the demo's pods and hosts");
        assert.ok(graph.edge("color")!.includes("#F2495C"), `${panel.title} of ${job}: some fail`);
      }
    }
  });
  await t.test("tables: what queries answer becomes one row per thing", () => checkTables(prometheus));
  await t.test("Infinity: every question is answered, columns and all", () => checkInfinity(t, cluster));
  assert.doesNotMatch(prometheus.output(), /different value but same timestamp|append failed/i);
});

async function startDemo(t: TestContext, port: number): Promise<void> {
  const demo = await startProgram(["demo", "--listen", `127.0.0.1:${port}`, "--seed", "7"]);
  t.after(() => demo.stop("SIGKILL"));
}

/** [dashboard, panel, query, what the row is of, sum of it]. */
const { webToApi, webToOutside, outsideToWeb, betweenNetworks, exporterToOutside } = perRound;
const exported =
  betweenNetworks.forth + betweenNetworks.back + exporterToOutside.sent + exporterToOutside.received;
const observed = [webToApi, webToOutside, outsideToWeb].reduce(
  (sum, one) => sum + one.sent + one.received,
  0,
);
const withOutside = webToOutside.sent + webToOutside.received;
/** Of what the agent reports. */
const outside = withOutside + outsideToWeb.sent + outsideToWeb.received;
const asked = exporterToOutside.sent + exporterToOutside.received;
const figures: readonly (readonly [string, number, string, Record<string, string>, number])[] = [
  ["topology", 1, "A", {}, observed + exported],
  ["topology", 3, "A", {}, 3],
  ["topology", 4, "A", {}, 2 / 5 / rounds],
  ["topology", 5, "A", {}, 1],
  ["topology", 12, "A", { client: "web", server: "api" }, webToApi.sent + webToApi.received],
  [
    "topology",
    10,
    "edges",
    { source: "shop|Deployment|web", target: "shop|Deployment|api" },
    webToApi.sent + webToApi.received,
  ],
  ["topology", 10, "nodes", { id: "shop|Deployment|api" }, webToApi.sent + webToApi.received],
  ["topology", 10, "nodes", { id: "shop|Deployment|web", title: "web", subtitle: "shop" }, observed],
  ["topology", 11, "edges", { source: "shop", target: "(none)" }, withOutside],
  // What the router reports has neither end in a namespace, so both its ends are here.
  ["topology", 11, "nodes", { id: "(none)" }, outside + 2 * exported],
  ["topology", 22, "A", { server_port: "8080", protocol: "tcp" }, webToApi.sent + webToApi.received],
  ["topology", 23, "sent", { client: "web", server: "api", server_port: "8080" }, webToApi.sent],
  ["topology", 23, "received", { client: "web", server: "api", server_port: "8080" }, webToApi.received],
  ["topology", 30, "A", { reason: "refused" }, 2],
  ["topology", 31, "A", { client: "web", server: "api", server_port: "9999", reason: "refused" }, 1],
  ["flows", 1, "A", {}, 8 * (exported + observed)],
  ["flows", 3, "A", {}, 4],
  ["flows", 10, "A", { src_addr: addresses.office, dst_addr: addresses.lab }, 8 * betweenNetworks.forth],
  ["flows", 10, "A", { src_addr: addresses.lab, dst_addr: addresses.office }, 8 * betweenNetworks.back],
  ["flows", 11, "A", { src_addr: addresses.office }, 8 * (betweenNetworks.forth + exporterToOutside.sent)],
  ["flows", 12, "A", { dst_addr: addresses.lab }, 8 * betweenNetworks.forth],
  ["flows", 22, "A", { proto: "tcp" }, 8 * (exported + observed)],
  ["flows", 23, "A", { dst_port: "445", proto: "tcp" }, 8 * betweenNetworks.forth],
  ["flows", 24, "A", { exporter: "127.0.0.1" }, 8 * exported],
  [
    "flows",
    30,
    "A",
    { src_network: "office", dst_network: "lab", src_vlan: "20", dst_vlan: "30" },
    8 * betweenNetworks.forth,
  ],
  ["flows", 31, "A", { src_network: "lab", dst_network: "office" }, 8 * betweenNetworks.back],
  ["flows", 32, "A", { src_network: "office" }, 8 * exporterToOutside.sent],
  ["flows", 32, "B", { dst_network: "office" }, 8 * exporterToOutside.received],
  ["flows", 33, "A", { host: addresses.called }, 8 * asked],
  ["flows", 33, "A", { host: addresses.outside }, 8 * withOutside],
  ["flows", 40, "records", { exporter: "127.0.0.1" }, 4],
  ["external", 1, "A", {}, 8 * (webToOutside.sent + outsideToWeb.sent + exporterToOutside.sent)],
  ["external", 2, "A", {}, 8 * (webToOutside.received + outsideToWeb.received + exporterToOutside.received)],
  ["external", 3, "A", {}, 2],
  ["external", 10, "A", { country: "US" }, 8 * (withOutside + outsideToWeb.sent + outsideToWeb.received)],
  ["external", 12, "A", { asn: "15169" }, 8 * withOutside],
  ["external", 30, "traffic", { host: addresses.called }, 8 * asked],
  ["external", 30, "failed", { host: addresses.outside }, 1],
  ["external", 31, "A", { host: addresses.outside, peer: "web", peer_namespace: "shop" }, webToOutside.sent],
  ["external", 32, "A", { peer: "web" }, 8 * (outsideToWeb.sent + outsideToWeb.received)],
];

async function checkFigures(prometheus: MetricsServer): Promise<void> {
  for (const [uid, id, refId, labels, each] of figures) {
    const query = totals(queryOf(uid, id, refId, { job: "cluster" }));
    const found = (await prometheus.query(query)).filter((one) => isOf(one.labels, labels));
    const what = `${uid} ${id} ${refId} ${JSON.stringify(labels)}`;
    assert.equal(found.length, 1, `${what}: ${JSON.stringify(found)}`);
    near(found[0]!.value, each * rounds, what);
  }
}

const isOf = (labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>) =>
  Object.entries(wanted).every(([name, value]) => labels[name] === value);

/** Everything of a round is told at once, so that the proportions of rates do not depend on when it was scraped. */
async function checkRates(prometheus: MetricsServer, roundsPerSecond: number): Promise<void> {
  const value = async (id: number, labels: Record<string, string>) =>
    (await prometheus.query(queryOf("flows", id, "A", { job: "cluster", __range: "60s" }))).find((one) =>
      isOf(one.labels, labels),
    )?.value ?? Number.NaN;
  const forth = await value(10, { src_addr: addresses.office, dst_addr: addresses.lab });
  const back = await value(10, { src_addr: addresses.lab, dst_addr: addresses.office });
  near(forth / back, betweenNetworks.forth / betweenNetworks.back, "there and back");
  // The machine may be busy while they are sent: this is about the unit, the proportion is about the figures.
  const factor = forth / (8 * betweenNetworks.forth * roundsPerSecond);
  assert.ok(factor > 0.3 && factor < 2, `${forth} bit/s, ${factor} of what was sent`);
}

/** After the panel's transformations, with Grafana's own code. */
async function checkTables(prometheus: MetricsServer): Promise<void> {
  const data = loadGrafanaData();
  if (typeof data === "string") return;
  for (const { uid, panels } of dashboards) {
    for (const { type, title, targets = [], transformations = [] } of panels) {
      if (type !== "table") continue;
      const vectors: Vector[] = [];
      for (const { expr = "" } of targets)
        vectors.push(await prometheus.query(substitute(expr, { ...variables, job: "cluster" })));
      const frames = targets.map(({ refId }, i) => tableFrame(data, refId, vectors[i]!, targets.length));
      const out = await transform(data, transformations, frames);
      assert.equal(out.length, 1, `${uid} ${title}: one table`);
      const keys = new Set(
        vectors.flatMap((vector) =>
          vector.map(({ labels }) => JSON.stringify(Object.entries(labels).sort())),
        ),
      );
      assert.equal(out[0]!.length, keys.size, `${uid} ${title}: a row per thing`);
      const organize = transformations.find(({ id }) => id === "organize");
      const wanted = Object.keys(organize?.options.renameByName as object);
      const there = out[0]!.fields.map(({ name }) => name);
      for (const name of wanted.filter((one) => one.startsWith("Value")))
        assert.ok(there.includes(name), `${uid} ${title}: no column ${name} among ${there.join(", ")}`);
      assert.ok(!there.includes("Time"));
    }
  }
}

/** Columns that are empty where nothing is known: of cities, of who measures nothing. */
const maybeEmpty =
  /^(latitude|longitude|city|reason|detail__place|kubernetes\.reason|built|store\.oldestLink)$/;

async function checkInfinity(t: TestContext, { program }: PretendCluster): Promise<void> {
  const values = {
    filter: "",
    group: "workload",
    __from: String(Date.now() - 900_000),
    __to: String(Date.now()),
  };
  const ask = async ({ url = "", url_options }: TargetJson, more: Record<string, string> = {}) => {
    const params = (url_options?.params ?? []).map(({ key, value }): [string, string] => [
      key,
      substitute(value, { ...values, ...more }),
    ]);
    return program.get(`${url}?${new URLSearchParams(params)}`);
  };
  const data = loadGrafanaData();
  if (typeof data === "string") t.diagnostic(data);
  for (const dashboard of readDashboards("infinity")) {
    for (const { type, title, targets = [], transformations = [] } of chartsOf(dashboard)) {
      const where = `${dashboard.uid} ${title}`;
      const answers = await Promise.all(targets.map((target) => ask(target)));
      for (const [i, { root_selector = "", columns = [] }] of targets.entries()) {
        const found = pick(answers[i], root_selector);
        const rows = (Array.isArray(found) ? found : [found]) as unknown[];
        assert.ok(rows.length > 0 && rows[0] !== undefined, `${where}: ${JSON.stringify(answers[i])}`);
        for (const { selector, type: wanted } of columns) {
          if (maybeEmpty.test(selector)) continue;
          const cells = rows
            .map((row) => pick(row, selector))
            .filter((cell) => cell !== undefined && cell !== null);
          assert.ok(cells.length > 0, `${where}: nothing has ${selector}`);
          const type = wanted === "string" ? ["string", "number"] : ["number"];
          for (const cell of cells)
            assert.ok(type.includes(typeof cell), `${where}: ${selector} is ${JSON.stringify(cell)}`);
        }
      }
      if (typeof data === "string") continue;
      const frames = await transform(
        data,
        transformations,
        targets.map((target, i) => infinityFrame(data, target, answers[i])),
      );
      assert.ok(frames[0]!.length > 0, where);
      if (type !== "nodeGraph") continue;
      for (const group of [
        "workload",
        "namespace",
        "node",
        "network",
        "country",
        "asn",
        "domain",
        "address",
        "peer",
      ]) {
        const drawn = async (): Promise<ReturnType<typeof nodeGraphOf>> => {
          const both = await Promise.all(
            targets.map(async (target) => infinityFrame(data, target, await ask(target, { group }))),
          );
          return nodeGraphOf(data, both);
        };
        const [first, second] = [await drawn(), await drawn()];
        assert.deepEqual(problemsOf(first), [], `${where} by ${group}`);
        assert.deepEqual(second.node("fixedx"), first.node("fixedx"), `${where} by ${group}: nothing moves`);
      }
    }
  }
}
