import assert from "node:assert/strict";
import test from "node:test";
import { parseFilter } from "../query/index.ts";
import { otherPeer, type Peer } from "../topology/index.ts";
import { dimensions } from "./dimensions.ts";
import { obviousAggregate, obviousComparison, obviousLinks } from "./obvious-answers.ts";
import { type SampleRecord, SampleWorld, sampleFacts } from "./sample-records.ts";
import type { AggregateQuery, PeerDescription } from "./store.ts";
import { filterTexts, type StoreFactory } from "./store-suite.ts";

const minute = 60_000;
const hour = 60 * minute;
const start = Date.UTC(2026, 10, 21, 9, 0);
const seed = Number(process.env.SEED ?? 20_261_121);

/** The second part of what every implementation of Store has to do: what it knows of peers, and of longer times. */
export function testStoreKnowledge(name: string, createStore: StoreFactory): void {
  test(`${name}: two windows compared: what is new, gone and changed, by any dimensions`, async () => {
    const world = new SampleWorld(seed + 10);
    const store = createStore("compare", world);
    await store.start();
    const all = world.records(1500, start, 6 * minute);
    // Of the two windows, and of one before both of which only first times are told.
    const records = all.filter(({ time, source }) => time >= start + 2 * minute || source.name !== "nginx");
    store.append(world.batch(records));
    await store.commit();
    await store.maintain(start + 5 * minute);
    const [baseFrom, baseTo, to] = [start + 2 * minute, start + 4 * minute, start + 6 * minute];
    for (const [text, by, metric] of [
      ["", ["client", "server", "port"], "bytes"],
      ["-name:postgres", ["client.name", "server.namespace"], "connections"],
      ["packets>60", ["client", "server.address"], "packets"],
      ["port:443", ["server.country"], "rtt"],
      ["", [], "failed"],
    ] as const) {
      const filter = parseFilter(text).filter;
      const query = { from: baseTo, to, baseFrom, baseTo, filter, by, metric, limit: 40 };
      assert.deepEqual(
        await store.compare(query),
        obviousComparison(records, query),
        `${seed}: ${text} ${by}`,
      );
    }
    const never = { from: 0, to: minute, baseFrom: minute, baseTo: 2 * minute };
    const none = await store.compare({ ...never, by: ["client"], metric: "bytes", limit: 1 });
    assert.deepEqual(none, { ...never, rows: [], newCount: 0, goneCount: 0, bothCount: 0 });
    await store.stop();
  });

  test(`${name}: links are told with their ends, whom the client called, and all their observers`, async () => {
    const world = new SampleWorld(seed + 15);
    const store = createStore("links", world);
    await store.start();
    const drawn = world.records(1500, start, 4 * minute);
    // Of one pair nobody tells whose figures count.
    const ends = new Set([drawn[0]!.source, drawn[0]!.destination]);
    const records = drawn.map((record) =>
      ends.has(record.source) && ends.has(record.destination) ? { ...record, isDuplicate: true } : record,
    );
    store.append(world.batch(records));
    await store.commit();
    await store.maintain(start + 2 * minute);
    for (const sampled of ["corrected", "raw"] as const) {
      for (const text of ["", "service:cart -country:us", "bytes>1MB", "observer:db-1 connections>1"]) {
        const window = { from: start, to: start + 4 * minute, filter: parseFilter(text).filter, sampled };
        // By address each peer is at one: what would be put together is told apart.
        const question = { ...window, grouping: "address", metric: "bytes", limit: 10_000 } as const;
        const { rows, linksLeftOut } = await store.links(question);
        assert.equal(linksLeftOut, 0);
        const byAddress = Map.groupBy(
          obviousLinks(records, window),
          ({ client, server, called, port, protocol }) =>
            [client.address, server.address, called?.id, port, protocol].join(" "),
        );
        assert.equal(rows.length, byAddress.size, `seed ${seed}: ${text}`);
        for (const { client, server, called, port, protocol, observers, ...totals } of rows) {
          const key = [...client.addresses, ...server.addresses, called?.id, port, protocol].join(" ");
          const links = byAddress.get(key)!;
          const sum = (name: "bytesSent" | "packets" | "connections" | "timedOut") =>
            links.reduce((all, link) => all + link[name], 0);
          for (const each of ["bytesSent", "packets", "connections", "timedOut"] as const)
            assert.equal(totals[each], sum(each), `seed ${seed}: ${text} ${key} ${each}`);
          assert.equal(totals.lastSeen, Math.max(...links.map(({ lastSeen }) => lastSeen)));
          const ids = new Set(links.flatMap((link) => link.observers.map(({ id }) => id)));
          assert.deepEqual(
            observers.map(({ id }) => id),
            [...ids].sort(),
          );
          for (const { id, bytesReceived } of observers) {
            const seen = links.flatMap((link) => link.observers.filter((each) => each.id === id));
            assert.equal(
              bytesReceived,
              seen.reduce((all, each) => all + each.bytesReceived, 0),
            );
          }
          assert.ok(
            links.some((link) => link.client.id === client.id && link.client.namespace === client.namespace),
          );
          // Of several at one address always the same: the one with the least id.
          const leastOf = (end: "client" | "server") => links.map((link) => link[end].id).sort()[0];
          assert.deepEqual([client.id, server.id], [leastOf("client"), leastOf("server")]);
          assert.equal(called?.service, links[0]!.called?.service);
        }
      }
    }
    const few = await store.links({ from: start, to: start + 4 * minute, metric: "connections", limit: 3 });
    const pairs = new Set(few.rows.map(({ client, server }) => `${client.id}>${server.id}`));
    const all = await store.links({ from: start, to: start + 4 * minute, metric: "connections", limit: 1e6 });
    const allPairs = new Set(all.rows.map(({ client, server }) => `${client.id}>${server.id}`));
    assert.deepEqual([pairs.size, few.linksLeftOut], [3, allPairs.size - 3]);
    assert.equal(all.linksLeftOut, 0, "what only duplicates tell of is no link");
    assert.deepEqual([...pairs], [...allPairs].slice(0, 3));
    await store.stop();
  });

  test(`${name}: what fields hold, for completion`, async () => {
    const world = new SampleWorld(seed + 11);
    const store = createStore("values", world);
    await store.start();
    store.append(world.batch(world.records(500, start, minute)));
    await store.commit();
    const valuesOf = async (field: string, prefix = "", limit = 10) =>
      (await store.values({ field, prefix, limit })).toSorted();
    assert.deepEqual(await valuesOf("namespace"), ["it's; --", "shop"]);
    assert.deepEqual(await valuesOf("name", "POST"), ["Postgres"]);
    assert.deepEqual(await valuesOf("name", "%"), []);
    assert.deepEqual(await valuesOf("service"), ["cart", "cart-admin"]);
    assert.deepEqual(await valuesOf("label"), ["app", "app.x/y", "tier"]);
    assert.deepEqual(await valuesOf("label.app"), ["cart"]);
    assert.deepEqual(await valuesOf("label.tier", "A%"), ["a%_b"]);
    assert.deepEqual(await valuesOf("asn"), ["15133", "64500"]);
    assert.deepEqual(await valuesOf("vlan"), ["7"]);
    assert.deepEqual(await valuesOf("exporter"), ["core router"]);
    assert.equal((await valuesOf("observer", "", 2)).length, 2);
    assert.equal((await valuesOf("kind", "", 1)).length, 1);
    for (const field of ["bytes", "port", "id; --", "constructor"])
      assert.deepEqual(await valuesOf(field), []);
    await store.stop();
  });

  test(`${name}: a peer is told with its addresses, its names over time, and when it was seen`, async () => {
    const world = new SampleWorld(seed + 12);
    const store = createStore("peer", world);
    await store.start();
    const records = world.records(400, start, 3 * minute);
    store.append(world.batch(records));
    await store.commit();
    await store.maintain(start + 2 * minute);
    const lastSeenOf = ({ id, address }: Pick<Peer, "id" | "address">) =>
      records
        .filter(({ source, destination, called }) =>
          [source, destination, called].some((peer) => peer?.id === id && peer.address === address),
        )
        .reduce((last, { time }) => Math.max(last, time), 0);
    const ends = records.flatMap(({ source, destination }) => [source, destination]);
    const pod = ends.find(({ id }) => id === "pod:shop-cart-1")!;
    const cart = (await store.peer(pod.id))!;
    // What one commit brings was seen first with the first of it.
    assert.deepEqual([cart.firstSeen, cart.lastSeen], [records[0]!.time, lastSeenOf(pod)]);
    assert.deepEqual(cart.names, [{ name: "cart-1", since: cart.firstSeen }]);
    const { firstSeen: _first, lastSeen: _last, ...facts } = cart.peers[0]!;
    assert.deepEqual(facts, { ...pod, site: "Bern", vlan: 7 });
    // A new name is written with the next commit, though no record comes with it.
    await store.maintain(start + 4 * minute);
    world.peers.renameAll(new Map([["process:web-1/nginx", "web"]]));
    await store.commit();
    await store.maintain(start + 5 * minute);
    world.peers.renameAll(new Map([["process:web-1/nginx", "it's web"]]));
    await store.commit();
    const nginx = (await store.peer("process:web-1/nginx"))!;
    const addresses = new Set(ends.filter(({ id }) => id === nginx.id).map(({ address }) => address));
    assert.deepEqual(new Set(nginx.peers.map(({ address }) => address)), addresses);
    assert.deepEqual(nginx.names, [
      { name: "it's web", since: start + 5 * minute },
      { name: "web", since: start + 4 * minute },
      { name: "nginx", since: nginx.firstSeen },
    ]);
    for (const peer of nginx.peers) assert.equal(peer.lastSeen, lastSeenOf(peer));
    assert.equal(await store.peer("process:web-1/nobody"), undefined);
    assert.equal((await store.peersById(["service:shop/cart", "' OR 1=1 --", pod.id])).length, 2);
    assert.deepEqual(await store.peersById([]), []);
    await store.stop();
  });

  test(`${name}: what follows from addresses is written anew when it changes`, async () => {
    const world = new SampleWorld(seed + 13);
    const facts = {
      generation: undefined as number | undefined,
      factsOf(peer: Peer): ReturnType<PeerDescription["factsOf"]> {
        return this.generation === 2 ? { country: "CH", vlan: 9, network: "lab" } : sampleFacts(peer);
      },
    };
    const { peers, observers, drop } = world;
    const store = createStore("facts", { peers, observers, drop, facts });
    await store.start();
    const host = { ...otherPeer, id: "host:10.9.9.9", name: "x", kind: "host", address: "10.9.9.9" } as const;
    const batch = world.batch(world.records(300, start, minute));
    batch.columns.sourcePeer[0] = peers.intern(host);
    store.append(batch);
    await store.commit();
    const countries = async (asked = store) =>
      (await asked.values({ field: "country", prefix: "", limit: 9 })).toSorted();
    assert.deepEqual(await countries(), ["DE", "US"]);
    for (const [generation, expected] of [
      [1, ["DE", "US"]],
      [2, ["CH"]],
    ] as const) {
      facts.generation = generation;
      await store.maintain(start + minute);
      assert.deepEqual(await countries(), expected);
    }
    const { network, vlan, city } = (await store.peer(host.id))!.peers[0]!;
    assert.deepEqual([network, vlan, city], ["lab", 9, undefined]);
    assert.equal(
      (await store.peer("pod:shop-cart-1"))!.peers[0]!.network,
      "pods",
      "only a host's is derived",
    );
    await store.stop();
    const again = createStore("facts", { peers, observers, drop });
    await again.start();
    await again.maintain(start + 2 * minute);
    assert.deepEqual(await countries(again), ["CH"], "without facts, what is kept stays");
    await again.stop();
  });

  test(`${name}: answers are the same from minutes, hours and days, also after the clock was set back`, async () => {
    const world = new SampleWorld(seed + 14);
    const store = createStore("tiers", world, { clockTrustMinutes: 0, minutesRetentionHours: 10 });
    await store.start();
    const evening = start + 8 * hour;
    const records: SampleRecord[] = [];
    const take = async (more: readonly SampleRecord[], now: number) => {
      records.push(...more);
      store.append(world.batch(more));
      await store.commit();
      await store.maintain(now);
    };
    for (let i = 0; i < 60; i += 3)
      await take(world.records(60, evening + i * hour, 3 * hour), evening + (i + 3) * hour + 1);
    // Set back into hours and days that are rolled up already.
    await take(world.records(100, evening + 20 * hour, 3 * hour), evening + 60 * hour + minute);
    const { linkHours, linkDays } = await store.status();
    assert.ok(linkHours > 0 && linkDays > 0);
    for (let i = 0; i < 25; i++) {
      const text = world.pick(filterTexts);
      const from = evening + world.below(50) * hour;
      const query: AggregateQuery = {
        ...{ from, to: from + (1 + world.below(40)) * hour, filter: parseFilter(text).filter },
        ...{ by: [world.pick(dimensions)], metric: "bytes", limit: 1000 },
        step: world.pick([undefined, hour, 24 * hour]),
      };
      const answer = await store.aggregate(query);
      assert.deepEqual([answer.from, answer.to, answer.step], [query.from, query.to, query.step]);
      assert.deepEqual(answer.rows, obviousAggregate(records, query), `seed ${seed}: ${text} by ${query.by}`);
    }
    // Where minutes are kept no more, hours answer.
    const [from, to] = [evening + 5 * hour, evening + 8 * hour];
    const odd = { from: from + 7 * minute, to: to - 11 * minute, by: [], metric: "bytes", limit: 1 } as const;
    const answer = await store.aggregate({ ...odd, step: 5 * minute });
    assert.deepEqual([answer.from, answer.to, answer.step], [from, to, hour]);
    assert.deepEqual(answer.rows, obviousAggregate(records, { ...odd, from, to, step: hour }));
    await store.stop();
  });
}
