import assert from "node:assert/strict";
import { type AddressInfo, connect } from "node:net";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import { healthyExporter } from "../../collector/testdata/exporters.ts";
import type { GeoFileStatus } from "../../enrich/geo/index.ts";
import type { KubernetesStatus } from "../../enrich/kubernetes/index.ts";
import { ObserverTable } from "../../flow/index.ts";
import { createTrafficMetrics, DropCounters } from "../../metrics/index.ts";
import {
  type AggregateQuery,
  type AggregateRow,
  type FlowsQuery,
  type LinkRow,
  type LinksQuery,
  OperatingError,
  type Store,
  type StoreStatus,
  type WindowQuery,
} from "../../store/index.ts";
import { LiveFold, liveFoldDefaults, PeerTable } from "../../topology/index.ts";
import { createHttp } from "../http.ts";
import { IngestCounts } from "../ingest-counts.ts";
import { createLiveHub, type LiveHub, type LiveSubscriber } from "../live-hub.ts";
import { createPeerFacts } from "../peer-facts.ts";
import { testFacts } from "../testdata/test-facts.ts";
import { flowColumns } from "./answers/history.ts";
import { routeFlows } from "./flows.ts";
import { routeLive } from "./live.ts";
import { routeMap } from "./map.ts";
import { createReadMetrics, routeMetrics } from "./metrics.ts";
import { routeSeries } from "./series.ts";
import { routeStatus } from "./status.ts";
import { holdAnswers } from "./testdata/hold-answers.ts";
import { routeTop } from "./top.ts";

const now = Date.parse("2026-03-01T12:00:00Z");
const minute = 60_000;

function aggregateRow(group: readonly string[], changes: Partial<AggregateRow> = {}): AggregateRow {
  return {
    group,
    time: now - 15 * minute,
    bytesSent: 100,
    bytesReceived: 1000,
    packets: 7,
    connections: 2,
    failed: 1,
    refused: 1,
    timedOut: 0,
    unreachable: 0,
    reset: 4,
    lost: 5,
    retransmits: 3,
    connectMicroseconds: 9000,
    connectCount: 2,
    rttMicroseconds: 2500,
    rttMinMicroseconds: 700,
    firstSeen: now - 10 * minute,
    lastSeen: now - minute,
    ...changes,
  };
}

/** A record as the store gives it. */
const flowRecord = Object.fromEntries(
  flowColumns.map((name) => {
    if (name === "isDuplicate") return [name, false];
    if (name === "protocolIdentifier") return [name, "tcp"];
    return [name, /Address$|Peer$|Name$|^observer$/.test(name) ? `the ${name}` : 5];
  }),
);

const failures = { refused: 1, timedOut: 0, unreachable: 0, reset: 4, lost: 5 };

const status: StoreStatus = {
  bytes: 4096,
  fileBytes: 8192,
  flowRecords: 12,
  linkMinutes: 5,
  linkHours: 2,
  linkDays: 1,
  oldestFlow: now - 9 * minute,
  oldestLink: null,
};

interface Setup {
  rows?: readonly AggregateRow[];
  linkRows?: readonly LinkRow[];
  groupsLeftOut?: number;
  fail?: Error;
  /** What a question does before it is answered. */
  answer?: (query: Pick<WindowQuery, "signal">) => Promise<void>;
  isReady?: boolean;
  agentOn?: boolean;
  live?: Partial<LiveHub>;
  /** What happens while the store tells how it is. */
  onStoreStatus?: () => void;
  clock?: () => number;
}

/** All routes over a store that answers what it is told to, and keeps what it was asked. */
const agentParts = {
  datagrams: { state: "on", flows: 7 },
  dns: {
    ...{ state: "on", nameCount: 3 },
    resolvers: [
      {
        ...{ address: "10.96.0.10", queryCount: 12, answerCount: 10, failureCounts: { NXDOMAIN: 3 } },
        ...{ timedOutCount: 2, latencySumMilliseconds: 250 },
      },
    ],
  },
  nat: { state: "on", namespaces: 2 },
};
const dockerAnswers = { name: "Docker", state: "on", reason: "/var/run/docker.sock answers" };

