import assert from "node:assert/strict";
import { test } from "node:test";
import { buildTopology } from "./build.ts";
import { diffTopology } from "./change.ts";
import { type LinkPart, mergeParts } from "./merge-parts.ts";
import type { Peer } from "./peer.ts";

const agent = { id: "agent:vm", kind: "agent", name: "vm" } as const;
const router = { id: "exporter:10.0.0.254", kind: "exporter", name: "10.0.0.254" } as const;
const curl: Peer = {
  id: "process:vm/curl",
  kind: "process",
  name: "curl",
  address: "10.0.0.5",
  node: "vm",
  network: "10.0.0.0/24",
  process: "curl",
  container: "",
};
const host = (address: string, network = "internet"): Peer => ({
  ...curl,
  id: `host:${address}`,
  kind: "host",
  name: address,
  address,
  node: "",
  network,
  process: "",
});

function part(changes: Partial<LinkPart> = {}): LinkPart {
  return {
    client: curl,
    server: host("192.0.2.1"),
    port: 443,
    protocol: 6,
    observer: agent,
    isDuplicate: false,
    clientInterface: 0,
    serverInterface: 0,
    bytesSent: 100,
    bytesReceived: 1000,
    packets: 10,
    connections: 1,
    active: 0,
    failed: 0,
    refused: 0,
    timedOut: 0,
    unreachable: 0,
    reset: 0,
    lost: 0,
    retransmits: 0,
    connectMicroseconds: 0,
    connectCount: 0,
    rttMicroseconds: null,
    rttMinMicroseconds: null,
    sentRate: 0,
    receivedRate: 0,
    lastSeen: 5,
    ...changes,
  };
}

const options = { from: 0, to: 10, metric: "bytes", linksMax: 100 } as const;

test("what two observers saw of a link is one link, and not added up", () => {
  const { links } = buildTopology(
    mergeParts([part(), part({ observer: router, isDuplicate: true, bytesSent: 120 })]),
    options,
  );
  assert.equal(links.length, 1);
  assert.equal(links[0]?.bytesSent, 100);
  assert.deepEqual(
    links[0]?.observers.map(({ id, bytesSent }) => [id, bytesSent]),
    [
      ["agent:vm", 100],
      ["exporter:10.0.0.254", 120],
    ],
  );
});

test("an agent that read both ends of a connection saw it once; an exporter's unknown connections join its known ones", () => {
  const links = mergeParts([
    part(),
    part({ isDuplicate: true }),
    part({ observer: router, bytesSent: 30 }),
    part({ observer: router, bytesSent: 120, isDuplicate: true }),
  ]);
  assert.equal(links[0]?.bytesSent, 130, "the agent's, and what only the router saw");
  assert.deepEqual(
    links[0]?.observers.map(({ bytesSent }) => bytesSent),
    [100, 150],
  );
});

test("a link that only duplicates speak of is not drawn", () => {
  assert.deepEqual(mergeParts([part({ isDuplicate: true })]), []);
});

test("a link has each pair of interfaces once, and a few of however many", () => {
  const on = (clientInterface: number, serverInterface = 7) =>
    part({ observer: router, clientInterface, serverInterface });
  const [link] = mergeParts([part(), on(3), on(4), on(3), part()]);
  const pairs = [
    { client: 0, server: 0 },
    { client: 3, server: 7 },
    { client: 4, server: 7 },
  ];
  assert.deepEqual(link?.interfaces, pairs);
  const [many] = mergeParts(Array.from({ length: 40_000 }, (_, i) => on(i)));
  assert.equal(many?.interfaces?.length, 32);
  assert.equal(many?.bytesSent, 4_000_000, "of the others the figures count");
  assert.deepEqual(mergeParts([part()])[0]?.interfaces, [{ client: 0, server: 0 }], "each its own");
});

test("a peer with several addresses is one peer, a pair with several ports one link", () => {
  const topology = buildTopology(
    mergeParts([
      part(),
      part({ client: { ...curl, address: "10.0.1.5", network: "10.0.1.0/24" } }),
      part({ port: 80 }),
    ]),
    options,
  );
  assert.equal(topology.peers.length, 2);
  assert.deepEqual(topology.peers.find(({ id }) => id === curl.id)?.addresses, ["10.0.0.5", "10.0.1.5"]);
  assert.equal(topology.links.length, 1);
  assert.deepEqual(
    topology.links[0]?.ports.map(({ port, bytesSent }) => [port, bytesSent]),
    [
      [443, 200],
      [80, 100],
    ],
  );
});

test("the heaviest links are drawn, open ones first; the rest is counted", () => {
  const parts = [1, 2, 3, 4].map((i) =>
    part({ server: host(`192.0.2.${i}`), bytesSent: i * 1000, active: i === 1 ? 1 : 0 }),
  );
  const topology = buildTopology(mergeParts(parts), { ...options, linksMax: 2 });
  assert.deepEqual(
    topology.links.map(({ server }) => server),
    ["host:192.0.2.1", "host:192.0.2.4"],
  );
  assert.deepEqual(topology.truncated, { peers: 2, links: 2 });
});

