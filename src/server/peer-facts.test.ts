import assert from "node:assert/strict";
import { test } from "node:test";
import type { TopologyPeer } from "../topology/index.ts";
import { createPeerFacts } from "./peer-facts.ts";
import { testFacts } from "./testdata/test-facts.ts";

const peer = (changes: Partial<TopologyPeer>): TopologyPeer => ({
  ...{ id: "x", kind: "host", name: "x", group: "g", addresses: [], node: "", process: "", container: "" },
  ...changes,
});
const peerFacts = createPeerFacts(testFacts());
const factsOf = (changes: Partial<TopologyPeer>) => peerFacts.factsOf(peer(changes));
const abroad = { country: "CH", countryName: "Switzerland", asNumber: 64500, asName: "Example" };

test("a host outside has a place, a system, and the domain of its name", () => {
  assert.deepEqual(factsOf({ name: "www.example.co.uk", addresses: ["1.1.1.1"] }), {
    ...{ network: "internet", domain: "example.co.uk" },
    ...abroad,
  });
  assert.deepEqual(factsOf({ name: "1.1.1.1", addresses: ["1.1.1.1"] }), { network: "internet", ...abroad });
});

test("a host inside has its network, site and VLAN", () => {
  assert.deepEqual(factsOf({ addresses: ["10.1.2.3"] }), { network: "office", site: "Bern", vlan: 7 });
  assert.deepEqual(factsOf({ addresses: ["10.9.2.3"] }), { network: "10.9.2.0/24" });
});

test("of several addresses the first tells the network, the one outside the place", () => {
  assert.deepEqual(factsOf({ kind: "container", name: "a.b", addresses: ["10.1.2.3", "1.1.1.1"] }), {
    ...{ network: "office", site: "Bern", vlan: 7 },
    ...abroad,
  });
});

test("a network is in no place, a machine and the rest in none at all", () => {
  assert.deepEqual(factsOf({ kind: "network", name: "internet", addresses: ["1.1.1.1"] }), {
    network: "internet",
  });
  assert.deepEqual(factsOf({ kind: "network", name: "office", addresses: ["10.1.0.9"] }), {
    ...{ network: "office", site: "Bern", vlan: 7 },
  });
  for (const kind of ["node", "other"] as const)
    assert.deepEqual(factsOf({ kind, addresses: ["1.1.1.1"] }), {});
  assert.deepEqual(factsOf({ addresses: [] }), {});
  assert.deepEqual(factsOf({ addresses: ["elsewhere"] }), {});
  assert.deepEqual(factsOf({ kind: "process", addresses: ["10.1.2.3", "10.1.2.4"] }), {
    ...{ network: "office", site: "Bern", vlan: 7 },
  });
});

test("a topology keeps everything else", () => {
  const before = {
    from: 1,
    to: 2,
    peers: [peer({ addresses: ["1.1.1.1"] })],
    links: [],
    truncated: { peers: 3, links: 4 },
  };
  const after = peerFacts.describe(before);
  assert.deepEqual(after, { ...before, peers: [{ ...before.peers[0], network: "internet", ...abroad }] });
});