const geoFiles: GeoFileStatus[] = (["country", "asn"] as const).map((kind) => ({
  ...{
    kind,
    file: `/${kind}.mmdb`,
    source: "bundled",
    state: "on",
    reason: "",
    databaseType: "x",
    built: now,
    bytes: 5,
  },
  attribution: [{ text: "by Example", url: "https://example.com", licence: "CC BY 4.0" }],
}));

function createApi(
  t: TestContext,
  {
    rows = [],
    linkRows = [],
    groupsLeftOut = 0,
    fail,
    answer,
    isReady = true,
    agentOn = true,
    live,
    onStoreStatus,
    clock = () => now,
  }: Setup = {},
) {
  const asked: AggregateQuery[] = [];
  const askedLinks: LinksQuery[] = [];
  const askedFlows: FlowsQuery[] = [];
  const statusCount = { asked: 0 };
  const store = {
    async aggregate(query: AggregateQuery) {
      asked.push(query);
      await answer?.(query);
      if (fail !== undefined) throw fail;
      return { from: query.from, to: query.to, rows, groupsLeftOut };
    },
    async links(query: LinksQuery) {
      askedLinks.push(query);
      await answer?.(query);
      if (fail !== undefined) throw fail;
      return { from: query.from, to: query.to, rows: linkRows, linksLeftOut: groupsLeftOut };
    },
    async flows(query: FlowsQuery) {
      askedFlows.push(query);
      return { records: [flowRecord], nextCursor: "next" };
    },
    async status() {
      statusCount.asked++;
      onStoreStatus?.();
      if (fail !== undefined) throw fail;
      return status;
    },
  } as unknown as Store;
  const peers = new PeerTable(100, () => {});
  const observers = new ObserverTable();
  const fold = new LiveFold(liveFoldDefaults, () => {});
  const peerFacts = createPeerFacts(testFacts());
  const created = createLiveHub({ fold, peers, observers, peerFacts, now: () => now, clock: () => 0 });
  const hub = live === undefined ? created : { ...created, ...live };
  const drops = new DropCounters();
  drops.drop("template_missing", "10.0.0.254", 3);
  const agent = {
    status: () =>
      agentOn
        ? { state: "on", sockets: 42, names: [dockerAnswers], ...agentParts }
        : { state: "off", reason: "no root", remedy: "sudo", sockets: 0, ...agentParts },
  } as never;
  const collector = {
    status: () => ({
      listeners: [{ host: "::", port: 2055 }],
      exporters: [
        {
          ...healthyExporter(now),
          address: "10.0.0.254",
          protocols: ["ipfix"],
          packetCount: 10,
          byteCount: 999,
          recordCount: 30,
          templateCount: 2,
          drops: { template_missing: 3 },
          lastSeenMilliseconds: now - 5,
        },
      ],
    }),
  } as never;
  const app = createHttp({ logger: pino({}, { write: () => {} }), isLoopbackOnly: true });
  holdAnswers(t, app);
  routeMap(app, store, peerFacts, () => now);
  routeTop(app, store, () => now);
  routeSeries(app, store, () => now);
  routeFlows(app, store, () => now);
  routeLive(app, hub, () => now);
  const traffic = createTrafficMetrics(
    { links: true, limit: 10, staleMilliseconds: 60_000, compat: [] },
    { peers, observers, forEachOpen: () => {}, now: () => now },
  );
  const counted = { version: "1.2.3", agent, collector, store, fold, peers, live: hub, drops, traffic };
  const remote = { heardCount: 2, waitingRows: 5, list: () => [] };
  const kubernetes = { status: () => noCluster };
  routeMetrics(
    app,
    createReadMetrics({
      ...{ ...counted, remote, kubernetes, compat: [], ingestCounts: new IngestCounts(), remoteWrites: [] },
      ...{ startedAt: now - minute, now: () => now, dataFolder: ".", storeBytesMax: 1000 },
    }),
  );
  routeStatus(app, {
    version: "1.2.3",
    node: "vm",
    startedAt: now - minute,
    agent,
    collector,
    store,
    geo: { status: () => geoFiles },
    reverseNames: { status: () => ({ mode: "inside", nameCount: 2 }) as never },
    kubernetes,
    dataFolder: "/data",
    isCapture: false,
    now: clock,
    grafanaUrl: null,
    localAddresses: () => ["192.168.1.5"],
    isReady: () => isReady,
  });
  t.after(() => app.close());
  return {
    app,
    hub,
    asked,
    askedLinks,
    askedFlows,
    statusCount,
    get: (url: string) => app.inject({ url, headers: { host: "localhost" } }),
  };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 1000, `waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A question that ends only by being stopped. */
function untilStopped({ signal }: Pick<WindowQuery, "signal">): Promise<void> {
  return new Promise((_resolve, reject) => signal!.addEventListener("abort", () => reject(signal!.reason)));
}

function linkRow(client: string, server: string, changes: Partial<LinkRow> = {}): LinkRow {
  const { group: _group, time: _time, ...totals } = aggregateRow([]);
  const [inside, outside] = [
    { addresses: ["10.0.0.5"], node: "vm", network: "10.0.0.0/24", process: client },
    { addresses: [server], node: "", network: "internet", process: "" },
  ];
  return {
    ...totals,
    client: { ...inside, id: `process:vm/${client}`, kind: "process", name: client, container: "" },
    server: { ...outside, id: `host:${server}`, kind: "host", name: server, container: "" },
    called: undefined,
    port: 443,
    protocol: 6,
    observers: [{ id: "agent:vm", bytesSent: 100, bytesReceived: 1000, packets: 7 }],
    ...changes,
  };
}

const noCluster: KubernetesStatus = {
  ...{ state: "off", reason: "not asked for", resources: [], counts: {}, owners: [], unresolved: [] },
  load: { requests: 0, failures: 0, bytesReceived: 0 },
};

test("the map of a window has peers, links and what was left out", async (t) => {
  const { get, askedLinks } = createApi(t, {
    linkRows: [linkRow("curl", "8.8.8.8"), linkRow("wget", "8.8.8.8", { port: 80, bytesSent: 1 })],
    groupsLeftOut: 4,
  });
  const answer = await get("/api/v1/map?from=-1h&filter=port:443&limit=1");
  assert.equal(answer.statusCode, 200);
  const map = answer.json();
  assert.deepEqual([map.from, map.to], [now - 60 * minute, now]);
  assert.deepEqual(map.truncated, { peers: 1, links: 5 });
  assert.deepEqual(map.peers[0], {
    id: "process:vm/curl",
    kind: "process",
    name: "curl",
    group: "vm",
    addresses: ["10.0.0.5"],
    node: "vm",
    process: "curl",
    container: "",
    network: "10.0.0.0/24",
  });
  assert.deepEqual(map.links, [
    {
      id: "process:vm/curl>host:8.8.8.8",
      client: "process:vm/curl",
      server: "host:8.8.8.8",
      ports: [{ port: 443, protocol: "tcp", bytesSent: 100, bytesReceived: 1000, connections: 2 }],
      bytesSent: 100,
      bytesReceived: 1000,
      packets: 7,
      connections: 2,
      active: 0,
      failed: 1,
      failures,
      retransmits: 3,
      rttMs: 2.5,
      rttMinMs: 0.7,
      connectMs: 4.5,
      observers: [
        { id: "agent:vm", kind: "agent", name: "vm", bytesSent: 100, bytesReceived: 1000, packets: 7 },
      ],
      lastSeen: now - minute,
      sentRate: 0,
      receivedRate: 0,
    },
  ]);
  const { metric, limit, filter, grouping } = askedLinks[0]!;
  assert.deepEqual([metric, limit, grouping], ["bytes", 1, undefined]);
  assert.ok(filter !== undefined);
});

test("a map of the past says where its peers are", async (t) => {
  const { get } = createApi(t, { linkRows: [linkRow("curl", "8.8.8.8")] });
  const { peers } = (await get("/api/v1/map?from=-1h")).json();
  assert.partialDeepStrictEqual(peers[1], {
    ...{ id: "host:8.8.8.8", network: "internet", country: "CH", countryName: "Switzerland" },
    ...{ asNumber: 64500, asName: "Example" },
  });
});

test("a map is grouped and weighed as asked", async (t) => {
  const linkRows = [
    linkRow("curl", "8.8.8.8", { packets: 1 }),
    linkRow("wget", "9.9.9.9", { packets: 500, bytesSent: 0, bytesReceived: 0 }),
  ];
  const { get, askedLinks } = createApi(t, { linkRows });
  const grouped = (await get("/api/v1/map?group=network")).json();
  assert.deepEqual(
    grouped.links.map((link: { id: string }) => link.id),
    ["network:10.0.0.0/24>network:internet"],
  );
  assert.equal(grouped.links[0].bytesSent, 100);
  assert.equal(askedLinks[0]?.grouping, "network");
  const heaviest = (await get("/api/v1/map?metric=packets&limit=1")).json();
  assert.equal(heaviest.links[0].server, "host:9.9.9.9");
  assert.equal(askedLinks.at(-1)?.metric, "packets");
});

test("the heaviest groups by what was asked, by client and server when nothing was", async (t) => {
  const { get, asked } = createApi(t, { rows: [aggregateRow(["curl"])], groupsLeftOut: 2 });
  const top = (await get("/api/v1/top?by=client.name&metric=connections&limit=5")).json();
  assert.deepEqual(top, {
    from: now - 15 * minute,
    to: now,
    by: ["client.name"],
    metric: "connections",
    rows: [
      {
        group: ["curl"],
        value: 2,
        bytesSent: 100,
        bytesReceived: 1000,
        packets: 7,
        connections: 2,
        failed: 1,
        failures,
        retransmits: 3,
        rttMs: 2.5,
        rttMinMs: 0.7,
        connectMs: 4.5,
      },
    ],
    groupsLeftOut: 2,
  });
  assert.deepEqual([asked[0]?.by, asked[0]?.metric, asked[0]?.limit], [["client.name"], "connections", 5]);
  const plain = (await get("/api/v1/top")).json();
  assert.deepEqual(
    [plain.by, plain.metric, plain.rows[0].value],
    [["client.name", "server.name"], "bytes", 1100],
  );
});

test("a series has a value for every step, 0 where nothing was, and bytes in both directions", async (t) => {
  const from = now - 3 * minute;
  const rows = [
    aggregateRow(["tcp"], { time: from }),
    aggregateRow(["tcp"], { time: from + 2 * minute, bytesSent: 5, bytesReceived: 6 }),
    aggregateRow(["udp"], { time: from + minute }),
  ];
  const { get, asked } = createApi(t, { rows });
  const answer = (await get("/api/v1/series?by=protocol&from=-3m")).json();
  assert.deepEqual(answer, {
    from,
    to: now,
    step: minute,
    metric: "bytes",
    times: [from, from + minute, from + 2 * minute],
    series: [
      { group: ["tcp"], sent: [100, 0, 5], received: [1000, 0, 6] },
      { group: ["udp"], sent: [0, 100, 0], received: [0, 1000, 0] },
    ],
  });
  assert.equal(asked[0]?.step, minute);
  const packets = (await get("/api/v1/series?by=protocol&from=-3m&metric=packets")).json();
  assert.deepEqual(packets.series[0], { group: ["tcp"], sent: [7, 0, 7] });
});

test("the first step of a series begins before the window when steps do not divide it", async (t) => {
  const step = 5 * minute;
  const { get } = createApi(t, { rows: [aggregateRow(["tcp"], { time: now - 2 * step })] });
  const { times, series } = (await get(`/api/v1/series?from=-7m&step=${step}`)).json();
  assert.deepEqual(times, [now - 2 * step, now - step]);
  assert.deepEqual(series[0].sent, [100, 0]);
});

test("a series' step is a readable one, and a step that is too small or crooked is refused with one that would do", async (t) => {
  const { get } = createApi(t);
  const step = async (query: string) => (await get(`/api/v1/series?${query}`)).json().step;
  assert.equal(await step("from=-15m"), minute);
  assert.equal(await step("from=-4h"), 2 * minute);
  assert.equal(await step("from=-7d"), 84 * minute);
  assert.equal(await step("from=-1h&step=300000"), 300_000);
  assert.match(
    (await get("/api/v1/series?step=90000")).json().detail,
    /^step: 90000 is not a multiple of a minute .*; 60000 would do$/,
  );
  const problem = (await get("/api/v1/series?from=-7d&step=60000")).json();
  assert.deepEqual([problem.status, problem.parameter], [400, "step"]);
  assert.match(problem.detail, /at most 2000 steps; 360000 would do$/);
  assert.equal(await step("from=-7d&step=360000"), 360_000);
});

test("flow records come in pages", async (t) => {
  const { get, askedFlows } = createApi(t);
  const page = (await get("/api/v1/flows?from=-1h&limit=3&cursor=abc&filter=source.port:443")).json();
  assert.deepEqual(page, { records: [flowRecord], nextCursor: "next" });
  const { from, to, limit, cursor, filter } = askedFlows[0]!;
  assert.deepEqual([from, to, limit, cursor], [now - 60 * minute, now, 3, "abc"]);
  assert.ok(filter !== undefined);
  await get("/api/v1/flows");
  assert.deepEqual(
    [askedFlows[1]?.limit, askedFlows[1]?.cursor, askedFlows[1]?.filter],
    [100, undefined, undefined],
  );
});

const mistakes: [string, string, RegExp][] = [
  ["map?form=-1h", "form", /no such parameter; accepted: from, to, filter, group, metric, limit/],
  ["map?from=-1h&from=-2h", "from", /given more than once/],
  ["map?from=soon", "from", /is no time/],
  ["map?from=-1h&to=-2h", "from", /window is empty/],
  [
    "map?group=galaxy",
    "group",
    /"galaxy" is not known; accepted: namespace, workload, pod, node, address, network/,
  ],
  ["map?metric=weight", "metric", /accepted: bytes, packets, connections, failed, retransmits/],
  ["map?limit=0", "limit", /whole number from 1 to 50000/],
  ["map?limit=50001", "limit", /whole number from 1 to 50000/],
  ["top?by=colour", "by", /"colour" is not known; accepted: client, server/],
  ["top?by=port,protocol,client,server,observer", "by", /at most 4/],
  ["top?limit=1001", "limit", /from 1 to 1000/],
  ["series?by=port,protocol,client", "by", /at most 2/],
  ["series?limit=101", "limit", /from 1 to 100/],
  ["series?step=x", "step", /whole number/],
  ["flows?limit=1001", "limit", /from 1 to 1000/],
  ["flows?group=node", "group", /no such parameter/],
  ["live?from=-1h", "from", /no such parameter; accepted: filter, group, metric, limit/],
  ["live?group=galaxy", "group", /"galaxy" is not known/],
];
for (const [path, parameter, detail] of mistakes) {
  test(`/api/v1/${path} is a problem that names its parameter`, async (t) => {
    const { get, asked } = createApi(t);
    const { statusCode, headers, json } = await get(`/api/v1/${path}`);
    assert.equal(statusCode, 400);
    assert.match(String(headers["content-type"]), /^application\/problem\+json/);
    const problem = json();
    assert.deepEqual(
      [problem.code, problem.parameter, problem.status],
      ["parameter_invalid", parameter, 400],
    );
    assert.match(problem.detail, detail);
    assert.equal(asked.length, 0, "the store was not asked");
  });
}

for (const route of ["map", "top", "series", "flows", "live"]) {
  test(`/api/v1/${route} tells where a filter is wrong`, async (t) => {
    const { get } = createApi(t);
    const { statusCode, json } = await get(
      `/api/v1/${route}?filter=${encodeURIComponent("port:443 nmae:x")}`,
    );
    const { code, position, length, detail } = json();
    assert.deepEqual([statusCode, code, position, length], [400, "filter_invalid", 9, 4]);
    assert.match(detail, /nmae/);
  });
}

test("HEAD asks for no more of the records than it takes to answer it", async (t) => {
  const { app, askedFlows } = createApi(t);
  const url = "/api/v1/flows?limit=1000000&format=csv";
  const { statusCode, headers, body } = await app.inject({
    method: "HEAD",
    url,
    headers: { host: "localhost" },
  });
  assert.deepEqual([statusCode, headers["content-type"], body], [200, "text/csv; charset=utf-8", ""]);
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  assert.equal(askedFlows.length, 1);
});

test("a question that takes too long is stopped, and says what to do", { timeout: 20_000 }, async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { get, askedLinks } = createApi(t, { answer: untilStopped });
  const answer = get("/api/v1/map");
  while (askedLinks.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.mock.timers.tick(29_999);
  assert.equal(askedLinks[0]?.signal?.aborted, false);
  t.mock.timers.tick(1);
  const { statusCode, json } = await answer;
  assert.deepEqual([statusCode, json().code], [504, "question_timeout"]);
  assert.match(json().detail, /shorter window/);
});

test("who asks much does not keep others waiting: questions are asked in turn", async (t) => {
  const ends: (() => void)[] = [];
  const { app, askedLinks } = createApi(t, {
    answer: () => new Promise<void>((resolve) => ends.push(resolve)),
  });
  const ask = (remoteAddress: string, limit: number) =>
    app.inject({ url: `/api/v1/map?limit=${limit}`, headers: { host: "localhost" }, remoteAddress });
  const answers = Array.from({ length: 8 }, (_, i) => ask("127.0.0.1", i + 1));
  await until(() => askedLinks.length === 2, "as many are asked at once as the store answers");
  answers.push(ask("127.0.0.2", 100));
  for (let ended = 0; ended < 9; ended++) {
    await until(() => ends.length > ended, "the next is asked");
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    ends[ended]!();
  }
  for (const answer of await Promise.all(answers)) assert.equal(answer.statusCode, 200);
  const place = askedLinks.findIndex(({ limit }) => limit === 100);
  assert.equal(place, 2, "the other's only one is the next");
});

/** Two questions of one client that are asked, and one of another's that waits for them; timers are pretended. */
async function createWaiting(t: TestContext, answer: (query: Pick<WindowQuery, "signal">) => Promise<void>) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { app, askedLinks } = createApi(t, { answer });
  const ask = (remoteAddress: string) =>
    app.inject({ url: "/api/v1/map", headers: { host: "localhost" }, remoteAddress });
  const settle = async () => {
    for (let i = 0; i < 50; i++) await new Promise(setImmediate);
  };
  const first = [ask("127.0.0.1"), ask("127.0.0.1")];
  await settle();
  const waiting = ask("127.0.0.2");
  await settle();
  assert.equal(askedLinks.length, 2);
  return { askedLinks, first, waiting, settle };
}

test("a question's thirty seconds begin with its turn", { timeout: 20_000 }, async (t) => {
  const { askedLinks, first, waiting, settle } = await createWaiting(t, untilStopped);
  t.mock.timers.tick(30_000);
  for (const { statusCode } of await Promise.all(first)) assert.equal(statusCode, 504);
  await settle();
  t.mock.timers.tick(29_999);
  assert.equal(askedLinks[2]?.signal?.aborted, false);
  t.mock.timers.tick(1);
  assert.equal((await waiting).json().code, "question_timeout");
});

test("who waits a minute for a turn in vain is told to come again", { timeout: 20_000 }, async (t) => {
  const ends: (() => void)[] = [];
  const { askedLinks, first, waiting } = await createWaiting(
    t,
    () => new Promise((resolve) => ends.push(resolve)),
  );
  t.mock.timers.tick(60_000);
  const { statusCode, headers, json } = await waiting;
  assert.deepEqual([statusCode, json().code, headers["retry-after"]], [503, "too_many_questions", "30"]);
  for (const end of ends) end();
  await Promise.all(first);
  assert.equal(askedLinks.length, 2, "nobody wants to know any more");
});

test("a question whose asker has gone is stopped", async (t) => {
  const { app, askedLinks } = createApi(t, { answer: untilStopped });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const controller = new AbortController();
  const { port } = app.server.address() as AddressInfo;
  const answer = fetch(`http://127.0.0.1:${port}/api/v1/map`, { signal: controller.signal });
  await until(() => askedLinks.length === 1, "the store is asked");
  assert.equal(askedLinks[0]?.signal?.aborted, false);
  controller.abort();
  await assert.rejects(answer);
  await until(() => askedLinks[0]?.signal?.aborted === true, "the question is stopped");
});