test("grouped by machine, by network, by address", () => {
  const parts = [
    part(),
    part({ client: { ...curl, id: "process:vm/wget", name: "wget" } }),
    part({ server: host("192.0.2.9") }),
  ];
  const by = (grouping: "node" | "network" | "address") => {
    const { peers } = buildTopology(mergeParts(parts), { ...options, grouping });
    return peers.map(({ id }) => id).sort();
  };
  assert.deepEqual(by("node"), ["host:192.0.2.1", "host:192.0.2.9", "node:vm"]);
  assert.deepEqual(by("network"), ["network:10.0.0.0/24", "network:internet"]);
  assert.deepEqual(by("address"), ["host:10.0.0.5", "host:192.0.2.1", "host:192.0.2.9"]);
});

test("the round trip time is the slowest port's", () => {
  const { links } = buildTopology(
    mergeParts([part({ rttMicroseconds: 2000 }), part({ port: 80, rttMicroseconds: 9000 })]),
    options,
  );
  assert.equal(links[0]?.rttMs, 9);
});

test("a change holds what is new, changed and gone, and nothing else", () => {
  const build = (...parts: LinkPart[]) => buildTopology(mergeParts(parts), options);
  const [a, b, c] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map((address) => host(address));
  const before = build(part({ server: a! }), part({ server: b! }));
  const after = build(part({ server: b! }), part({ server: c! }));
  const change = diffTopology(before, after);
  assert.deepEqual(
    change.links.map(({ server }) => server),
    ["host:192.0.2.3"],
  );
  assert.deepEqual(
    change.peers.map(({ id }) => id),
    ["host:192.0.2.3"],
  );
  assert.deepEqual(change.goneLinks, ["process:vm/curl>host:192.0.2.1"]);
  assert.deepEqual(change.gonePeers, ["host:192.0.2.1"]);
  const more = diffTopology(after, build(part({ server: b!, bytesSent: 101 }), part({ server: c! })));
  assert.deepEqual(
    more.links.map(({ server }) => server),
    ["host:192.0.2.2"],
  );
  assert.deepEqual(more.peers, []);
});

test("every figure of a link is the sum over its ports, the last record the newest", () => {
  const figures = {
    bytesSent: 1,
    bytesReceived: 2,
    packets: 3,
    connections: 4,
    active: 5,
    failed: 6,
    retransmits: 7,
    sentRate: 8,
    receivedRate: 9,
  };
  const { links } = buildTopology(
    mergeParts([part({ ...figures, lastSeen: 9 }), part({ ...figures, port: 80, lastSeen: 7 })]),
    options,
  );
  const [link] = links;
  for (const [name, figure] of Object.entries(figures))
    assert.equal(link?.[name as keyof typeof figures], 2 * figure, name);
  assert.equal(link?.lastSeen, 9);
});

test("reasons of failures are sums too", () => {
  const failures = { refused: 1, timedOut: 2, unreachable: 3, reset: 4, lost: 5 };
  const { links } = buildTopology(mergeParts([part(failures), part({ ...failures, port: 80 })]), options);
  assert.deepEqual(links[0]?.failures, { refused: 2, timedOut: 4, unreachable: 6, reset: 8, lost: 10 });
});

test("a connect time is the mean over all connections, not over ports", () => {
  const slow = part({ connectMicroseconds: 30_000, connectCount: 1 });
  const quick = part({ port: 80, connectMicroseconds: 3000, connectCount: 10 });
  assert.equal(buildTopology(mergeParts([slow, quick, part()]), options).links[0]?.connectMs, 3);
  assert.equal(buildTopology(mergeParts([part()]), options).links[0]?.connectMs, null);
});

test("the least round trip time is that of the quickest port", () => {
  for (const order of [
    [9000, null, 2000],
    [2000, null, 9000],
  ]) {
    const parts = order.map((rttMinMicroseconds, i) => part({ port: 80 + i, rttMinMicroseconds }));
    assert.equal(buildTopology(mergeParts(parts), options).links[0]?.rttMinMs, 2);
  }
});

test("by address, what is told of several peers there is of the one with the least id, whichever comes first", () => {
  const at = (node: string): Peer => ({ ...curl, id: `process:${node}/curl`, address: "127.0.0.1", node });
  for (const nodes of [
    ["atlas", "vega", "wega"],
    ["wega", "vega", "atlas"],
  ]) {
    const parts = nodes.map((node) => part({ client: at(node) }));
    const { peers, links } = buildTopology(mergeParts(parts), { ...options, grouping: "address" });
    assert.deepEqual(
      peers.map(({ id, node }) => [id, node]),
      [
        ["host:127.0.0.1", "atlas"],
        ["host:192.0.2.1", ""],
      ],
    );
    assert.equal(links.length, 1);
  }
});

