import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import { createRows, hostPeer, type TestRow } from "../../metrics/testdata/rows.ts";
import type { LinksQuery, Store } from "../../store/index.ts";
import { LiveFold, liveFoldDefaults, type Topology } from "../../topology/index.ts";
import type { GroupedGraph } from "../grouped-graph.ts";
import { createHttp } from "../http.ts";
import { createLiveHub } from "../live-hub.ts";
import type { NodeGraph } from "../node-graph.ts";
import { routeNodeGraph } from "./nodegraph.ts";
import { holdAnswers } from "./testdata/hold-answers.ts";

const now = Date.parse("2026-03-01T12:00:00Z");
const minute = 60_000;
const windowSeconds = 15 * 60;

function createGraph(t: TestContext, records: readonly TestRow[], openConnections = 0) {
  const { peers, observers, batchOf, rowOf, know } = createRows();
  know(
    hostPeer("10.0.0.1", { id: "container:vm/1", kind: "container", name: "shop/web-1/nginx", node: "vm" }),
  );
  const fold = new LiveFold(liveFoldDefaults, () => {});
  fold.tick(now, () => {});
  const batch = batchOf(records);
  batch.columns.collectionTimeMilliseconds.fill(now, 0, batch.count);
  fold.fold(batch);
  fold.tick(now, (visit) => {
    for (let i = 0; i < openConnections; i++)
      visit(rowOf("10.0.0.1"), rowOf("10.0.0.2"), 443, 6, batch.columns.observer[0]!);
  });
  const asked: LinksQuery[] = [];
  const store = {
    async links(query: LinksQuery) {
      asked.push(query);
      return { from: query.from, to: query.to, rows: [], linksLeftOut: 0 };
    },
  } as unknown as Store;
  const app = createHttp({ logger: pino({}, { write: () => {} }), isLoopbackOnly: true });
  const peerFacts = {
    factsOf: () => ({}),
    derivedOf: () => ({}),
    describe: (topology: Topology) => topology,
  };
  holdAnswers(t, app);
  const live = createLiveHub({ fold, peers, observers, peerFacts, now: () => now, clock: () => 0 });
  routeNodeGraph(app, store, { live, fold, peerFacts, now: () => now });
  t.after(() => app.close());
  const get = (url: string) => app.inject({ url, headers: { host: "localhost" } });
  return {
    asked,
    get,
    data: async (query = "") => (await get(`/nodegraph/api/graph/data?${query}`)).json<NodeGraph>(),
    grouped: async (query: string) => (await get(`/api/graph/data?${query}`)).json<GroupedGraph>(),
  };
}

const rows: TestRow[] = [
  { sent: 900 * 1024, received: 1800 * 1024, connections: 3 },
  { sent: 900, serverPort: 80, connections: 1 },
  { client: "10.0.0.3", sent: 9 * 900 },
];

test("health and fields are the Node Graph API's, with and without /nodegraph", async (t) => {
  const { get } = createGraph(t, []);
  for (const prefix of ["", "/nodegraph"]) {
    assert.equal((await get(`${prefix}/api/health`)).statusCode, 200);
    const fields = (await get(`${prefix}/api/graph/fields?stats-type=bytes`)).json();
    assert.deepEqual(fields, {
      edges_fields: ["id", "source", "target", "mainStat", "secondaryStat"].map((field_name) => ({
        field_name,
        type: "string",
      })),
      nodes_fields: [
        ...["id", "title", "subTitle"].map((field_name) => ({ field_name, type: "string" })),
        { field_name: "mainStat", type: "string", displayName: "Bytes received " },
        { field_name: "secondaryStat", type: "string", displayName: "Bytes responded " },
        { field_name: "arc__1", type: "number", color: "blue", displayName: "Bytes received" },
        { field_name: "arc__2", type: "number", color: "yellow", displayName: "Bytes responded" },
      ],
    });
  }
  assert.equal(
    (await get("/api/graph/fields?stats-type=what")).json().nodes_fields[3].displayName,
    "All connections ",
  );
  assert.equal((await get("/api/graph/fields?panel=7&toString=1")).statusCode, 200, "others are passed over");
});

