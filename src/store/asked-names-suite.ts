import assert from "node:assert/strict";
import test from "node:test";
import { type FilterSubject, matches, parseFilter } from "../query/index.ts";
import { type AskedName, askedCounters, type Peer } from "../topology/index.ts";
import { SampleWorld, sampleFacts } from "./sample-records.ts";
import type { AskedNamesQuery, AskedNameTotals, Store } from "./store.ts";
import type { StoreFactory } from "./store-suite.ts";

const hour = 3_600_000;
const start = Date.UTC(2026, 10, 21, 9, 0);
const seed = Number(process.env.SEED ?? 20_261_121);

/** Questions of a peer for a name, as they were appended. */
interface SampleAsked {
  readonly peer: Peer;
  readonly seen: number;
  readonly asked: AskedName;
}

const names = [
  ...["a.example", "b.example", "gone.example", "it's; DROP TABLE peers; --", "~reverse", "x"],
  ...["a.example.shop.svc.cluster.local", "a.example.svc.cluster.local", "a.example.cluster.local"],
];
const filters = [
  ...["", "name:nginx", "namespace:shop", "-workload:cart", "client.address:10.1.0.0/16", "country:us"],
  ...["label.app:cart", "service:cart-admin", "(kind:process site:bern) OR pod:cart-2", "unresolved:*"],
];

