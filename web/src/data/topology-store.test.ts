import assert from "node:assert/strict";
import { test } from "node:test";
import type { Topology, TopologyChange, TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import { TopologyStore } from "./topology-store.ts";

globalThis.requestAnimationFrame ??= (() => 0) as never;

const peer = (id: string) => ({ id, name: id, addresses: [] }) as unknown as TopologyPeer;
const link = (client: string, server: string, bytesSent: number) =>
  ({ id: `${client}>${server}`, client, server, bytesSent, bytesReceived: 0, lastSeen: 5 }) as TopologyLink;
const truncated = { peers: 0, links: 0 };
const map: Topology = {
  ...{ from: 0, to: 10, truncated, peers: ["a", "b"].map(peer), links: [link("a", "b", 10)] },
};
const change: TopologyChange = {
  ...{ from: 1, to: 11, truncated, peers: [peer("c")], links: [link("a", "c", 5)] },
  ...{ gonePeers: ["b"], goneLinks: ["a>b"] },
};

/** A store, and the texts that a follower of it was given. */
function followed() {
  const store = new TopologyStore();
  const given: string[] = [];
  store.follow({ take: (json) => given.push(json) });
  return { store, given };
}

test("what came is handed on as it came, and read here too", () => {
  const { store, given } = followed();
  const texts = [` ${JSON.stringify(map)}`, `${JSON.stringify(change)} `];
  store.readMap(texts[0]!);
  store.readChange(texts[1]!);
  assert.deepEqual(given, texts);
  assert.deepEqual([...store.state.links.keys()], ["a>c"]);
  assert.deepEqual([...store.state.peers.keys()], ["a", "c"]);
});

test("who follows later gets all there is", () => {
  const { store } = followed();
  store.readMap(JSON.stringify(map));
  store.readChange(JSON.stringify(change));
  const given: Topology[] = [];
  store.follow({ take: (json) => given.push(JSON.parse(json)) });
  assert.deepEqual(given[0]?.links, [link("a", "c", 5)]);
  assert.equal(given[0]?.to, 11);
});

test("what is kept back or compared is not handed on as it came", () => {
  const { store, given } = followed();
  store.siftWith({ hidesIdle: false, heaviest: 1 });
  store.readMap(JSON.stringify({ ...map, links: [link("a", "b", 10), link("b", "a", 99)] }));
  assert.deepEqual(
    (JSON.parse(given.at(-1)!) as Topology).links.map(({ id }) => id),
    ["b>a"],
  );
  store.siftWith(undefined);
  store.compareWith(map);
  store.readChange(JSON.stringify(change));
  assert.equal((JSON.parse(given.at(-1)!) as { links: { baseRate?: number }[] }).links[0]?.baseRate, 0);
});
