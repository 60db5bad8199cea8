import assert from "node:assert/strict";
import { test } from "node:test";
import type { TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import { type Chart, ChartFold } from "./chart-fold.ts";
import { mergeLinks, portsOf } from "./chart-link.ts";
import { gatherLink, gatherPeer } from "./gather.ts";
import { isGroupId, nestPath } from "./nest-path.ts";
import { closeGroup, defaultOpenness, openGroup } from "./openness.ts";

const peer = (id: string, more: Partial<TopologyPeer> = {}): TopologyPeer => ({
  ...{ id, kind: "host", name: id, group: "", addresses: [], node: "", process: "", container: "" },
  ...more,
});
const pod = (namespace: string, workload: string, i: number) =>
  peer(`pod:${namespace}-${workload}-${i}`, {
    kind: "pod",
    namespace,
    workload,
    workloadKind: "Deployment",
    group: namespace,
  });
const host = (network: string, i: number) => peer(`host:${network}.${i}`, { group: network });
const outside = (i: number, country: string, asNumber: number) =>
  peer(`host:198.18.0.${i}`, {
    group: "internet",
    country,
    countryName: `land of ${country}`,
    asNumber,
    asName: `AS ${asNumber}`,
  });

let sequence = 0;
const link = (
  client: string,
  server: string,
  bytesSent = 100,
  more: Partial<TopologyLink> = {},
): TopologyLink => ({
  ...{
    id: `${client}>${server}`,
    client,
    server,
    bytesSent,
    bytesReceived: 0,
    packets: 1,
    connections: 1,
    active: 0,
  },
  ...{ failed: 0, failures: { refused: 0, timedOut: 0, unreachable: 0, reset: 0, lost: 0 }, retransmits: 0 },
  ...{ rttMs: null, rttMinMs: null, connectMs: null, observers: [], lastSeen: ++sequence },
  ports: [{ port: 443, protocol: "tcp", bytesSent, bytesReceived: 0, connections: 1 }],
  ...more,
});

const topology = (peers: TopologyPeer[], links: TopologyLink[]) => ({
  ...{ from: 0, to: 1000 },
  peers: new Map(peers.map((one) => [one.id, one])),
  links: new Map(links.map((one) => [one.id, one])),
});

function assertWhole(chart: Chart, flat: ReturnType<typeof topology>): void {
  for (const id of flat.peers.keys()) assert.ok(chart.signs.has(chart.signOf.get(id)!), `${id} has a sign`);
  for (const { parent } of chart.signs.values()) assert.ok(parent === "" || chart.groups.has(parent), parent);
  for (const { client, server } of chart.links.values())
    assert.ok(chart.signs.has(client) && chart.signs.has(server), `${client}>${server}`);
  const bytes = [...chart.links.values()].reduce((sum, one) => sum + one.bytesSent, 0);
  const inside = [...flat.links.values()].filter(({ client, server }) => {
    const sign = chart.signOf.get(client)!;
    return sign === chart.signOf.get(server) && chart.signs.get(sign)!.isGroup;
  });
  const all = [...flat.links.values()].reduce((sum, one) => sum + one.bytesSent, 0);
  assert.equal(
    bytes,
    all - inside.reduce((sum, one) => sum + one.bytesSent, 0),
    "no byte is lost or told twice",
  );
}

test("what is around a peer, from its facts", () => {
  const ids = (one: TopologyPeer) => nestPath(one).map(({ id }) => id);
  assert.deepEqual(ids(pod("shop", "web", 1)), ["namespace:shop", "workload:shop/Deployment/web"]);
  assert.deepEqual(ids(peer("s", { kind: "service", namespace: "shop", group: "shop" })), ["namespace:shop"]);
  assert.deepEqual(ids(peer("p", { kind: "process", node: "lab", group: "lab" })), ["node:lab"]);
  assert.deepEqual(ids(host("10.0.0.0/24", 1)), ["network:10.0.0.0/24"]);
  assert.deepEqual(ids({ ...outside(1, "DE", 3320), domain: "example.org" }), [
    "internet",
    "country:DE",
    "as:DE/3320",
    "domain:DE/3320/example.org",
  ]);
  assert.deepEqual(ids(peer("n", { kind: "namespace", namespace: "shop" })), []);
});

const few = topology(
  [
    pod("shop", "web", 1),
    pod("shop", "web", 2),
    pod("shop", "db", 1),
    host("office", 1),
    outside(1, "DE", 3320),
  ],
  [
    link("pod:shop-web-1", "pod:shop-db-1", 10),
    link("pod:shop-web-2", "pod:shop-db-1", 30),
    link("host:office.1", "pod:shop-web-1", 5),
  ],
);

test("on a small map all is open; a workload of one pod and a country of one host stand for themselves", () => {
  const chart = new ChartFold().fold(few, defaultOpenness);
  assertWhole(chart, few);
  assert.deepEqual(
    [...chart.groups.keys()].sort(),
    ["internet", "namespace:shop", "network:office", "workload:shop/Deployment/web"].sort(),
  );
  assert.equal(chart.signs.get("workload:shop/Deployment/db")?.peerCount, 1);
  assert.equal(chart.signs.get("host:198.18.0.1")?.parent, "internet");
});

test("a closed group carries the links of all in it, whose ids are those the API gives groups", () => {
  const chart = new ChartFold().fold(few, closeGroup(defaultOpenness, "workload:shop/Deployment/web"));
  assertWhole(chart, few);
  const folded = chart.links.get("workload:shop/Deployment/web>workload:shop/Deployment/db")!;
  assert.equal(folded.bytesSent, 40);
  assert.equal(folded.members.length, 2);
  assert.deepEqual(
    portsOf(folded.members).map(({ port, bytesSent }) => [port, bytesSent]),
    [[443, 40]],
  );
  const all = new ChartFold().fold(few, { ...defaultOpenness, detail: "closed" });
  assertWhole(all, few);
  assert.deepEqual([...all.signs.keys()].sort(), ["internet", "namespace:shop", "network:office"]);
  assert.deepEqual([...all.links.keys()], ["network:office>namespace:shop"]);
});

test("a large map opens what can be read, and keeps to it as traffic changes", () => {
  const peers = Array.from({ length: 40 }, (_, n) =>
    Array.from({ length: 20 }, (_, i) => host(`net-${n}`, i)),
  ).flat();
  const at = (busy: number) =>
    topology(
      peers,
      [...peers.slice(1)].map((one, i) =>
        link(one.id, peers[i]!.id, one.group === `net-${busy}` ? 1e6 : 10 + i),
      ),
    );
  const fold = new ChartFold();
  const before = fold.fold(at(7), defaultOpenness);
  assertWhole(before, at(7));
  assert.ok(before.signs.size <= 150, `${before.signs.size} signs`);
  assert.ok(before.groups.has("network:net-7"), "the busiest is open");
  const after = fold.fold(at(23), defaultOpenness);
  assert.deepEqual([...after.groups.keys()], [...before.groups.keys()]);
  const opened = fold.fold(at(23), openGroup(defaultOpenness, "network:net-0"));
  assert.ok(opened.groups.has("network:net-0"));
});

test("of a group with too many members the lightest stand behind one sign, which opens", () => {
  const peers = Array.from({ length: 400 }, (_, i) => host("big", i));
  const links = peers.slice(1).map((one, i) => link(one.id, peers[0]!.id, i));
  const flat = topology(peers, links);
  const fold = new ChartFold();
  const opened = openGroup(defaultOpenness, "network:big");
  const chart = fold.fold(flat, opened);
  assertWhole(chart, flat);
  const more = chart.signs.get("more:network:big")!;
  assert.equal(more.peerCount, 340);
  assert.equal(chart.signs.size, 61);
  assert.ok(chart.signs.has("host:big.399") && !chart.signs.has("host:big.5"));
  const all = fold.fold(flat, openGroup(opened, "more:network:big"));
  assert.equal(all.signs.size, 400);
  assertWhole(all, flat);
});

test("what is behind a selection is found again: a peer, a group, and all between two groups as one link", () => {
  assert.equal(gatherPeer(few, "pod:shop-web-1")?.group, undefined);
  assert.equal(gatherPeer(few, "namespace:shop")?.peers.length, 3);
  assert.equal(gatherPeer(few, "namespace:none"), undefined);
  const between = gatherLink(few, "workload:shop/Deployment/web>pod:shop-db-1")!;
  assert.equal(between.link.bytesSent, 40);
  assert.equal(between.link.connections, 2);
  assert.equal(gatherLink(few, "network:office>workload:shop/Deployment/db"), undefined);
  assert.equal(
    gatherLink(few, "pod:shop-web-1>pod:shop-db-1")?.link,
    few.links.get("pod:shop-web-1>pod:shop-db-1"),
  );
});

test("links as one: sums, the slowest against its own best, and who saw them", () => {
  const observer = {
    id: "agent:a",
    kind: "agent" as const,
    name: "a",
    bytesSent: 1,
    bytesReceived: 2,
    packets: 3,
  };
  const one = link("a", "b", 10, {
    rttMs: 5,
    rttMinMs: 1,
    connectMs: 4,
    connections: 3,
    observers: [observer],
  });
  const two = link("c", "d", 20, {
    rttMs: 9,
    rttMinMs: 8,
    connectMs: 8,
    connections: 1,
    observers: [observer],
  });
  const sum = mergeLinks("x>y", "x", "y", [one, two]);
  assert.deepEqual(
    [sum.bytesSent, sum.rttMs, sum.rttMinMs, sum.connectMs, sum.observers[0]!.packets],
    [30, 9, 8, 5, 6],
  );
});

test("a group's id is told from a peer's", () => {
  for (const id of ["internet", "namespace:shop", "workload:shop/Deployment/web", "as:US/64500", "node:lab"])
    assert.equal(isGroupId(id), true, id);
  for (const id of ["process:lab/internet", "host:10.0.0.1", "pod:1-2", "service:shop/web", "internet:x"])
    assert.equal(isGroupId(id), false, id);
});

test("trouble within a closed group is told of its sign, and of no other", () => {
  const [a, b, c] = [host("far", 1), host("far", 2), host("near", 1)];
  const flat = topology([a, b, c], [link(a.id, b.id, 10, { failed: 2 }), link(c.id, a.id, 10)]);
  const closed = new ChartFold().fold(flat, { ...defaultOpenness, detail: "closed" });
  assert.deepEqual([...closed.troubled], ["network:far"]);
  const open = new ChartFold().fold(flat, { ...defaultOpenness, detail: "open" });
  assert.deepEqual([...open.troubled], [], "the link itself tells");
});
