import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { pino } from "pino";
import { compileFilter, parseFilter } from "../../query/index.ts";
import {
  type AggregateQuery,
  createDuckDBStore,
  type Dimension,
  dimensions,
  metrics,
  storeDefaults,
} from "../../store/index.ts";
import { obviousAggregate, recordSubject, weightOf } from "../../store/obvious-answers.ts";
import { type SampleRecord, SampleWorld, samplePods } from "../../store/sample-records.ts";
import type { PortLink, TopologyPeer } from "../../topology/index.ts";
import { createHttp } from "../http.ts";
import { createPeerFacts } from "../peer-facts.ts";
import { liveEnd, liveLink } from "../testdata/live-link.ts";
import { routeDiff } from "./diff.ts";
import { routeFields } from "./fields.ts";
import { routeFlows } from "./flows.ts";
import { routeLinks } from "./links.ts";
import { routeLookups } from "./lookups.ts";
import { routeMap } from "./map.ts";
import { routeOpenApi } from "./openapi.ts";
import { routePeers } from "./peers.ts";
import { routeSeries } from "./series.ts";
import { holdAnswers } from "./testdata/hold-answers.ts";
import { routeTop } from "./top.ts";
import { routeValues } from "./values.ts";

/** The API's answers over a real store, held against answers computed record by record. */

const seed = Number(process.env.SEED ?? 20_261_121);
const minute = 60_000;
const start = Date.UTC(2026, 10, 21, 9, 0);
const minutes = 8;
const end = start + minutes * minute;
const folder = mkdtempSync(join(tmpdir(), "portolan-api-"));
const world = new SampleWorld(seed);
const store = createDuckDBStore({ ...storeDefaults, folder }, world);
const records: SampleRecord[] = [];

before(async () => {
  await store.start();
  for (let i = 0; i < minutes; i++) {
    const more = world.records(150, start + i * minute, minute);
    records.push(...more);
    store.append(world.batch(more));
    await store.commit();
    if (i < minutes - 2) await store.maintain(start + i * minute);
  }
});
after(async () => {
  await store.stop();
  rmSync(folder, { recursive: true });
});

function createApi(t: TestContext, live: readonly PortLink[] = []) {
  const app = createHttp({ logger: pino({}, { write: () => {} }), isLoopbackOnly: true });
  holdAnswers(t, app);
  const facts = createPeerFacts({ factsOf: () => undefined, generation: 0 });
  const now = () => end;
  routeMap(app, store, facts, now);
  routeTop(app, store, now);
  routeSeries(app, store, now);
  routeFlows(app, store, now);
  routeDiff(app, store, now);
  const details = { store, peerFacts: facts, liveLinks: () => live, now };
  routePeers(app, details);
  routeLinks(app, details);
  routeLookups(app, store, now);
  routeFields(app);
  routeValues(app, store, now);
  routeOpenApi(app, "1.2.3");
  t.after(() => app.close());
  return async (path: string, parameters: Readonly<Record<string, string | number>> = {}, accept = "*/*") => {
    const query = new URLSearchParams(
      Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]),
    );
    const answer = await app.inject({ url: `/api/${path}?${query}`, headers: { host: "localhost", accept } });
    return Object.assign(answer, { shown: `seed ${seed}: ${path}?${query}` });
  };
}

const filters = [
  "",
  "",
  "nginx",
  "client.name:nginx,postgres",
  "-name:backup port:443",
  "address:10.1.0.0/16 OR server.network:internet",
  "protocol:udp OR port>=5000",
  "-observer:web-*",
  "bytes>500kB",
  "namespace:shop -client.country:DE",
  'name:"it\'s; DROP TABLE peers; --"',
  "label.app:cart OR asn:15133",
];

/** A random question, as the API's parameters and as the store's query. */
function randomQuestion(byMax: number) {
  const by = [
    ...new Set(Array.from({ length: world.below(byMax + 1) }, () => world.pick(dimensions))),
  ] as Dimension[];
  const from = start + world.below(minutes) * minute;
  const to = from + (1 + world.below(minutes)) * minute;
  const [filter, metric, limit] = [world.pick(filters), world.pick(metrics), world.pick([1, 3, 100])];
  const sampled = world.pick(["corrected", "corrected", "raw"] as const);
  const parameters = { by: by.join(","), from, to, filter, metric, limit, sampling: sampled };
  const query: AggregateQuery = { from, to, by, metric, limit, sampled, filter: parseFilter(filter).filter };
  return { parameters, query };
}

