import assert from "node:assert/strict";
import { test } from "node:test";
import type { Topology, TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import { changeLook } from "../map/link-look.ts";
import { Comparison } from "./comparison.ts";
import { TopologyStore } from "./topology-store.ts";

globalThis.requestAnimationFrame ??= (() => 0) as never;

const peer = (id: string) => ({ id, name: id, addresses: [] }) as unknown as TopologyPeer;
const link = (client: string, server: string, bytesSent: number) =>
  ({ id: `${client}>${server}`, client, server, bytesSent, bytesReceived: 0, lastSeen: 5 }) as TopologyLink;
const topology = (from: number, to: number, links: TopologyLink[]): Topology => ({
  ...{ from, to, links, truncated: { peers: 0, links: 0 } },
  peers: [...new Set(links.flatMap(({ client, server }) => [client, server]))].map(peer),
});

const base = topology(0, 10_000, [
  link("a", "b", 1000),
  link("a", "c", 1000),
  link("a", "d", 1000),
  link("a", "e", 1000),
]);
const now = topology(100_000, 110_000, [
  link("a", "b", 1100),
  link("a", "c", 1600),
  link("a", "d", 600),
  link("a", "f", 10),
]);

test("what is new, gone, grown and shrunk is told apart", () => {
  const compared = new Comparison(base).whole(now);
  const looks = Object.fromEntries(compared.links.map((one) => [one.id, changeLook(one, compared)]));
  assert.deepEqual(looks, { "a>b": "same", "a>c": "grown", "a>d": "shrunk", "a>f": "new", "a>e": "gone" });
  assert.deepEqual(compared.peers.map(({ id }) => id).sort(), ["a", "b", "c", "d", "e", "f"]);
});

test("a link that only fails has no bytes in either window, and is there all the same", () => {
  const compared = new Comparison(topology(0, 10_000, [link("a", "b", 0), link("a", "c", 0)])).whole(
    topology(100_000, 110_000, [link("a", "b", 0), link("a", "d", 0)]),
  );
  const looks = Object.fromEntries(compared.links.map((one) => [one.id, changeLook(one, compared)]));
  assert.deepEqual(looks, { "a>b": "same", "a>d": "new", "a>c": "gone" });
});

test("windows of different lengths are compared by their means", () => {
  const longer = topology(0, 100_000, [link("a", "b", 11_000)]);
  const compared = new Comparison(longer).whole(now);
  assert.equal(changeLook(compared.links[0]!, compared), "same");
});

test("a live map goes on beside the other window; what leaves it and is in the other stays as gone", () => {
  const store = new TopologyStore();
  store.setMap(now);
  store.compareWith(base);
  const change = {
    ...now,
    links: [link("a", "f", 20)],
    peers: [],
    goneLinks: ["a>b", "a>f2"],
    gonePeers: ["b"],
  };
  store.apply(change);
  const look = (id: string) => changeLook(store.state.links.get(id)!, store.state);
  assert.deepEqual([look("a>b"), look("a>f"), look("a>c")], ["gone", "new", "grown"]);
  assert.equal(store.state.peers.has("b"), true);
  store.compareWith(undefined);
  assert.deepEqual([...store.state.links.keys()], ["a>c", "a>d", "a>f"]);
  assert.equal(store.state.links.get("a>f")?.baseRate, undefined);
  assert.equal(store.state.peers.has("b"), false);
});
