import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import type { Filter } from "../../query/index.ts";
import type { LinksQuery, PeerHistory, StoredPeer } from "../../store/index.ts";
import { otherPeer, type TopologyLink, type TopologyPeer } from "../../topology/index.ts";
import { createHttp } from "../http.ts";
import { createPeerFacts } from "../peer-facts.ts";
import { testFacts } from "../testdata/test-facts.ts";
import { routeLinks } from "./links.ts";
import type { LiveMap } from "./peer-answer.ts";

/** Asks for a link of peers of whom these are known; the ends whose links were looked for, and the answer's code. */
async function askFor(id: string, known: readonly string[], liveMap?: LiveMap) {
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
  routeLinks(app, store as never, createPeerFacts(testFacts()), () => 3_600_000, liveMap);
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

/** A live map of one link, asked as the live hub is. */
function liveWith(client: string, server: string): LiveMap {
  return (filter) => {
    const asked = JSON.stringify(filter);
    const isAsked = asked.includes(JSON.stringify(client)) && asked.includes(JSON.stringify(server));
    const peers = [client, server].map((id) => ({ id, name: id, addresses: [] }) as unknown as TopologyPeer);
    return isAsked ? { peers, links: [{ client, server } as TopologyLink] } : { peers: [], links: [] };
  };
}

for (const known of [[], ["a>b"], ["a>b", "c"]]) {
  test(`a link on the live map is known before it is stored; of its ends are stored: ${known.join(" and ")}`, async () => {
    const { told, code } = await askFor("a>b>c", known, liveWith("a>b", "c"));
    assert.equal(code, undefined);
    const { id: client } = told.client as TopologyPeer;
    const { id: server } = told.server as TopologyPeer;
    assert.deepEqual([client, server], ["a>b", "c"]);
    assert.deepEqual([told.firstSeen, told.lastSeen, told.link], [null, null, null]);
  });
}
