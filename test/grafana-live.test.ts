import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { canRunTcp, readKernelFacts } from "../src/observe/index.ts";
import { type AgentFigures, startAgent, watchAgent } from "./grafana-agent.ts";
import { type PretendCluster, startCluster, told } from "./grafana-cluster.ts";
import { agentQueries, figuresOf, newcomers, variableValues } from "./grafana-figures.ts";
import {
  type GrafanaData,
  infinityFrame,
  loadGrafanaData,
  nodeGraphOf,
  pick,
  problemsOf,
  tableFrame,
  transform,
  type Vector,
} from "./grafana-frames.ts";
import { anyNumber, anything, type Cell, infinityFiguresOf, type Row } from "./grafana-infinity-figures.ts";
import {
  chartsOf,
  type DashboardJson,
  type PanelJson,
  readDashboards,
  substitute,
  type TargetJson,
} from "./grafana-panels.ts";
import type { Choice, Rows, Value, Window } from "./grafana-rows.ts";
import { countLinkMinutes, flowRecordsOf, settle, windowBetween } from "./grafana-window.ts";
import { whyNoNamespaces } from "./namespaces.ts";
import { freePort, until } from "./program.ts";
import { type MetricsServer, missing, startPrometheus } from "./prometheus-process.ts";

const whyNoAgent = whyNoNamespaces() || canRunTcp(readKernelFacts())?.reason;
const rounds = 8;
/** More than are told by name. */
const crowdLinks = told.seriesLimit + 20;
const lostUnits = Object.values(told.lost)
  .flatMap((ofRound) => Object.values(ofRound))
  .reduce((sum, count) => sum + count, 0);
const dashboards = readDashboards(".");
const infinityDashboards = readDashboards("infinity");

interface Query {
  /** Dashboard, panel and query, as the tables of figures have them. */
  readonly key: string;
  readonly title: string;
  readonly panel: PanelJson;
  readonly target: TargetJson;
}

const queriesOf = (all: readonly DashboardJson[]): Query[] =>
  all.flatMap((dashboard) =>
    chartsOf(dashboard).flatMap((panel) =>
      (panel.targets ?? []).map((target) => ({
        key: `${dashboard.uid.replace(/^portolan-(infinity-)?/, "")} ${panel.id} ${target.refId}`,
        ...{ title: panel.title, panel, target },
      })),
    ),
  );
const queries = queriesOf(dashboards);
const questions = queriesOf(infinityDashboards);

/** A query with everything that Grafana would put into it. */
const written = (expr: string, job: string, seconds: number, choice: Choice = {}) =>
  substitute(expr, {
    ...{ job, namespace: ".*", exporter: ".*", direction: ".*", known: "1d", ...choice },
    // Both scrapes are in it, and nothing else: a rate is what was sent between them, by the seconds between them.
    ...{ __range: milliseconds(seconds), __rate_interval: milliseconds(seconds), __interval: "1s" },
  });
const milliseconds = (seconds: number) => `${Math.round(seconds * 1000) + 1}ms`;

test("every query of every dashboard has its figures, and no figure is without its query", () => {
  const between = [0, 0] as const;
  const some: Partial<Window> = {
    ...{ rounds: 1, seconds: 1, processorSeconds: between, lastSent: between, lastHeard: between },
  };
  const window = some as Window; // what there are figures of does not depend on the rest
  const figures = figuresOf(window);
  assert.deepEqual(Object.keys(figures).sort(), queries.map(({ key }) => key).sort());
  // What the cluster has nothing of is looked at elsewhere below.
  const withoutRows = Object.keys(figures).filter((key) => (figures[key] ?? []).length === 0);
  const elsewhere = [
    ...agentQueries.filter((key) => !key.startsWith("itself 10")),
    "external 31 A",
    "itself 22 B",
  ];
  assert.deepEqual(withoutRows.sort(), elsewhere.sort());
  const ofInfinity = Object.keys(infinityFiguresOf(window, { begun: 0, now: 1, storeBytes: [0, 0] }));
  assert.deepEqual(ofInfinity.sort(), questions.map(({ key }) => key).sort());
  const variables = dashboards.flatMap(({ uid, templating }) =>
    templating.list
      .filter(({ type }) => type === "query")
      .map(({ name }) => `${uid.replace("portolan-", "")} ${name}`),
  );
  assert.deepEqual(Object.keys(variableValues).sort(), variables.sort());
  for (const { uid, annotations } of [...dashboards, ...infinityDashboards])
    assert.deepEqual(annotations?.list ?? [], [], `${uid}: annotations ask too`);
});