test("a question that fails is a problem without the reason", async (t) => {
  const { get } = createApi(t, { fail: new Error("SELECT secret FROM x") });
  const { statusCode, body } = await get("/api/v1/map");
  assert.equal(statusCode, 500);
  assert.doesNotMatch(body, /SELECT/);
});

test("the status says what runs and what is missing", async (t) => {
  const { get } = createApi(t);
  assert.deepEqual((await get("/api/v1/status")).json(), {
    version: "1.2.3",
    node: "vm",
    startedAt: now - minute,
    access: { tokens: false },
    agent: { state: "on", connections: 42, names: [dockerAnswers], ...agentParts },
    kubernetes: noCluster,
    collector: {
      listeners: ["udp://[::]:2055"],
      addresses: ["192.168.1.5"],
      exporters: [
        {
          address: "10.0.0.254",
          protocols: ["ipfix"],
          packets: 10,
          records: 30,
          templates: 2,
          drops: { template_missing: 3 },
          lastSeen: now - 5,
        },
      ],
    },
    store: {
      state: "on",
      folder: "/data",
      bytes: 4096,
      flowRecords: 12,
      oldestFlow: now - 9 * minute,
      oldestLink: null,
    },
    geo: {
      files: geoFiles.map(({ attribution: _, ...file }) => file),
      attribution: [{ text: "by Example", url: "https://example.com", licence: "CC BY 4.0" }],
    },
    reverseDns: { mode: "inside", nameCount: 2 },
    now,
    capture: false,
    grafana: null,
  });
  const off = (await createApi(t, { agentOn: false }).get("/api/v1/status")).json();
  assert.deepEqual(off.agent, {
    ...{ state: "off", reason: "no root", remedy: "sudo", connections: 0 },
    ...agentParts,
  });
});