/** What the API says of totals, computed from what the oracle says. */
function figures(row: ReturnType<typeof obviousAggregate>[number]) {
  const { bytesSent, bytesReceived, packets, connections, failed, retransmits } = row;
  const { refused, timedOut, unreachable, reset, lost } = row;
  return {
    ...{ bytesSent, bytesReceived, packets, connections, failed, retransmits },
    failures: { refused, timedOut, unreachable, reset, lost },
    rttMs: row.rttMicroseconds === null ? null : row.rttMicroseconds / 1000,
    rttMinMs: row.rttMinMicroseconds === null ? null : row.rttMinMicroseconds / 1000,
    connectMs: row.connectCount === 0 ? null : row.connectMicroseconds / row.connectCount / 1000,
  };
}

test("top is what adding up record by record gives, whatever is asked", async (t) => {
  const ask = createApi(t);
  for (let i = 0; i < 25; i++) {
    const { parameters, query } = randomQuestion(3);
    const by = query.by.length === 0 ? (["client.name", "server.name"] as const) : query.by;
    const expected = obviousAggregate(records, { ...query, by });
    const { statusCode, json, shown } = await ask("v1/top", parameters);
    assert.equal(statusCode, 200, shown);
    const answer = json();
    assert.deepEqual(
      answer.rows,
      expected.slice(0, query.limit).map((row) => ({
        group: row.group,
        value: query.metric === "rtt" ? figures(row).rttMs : weightOf(row, query.metric),
        ...figures(row),
      })),
      shown,
    );
    assert.equal(answer.groupsLeftOut, Math.max(0, expected.length - query.limit), shown);
  }
});

test("a series is what adding up record by record gives, step by step", async (t) => {
  const ask = createApi(t);
  for (let i = 0; i < 12; i++) {
    const { parameters, query } = randomQuestion(2);
    const step = world.pick([minute, 2 * minute, 3 * minute]);
    const { json, shown } = await ask("v1/series", { ...parameters, step });
    const { times, series } = json();
    const expected = obviousAggregate(records, { ...query, step });
    const groups = [...Map.groupBy(expected, ({ group }) => JSON.stringify(group)).values()].slice(
      0,
      query.limit,
    );
    const valueAt = (row: (typeof expected)[number]) =>
      query.metric === "bytes"
        ? row.bytesSent
        : query.metric === "rtt"
          ? figures(row).rttMs
          : row[query.metric];
    const nothing = query.metric === "rtt" ? null : 0;
    const rowAt = (rows: typeof expected, time: number) => rows.find((row) => row.time === time);
    assert.deepEqual(
      series,
      groups.map((rows) => ({
        group: rows[0]!.group,
        sent: times.map((time: number) => {
          const row = rowAt(rows, time);
          return row === undefined ? nothing : valueAt(row);
        }),
        ...(query.metric === "bytes"
          ? { received: times.map((time: number) => rowAt(rows, time)?.bytesReceived ?? 0) }
          : {}),
      })),
      shown,
    );
  }
});

test("the links of a map are what adding up record by record gives", async (t) => {
  const ask = createApi(t);
  for (let i = 0; i < 10; i++) {
    const { parameters, query } = randomQuestion(0);
    if (query.metric === "rtt") continue;
    const { by: _, ...asked } = parameters;
    const { json, shown } = await ask("v1/map", { ...asked, limit: 1000 });
    const expected = obviousAggregate(records, { ...query, by: ["client", "server"] });
    const links = new Map(json().links.map((link: { id: string }) => [link.id, link]));
    assert.equal(links.size, expected.length, shown);
    for (const row of expected) {
      const { rttMs: _, ...counted } = figures(row); // of a link with several ports it is the slowest's
      assert.partialDeepStrictEqual(links.get(row.group.join(">")), counted, shown);
    }
  }
});