test("the slowest port is found whichever comes first", () => {
  for (const order of [
    [9000, 2000],
    [2000, 9000],
  ]) {
    const parts = order.map((rttMicroseconds, i) => part({ port: 80 + i, rttMicroseconds }));
    assert.equal(buildTopology(mergeParts(parts), options).links[0]?.rttMs, 9);
  }
});

for (const metric of ["bytes", "packets", "connections", "failed", "retransmits"] as const) {
  test(`the heaviest link by ${metric} is drawn first`, () => {
    const none = { bytesSent: 0, bytesReceived: 0, packets: 0, connections: 0, failed: 0, retransmits: 0 };
    const names = { bytes: "bytesReceived", packets: "packets", connections: "connections" } as const;
    const parts = Object.keys(none)
      .filter((name) => name !== "bytesSent")
      .map((name, i) => part({ ...none, [name]: 10, server: host(`192.0.2.${i}`, name) }));
    const { links, peers } = buildTopology(mergeParts(parts), { ...options, metric });
    const first = peers.find(({ id }) => id === links[0]?.server);
    assert.equal(first?.group, metric in names ? names[metric as keyof typeof names] : metric);
  });
}

test("a peer shows 32 addresses at most, a link its 20 heaviest ports", () => {
  const parts = Array.from({ length: 50 }, (_, i) =>
    part({ port: 1000 + i, bytesSent: i, client: { ...curl, address: `10.0.0.${i}` } }),
  );
  const { peers, links } = buildTopology(mergeParts(parts), options);
  assert.equal(peers.find(({ id }) => id === curl.id)?.addresses.length, 32);
  assert.deepEqual(
    links[0]?.ports.map(({ port }) => port),
    Array.from({ length: 20 }, (_, i) => 1049 - i),
  );
  const networks = Array.from({ length: 50 }, (_, i) =>
    part({ client: { ...curl, address: `10.0.${i}.1`, network: `10.0.${i}.0/24` } }),
  );
  const spread = buildTopology(mergeParts(networks), options);
  assert.equal(spread.peers.find(({ id }) => id === curl.id)?.addresses.length, 32);
});

test("a peer stands in its machine's group, else in its network's, else elsewhere", () => {
  const groupOf = (node: string, network: string) =>
    buildTopology(mergeParts([part({ client: { ...curl, node, network } })]), options).peers[0]?.group;
  assert.deepEqual(
    [groupOf("vm", "10.0.0.0/24"), groupOf("", "10.0.0.0/24"), groupOf("", "")],
    ["vm", "10.0.0.0/24", "elsewhere"],
  );
});

const pod = (name: string, workload: string, namespace = "shop"): Peer => ({
  ...host("10.50.0.7", "pods"),
  id: `pod:uid-${name}`,
  kind: "pod",
  node: "node-a",
  ...{
    name,
    pod: name,
    namespace,
    workload,
    workloadKind: "Deployment",
    service: "api",
    labels: "app=api",
    podUid: name,
  },
});

test("grouped by workload and by namespace: pods are together, what is in none stays itself", () => {
  const parts = [
    part({ client: curl, server: pod("api-1", "api") }),
    part({ client: curl, server: pod("api-2", "api") }),
    part({ client: pod("web-1", "web"), server: pod("db-0", "db", "data") }),
    part({ client: pod("web-1", "web"), server: pod("api-1", "api") }),
  ];
  const ids = (grouping: "workload" | "namespace" | "pod" | "node") => {
    const { peers, links } = buildTopology(mergeParts(parts), { ...options, grouping });
    return [peers.map(({ id }) => id).sort(), links.map(({ id }) => id).sort()];
  };
  assert.deepEqual(ids("workload"), [
    [
      "process:vm/curl",
      "workload:data/Deployment/db",
      "workload:shop/Deployment/api",
      "workload:shop/Deployment/web",
    ],
    [
      "process:vm/curl>workload:shop/Deployment/api",
      "workload:shop/Deployment/web>workload:data/Deployment/db",
      "workload:shop/Deployment/web>workload:shop/Deployment/api",
    ],
  ]);
  assert.deepEqual(ids("namespace"), [
    ["namespace:data", "namespace:shop", "process:vm/curl"],
    ["namespace:shop>namespace:data", "namespace:shop>namespace:shop", "process:vm/curl>namespace:shop"],
  ]);
  assert.deepEqual(ids("node")[0], ["node:node-a", "node:vm"]);
  assert.equal(ids("pod")[0]!.length, 5);
});

test("a pod stands in its namespace and tells what it is of; others tell nothing of the kind", () => {
  const { peers } = buildTopology(mergeParts([part({ server: pod("api-1", "api") })]), options);
  const [client, server] = [
    peers.find(({ kind }) => kind === "process")!,
    peers.find(({ kind }) => kind === "pod")!,
  ];
  const { group, namespace, workload, workloadKind, service, labels } = server;
  assert.deepEqual([group, namespace, workload, workloadKind], ["shop", "shop", "api", "Deployment"]);
  assert.deepEqual([server.pod, service, labels], ["api-1", "api", "app=api"]);
  assert.ok(!("namespace" in client) && !("podUid" in server) && !("storedAs" in server));
});