test("the clock that a status tells is that of the moment it is sent, however long the store took", async (t) => {
  let time = now;
  const onStoreStatus = () => {
    time += 20_000;
  };
  const { get } = createApi(t, { clock: () => time, onStoreStatus });
  assert.equal((await get("/api/v1/status")).json().now, now + 20_000);
});

test("health is always told, readiness when everything is open", async (t) => {
  const [ready, starting] = [createApi(t), createApi(t, { isReady: false })];
  assert.deepEqual((await ready.get("/healthz")).json(), { status: "ok" });
  assert.equal((await starting.get("/healthz")).statusCode, 200);
  assert.deepEqual(
    [(await ready.get("/readyz")).statusCode, (await starting.get("/readyz")).statusCode],
    [200, 503],
  );
});

test("metrics are Prometheus text, each with its help and type", async (t) => {
  const { get } = createApi(t);
  const { headers, body } = await get("/metrics");
  assert.equal(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  for (const line of [
    'portolan_build_info{version="1.2.3"} 1',
    'portolan_collector_packets_total{exporter="10.0.0.254"} 10',
    'portolan_collector_bytes_total{exporter="10.0.0.254"} 999',
    'portolan_collector_records_total{exporter="10.0.0.254"} 30',
    'portolan_collector_templates{exporter="10.0.0.254"} 2',
    'portolan_drops_total{reason="template_missing",source="10.0.0.254"} 3',
    "portolan_agent_up 1",
    "portolan_agent_sockets 42",
    "portolan_agent_datagrams_up 1",
    "portolan_agent_flows 7",
    "portolan_agent_dns_names 3",
    'portolan_agent_dns_failures_total{resolver="10.96.0.10",code="NXDOMAIN"} 3',
    'portolan_agent_dns_latency_seconds_sum{resolver="10.96.0.10"} 0.25',
    "portolan_agent_nat_up 1",
    "portolan_live_links 0",
    "portolan_live_subscribers 0",
    "portolan_peers 2",
    "portolan_store_bytes 4096",
    "portolan_store_flow_records 12",
    "portolan_store_link_rollups 5",
  ])
    assert.ok(body.split("\n").includes(line), line);
  const names = new Set([...body.matchAll(/^(portolan_\w+)/gm)].map(([, name]) => name!));
  for (const name of names) {
    if (/_(sum|count)$/.test(name)) continue; // of a summary, which has its own test
    const type = name.endsWith("_total") ? "counter" : "gauge";
    assert.ok(body.includes(`# TYPE ${name} ${type}\n`) && body.includes(`# HELP ${name} `), name);
  }
  assert.ok(
    (await createApi(t, { agentOn: false }).get("/metrics")).body.includes("\nportolan_agent_up 0\n"),
  );
});

test("however many ask for the status, the store is asked once", async (t) => {
  const { get, statusCount } = createApi(t);
  const answers = await Promise.all(Array.from({ length: 20 }, () => get("/api/v1/status")));
  assert.ok(answers.every(({ statusCode }) => statusCode === 200));
  assert.equal(statusCount.asked, 1);
});

test("a store that cannot answer is told as it is, and takes nothing else with it", async (t) => {
  const { get } = createApi(t, { fail: new OperatingError("store_query", "/data: no room") });
  const { store, version } = (await get("/api/v1/status")).json();
  assert.deepEqual([store.state, store.reason, version], ["off", "/data: no room", "1.2.3"]);
  const lines = (await get("/metrics")).body.split("\n");
  assert.ok(lines.includes("portolan_store_up 0") && lines.includes("portolan_agent_up 1"));
  assert.ok(!lines.some((line) => line.startsWith("portolan_store_bytes")));
});

/** Reads server-sent events of a stream until as many have come. */
async function readEvents(response: Response, count: number): Promise<[string, unknown][]> {
  const events: [string, unknown][] = [];
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk, { stream: true });
    const parts = text.split("\n\n");
    text = parts.pop()!;
    for (const part of parts) {
      const [, event = "", data = ""] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? [];
      events.push([event, JSON.parse(data)]);
    }
    if (events.length >= count) break;
  }
  return events;
}

