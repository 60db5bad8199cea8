import assert from "node:assert/strict";
import { test } from "node:test";
import { diffTopology } from "./change.ts";
import type { Topology, TopologyLink, TopologyPeer } from "./topology.ts";

const peer: TopologyPeer = {
  id: "process:vm/curl",
  kind: "process",
  name: "curl",
  group: "vm",
  addresses: ["10.0.0.5", "10.0.0.6"],
  node: "vm",
  process: "curl",
  container: "",
};
const port = { port: 443, protocol: "tcp", bytesSent: 1, bytesReceived: 1, connections: 1 };
const observer = {
  id: "agent:vm",
  kind: "agent",
  name: "vm",
  bytesSent: 1,
  bytesReceived: 1,
  packets: 1,
} as const;
const link: TopologyLink = {
  id: "a>b",
  client: "a",
  server: "b",
  ports: [port],
  bytesSent: 1,
  bytesReceived: 1,
  packets: 1,
  connections: 1,
  active: 1,
  failed: 1,
  failures: { refused: 1, timedOut: 0, unreachable: 0, reset: 0, lost: 0 },
  retransmits: 1,
  rttMs: 1,
  rttMinMs: 1,
  connectMs: 1,
  observers: [observer],
  lastSeen: 1,
  sentRate: 1,
  receivedRate: 1,
};
const topology = (changes: Partial<Topology> = {}): Topology => ({
  from: 0,
  to: 10,
  peers: [peer],
  links: [link],
  truncated: { peers: 0, links: 0 },
  ...changes,
});

test("equal maps differ in nothing, though they are other objects", () => {
  assert.deepEqual(diffTopology(topology(), structuredClone(topology())), {
    from: 0,
    to: 10,
    peers: [],
    links: [],
    gonePeers: [],
    goneLinks: [],
    truncated: { peers: 0, links: 0 },
  });
});

test("the window and what was left out are those of now", () => {
  const { from, to, truncated } = diffTopology(
    topology(),
    topology({ from: 1, to: 11, truncated: { peers: 2, links: 3 } }),
  );
  assert.deepEqual([from, to, truncated], [1, 11, { peers: 2, links: 3 }]);
});

const linkChanges: Partial<TopologyLink>[] = [
  { lastSeen: 2 },
  { active: 2 },
  { sentRate: 2 },
  { receivedRate: 2 },
  { bytesSent: 2 },
  { bytesReceived: 2 },
  { packets: 2 },
  { connections: 2 },
  { failed: 2 },
  { retransmits: 2 },
  { rttMs: 2 },
  { rttMinMs: 2 },
  { connectMs: null },
  ...(["refused", "timedOut", "unreachable", "reset", "lost"] as const).map((reason) => ({
    failures: { ...link.failures, [reason]: 9 },
  })),
  { rttMs: null },
  { ports: [port, { ...port, port: 80 }] },
  { observers: [observer, { ...observer, id: "agent:other" }] },
];
for (const change of linkChanges) {
  test(`a link is sent anew when this changes: ${Object.keys(change)}`, () => {
    const after = { ...link, ...change };
    assert.deepEqual(diffTopology(topology(), topology({ links: [after] })).links, [after]);
  });
}

const peerChanges: Partial<TopologyPeer>[] = [
  { name: "curl 8" },
  { kind: "container" },
  { group: "elsewhere" },
  { addresses: ["10.0.0.5"] },
  { addresses: ["10.0.0.5", "10.0.0.7"] },
  { network: "office" },
  { site: "Bern" },
  { vlan: 7 },
  { domain: "example.com" },
  { country: "CH" },
  { city: "Bern" },
  { latitude: 46.9 },
  { longitude: 7.4 },
  { asNumber: 64500 },
  { asName: "Example" },
];
for (const change of peerChanges) {
  test(`a peer is sent anew when this changes: ${JSON.stringify(change)}`, () => {
    const after = { ...peer, ...change };
    const { peers, gonePeers } = diffTopology(topology(), topology({ peers: [after] }));
    assert.deepEqual([peers, gonePeers], [[after], []]);
  });
}
