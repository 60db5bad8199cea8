import assert from "node:assert/strict";
import { test } from "node:test";
import type { Topology, TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import { changeTo, sift } from "./sieve.ts";
import { TopologyState } from "./topology-state.ts";

const to = 1_000_000;
const peers = ["a", "b", "c", "d"].map((id) => ({ id }) as TopologyPeer);
const link = (id: string, bytesSent: number, lastSeen = to) => {
  const [client, server] = id.split(">");
  return { id, client, server, bytesSent, bytesReceived: 0, active: 0, lastSeen } as TopologyLink;
};
const whole: Topology = {
  ...{ from: 0, to, peers, truncated: { peers: 0, links: 0 } },
  links: [link("a>b", 10), link("b>c", 30), link("c>d", 20, to - 31_000)],
};
const ids = ({ links }: Pick<Topology, "links">) => links.map(({ id }) => id);
const all = { hidesIdle: false, heaviest: undefined };

test("a sieve leaves what is new, what is not idle, and the heaviest, with the peers at their ends", () => {
  assert.deepEqual(ids(sift(whole, all).topology), ["a>b", "b>c", "c>d"]);
  const fresh = sift(whole, { ...all, known: new Set(["a>b", "b>c"]) });
  assert.deepEqual(ids(fresh.topology), ["c>d"]);
  assert.deepEqual(
    fresh.topology.peers.map(({ id }) => id),
    ["c", "d"],
  );
  assert.equal(fresh.hiddenLinks, 2);
  assert.deepEqual(ids(sift(whole, { ...all, hidesIdle: true }).topology), ["a>b", "b>c"]);
  assert.deepEqual(ids(sift(whole, { ...all, heaviest: 2 }).topology), ["b>c", "c>d"]);
});

test("what fails and is idle is hidden with the idle ones", () => {
  const failing = { ...link("a>b", 1, to - 31_000), failed: 3 };
  assert.deepEqual(ids(sift({ ...whole, links: [failing] }, { ...all, hidesIdle: true }).topology), []);
});

test("from one look to the next only what differs is told", () => {
  const state = new TopologyState();
  state.setMap(sift(whole, { ...all, heaviest: 2 }).topology);
  const grown = { ...whole, links: [link("a>b", 90), ...whole.links.slice(1)] };
  const next = sift(grown, { ...all, heaviest: 2 }).topology;
  const change = changeTo(state, next);
  assert.deepEqual(ids(change), ["a>b"]);
  assert.deepEqual(change.goneLinks, ["c>d"]);
  assert.deepEqual(change.gonePeers, ["d"]);
  state.apply(change);
  assert.deepEqual([...state.links.keys()].sort(), ["a>b", "b>c"]);
  assert.deepEqual([...state.peers.keys()].sort(), ["a", "b", "c"]);
});