test("every panel's query, in a real Prometheus, over a cluster, routers and this machine: the figures that were sent", {
  skip: missing("prometheus") ?? false,
  timeout: 300_000,
}, async (t) => {
  const ports = { cluster: await freePort(), agent: await freePort() };
  const prometheus = await startPrometheus(t, {
    cluster: [`127.0.0.1:${ports.cluster}`],
    ...(whyNoAgent === undefined ? { agent: [`127.0.0.1:${ports.agent}`] } : {}),
  });
  const [{ cluster, window, answers, asked }, agent] = await Promise.all([
    tellCluster(t, ports.cluster, prometheus),
    whyNoAgent === undefined ? tellAgent(t, ports.agent, prometheus) : whyNoAgent,
  ]);

  for (const choice of [
    {},
    { namespace: "shop", exporter: "127.0.0.1", direction: "inbound" },
    { exporter: "127.0.0.3", direction: "outbound" },
  ] as const satisfies readonly Choice[])
    await t.test(`figures of ${JSON.stringify(choice)}`, async () => {
      const figures = figuresOf(window, choice);
      for (const { key, title, target } of queries) {
        const expected = figures[key];
        if (expected === undefined) continue;
        const found = await prometheus.query(
          written(target.expr!, "cluster", window.seconds, choice),
          window.end,
        );
        compare(`${key} ${title}`, found, expected, isCount(target));
      }
    });
  await t.test("figures of an agent on this machine", async (t) => {
    if (typeof agent === "string") return t.skip(agent);
    assert.deepEqual(Object.keys(agent.figures).sort(), [...agentQueries].sort());
    for (const [key, expected] of Object.entries(agent.figures)) {
      const { target, title } = queries.find((one) => one.key === key)!;
      const found = await prometheus.query(written(target.expr!, "agent", agent.seconds), agent.time);
      // Others on this machine may ask other resolvers.
      const ours = found.filter(({ labels }) => (labels.resolver ?? agent.resolver) === agent.resolver);
      compare(`${key} ${title}`, ours, expected, isCount(target));
    }
  });
  await t.test("variables offer what there is", () => checkVariables(prometheus));
  const data = loadGrafanaData();
  if (typeof data === "string") t.diagnostic(data);
  await t.test("Infinity: every row and column of every question is what was sent", () =>
    checkInfinity(data, answers, infinityFiguresOf(window, asked)),
  );
  await t.test("tables: what queries answer becomes one row per thing", async (t) => {
    if (typeof data === "string") return t.skip(data);
    await checkTables(data, prometheus, window);
  });

  await t.test("who was not called before is new", async () => {
    await cluster.callNewcomer();
    const query = 'portolan_external_sent_bytes_total{job="cluster",host="8.8.4.4"}';
    const time = await until(
      "the newcomer is scraped",
      async () => (await prometheus.query(`timestamp(${query})`))[0]?.value,
    );
    const { target } = queries.find(({ key }) => key === "external 31 A")!;
    for (const known of ["1h", "6h", "1d", "7d", "30d"]) {
      // Of the time in which all others had been called.
      const expr = written(target.expr!.replaceAll("$known", known), "cluster", time - window.end);
      compare(`new of ${known}`, await prometheus.query(expr, time), newcomers);
    }
  });
  await t.test("more links than a panel shows, and than are told by name", async (t) => {
    await cluster.crowd(crowdLinks);
    const share = queries.find(({ key }) => key === "itself 14 A")!.target.expr!;
    const isReached = async () => {
      const found = await prometheus.query(written(share, "cluster", 10));
      return found.find(({ labels }) => labels.of === "links")?.value === 1 ? true : undefined;
    };
    await until("the bound of links is reached", isReached, 60); // it is looked at who is heaviest every 15 seconds
    // What a series has when it first appears is no part of a rate.
    await cluster.crowd(crowdLinks);
    const edges = queries.find(({ key }) => key === "topology 10 edges")!.target.expr!;
    await until("the hundred heaviest are drawn", async () =>
      (await prometheus.query(written(edges, "cluster", 600))).length === 100 ? true : undefined,
    );
    const table = queries.filter(({ key }) => key.startsWith("topology 23 "));
    for (const { key, target } of table)
      assert.equal((await prometheus.query(written(target.expr!, "cluster", 600))).length, 100, key);
    if (typeof data === "string") return t.skip(data);
    await checkGraphs(data, prometheus, typeof agent === "string" ? ["cluster"] : ["cluster", "agent", ".*"]);
    await checkInfinityGraphs(data, cluster);
  });
  await t.test("what is added up by the minute, after a start", async () => {
    const stored = flowRecordsOf(rounds + 1) + 1 + 2 * crowdLinks;
    await until(`${stored} records are stored`, async () => {
      const [found] = await prometheus.query('portolan_store_flow_records{job="cluster"}');
      return found?.value === stored ? true : undefined;
    });
    const minutes = await countLinkMinutes(cluster);
    await cluster.restart();
    const { target } = queries.find(({ key }) => key === "itself 22 B")!;
    const found = await until("the minutes are told", async () => {
      const vector = await prometheus.query(written(target.expr!, "cluster", 10));
      return (vector[0]?.value ?? 0) >= minutes ? vector : undefined;
    });
    compare("itself 22 B", found, [[{}, minutes]], isCount(target));
  });
  assert.doesNotMatch(prometheus.output(), /different value but same timestamp|append failed/i);
});

