import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyLayout, layout } from "../../../src/topology/layout.ts";
import type { TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import { TopologyState } from "../data/topology-state.ts";
import { ChartFold } from "../nest/chart-fold.ts";
import { defaultOpenness } from "../nest/openness.ts";
import { pointOn } from "./curve.ts";
import { hitTest, peerToward } from "./hit-test.ts";
import { hasTrouble, isSlow, linkLook, linkRate } from "./link-look.ts";
import { buildScene } from "./scene.ts";

const peers = ["curl", "nginx", "postgres"].map(
  (name): TopologyPeer => ({
    id: `process:lab/${name}`,
    kind: "process",
    name,
    group: "lab",
    addresses: ["10.0.0.1"],
    node: "lab",
    process: name,
    container: "",
  }),
);

function link(client: string, server: string, more: Partial<TopologyLink> = {}): TopologyLink {
  return {
    id: `process:lab/${client}>process:lab/${server}`,
    client: `process:lab/${client}`,
    server: `process:lab/${server}`,
    ports: [],
    bytesSent: 1000,
    bytesReceived: 2000,
    packets: 100,
    connections: 1,
    active: 0,
    failed: 0,
    failures: { refused: 0, timedOut: 0, unreachable: 0, reset: 0, lost: 0 },
    retransmits: 0,
    rttMs: null,
    rttMinMs: null,
    connectMs: null,
    observers: [{ id: "agent:lab", kind: "agent", name: "lab", bytesSent: 0, bytesReceived: 0, packets: 0 }],
    lastSeen: 100_000,
    ...more,
  };
}

function sceneOf(links: TopologyLink[]) {
  const state = new TopologyState();
  state.setMap({ from: 0, to: 100_000, peers, links, truncated: { peers: 0, links: 0 } });
  const chart = new ChartFold().fold(state, defaultOpenness);
  const nodes = [
    ...[...chart.groups.values()].map(({ id, parent }) => ({ id, parent, isContainer: true, weight: 0 })),
    ...[...chart.signs.values()].map(({ id, parent }) => ({ id, parent, isContainer: false, weight: 0 })),
  ];
  return buildScene(chart, layout(emptyLayout, nodes), { centre: "lab", isLive: true, pinned: new Set() });
}

test("peers and links are found where they are drawn", () => {
  const scene = sceneOf([link("curl", "nginx"), link("nginx", "postgres"), link("nginx", "nginx")]);
  for (const { id, x, y } of scene.peers) assert.deepEqual(hitTest(scene, x + 2, y, 4), { kind: "peer", id });
  for (const { id, curve } of scene.links) {
    const middle = pointOn(curve, 0.5);
    assert.deepEqual(hitTest(scene, middle.x, middle.y, 4), { kind: "link", id });
  }
  assert.equal(hitTest(scene, 5000, 5000, 4), undefined);
});

test("a link whose peer the map does not have is not drawn", () => {
  assert.equal(sceneOf([link("curl", "nobody")]).links.length, 0);
});

test("trouble is a failed connection or many retransmits", () => {
  assert.equal(hasTrouble({ failed: 1, retransmits: 0, packets: 10 }), true);
  assert.equal(hasTrouble({ failed: 0, retransmits: 4, packets: 10 }), false);
  assert.equal(hasTrouble({ failed: 0, retransmits: 5, packets: 249 }), true);
  assert.equal(hasTrouble({ failed: 0, retransmits: 5, packets: 250 }), false);
});

test("only a live map has idle links", () => {
  const quiet = link("curl", "nginx", { lastSeen: 0, sentRate: 0, receivedRate: 0 });
  const interval = { from: 0, to: 100_000 };
  assert.equal(linkLook(quiet, interval, true), "idle");
  assert.equal(linkLook(quiet, interval, false), "active");
  assert.equal(linkLook({ ...quiet, sentRate: 5 }, interval, true), "active");
  assert.equal(linkLook({ ...quiet, failed: 1 }, interval, true), "warning");
});

test("slow is against the link's own past, and by so much that somebody would notice", () => {
  assert.equal(isSlow({ rttMs: 80, rttMinMs: 20 }), true);
  assert.equal(isSlow({ rttMs: 80, rttMinMs: 60 }), false);
  assert.equal(isSlow({ rttMs: 0.9, rttMinMs: 0.1 }), false);
  assert.equal(isSlow({ rttMs: null, rttMinMs: null }), false);
  const interval = { from: 0, to: 100_000 };
  assert.equal(linkLook(link("curl", "nginx", { rttMs: 90, rttMinMs: 1 }), interval, false), "slow");
  assert.equal(
    linkLook(link("curl", "nginx", { rttMs: 90, rttMinMs: 1, failed: 2 }), interval, false),
    "warning",
  );
});

test("rates are of now when known, else the mean", () => {
  const known = link("curl", "nginx", { sentRate: 10, receivedRate: 20 });
  assert.equal(linkRate(known, { from: 0, to: 10_000 }, true), 30);
  assert.equal(linkRate(known, { from: 0, to: 10_000 }, false), 300);
});

test("links seen by exporters only are dashed", () => {
  const exporter = {
    id: "exporter:10.0.0.9",
    kind: "exporter",
    name: "r1",
    bytesSent: 0,
    bytesReceived: 0,
    packets: 0,
  } as const;
  const both = link("curl", "nginx", { observers: [exporter, link("a", "b").observers[0]!] });
  const scene = sceneOf([both, link("nginx", "postgres", { observers: [exporter] })]);
  assert.deepEqual(
    scene.links.map(({ client, isDashed }) => [client.name, isDashed]),
    [
      ["curl", false],
      ["nginx", true],
    ],
  );
});

test("arrow keys move to the next peer in that direction", () => {
  const scene = sceneOf([]);
  const right = [...scene.peers].sort((a, b) => b.x - a.x)[0]!;
  const other = scene.peers.find((peer) => peer !== right)!;
  assert.notEqual(peerToward(scene, other, 1, 0), undefined);
  assert.equal(peerToward(scene, right, 1, 0), undefined);
});