/** The third part of what every implementation of Store has to do: names that peers asked for. */
export function testStoreAskedNames(name: string, createStore: StoreFactory): void {
  testPeersOfNamesStay(name, createStore);
  test(`${name}: names that peers asked for, in any window, of any peers, are what was asked`, async () => {
    const world = new SampleWorld(seed + 30);
    let store = createStore("asked", world, { clockTrustMinutes: 0 });
    await store.start();
    const all: SampleAsked[] = [];
    for (let i = 0; i < 60; i++) {
      // Now and then the clock goes back.
      const seen = start + i * 400_000 - (i % 13 === 12 ? 3 * hour : 0);
      const more = sampleAsked(world, seen, 30);
      all.push(...more);
      store.appendAsked(
        more.map(({ asked }) => asked),
        seen,
        "web-1",
      );
      await store.commit();
      if (i % 3 === 0) await store.maintain(seen);
      if (i % 20 === 19) await compare(store, world, all);
      if (i !== 30) continue;
      await store.stop();
      store = createStore("asked", world, { clockTrustMinutes: 0 });
      await store.start();
    }
    await store.maintain(start + 100 * hour);
    await compare(store, world, all);
    const never = { from: start - 9 * hour, to: start - 8 * hour };
    assert.deepEqual(await store.askedNames({ ...never, limit: 5 }), { ...never, rows: [], namesLeftOut: 0 });
    await store.stop();
  });

  test(`${name}: a name that a search list made of one that was answered says so, and comes last`, async () => {
    const world = new SampleWorld(seed + 31);
    const store = createStore("searched", world);
    await store.start();
    const row = world.peers.intern(world.records(1, start, 1)[0]!.source);
    const answered = { ...world.asked(row, ""), ...noAsked, queryCount: 2, answerCount: 2 };
    const missing = { ...answered, nxdomainCount: 2 };
    store.appendAsked(
      [
        { ...answered, name: "api.example.com" },
        { ...missing, name: "api.example.com.shop.svc.cluster.local" },
        { ...missing, name: "api.example.com.cluster.local" },
        { ...answered, name: "cart.web.svc.cluster.local" },
        { ...missing, name: "cart.web.shop.svc.cluster.local" },
        { ...missing, name: "gone.example.com" },
        { ...missing, name: "gone.example.com.cluster.local" },
        // It was answered once.
        { ...missing, name: "api.example.com.lan", nxdomainCount: 1 },
        { ...answered, name: "slow.example.com", answerCount: 1, timedOutCount: 1 },
      ],
      start,
      "web-1",
    );
    await store.commit();
    const { rows } = await store.askedNames({ from: start, to: start + 1, limit: 100 });
    assert.deepEqual(
      rows.map(({ name, searchOf }) => [name, searchOf]),
      [
        ["gone.example.com", undefined],
        ["gone.example.com.cluster.local", undefined],
        ["api.example.com.lan", undefined],
        ["slow.example.com", undefined],
        ["api.example.com", undefined],
        ["cart.web.svc.cluster.local", undefined],
        ["api.example.com.cluster.local", "api.example.com"],
        ["api.example.com.shop.svc.cluster.local", "api.example.com"],
        ["cart.web.shop.svc.cluster.local", "cart.web.svc.cluster.local"],
      ],
    );
    await store.stop();
  });

  test(`${name}: a name of more labels than a search list makes is nobody's try, whatever it begins with`, async () => {
    const world = new SampleWorld(seed + 34);
    const store = createStore("labels", world);
    await store.start();
    const row = world.peers.intern(world.records(1, start, 1)[0]!.source);
    const answered = { ...world.asked(row, ""), ...noAsked, queryCount: 2, answerCount: 2 };
    const missing = { ...answered, nxdomainCount: 2 };
    const labels = (count: number) => `api.example${".a".repeat(count - 2)}`;
    store.appendAsked(
      [
        { ...answered, name: labels(2) },
        ...[16, 17, 126].map((each) => ({ ...missing, name: labels(each) })),
      ],
      start,
      "web-1",
    );
    await store.commit();
    const { rows } = await store.askedNames({ from: start, to: start + 1, limit: 100 });
    assert.deepEqual(
      rows.map(({ name, searchOf, queryCount, nxdomainCount }) => [
        name,
        searchOf,
        queryCount,
        nxdomainCount,
      ]),
      [
        [labels(17), undefined, 2, 2],
        [labels(126), undefined, 2, 2],
        [labels(2), undefined, 2, 0],
        [labels(16), labels(2), 2, 2],
      ],
    );
    await store.stop();
  });

  test(`${name}: of a peer's names of an hour those beyond a bound are put together, and all go when they are old`, async () => {
    const world = new SampleWorld(seed + 32);
    const store = createStore("many-names", world, { clockTrustMinutes: 0, linksRetentionDays: 2 });
    await store.start();
    const row = world.peers.intern(world.records(1, start, 1)[0]!.source);
    const asked = (name: string, queryCount: number) => ({
      ...world.asked(row, name),
      ...noAsked,
      queryCount,
    });
    store.appendAsked(
      Array.from({ length: 3000 }, (_, i) => asked(`n${i}.example`, 1 + (i % 1000 === 7 ? 5 : 0))),
      start,
      "web-1",
    );
    await store.commit();
    const window = { from: start, to: start + hour, limit: 5000 };
    assert.equal((await store.askedNames(window)).rows.length, 3000);
    await store.maintain(start + hour);
    const { rows } = await store.askedNames(window);
    assert.equal(rows.length, 1001);
    assert.equal(rows.find(({ name }) => name === "~other")?.queryCount, 2000);
    assert.equal(
      rows.reduce((sum, each) => sum + each.queryCount, 0),
      3000 + 3 * 5,
    );
    await store.maintain(start + 4 * 24 * hour);
    assert.deepEqual((await store.askedNames(window)).rows, []);
    await store.stop();
  });
}

/** As an agent's first look at a machine: somebody asks, and has no connection yet. */
function testPeersOfNamesStay(name: string, createStore: StoreFactory): void {
  test(`${name}: who looked names up is known as long as the names are, without any record`, async () => {
    const world = new SampleWorld(seed + 33);
    const store = createStore("askers", world, { clockTrustMinutes: 0, flowsRetentionHours: 1 });
    await store.start();
    const asker = { ...world.records(1, start, 1)[0]!.source, id: "process:web-1/asker", name: "asker" };
    const row = world.peers.intern(asker);
    store.append(world.batch(world.records(50, start, 1000)));
    store.appendAsked([world.asked(row, "a.example")], start, "web-1");
    await store.commit();
    for (let i = 1; i < 6; i++) await store.maintain(start + i * hour);
    assert.equal((await store.status()).flowRecords, 0);
    const window = { from: start, to: start + hour, limit: 9 };
    const { filter } = parseFilter('id:"process:web-1/asker"');
    assert.equal((await store.askedNames({ ...window, filter })).rows.length, 1);
    assert.equal((await store.peer(asker.id))?.peers[0]?.name, "asker");
    world.peers.rename(asker, "asker, renamed");
    await store.commit();
    const renamed = parseFilter('name:"asker, renamed"').filter;
    assert.equal((await store.askedNames({ ...window, filter: renamed })).rows.length, 1);
    await store.stop();
  });
}

