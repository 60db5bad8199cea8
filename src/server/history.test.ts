import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseFilter } from "../query/index.ts";
import { createDuckDBStore, storeDefaults } from "../store/index.ts";
import { SampleWorld } from "../store/sample-records.ts";
import {
  buildTopology,
  type Grouping,
  groupings,
  LiveFold,
  liveFoldDefaults,
  type Topology,
  type TopologyMetric,
} from "../topology/index.ts";
import { readLinks } from "./history.ts";
import { createLiveHub } from "./live-hub.ts";
import { createPeerFacts } from "./peer-facts.ts";
import { testFacts } from "./testdata/test-facts.ts";

const minute = 60_000;
const start = Date.UTC(2026, 10, 21, 9, 0);
const seed = Number(process.env.SEED ?? 20_261_121);

/** Filters of one term, for each field that says the same of a link live and later. */
const terms = [
  ...["nginx", "kind:pod", "namespace:shop", "workload:cart", "pod:cart-1", "service:cart", "label.app:cart"],
  ...["process:nginx,backup", "node:web-1", "address:10.1.0.0/16", "address:10.96.0.1", "network:pods"],
  ...["network:10.0.0.0/8", "country:CH", "country:switz*", "asn:64500", "asn:exam*", "vlan:7", "site:bern"],
  ...[
    "port:443",
    "protocol:udp",
    "observer:web-1",
    "exporter:*",
    "interface:3",
    "client.interface:1,2",
    "server.interface>=2",
    "interface:0",
    "bytes>1MB",
    "packets<=100",
    "connections>1",
  ],
  ...["failed>0", "refused>0", "timedOut:2", "unreachable>0", "reset>3", "lost:1", "retransmits>4"],
];
const ends = ["", "", "client.", "server."];
const pinnable = /^(kind|namespace|workload|pod|service|label|address|network|country|asn|vlan|site)/;

/** What both must say: no rates, and no round trip times, which are smoothed live. */
function told({ peers, links }: Topology) {
  return {
    peers: peers.map((peer) => ({ ...peer, addresses: peer.addresses.toSorted() })).sort(byId),
    links: links
      .map(({ active: _, rttMs: _rtt, sentRate: _sent, receivedRate: _received, observers, ...link }) => ({
        ...link,
        observers: observers.map(({ id }) => id).sort(),
      }))
      .sort(byId),
  };
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

test("a filter and a grouping mean the same on the live map and in history", async () => {
  const folder = mkdtempSync(join(tmpdir(), "portolan-history-"));
  const world = new SampleWorld(seed);
  const { peers, observers, drop } = world;
  const peerFacts = createPeerFacts(testFacts());
  const facts = { factsOf: peerFacts.derivedOf, generation: 1 };
  const store = createDuckDBStore({ ...storeDefaults, folder }, { peers, observers, drop, facts });
  await store.start();
  const fold = new LiveFold(liveFoldDefaults, drop);
  fold.tick(start, () => {});
  const live = createLiveHub({
    fold,
    peers,
    observers,
    peerFacts,
    now: () => start + 15 * minute,
    clock: () => 0,
  });
  const batch = world.batch(world.records(600, start, minute));
  fold.fold(batch);
  store.append(batch);
  await store.commit();
  live.publish();
  let shown = 0;
  const compare = async (
    filterText: string,
    grouping: Grouping | undefined,
    metric: TopologyMetric,
    linksMax: number,
  ) => {
    const { filter, error } = parseFilter(filterText, "links");
    assert.equal(error, undefined, filterText);
    const now = live.snapshot({ filterText, filter, grouping, metric, linksMax });
    const question = { from: start, to: start + minute, filter, metric, limit: linksMax };
    const { from, to, links, linksLeftOut } = await readLinks(store, question, grouping);
    const later = peerFacts.describe(buildTopology(links, { from, to, metric, grouping, linksMax }));
    const what = `seed ${seed}: ${filterText || "everything"} by ${grouping}, ${linksMax} links by ${metric}`;
    assert.deepEqual(told(later).links, told(now).links, what);
    if (linksMax > 5) assert.deepEqual(told(later).peers, told(now).peers, what);
    assert.equal(later.truncated.links + linksLeftOut, now.truncated.links, what);
    shown += now.links.length;
  };
  for (let i = 0; i < 60; i++) {
    const one = () => {
      const term = world.pick(terms);
      return `${world.pick(["", "-"])}${pinnable.test(term) ? world.pick(ends) : ""}${term}`;
    };
    const filterText = world.pick([one(), `${one()} ${one()}`, `${one()} OR ${one()}`, ""]);
    const metric: TopologyMetric = world.pick(["bytes", "packets"]);
    await compare(filterText, world.pick([undefined, ...groupings]), metric, world.pick([5, 10_000]));
  }
  // Of everything, the heaviest pairs are found first where a grouping leaves many: every grouping, a few pairs and all.
  for (const grouping of [undefined, ...groupings])
    for (const linksMax of [1, 5, 10_000]) await compare("", grouping, "bytes", linksMax);
  assert.ok(shown > 500, `${shown} links were compared`);
  await store.stop();
  rmSync(folder, { recursive: true });
});