test("flow records come in pages, each once, the newest first, and as lines all at once", async (t) => {
  const ask = createApi(t);
  for (const filter of ["", "source.name:nginx port:443", "bytes>900kB", "name:nobody"]) {
    const matches = compileFilter(parseFilter(filter, "flows").filter);
    const expected = records.filter((record) => matches(recordSubject(record))).reverse();
    const found: Record<string, unknown>[] = [];
    let cursor = "";
    do {
      const { json } = await ask("v1/flows", { from: start, to: end, filter, limit: 97, cursor });
      const page = json();
      found.push(...page.records);
      cursor = page.nextCursor ?? "";
    } while (cursor !== "");
    assert.deepEqual(
      found.map((record) => [record.collectionTimeMilliseconds, record.octetDeltaCount]),
      expected.map(({ time, octets }) => [time, octets]),
    );
    const lines = await ask(
      "v1/flows",
      { from: start, to: end, filter, limit: 5000 },
      "application/x-ndjson",
    );
    assert.equal(lines.headers["content-type"], "application/x-ndjson; charset=utf-8");
    assert.deepEqual(
      lines.body
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
      found,
    );
  }
});

test("a search that takes long comes in pages of what was looked through: every record once", async () => {
  for (const text of ["port:443", "name:nobody"]) {
    const filter = parseFilter(text, "flows").filter;
    const [from, to] = [end - minute, end];
    const whole = await store.flows({ from, to, filter, limit: 5000 });
    const found: unknown[] = [];
    let pageCount = 0;
    let cursor: string | undefined;
    do {
      const asked = { from, to, filter, limit: 50, cursor, patienceMilliseconds: 0 };
      const page = await store.flows(asked);
      found.push(...page.records);
      cursor = page.nextCursor ?? undefined;
      pageCount++;
    } while (cursor !== undefined);
    assert.deepEqual(found, whole.records);
    assert.equal(pageCount, 60, "a second each");
  }
});

test("two windows are compared: what is new, gone and changed, and peers with them", async (t) => {
  const ask = createApi(t);
  for (let i = 0; i < 10; i++) {
    const filter = world.pick(filters);
    const [from, to] = [start + 4 * minute, start + (5 + world.below(3)) * minute];
    const [baseFrom, baseTo] = [start, start + (1 + world.below(3)) * minute];
    const { json, shown } = await ask("v1/diff", {
      from,
      to,
      baseFrom,
      baseTo,
      filter,
      limit: 5000,
      factor: 1.5,
    });
    const answer = json();
    const side = (window: { from: number; to: number }) =>
      new Map(
        obviousAggregate(records, {
          ...{ ...window, by: ["client", "server"], metric: "bytes", limit: 9999 },
          filter: parseFilter(filter).filter,
        }).map((row) => [row.group.join(">"), row]),
      );
    const [now, base] = [side({ from, to }), side({ from: baseFrom, to: baseTo })];
    const ids = [...new Set([...now.keys(), ...base.keys()])];
    const rate = (rows: typeof now, id: string, length: number) => {
      const row = rows.get(id);
      return row === undefined ? 0 : weightOf(row, "bytes") / length;
    };
    const expected = ids.flatMap((id) => {
      if (!base.has(id)) return [[id, "new"]];
      if (!now.has(id)) return [[id, "gone"]];
      const [rateNow, rateBefore] = [rate(now, id, to - from), rate(base, id, baseTo - baseFrom)];
      const hasChanged =
        rateBefore === 0 ? rateNow !== 0 : rateNow / rateBefore >= 1.5 || rateNow / rateBefore <= 1 / 1.5;
      return hasChanged ? [[id, "changed"]] : [];
    });
    const told = answer.links.map(({ id, change }: { id: string; change: string }) => [id, change]);
    assert.deepEqual(told.toSorted(), expected.toSorted(), shown);
    const peersOf = (rows: typeof now) => new Set([...rows.values()].flatMap(({ group }) => group));
    const [peersNow, peersBefore] = [peersOf(now), peersOf(base)];
    const changedPeers = [...peersNow].filter((id) => !peersBefore.has(id)).map((id) => [id, "new"]);
    changedPeers.push(...[...peersBefore].filter((id) => !peersNow.has(id)).map((id) => [id, "gone"]));
    const toldPeers = answer.peers.map(({ id, change }: { id: string; change: string }) => [id, change]);
    assert.deepEqual(toldPeers.toSorted(), changedPeers.toSorted(), shown);
    const differences = answer.links.map(({ value, baseValue }: Record<string, number>) =>
      Math.abs(value! - baseValue!),
    );
    assert.deepEqual(
      differences,
      differences.toSorted((a: number, b: number) => b - a),
      "the heaviest first",
    );
  }
});