const noAsked = Object.fromEntries(askedCounters.map((counter) => [counter, 0])) as Omit<
  AskedName,
  "peer" | "name"
>;

function sampleAsked(world: SampleWorld, seen: number, count: number): SampleAsked[] {
  return world.records(count, seen, 1).map(({ source: peer }) => {
    const row = world.peers.intern(peer);
    return { peer, seen, asked: world.asked(row, world.pick(names)) };
  });
}

async function compare(store: Store, world: SampleWorld, all: readonly SampleAsked[]): Promise<void> {
  for (let i = 0; i < 12; i++) {
    const text = world.pick(filters);
    const from = start - 3 * hour + world.below(9 * 60) * 60_000;
    const query = {
      ...{ from, to: from + (1 + world.below(300)) * 60_000, limit: 1 + world.below(12) },
      filter: parseFilter(text).filter,
    };
    const { rows, namesLeftOut, ...window } = await store.askedNames(query);
    const expected = obviousAskedNames(all, query);
    assert.deepEqual(window, { from: expected.from, to: expected.to });
    assert.deepEqual(rows, expected.rows.slice(0, query.limit), `seed ${seed}: ${text}`);
    assert.equal(namesLeftOut, Math.max(0, expected.rows.length - query.limit));
  }
}

/** One by one. */
function obviousAskedNames(all: readonly SampleAsked[], { from, to, filter }: AskedNamesQuery) {
  const [first, end] = [Math.floor(from / hour) * hour, Math.ceil(to / hour) * hour];
  const chosen = all.filter(
    ({ peer, seen }) => seen >= first && seen < end && matches(filter, subjectOf(peer)),
  );
  const rows = [...Map.groupBy(chosen, ({ asked }) => asked.name)].map(([name, asked]) =>
    totalsOf(name, asked),
  );
  const found = rows.map((row) => ({ ...row, searchOf: meantBy(row, rows) }));
  const compared = (a: AskedNameTotals, b: AskedNameTotals) =>
    Number(a.searchOf !== undefined) - Number(b.searchOf !== undefined) ||
    failuresOf(b) + b.timedOutCount - failuresOf(a) - a.timedOutCount ||
    b.queryCount - a.queryCount ||
    (a.name < b.name ? -1 : 1);
  return { from: first, to: end, rows: found.sort(compared) };
}

function totalsOf(name: string, asked: readonly SampleAsked[]): Omit<AskedNameTotals, "searchOf"> {
  const counts = askedCounters.map((counter) => {
    const each = asked.map((one) => one.asked[counter]);
    return [
      counter,
      counter.includes("Max") ? Math.max(...each) : each.reduce((sum, value) => sum + value, 0),
    ];
  });
  return {
    ...(Object.fromEntries(counts) as typeof noAsked),
    name,
    lastSeen: Math.max(...asked.map(({ seen }) => seen)),
    peers: new Set(asked.map(({ peer }) => peer.id)).size,
  };
}

type Failed = Omit<AskedNameTotals, "searchOf">;

function failuresOf({ nxdomainCount, servfailCount, refusedCount, otherFailureCount }: Failed): number {
  return nxdomainCount + servfailCount + refusedCount + otherFailureCount;
}

function meantBy(row: Failed, rows: readonly Failed[]): string | undefined {
  if (row.nxdomainCount === 0 || row.nxdomainCount !== row.answerCount) return undefined;
  return rows
    .filter((other) => other.answerCount > failuresOf(other) && isTryOf(row.name, other.name))
    .map(({ name }) => name)
    .sort((a, b) => b.length - a.length)[0];
}

function isTryOf(name: string, meant: string): boolean {
  return (
    name.startsWith(`${meant}.`) || (name !== meant && name.replace(/\.[^.]+\.svc\./, ".svc.") === meant)
  );
}

function subjectOf(peer: Peer): FilterSubject {
  const client = { ...peer, ...sampleFacts(peer), addresses: [peer.address] };
  const nobody = { id: "", kind: "other", name: "", addresses: [], process: "", container: "", node: "" };
  return { client, server: nobody } as unknown as FilterSubject;
}
