import assert from "node:assert/strict";
import { test } from "node:test";
import type { TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import { TopologyState } from "./topology-state.ts";

const peer = (id: string, name = id) => ({ id, name }) as TopologyPeer;
const link = (id: string, bytesSent: number) => ({ id, bytesSent }) as TopologyLink;
const truncated = { peers: 0, links: 0 };

test("a change replaces what it names, drops what is gone, and leaves the rest", () => {
  const state = new TopologyState();
  state.setMap({
    from: 1,
    to: 2,
    peers: [peer("a"), peer("b"), peer("c")],
    links: [link("a>b", 1), link("b>c", 2)],
    truncated,
  });
  const kept = state.peers.get("a");
  state.apply({
    from: 2,
    to: 3,
    peers: [peer("b", "renamed"), peer("d")],
    links: [link("a>b", 5)],
    gonePeers: ["c"],
    goneLinks: ["b>c"],
    truncated: { peers: 1, links: 4 },
  });
  assert.deepEqual([...state.peers.keys()], ["a", "b", "d"]);
  assert.equal(state.peers.get("a"), kept);
  assert.equal(state.peers.get("b")?.name, "renamed");
  assert.deepEqual([...state.links.values()], [link("a>b", 5)]);
  assert.deepEqual([state.from, state.to, state.truncated.links], [2, 3, 4]);
});

test("a new map forgets the old one", () => {
  const state = new TopologyState();
  state.setMap({ from: 1, to: 2, peers: [peer("a")], links: [], truncated });
  state.setMap({ from: 2, to: 3, peers: [peer("b")], links: [], truncated });
  assert.deepEqual([...state.peers.keys()], ["b"]);
});