test("the live stream is a whole map, then changes; who goes is forgotten", async (t) => {
  const { app, hub } = createApi(t);
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/live?group=node`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.ok(response.headers.get("content-security-policy"));
  assert.equal(hub.subscriberCount, 1);
  hub.publish();
  const [first, second] = await readEvents(response, 2); // leaves when it has both
  assert.deepEqual(first, [
    "map",
    { from: now - 15 * minute, to: now, peers: [], links: [], truncated: { peers: 0, links: 0 } },
  ]);
  assert.equal(second?.[0], "change");
  await until(() => hub.subscriberCount === 0, "the stream that was closed is not counted");
});

test("a reader of the live stream that does not take what it is sent is behind, until it does", async (t) => {
  const subscribers: LiveSubscriber[] = [];
  const subscribe = (_query: unknown, subscriber: LiveSubscriber) => {
    subscribers.push(subscriber);
    return () => {};
  };
  const { app } = createApi(t, { live: { subscribe, subscriberCount: 0 } });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const reader = connect((app.server.address() as AddressInfo).port, "127.0.0.1");
  t.after(() => reader.destroy());
  reader.pause().write("GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await until(() => subscribers.length === 1, "the stream is open");
  const [subscriber] = subscribers;
  subscriber!.send("map", "{}");
  assert.equal(subscriber!.isBehind(), false);
  subscriber!.send("map", JSON.stringify("x".repeat(32 * 1024 * 1024)));
  assert.equal(subscriber!.isBehind(), true);
  reader.resume();
  await until(() => !subscriber!.isBehind(), "it has caught up");
});

test("a view that there is no room for is refused", async (t) => {
  const { get } = createApi(t, { live: { hasRoomFor: () => false, subscriberCount: 0 } });
  const { statusCode, json } = await get("/api/v1/live");
  assert.deepEqual([statusCode, json().code], [503, "too_many_views"]);
});

test("more streams than are allowed are refused", async (t) => {
  const { get } = createApi(t, { live: { subscriberCount: 500 } });
  const { statusCode, json } = await get("/api/v1/live");
  assert.deepEqual([statusCode, json().code], [503, "too_many_streams"]);
});
