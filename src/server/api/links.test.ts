import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import type { Filter } from "../../query/index.ts";
import type { LinksQuery, PeerHistory, StoredPeer } from "../../store/index.ts";
import { otherPeer, type PortLink, type TopologyPeer } from "../../topology/index.ts";
import { createHttp } from "../http.ts";
import { createPeerFacts } from "../peer-facts.ts";
import { liveEnd, liveLink } from "../testdata/live-link.ts";
import { testFacts } from "../testdata/test-facts.ts";
import { routeLinks } from "./links.ts";

/** Asks for a link of peers of whom these are known; the ends whose links were looked for, and the answer's code. */
async function askFor(id: string, known: readonly string[], live: readonly PortLink[] = []) {
  const peers = known.map((each): PeerHistory => {
    const peer: StoredPeer = { ...otherPeer, id: each, name: each };
    const seen = { firstSeen: 0, lastSeen: 1 };
    return { id: each, ...seen, peers: [{ ...peer, ...seen }], addressesLeftOut: 0, names: [] };
  });
  const ends: string[] = [];
  const note = (filter: Filter | undefined): void => {
    if (filter?.kind === "and") filter.parts.forEach(note);
    if (filter?.kind === "term" && filter.test.kind === "text")
      ends.push(`${filter.end} ${filter.test.patterns.join()}`);
  };
  const store = {
    peersById: async (ids: readonly string[]) => peers.filter((peer) => ids.includes(peer.id)),
    links: async ({ filter, from, to }: LinksQuery) => {
      note(filter);
      return { from, to, rows: [], linksLeftOut: 0 };
    },
    aggregate: async () => ({ from: 0, to: 60_000, rows: [], groupsLeftOut: 0 }),
    compare: async () => ({ rows: [] }),
  };
  const app = createHttp({ logger: pino({ level: "silent" }), isLoopbackOnly: true });
  const peerFacts = createPeerFacts(testFacts());
  routeLinks(app, { store: store as never, peerFacts, liveLinks: () => live, now: () => 3_600_000 });
  const url = `/api/v1/links/${encodeURIComponent(id)}`;
  const answer = await app.inject({ url, headers: { host: "localhost" } });
  const { code, ...told } = answer.json() as { code: string } & Record<string, unknown>;
  return { ends, code, told };
}

for (const [id, known, ends] of [
  ["a>b", ["a", "b"], ["client a", "server b"]],
  ["a>b>c", ["a>b", "c"], ["client a>b", "server c"]],
  ["a>b>c", ["a", "b>c"], ["client a", "server b>c"]],
  ["->>x*>y", ["->>x*", "y"], ["client ->>x\\*", "server y"]],
] as const) {
  test(`"${id}" is the link of ${known.join(" and ")}, where these are known`, async () => {
    const { told: _, ...found } = await askFor(id, known);
    assert.deepEqual(found, { ends, code: "link_unknown" });
  });
}

for (const [id, known, code] of [
  ["a>b", ["a"], "peer_unknown"],
  ["a>b", ["b"], "peer_unknown"],
  ["a>b>c", ["a", "c"], "peer_unknown"],
  ["ab", ["ab"], "link_unknown"],
] as const) {
  test(`"${id}" is no link of what is known: ${known.join(" and ")}`, async () => {
    const { told: _, ...found } = await askFor(id, known);
    assert.deepEqual(found, { ends: [], code });
  });
}

const newLink = liveLink(liveEnd("a>b", { addresses: ["10.0.0.2"] }), liveEnd("c"));
const liveLinks = [
  liveLink(liveEnd("a"), liveEnd("b>d")),
  liveLink(liveEnd("a>b", { addresses: ["10.0.0.3"] }), liveEnd("a")),
  newLink,
];

for (const known of [[], ["a>b"], ["a>b", "c"]]) {
  test(`a link on the live map is known before it is stored; of its ends are stored: ${known.join(" and ")}`, async () => {
    const { told, code } = await askFor("a>b>c", known, liveLinks);
    assert.equal(code, undefined);
    const { id: client, addresses } = told.client as TopologyPeer;
    const { id: server } = told.server as TopologyPeer;
    assert.deepEqual([client, server], ["a>b", "c"]);
    if (known.length < 2) assert.deepEqual(addresses, ["10.0.0.2", "10.0.0.3"]);
    assert.deepEqual([told.firstSeen, told.lastSeen, told.link], [null, null, null]);
  });
}

test("of an id with many parts the live links are read once", async () => {
  let reads = 0;
  const links = [newLink];
  const counted = new Proxy(links, {
    get(target, name, receiver) {
      if (name === "0") reads++;
      return Reflect.get(target, name, receiver);
    },
  });
  assert.equal((await askFor("a>>>>>>>>>>c", [], counted)).code, "peer_unknown");
  assert.equal(reads, 1);
});