test("a peer and a link are told with what belongs to them; others are 404", async (t) => {
  const ask = createApi(t);
  const window = { from: start, to: end };
  const { rows } = (await ask("v1/top", { by: "client,server", ...window, limit: 1 })).json();
  const [client, server] = rows[0].group as [string, string];
  const peer = (await ask(`v1/peers/${encodeURIComponent(client)}`, window)).json();
  assert.equal(peer.peer.id, client);
  assert.ok(peer.firstSeen >= start && peer.lastSeen < end && peer.addresses.length > 0);
  assert.ok(
    peer.links.every((link: { client: string; server: string }) =>
      [link.client, link.server].includes(client),
    ),
  );
  const partners = peer.links.map((link: { client: string; server: string }) =>
    link.client === client ? link.server : link.client,
  );
  assert.deepEqual(
    new Set(peer.peers.map(({ id }: { id: string }) => id)),
    new Set(partners.filter((id: string) => id !== client)),
  );
  const served = obviousAggregate(records, {
    ...{ ...window, by: ["port", "protocol"], metric: "bytes", limit: 99 },
    filter: {
      ...{ kind: "term", field: "id", end: "server" },
      test: { kind: "text", patterns: [client.toLowerCase().replace(/[\\*]/g, "\\$&")] },
    },
  });
  assert.deepEqual(
    peer.ports.map(({ port, protocol, bytesSent }: Record<string, unknown>) => [
      String(port),
      protocol,
      bytesSent,
    ]),
    served.map(({ group: [port, protocol], bytesSent }) => [port, protocol, bytesSent]),
  );
  const link = (await ask(`v1/links/${encodeURIComponent(`${client}>${server}`)}`, window)).json();
  assert.deepEqual([link.client.id, link.server.id, link.link.id], [client, server, `${client}>${server}`]);
  assert.equal(link.link.bytesSent, rows[0].bytesSent);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  assert.equal(sum(link.series.series[0].sent), rows[0].bytesSent);
  const elsewhere = (
    await ask(`v1/links/${encodeURIComponent(`${client}>${server}`)}`, { from: 0, to: minute })
  ).json();
  assert.equal(elsewhere.link, null);
  for (const path of [
    "v1/peers/nobody",
    "v1/links/nobody",
    "v1/links/a%3Eb",
    `v1/links/${encodeURIComponent(`${client}>`)}`,
  ]) {
    const { statusCode, json } = await ask(path, window);
    assert.deepEqual([statusCode, /_unknown$/.test(json().code)], [404, true], path);
  }
});

test("a peer that is on the live map only is told, without a past", async (t) => {
  const newcomer: TopologyPeer = {
    ...{ id: "process:lab/curl", kind: "process", name: "curl", group: "lab", addresses: ["10.0.0.1"] },
    ...{ node: "lab", process: "curl", container: "" },
  };
  const { group: _, kind: __, ...facts } = newcomer;
  const ask = createApi(t, [
    liveLink(liveEnd("host:192.0.2.1"), liveEnd(newcomer.id, { ...facts, kind: "process" })),
  ]);
  const window = { from: start, to: end };
  const told = await ask(`v1/peers/${encodeURIComponent(newcomer.id)}`, window);
  assert.equal(told.statusCode, 200);
  const { peer, firstSeen, lastSeen, addresses, names, ports, links } = told.json();
  assert.deepEqual(peer, newcomer);
  assert.deepEqual([firstSeen, lastSeen, addresses, names, ports, links], [null, null, [], [], [], []]);
  assert.equal((await ask("v1/peers/process%3Alab%2Fwget", window)).statusCode, 404);
});