test("bytes: rates per node and edge, ports together, each from where it stands", async (t) => {
  const { data } = createGraph(t, rows);
  const { nodes, edges } = await data(`stats-type=bytes&from=${now - 15 * minute}&to=${now}`);
  const node = (id: string) => nodes.find((candidate) => candidate.id === id)!;
  assert.equal(node("10.0.0.1").title, "shop/web-1/nginx");
  assert.equal(node("10.0.0.1").subTitle, "10.0.0.1");
  assert.equal(node("10.0.0.1").mainStat, "recv: 2.00KB/s");
  assert.equal(node("10.0.0.2").secondaryStat, "resp: 2.00KB/s");
  for (const { arc__1, arc__2 } of nodes) assert.ok(Math.abs(arc__1 + arc__2 - 1) < 1e-9);
  assert.deepEqual(edges[0], {
    ...{ id: "10.0.0.1-10.0.0.2", source: "10.0.0.1", target: "10.0.0.2" },
    ...{ mainStat: "sent: 1.00KB/s", secondaryStat: "recv: 2.00KB/s" },
  });
  assert.equal(edges.find(({ source }) => source === "10.0.0.3")!.mainStat, "sent: 9.00B/s");
  assert.equal(windowSeconds, 900);
});

test("connections: the server counts them, open ones are persistent", async (t) => {
  const { data } = createGraph(t, rows, 1);
  const { nodes, edges } = await data();
  const server = nodes.find(({ id }) => id === "10.0.0.2")!;
  assert.deepEqual(
    [server.mainStat, server.secondaryStat, server.arc__1, server.arc__2],
    ["all: 4", "persistent: 1", 0.25, 0.75],
  );
  assert.equal(nodes.find(({ id }) => id === "10.0.0.1")!.mainStat, "N/A");
  assert.equal(edges[0]!.mainStat, "all: 4");
  assert.equal((await data("stats-type=duration")).edges[0]!.mainStat, "N/A");
});

test("namespace, include and exclude are regular expressions; nothing is [] and not null", async (t) => {
  const { data, get } = createGraph(t, rows);
  const ends = async (query: string) => (await data(query)).edges.map(({ id }) => id);
  assert.deepEqual(await ends("namespace=^sh"), ["10.0.0.1-10.0.0.2"]);
  assert.deepEqual(await ends("include=nginx$"), ["10.0.0.1-10.0.0.2"]);
  assert.deepEqual(await ends("exclude=10.0.0.1|web"), ["10.0.0.3-10.0.0.2"]);
  assert.deepEqual(await data("namespace=none"), { nodes: [], edges: [] });
  assert.deepEqual((await data("namespace=&include=&exclude=&refresh=5s")).edges.length, 2);
  for (const pattern of ["(", "[z-a]", "a{2000}"]) {
    const refused = await get(`/api/graph/data?include=${encodeURIComponent(pattern)}`);
    assert.equal(refused.statusCode, 400);
    assert.equal(refused.json().code, "pattern_invalid");
  }
});

test("a window of the past is asked of the store; a wrong one is a 400", async (t) => {
  const { data, get, asked } = createGraph(t, rows);
  assert.deepEqual(await data(`from=${now - 120 * minute}&to=${now - 60 * minute}`), {
    nodes: [],
    edges: [],
  });
  assert.deepEqual([asked[0]!.from, asked[0]!.to], [now - 120 * minute, now - 60 * minute]);
  assert.equal((await get("/api/graph/data?from=yesterday")).statusCode, 400);
});

test("200 nodes at most, the heaviest and ~other, and every edge's ends are among them", async (t) => {
  const many = Array.from({ length: 1000 }, (_, i) => ({
    client: `10.1.${i >> 8}.${i & 255}`,
    server: `10.2.${i >> 8}.${i & 255}`,
    sent: i + 1,
  }));
  const { data } = createGraph(t, many);
  const { nodes, edges } = await data("stats-type=bytes");
  const ids = new Set(nodes.map(({ id }) => id));
  assert.equal(nodes.length, 200);
  assert.ok(ids.has("~other") && ids.has("10.1.3.231"));
  assert.ok(edges.every(({ source, target }) => ids.has(source) && ids.has(target)));
  assert.equal(new Set(edges.map(({ id }) => id)).size, edges.length, "ids of edges are unique");
});