/** Two moments, and all rounds between them. */
async function tellCluster(t: TestContext, port: number, prometheus: MetricsServer) {
  const cluster = await startCluster(t, { port, remoteWrite: prometheus.url });
  const begun = Date.now();
  await cluster.begin();
  await cluster.isHeard();
  const begin = await settle(prometheus, cluster, 1, 0);
  cluster.receiver.open();
  for (let round = 1; round <= rounds; round++) await cluster.talk(round);
  await cluster.isHeard();
  const end = await settle(prometheus, cluster, rounds + 1, lostUnits);
  const answers: unknown[] = [];
  for (const { target } of questions) answers.push(await ask(cluster, target));
  const now = Date.now();
  const storeBytes = await storeBytesBetween(prometheus, end.time, now / 1000);
  const window = await windowBetween(cluster, begin, end, rounds);
  return { cluster, window, answers, asked: { begun, now, storeBytes } };
}

async function tellAgent(
  t: TestContext,
  port: number,
  prometheus: MetricsServer,
): Promise<AgentFigures | string> {
  const started = await startAgent(t, port);
  return typeof started === "string" ? started : watchAgent(t, prometheus, started.hosts);
}

const isNear = (found: number, expected: number) => Math.abs(found - expected) <= Math.abs(expected) * 0.01;
const isOf = (found: number, expected: Value, isExact = false) => {
  if (typeof expected !== "number") return found >= expected[0] && found <= expected[1];
  return isExact ? found === expected : isNear(found, expected);
};
/** What is not counted over a time is exact. */
const isCount = ({ expr = "" }: TargetJson) => !/\b(rate|increase)\(/.test(expr);

/** All rows and no others, with the labels that are given and, of edges, those that they were joined from. */
function compare(what: string, found: Vector, expected: Rows, isExact = false): void {
  const told = JSON.stringify({ found, expected });
  assert.equal(found.length, expected.length, `${what}: ${told}`);
  for (const [labels, value] of expected) {
    const rows = found.filter((row) => {
      const own = Object.keys(row.labels).filter(
        (name) => !what.includes(" edges ") || !/^(client|server)/.test(name),
      );
      return (
        own.length === Object.keys(labels).length && own.every((name) => row.labels[name] === labels[name])
      );
    });
    assert.equal(rows.length, 1, `${what}, ${JSON.stringify(labels)}: ${told}`);
    assert.ok(
      isOf(rows[0]!.value, value, isExact),
      `${what}, ${JSON.stringify(labels)}: ${rows[0]!.value}, expected ${value}`,
    );
  }
}

/** As Grafana's data source asks for `label_values(metric, label)`. */
async function checkVariables(prometheus: MetricsServer): Promise<void> {
  for (const { uid, templating } of dashboards)
    for (const { name, type, query } of templating.list) {
      if (type !== "query" || typeof query !== "object") continue;
      const [, selector, label] = /^label_values\((.*), (\w+)\)$/.exec(query.query)!;
      const job = name === "job" ? ".*" : "cluster";
      const asked = new URLSearchParams({ "match[]": written(selector!, job, 60) });
      const response = await fetch(`${prometheus.url}/api/v1/label/${label}/values?${asked}`);
      const { data } = (await response.json()) as { data: string[] };
      const expected = variableValues[`${uid.replace("portolan-", "")} ${name}`]!;
      const all = name === "job" && whyNoAgent === undefined ? ["agent", ...expected] : expected;
      assert.deepEqual(data.filter((value) => value !== "").sort(), [...all].sort(), `${uid} ${name}`);
    }
}

/** Node graphs over Prometheus, after the panels' transformations. */
async function checkGraphs(
  data: GrafanaData,
  prometheus: MetricsServer,
  jobs: readonly string[],
): Promise<void> {
  const panels = dashboards.flatMap(chartsOf).filter(({ type }) => type === "nodeGraph");
  assert.equal(panels.length, 2);
  for (const panel of panels)
    for (const job of jobs) {
      const frames = [];
      for (const { refId, expr } of panel.targets!)
        frames.push(tableFrame(data, refId, await prometheus.query(written(expr!, job, 600)), 2));
      const graph = nodeGraphOf(data, await transform(data, panel.transformations!, frames));
      assert.deepEqual(problemsOf(graph), [], `${panel.title} of ${job}`);
      if (job === "agent") continue;
      assert.ok(graph.edge("color")!.includes("#F2495C"), `${panel.title} of ${job}: some fail`);
      if (panel.id === 10)
        assert.equal(graph.edge("id")!.length, 100, `${panel.title} of ${job}: the heaviest`);
    }
}

/** After the panel's transformations, with Grafana's own code. */
async function checkTables(
  data: GrafanaData,
  prometheus: MetricsServer,
  { seconds, end }: Window,
): Promise<void> {
  for (const { uid, panels } of dashboards) {
    for (const { type, title, targets = [], transformations = [] } of panels) {
      if (type !== "table") continue;
      const vectors: Vector[] = [];
      for (const { expr = "" } of targets)
        vectors.push(await prometheus.query(written(expr, "cluster", seconds), end));
      if (vectors.every(({ length }) => length === 0)) continue; // nobody is new yet
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

/** As scraped from one time to after the other, in Unix seconds. */
async function storeBytesBetween(
  prometheus: MetricsServer,
  from: number,
  to: number,
): Promise<[number, number]> {
  const gauge = 'portolan_store_bytes{job="cluster"}';
  const scraped = await until("it is scraped again", async () => {
    const [found] = await prometheus.query(`timestamp(${gauge})`);
    return found !== undefined && found.value > to ? found.value : undefined;
  });
  const over = async (name: string) =>
    (await prometheus.query(`${name}_over_time(${gauge}[${milliseconds(scraped - from)}])`, scraped))[0]!
      .value;
  return [await over("min"), await over("max")];
}

/** The answer to a question of Infinity's, of the last quarter of an hour. */
function ask(
  cluster: PretendCluster,
  { url = "", url_options }: TargetJson,
  group = "workload",
): Promise<unknown> {
  const values = { filter: "", group, __from: String(Date.now() - 900_000), __to: String(Date.now()) };
  const params = (url_options?.params ?? []).map(({ key, value }): [string, string] => [
    key,
    substitute(value, values),
  ]);
  return cluster.program.get(`${url}?${new URLSearchParams(params)}`);
}

async function checkInfinity(
  data: GrafanaData | string,
  answers: readonly unknown[],
  figures: Readonly<Record<string, readonly Row[]>>,
): Promise<void> {
  for (const [i, { key, title, panel, target }] of questions.entries()) {
    const answer = answers[i];
    const found = pick(answer, target.root_selector ?? "");
    const rows = ((Array.isArray(found) ? found : [found]) as unknown[]).map((row) =>
      Object.fromEntries(target.columns!.map(({ selector, text }) => [text, pick(row, selector) ?? null])),
    );
    const isAnEndInside = (row: Record<string, unknown>) => "Network" in row && row.Network !== "internet";
    compareRows(
      `${key} ${title}`,
      rows.filter((row) => !isAnEndInside(row)),
      figures[key]!,
    );
    if (typeof data === "string" || panel.type === "nodeGraph") continue;
    const [frame] = await transform(data, panel.transformations ?? [], [infinityFrame(data, target, answer)]);
    // The map has three countries of one host each; any other panel its rows.
    assert.equal(frame!.length, figures[key]!.length, `${key} ${title}: rows after its transformations`);
  }
}

/** Each row is found once, and nothing else is. */
function compareRows(
  what: string,
  found: readonly Record<string, unknown>[],
  expected: readonly Row[],
): void {
  const left = [...found];
  for (const row of expected) {
    assert.deepEqual(Object.keys(found[0] ?? {}).sort(), Object.keys(row).sort(), `${what}: columns`);
    const at = left.findIndex((one) => Object.entries(row).every(([name, cell]) => fits(one[name], cell)));
    assert.ok(at >= 0, `${what}: nothing is ${describe(row)} among ${JSON.stringify(left.slice(0, 20))}`);
    left.splice(at, 1);
  }
  assert.deepEqual(left, [], `${what}: more than was sent`);
}

function fits(found: unknown, cell: Cell): boolean {
  if (cell === anything) return true;
  if (cell === anyNumber) return Number.isFinite(found);
  if (cell instanceof RegExp) return typeof found === "string" && cell.test(found);
  if (Array.isArray(cell)) return found === null ? cell[0] === 0 : isOf(found as number, cell as never);
  if (typeof cell !== "number" || typeof found !== "number") return found === cell;
  return isOf(found, cell, Number.isInteger(cell)); // counts are exact
}

const describe = (row: Row) =>
  JSON.stringify(row, (_name, cell) => (cell instanceof RegExp ? String(cell) : cell));

/** By whatever peers are grouped, the graph is whole, and nothing moves when it is asked for again. */
async function checkInfinityGraphs(data: GrafanaData, cluster: PretendCluster): Promise<void> {
  const groups = infinityDashboards
    .flatMap(({ templating }) => templating.list)
    .filter(({ name }) => name === "group")
    .flatMap(({ query }) => String(query).split(","));
  assert.equal(groups.length, 9);
  const panels = infinityDashboards.flatMap(chartsOf).filter(({ type }) => type === "nodeGraph");
  for (const { title, targets = [] } of panels)
    for (const group of groups) {
      const drawn = async () =>
        nodeGraphOf(
          data,
          await Promise.all(
            targets.map(async (target) => infinityFrame(data, target, await ask(cluster, target, group))),
          ),
        );
      const [first, second] = [await drawn(), await drawn()];
      assert.deepEqual(problemsOf(first), [], `${title} by ${group}`);
      assert.deepEqual(second.node("fixedx"), first.node("fixedx"), `${title} by ${group}: nothing moves`);
    }
}