test("values are offered for every field there is, also before an end", async (t) => {
  const ask = createApi(t);
  const values = async (field: string, prefix = "") =>
    (await ask("v1/values", { field, prefix })).json().values;
  assert.ok((await values("name", "NG")).includes("nginx"));
  assert.ok((await values("client.namespace")).includes("shop"));
  assert.deepEqual(
    await values("label"),
    [...(await values("label"))].filter((key: string) => /^(app|tier|app\.x\/y)$/.test(key)),
  );
  assert.deepEqual(await values("label.app"), ["cart"]);
  assert.deepEqual(await values("protocol", "IC"), ["icmp", "icmpv6"]);
  assert.deepEqual(await values("bytes"), []);
  const { fields } = (await ask("v1/fields")).json();
  for (const { name, example } of fields) {
    assert.ok(Array.isArray(await values(name)), name);
    assert.equal(parseFilter(example, "flows").error, undefined, example);
  }
  assert.equal((await ask("v1/values", { field: "nmae" })).statusCode, 400);
  assert.equal((await ask("v1/values")).statusCode, 400);
});

test("a table is the same rows as RFC 4180 and as lines; no spreadsheet takes a name for a formula", async (t) => {
  const ask = createApi(t);
  const asked = { by: "client.name,port", from: start, to: end, limit: 50 };
  const { rows } = (await ask("v1/top", asked)).json();
  const csv = await ask("v1/top", asked, "text/csv");
  assert.equal(csv.headers["content-type"], "text/csv; charset=utf-8");
  const [header = "", ...lines] = csv.body.trimEnd().split("\r\n");
  assert.match(header, /^client\.name,port,value,bytesSent,/);
  assert.equal(lines.length, rows.length);
  assert.ok(csv.body.includes('"say ""%_\\*""",'), "a quote is doubled");
  const ndjson = (await ask("v1/top", { ...asked, format: "ndjson" })).body.trimEnd().split("\n");
  assert.deepEqual(
    ndjson.map((line) => [JSON.parse(line)["client.name"], JSON.parse(line).port, JSON.parse(line).value]),
    rows.map(({ group, value }: { group: string[]; value: number }) => [...group, value]),
  );
  for (const path of ["v1/map", "v1/series", "v1/diff", "v1/flows"]) {
    const text = (await ask(path, { from: start + 4 * minute, to: end, format: "csv" })).body;
    const counts = new Set(
      text
        .trimEnd()
        .split("\r\n")
        .map((line) => line.replace(/"[^"]*(""[^"]*)*"/g, "").split(",").length),
    );
    assert.equal(counts.size, 1, `${path}: every line has as many cells`);
  }
});

test("what is too much or no question is said: a filter of a megabyte, a window of 8000 years, a step of a year", async (t) => {
  const ask = createApi(t);
  const long = await ask("v1/top", { filter: "port:443 ".repeat(120_000) });
  assert.equal(long.statusCode, 400);
  assert.equal(long.json().code, "filter_invalid");
  assert.ok(long.body.length < 1000);
  for (const path of ["v1/top", "v1/map", "v1/flows", "v1/diff"]) {
    const { statusCode } = await ask(path, { from: "2000-01-01T00:00:00Z", to: "9999-12-31T00:00:00Z" });
    assert.ok(statusCode === 200 || statusCode === 400, path);
  }
  const { times } = (await ask("v1/series", { from: 0, to: "9999-12-31T00:00:00Z" })).json();
  assert.ok(times.length <= 2001);
  assert.equal((await ask("v1/flows", { limit: 5000 })).statusCode, 400);
  assert.equal((await ask("v1/flows", { cursor: "x'; DROP TABLE peers" })).json().code, "store_cursor");
  assert.equal((await ask("v1/diff", { baseFrom: end, baseTo: start })).statusCode, 400);
  assert.equal((await ask("v1/diff", { factor: 0.5 })).statusCode, 400);
  const { from, to, baseFrom, baseTo } = (await ask("v1/diff", { from: end - 90_001, to: end - 1 })).json();
  assert.deepEqual([from, to, baseFrom, baseTo], [end - 2 * minute, end, end - 4 * minute, end - 2 * minute]);
});

test("the description of the API is complete and refers to nothing that is not there", async (t) => {
  const ask = createApi(t);
  const api = (await ask("openapi.json")).json();
  assert.equal(api.openapi, "3.1.1");
  const references = [...JSON.stringify(api).matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)];
  assert.ok(references.length > 20);
  for (const [, kind = "", name = ""] of references) assert.ok(api.components[kind][name], name);
  const ids = Object.values<Record<string, { operationId: string }>>(api.paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  );
  assert.equal(new Set(ids).size, ids.length);
});