test("with a group it is the map's peers, placed; rates, ports, failures; fields say what there is", async (t) => {
  const { grouped, get } = createGraph(t, [...rows, { failed: 1, serverPort: 80 }]);
  const { nodes, edges } = await grouped("group=peer");
  const client = nodes.find(({ title }) => title === "shop/web-1/nginx")!;
  assert.deepEqual([client.id, client.subTitle, client.detail__kind], ["container:vm/1", "vm", "container"]);
  assert.equal(client.mainStat, (2700 * 1024 + 900) / windowSeconds);
  assert.deepEqual([client.secondaryStat, client.arc__ok, client.arc__failed], [4, 0.8, 0.2]);
  assert.ok(client.nodeRadius > 50 && nodes.every(({ nodeRadius }) => nodeRadius >= 24));
  const edge = edges.find(({ source }) => source === client.id)!;
  assert.deepEqual(
    [edge.id, edge.secondaryStat, edge.detail__failed, edge.detail__connections, edge.detail__rtt],
    ["container:vm/1>host:10.0.0.2", "443/tcp, 80/tcp", 1, 4, null],
  );
  assert.equal(edge.color, "#F2495C");
  assert.equal(edge.thickness, 10);
  const fields = (await get("/api/graph/fields?group=peer")).json();
  const named = (list: { field_name: string }[]) => list.map(({ field_name }) => field_name).sort();
  assert.deepEqual(named(fields.nodes_fields), Object.keys(client).sort());
  assert.deepEqual(named(fields.edges_fields), Object.keys(edge).sort());
});

test("a grouped graph keeps its places while others come and go, takes filters and patterns, refuses what it does not know", async (t) => {
  const { grouped, get } = createGraph(t, rows);
  const placesOf = ({ nodes }: GroupedGraph) =>
    new Map(nodes.map(({ id, fixedX, fixedY }) => [id, `${fixedX} ${fixedY}`]));
  const all = placesOf(await grouped("group=address"));
  assert.equal(all.size, 3);
  assert.equal(new Set(all.values()).size, 3, "each has a place of its own");
  assert.deepEqual(placesOf(await grouped("group=address")), all);
  assert.equal((await grouped("group=address&exclude=10.0.0.3")).nodes.length, 2);
  assert.equal((await grouped("group=address&filter=port:80")).edges.length, 1);
  assert.deepEqual(placesOf(await grouped("group=address")), all);
  for (const query of ["group=what", "group=peer&limit=201", "group=peer&filter=nofield:x"])
    assert.equal((await get(`/api/graph/data?${query}`)).statusCode, 400, query);
});

test("a grouped graph has 1000 edges at most, the heaviest; nodes count them all", async (t) => {
  const ends = Array.from({ length: 40 }, (_, i) => `10.9.0.${i}`);
  const all = ends.flatMap((client, i) =>
    ends
      .filter((server) => server !== client)
      .map((server, j) => ({ client, server, sent: 1000 * i + j + 1 })),
  );
  const { nodes, edges } = await createGraph(t, all).grouped("group=peer");
  assert.deepEqual([nodes.length, edges.length, all.length], [40, 1000, 1560]);
  assert.equal(edges[0]!.mainStat, Math.max(...edges.map(({ mainStat }) => mainStat)));
  const sum = nodes.reduce((bytes, { mainStat }) => bytes + mainStat * windowSeconds, 0);
  const sent = all.reduce((bytes, one) => bytes + one.sent, 0);
  assert.ok(Math.abs(sum - 2 * sent) < 1, "each link counts at both its ends");
});

test("a grouped graph has 200 nodes at most, ~other per group, and every edge's ends", async (t) => {
  const many = Array.from({ length: 2000 }, (_, i) => ({
    client: `10.1.${i >> 8}.${i & 255}`,
    server: `10.${2 + (i % 3)}.0.1`,
    sent: i + 1,
  }));
  const { grouped } = createGraph(t, many);
  for (const limit of [200, 10]) {
    const { nodes, edges } = await grouped(`group=peer&limit=${limit}`);
    const ids = new Set(nodes.map(({ id }) => id));
    assert.ok(nodes.length <= limit && nodes.length >= limit / 2, `${nodes.length} of ${limit}`);
    assert.equal(ids.size, nodes.length);
    assert.ok(edges.every(({ source, target }) => ids.has(source) && ids.has(target)));
    assert.equal(new Set(edges.map(({ id }) => id)).size, edges.length, "ids of edges are unique");
    const bytes = edges.reduce((sum, { mainStat }) => sum + mainStat * windowSeconds, 0);
    assert.ok(Math.abs(bytes - (2000 * 2001) / 2) < 1, "nothing is left out");
    assert.ok(nodes.some(({ title }) => title === "~other"));
    const places = new Set(nodes.map(({ fixedX, fixedY }) => `${fixedX} ${fixedY}`));
    assert.equal(places.size, nodes.length);
    for (const { arc__ok, arc__failed } of nodes) assert.equal(arc__ok + arc__failed, 1);
  }
});