test("names that peers looked up are told with what became of them; a filter that says more than of peers is refused", async (t) => {
  const ask = createApi(t);
  const [pod, process] = [
    world.peers.intern(samplePods[0]!),
    world.peers.intern(records.find(({ source }) => source.kind === "process")!.source),
  ];
  const counts = {
    ...{ queryCount: 9, answerCount: 8, nxdomainCount: 3, servfailCount: 0, refusedCount: 1 },
    ...{
      otherFailureCount: 2,
      timedOutCount: 1,
      latencySumMicroseconds: 10_000,
      latencyMaxMicroseconds: 4000,
    },
  };
  const none = { ...counts, answerCount: 0, nxdomainCount: 0, refusedCount: 0, otherFailureCount: 0 };
  const fine = { ...none, answerCount: 9, timedOutCount: 0, latencySumMicroseconds: 9000 };
  store.appendAsked(
    [
      { ...counts, peer: pod, name: "a.example" },
      { ...fine, peer: pod, name: "=cmd.example" },
      { ...fine, peer: process, name: "=cmd.example" },
      {
        ...none,
        peer: process,
        name: "silent.example",
        latencySumMicroseconds: 0,
        latencyMaxMicroseconds: 0,
      },
    ],
    start + 5,
    "web-1",
  );
  await store.commit();
  const window = { from: start + 17 * minute, to: start + 20 * minute };
  const { names, ...rest } = (await ask("v1/lookups", { ...window, filter: "namespace:shop" })).json();
  assert.deepEqual(rest, { from: start, to: start + 60 * minute, namesLeftOut: 0 }, "whole hours");
  assert.deepEqual(names, [
    {
      ...{
        name: "a.example",
        queries: 9,
        answers: 8,
        failures: 6,
        timedOut: 1,
        peers: 1,
        lastSeen: start + 5,
      },
      failureCounts: { NXDOMAIN: 3, REFUSED: 1, other: 2 },
      ...{ latencyMeanMs: 1.25, latencyMaxMs: 4 },
    },
    {
      ...{ name: "=cmd.example", queries: 9, answers: 9, failures: 0, timedOut: 0, peers: 1 },
      ...{ lastSeen: start + 5, failureCounts: {}, latencyMeanMs: 1, latencyMaxMs: 4 },
    },
  ]);
  const all = (await ask("v1/lookups", { ...window, limit: 2 })).json();
  assert.deepEqual(
    all.names.map(({ name, queries, peers, latencyMeanMs }: Record<string, unknown>) => [
      ...[name, queries, peers, latencyMeanMs],
    ]),
    [
      ["a.example", 9, 1, 1.25],
      ["silent.example", 9, 1, null],
    ],
  );
  assert.equal(all.namesLeftOut, 1);
  const table = await ask("v1/lookups", { ...window, format: "csv" });
  assert.match(table.body, /^name,queries,answers,failures,nxdomain,/);
  assert.match(table.body, /^'=cmd\.example,18,18,0,0,0,0,0,0,1,4,\d+,2,/m, "no formula for a spreadsheet");
  const wrong = await ask("v1/lookups", { filter: "name:a port:53" });
  assert.deepEqual([wrong.statusCode, wrong.json().code, wrong.json().position], [400, "filter_invalid", 7]);
  for (const bad of [{ limit: 5001 }, { by: "name" }, { from: end, to: start }])
    assert.equal((await ask("v1/lookups", bad as never)).json().code, "parameter_invalid");
});
