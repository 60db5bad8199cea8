import assert from "node:assert/strict";
import test from "node:test";
import { compileFilter, type Filter, filterLimits, formatFilterTerm, parseFilter } from "../query/index.ts";
import type { StoreConfig } from "./config.ts";
import { type Dimension, dimensions } from "./dimensions.ts";
import { obviousAggregate, recordSubject } from "./obvious-answers.ts";
import { type SampleRecord, SampleWorld } from "./sample-records.ts";
import { type AggregateQuery, metrics, type Store, type StoreDependencies } from "./store.ts";

/** Makes a store on a place of its own, the same for the same test; `start` is left to the suite. */
export type StoreFactory = (
  place: string,
  dependencies: StoreDependencies,
  config?: Partial<StoreConfig>,
) => Store;

const minute = 60_000;
const start = Date.UTC(2026, 10, 21, 9, 0);
const seed = Number(process.env.SEED ?? 20_261_121);

/** What every implementation of Store has to do, compared with answers computed the obvious way. */
export function testStore(name: string, createStore: StoreFactory): void {
  test(`${name}: answers are the same before, between and after roll-ups, and after a restart`, async () => {
    const world = new SampleWorld(seed);
    let store = createStore("answers", world);
    await store.start();
    const records: SampleRecord[] = [];
    for (let i = 0; i < 6; i++) {
      const more = world.records(500, start + i * minute, minute);
      records.push(...more);
      store.append(world.batch(more));
      await store.commit();
      if (i > 1) await store.maintain(start + i * minute);
      await compareAnswers(store, world, records, 10);
    }
    await store.maintain(start + 10 * minute);
    await compareAnswers(store, world, records, 60);
    await store.stop();
    store = createStore("answers", new SampleWorld(1));
    await store.start();
    await compareAnswers(store, world, records, 20);
    const { flowRecords, oldestFlow, oldestLink, bytes, fileBytes } = await store.status();
    assert.deepEqual([flowRecords, oldestFlow, oldestLink], [records.length, records[0]!.time, start]);
    assert.ok(bytes > 0 && fileBytes > 0);
    await store.stop();
  });

  test(`${name}: which messages of agents it has is as durable as their records`, async () => {
    const message = (sequence: number, epoch = "e1") => ({
      ...{ instance: "i1", epoch, sequence, node: "it's", agentVersion: "1", seen: start + sequence },
    });
    const world = new SampleWorld(seed + 9);
    let store = createStore("ingested", world);
    await store.start();
    store.append(world.batch(world.records(10, start, 1000)));
    const first = store.remember(message(1));
    const third = store.remember(message(3));
    assert.equal(store.hasIngested("e1", 1), false, "not before it is committed");
    await store.commit();
    assert.deepEqual([await first, await third], [true, true]);
    const empty = store.remember(message(2 ** 40, "e2"));
    const peer = { id: "host:x", address: "10.0.0.9" };
    world.peers.intern({
      ...peer,
      kind: "host",
      name: "x",
      node: "",
      network: "",
      process: "",
      container: "",
    });
    world.peers.rename(peer, "renamed without a record");
    await store.commit();
    assert.equal(await empty, true, "a message without rows too");
    store.append(world.batch(world.records(1, start, 1000)));
    void store.remember(message(4));
    await store.stop();
    store = createStore("ingested", new SampleWorld(1));
    await store.start();
    const had = [1, 2, 3, 4, 5].map((sequence) => store.hasIngested("e1", sequence));
    assert.deepEqual(had, [true, false, true, true, false]);
    assert.deepEqual([store.hasIngested("e2", 2 ** 40), store.hasIngested("e2", 2 ** 40 + 1)], [true, false]);
    assert.equal(store.hasIngested("e3", 1), false);
    const kept = [...store.ingestedEpochs()].map(({ epoch, node, seen }) => [epoch, node, seen]);
    assert.deepEqual(kept, [
      ["e1", "it's", start + 4],
      ["e2", "it's", start + 2 ** 40],
    ]);
    assert.equal((await store.status()).flowRecords, 11);
    await store.stop();
  });

  test(`${name}: pages of flows are stable while records arrive`, async () => {
    const world = new SampleWorld(seed + 1);
    const store = createStore("pages", world);
    await store.start();
    const records = world.records(3000, start, 30 * minute);
    store.append(world.batch(records));
    await store.commit();
    for (const text of [
      "",
      "port:443 source.name:nginx",
      "bytes>900kB rtt<10ms OR exporter:192.0.2.1 -address:10.0.0.0/8",
      "client.address:10.0.0.0/8 -server.address:2001:db8::/32",
      "source.address:10.1.0.0/16 OR address:2001:db8::1",
      "address:10.96.0.0/16 OR destination.address:2001:db8::/64",
    ]) {
      const filter = parseFilter(text).filter;
      const expected = records
        .map((record, i) => ({ record, id: i + 1 }))
        .filter(({ record }) => compileFilter(filter)(recordSubject(record)));
      const found: number[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.flows({ from: start, to: start + 30 * minute, filter, limit: 97, cursor });
        found.push(...page.records.map(({ recordId }) => recordId as number));
        cursor = page.nextCursor ?? undefined;
        store.append(world.batch(world.records(5, start + 40 * minute, minute)));
        await store.commit();
      } while (cursor !== undefined);
      assert.ok(expected.length > 50, `${text} finds ${expected.length}`);
      assert.deepEqual(found, expected.map(({ id }) => id).reverse(), text);
    }
    const [newest] = (await store.flows({ from: start, to: start + 30 * minute, limit: 1 })).records;
    const { source, octets, protocol, observer, time } = records.at(-1)!;
    assert.equal(newest?.sourceAddress, source.address);
    assert.equal(newest?.sourcePeer, source.id);
    assert.equal(newest?.sourcePeerName, source.name);
    assert.equal(newest?.octetDeltaCount, octets);
    assert.equal(newest?.protocolIdentifier, protocol === 6 ? "tcp" : "udp");
    assert.equal(newest?.observer, observer.id);
    assert.equal(newest?.collectionTimeMilliseconds, time);
    assert.equal(newest?.flowDirection, 255);
    await assert.rejects(store.flows({ from: 0, to: 1, limit: 1, cursor: "1; --" }), {
      code: "store_cursor",
    });
    await store.stop();
  });

  test(`${name}: a name learned late is the name of what was stored before, too`, async () => {
    const world = new SampleWorld(seed + 3);
    const store = createStore("renamed", world);
    const range = { from: start, to: start + 30 * minute };
    const namesOf = async (asked: Store) => {
      const { records } = await asked.flows({ ...range, limit: 1000 });
      const ofNginx = records.filter(({ sourcePeer }) => sourcePeer === "process:web-1/nginx");
      assert.ok(ofNginx.length > 20);
      return new Set(ofNginx.map(({ sourcePeerName }) => sourcePeerName));
    };
    const late = "it's; DROP TABLE peers; --";
    await store.start();
    store.append(world.batch(world.records(300, start, minute)));
    await store.commit();
    world.peers.renameAll(new Map([["process:web-1/nginx", late]]));
    store.append(world.batch(world.records(300, start + minute, minute)));
    await store.commit();
    assert.deepEqual(await namesOf(store), new Set([late]));
    await store.stop();
    // A program that does not know better leaves what is there.
    const unaware = new SampleWorld(seed + 4);
    const again = createStore("renamed", unaware);
    await again.start();
    again.append(unaware.batch(unaware.records(10, start + 2 * minute, minute)));
    await again.commit();
    assert.deepEqual(await namesOf(again), new Set([late]));
    await again.stop();
  });

  test(`${name}: a peer that turns out to be another is the other in what was stored before, too`, async () => {
    const world = new SampleWorld(seed + 3);
    const store = createStore("become", world);
    const range = { from: start, to: start + 30 * minute };
    await store.start();
    store.append(world.batch(world.records(300, start, minute)));
    await store.commit();
    const pod = { id: "pod:u1", kind: "pod", name: "api-1", node: "node-a", network: "pods" } as const;
    world.peers.revise((peer) => (peer.id === "process:web-1/nginx" ? { ...peer, ...pod } : peer));
    const more = world.records(50, start + minute, minute);
    const others = more.filter(
      ({ source, destination }) => source.name !== "nginx" && destination.name !== "nginx",
    );
    store.append(world.batch(others));
    await store.commit();
    const { records } = await store.flows({ ...range, limit: 1000 });
    const ends = new Set(records.map(({ sourcePeer, sourcePeerName }) => `${sourcePeer} ${sourcePeerName}`));
    assert.ok(ends.has("pod:u1 api-1"));
    assert.ok(!ends.has("process:web-1/nginx nginx"));
    const by = ["client", "client.kind", "client.name", "client.node", "client.network"] as const;
    const { rows } = await store.aggregate({ ...range, by, metric: "bytes", limit: 100 });
    const groups = rows.map(({ group }) => group.join(" "));
    assert.ok(groups.includes("pod:u1 pod api-1 node-a pods"));
    await store.stop();
  });

  test(`${name}: links of the last minutes come back with their peers`, async () => {
    const world = new SampleWorld(seed + 2);
    const store = createStore("recent", world);
    await store.start();
    const records = world.records(2000, start, 4 * minute);
    store.append(world.batch(records));
    await store.commit();
    await store.maintain(start + 2 * minute);
    const links = await store.recentLinks(start + minute + 1234);
    const kept = records.filter(({ time }) => time >= start + minute);
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    assert.equal(
      sum(links.map(({ connections }) => connections)),
      sum(kept.map(({ connections }) => connections)),
    );
    assert.equal(
      sum(links.map(({ rttCount }) => rttCount)),
      kept.filter(({ rttMicroseconds }) => rttMicroseconds > 0).length,
    );
    const expected = new Set(
      kept.map((record) => {
        const { source, destination, sourceIsClient: forward } = record;
        const ends = forward ? [source, destination] : [destination, source];
        const port = forward ? record.destinationPort : record.sourcePort;
        return JSON.stringify([
          Math.floor(record.time / minute),
          ends,
          port,
          record.protocol,
          record.observer.id,
          record.isDuplicate,
          record.called ?? null,
          ...(forward
            ? [record.ingressInterface, record.egressInterface]
            : [record.egressInterface, record.ingressInterface]),
        ]);
      }),
    );
    const found = links.map((link) =>
      JSON.stringify([
        link.minute / minute,
        [link.client, link.server],
        link.port,
        link.protocol,
        link.observer,
        link.isDuplicate,
        link.called ?? null,
        link.clientInterface,
        link.serverInterface,
      ]),
    );
    const sorted = (texts: Iterable<string>) => [...texts].map((text) => [...text].sort().join("")).sort();
    assert.deepEqual(sorted(found), sorted(expected));
    const newest = await store.recentLinks(start, 50);
    assert.deepEqual(
      [newest.length, new Set(newest.map((link) => link.minute))],
      [50, new Set([start + 3 * minute])],
    );
    await store.stop();
  });

  test(`${name}: hostile values of a filter are only values`, async () => {
    const world = new SampleWorld(seed + 3);
    const store = createStore("hostile", world);
    await store.start();
    const records = world.records(500, start, minute);
    store.append(world.batch(records));
    await store.commit();
    const values = [
      "it's; DROP TABLE peers; --",
      "' OR 1=1 --",
      '"; DELETE FROM flow_records; --',
      "$1",
      "%",
      "_",
      "\\",
      'say "%_\\*"',
      "\u0000",
      "☃",
    ];
    for (const value of values) {
      const { filter } = parseFilter(formatFilterTerm("client.name", value));
      const query = {
        from: start,
        to: start + minute,
        filter,
        by: ["client.name"],
        metric: "bytes",
        limit: 10,
      } as const;
      assert.deepEqual((await store.aggregate(query)).rows, obviousAggregate(records, query), value);
      const page = await store.flows({ from: start, to: start + minute, filter, limit: 1000 });
      assert.equal(
        page.records.length,
        records.filter((record) => compileFilter(filter)(recordSubject(record))).length,
      );
    }
    assert.equal((await store.status()).flowRecords, records.length);
    await store.stop();
  });

  test(`${name}: as many wildcards as a filter may have find what is obvious`, async () => {
    const world = new SampleWorld(seed + 3);
    const store = createStore("wildcards", world);
    await store.start();
    store.append(world.batch(world.records(500, start, minute)));
    world.peers.renameAll(new Map([["process:web-1/nginx", "a".repeat(253)]]));
    await store.commit();
    const countOf = async (pattern: string) => {
      const { filter, error } = parseFilter(`source.name:${pattern}`);
      assert.equal(error, undefined, pattern);
      return (await store.flows({ from: start, to: start + minute, filter, limit: 1000 })).records.length;
    };
    const all = await countOf("a".repeat(253));
    assert.ok(all > 20);
    const most = filterLimits.wildcards;
    assert.equal(await countOf(`${"*a".repeat(most - 1)}*`), all);
    assert.equal(await countOf(`${"a*".repeat(most)}`), all);
    for (const count of [1, 4]) assert.equal(await countOf(`${"*a".repeat(count - 1)}*b`), 0);
    await store.stop();
  });

  test(`${name}: a clock that jumps ahead costs no history, unless it stays there`, async () => {
    const world = new SampleWorld(seed + 9);
    const store = createStore("clock", world, {
      flowsRetentionHours: 1,
      linksRetentionDays: 1,
      clockTrustMinutes: 10,
    });
    await store.start();
    store.append(world.batch(world.records(100, start, minute)));
    await store.commit();
    await store.maintain(start + minute);
    const future = start + 100 * 24 * 60 * minute;
    await store.maintain(future);
    await store.maintain(future + 9 * minute);
    assert.equal((await store.status()).flowRecords, 100);
    await store.maintain(future + 10 * minute);
    assert.equal((await store.status()).flowRecords, 0);
    await store.stop();
  });

  test(`${name}: a clock that is ahead for a moment holds up no roll-up`, async () => {
    const world = new SampleWorld(seed + 10);
    const store = createStore("ahead", world);
    await store.start();
    const records: SampleRecord[] = [];
    const take = async (time: number, now: number) => {
      const more = world.records(200, time, minute);
      records.push(...more);
      store.append(world.batch(more));
      await store.commit();
      await store.maintain(now);
      return (await store.status()).linkMinutes;
    };
    await take(start, start + minute);
    await take(start + 500 * minute, start + 500 * minute);
    const rolled: number[] = [];
    for (let i = 1; i < 5; i++) rolled.push(await take(start + i * minute, start + (i + 1) * minute));
    const different = new Set(rolled);
    assert.equal(different.size, rolled.length, `each minute is rolled up when it is over: ${rolled}`);
    await compareAnswers(store, world, records, 20);
    await compareAnswers(store, world, records, 10, 510);
    await store.stop();
  });

  test(`${name}: a clock that was believed and is set back leaves hours and days as they would be without`, async () => {
    const world = new SampleWorld(seed + 11);
    const hour = 60 * minute;
    const config = { clockTrustMinutes: 0, minutesRetentionHours: 10_000, linksRetentionDays: 1000 };
    let store = createStore("set-back", world, config);
    await store.start();
    const records: SampleRecord[] = [];
    const take = async (count: number, time: number, milliseconds: number) => {
      const more = world.records(count, time, milliseconds);
      records.push(...more);
      store.append(world.batch(more));
      await store.commit();
      await store.maintain(time + milliseconds);
      await store.maintain(time + milliseconds + minute);
      return (await store.status()).linkHours;
    };
    await take(300, start, 2 * hour);
    const ahead = start + 5 * 24 * hour;
    await take(300, ahead, 2 * hour);
    await compareAnswers(store, world, records, 10, 120);
    const hours: number[] = [];
    for (let i = 0; i < 6; i++) hours.push(await take(100, start + 2 * hour + i * 20 * minute, 19 * minute));
    const [first, second, third, fourth, fifth, sixth] = hours as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    assert.deepEqual(
      [second, fourth, fifth],
      [first, third, third],
      "an hour is put together when it is over",
    );
    assert.ok(third > second && sixth > fifth);
    await compareAnswers(store, world, records, 20, 240);
    await compareAnswers(store, world, records, 10, 120, ahead);
    await store.stop();
    store = createStore("set-back", new SampleWorld(1), config);
    await store.start();
    // The clock comes to where it was.
    for (let i = 0; i < 20; i++) await store.maintain(ahead + 3 * hour + i * minute);
    const { linkHours, linkDays } = await store.status();
    assert.ok(linkHours > sixth && linkDays > 0);
    await compareAnswers(store, world, records, 20, 240);
    await compareAnswers(store, world, records, 20, 180, ahead);
    const midnight = start - (start % (24 * hour));
    const week = { from: midnight, to: midnight + 7 * 24 * hour, by: [], metric: "bytes", limit: 1 } as const;
    assert.deepEqual((await store.aggregate(week)).rows, obviousAggregate(records, week), "out of days");
    await store.stop();
  });

  test(`${name}: a clock that is set back far behind what was removed loses nothing`, async () => {
    const world = new SampleWorld(seed + 12);
    const hour = 60 * minute;
    const config = { clockTrustMinutes: 0, minutesRetentionHours: 1, linksRetentionDays: 1000 };
    const store = createStore("far-back", world, config);
    await store.start();
    const records: SampleRecord[] = [];
    const midnight = start - (start % (24 * hour));
    const total = {
      from: midnight,
      to: midnight + 9 * 24 * hour,
      by: [],
      metric: "bytes",
      limit: 1,
    } as const;
    const go = async (time: number) => {
      const more = world.records(100, time, 1000);
      records.push(...more);
      store.append(world.batch(more));
      await store.commit();
      for (let i = 0; i < 3; i++) await store.maintain(time + 40 * minute + i * minute);
      assert.deepEqual((await store.aggregate(total)).rows, obviousAggregate(records, total), `${time}`);
    };
    for (const hours of [0, 1, 7, 100, 101, 150, 2, 3, 8, 30, 9, 102, 140, 190])
      await go(start + hours * hour);
    await store.stop();
  });

  test(`${name}: old records go first, links later, and totals stay while links do`, async () => {
    const world = new SampleWorld(seed + 4);
    const store = createStore("age", world, {
      flowsRetentionHours: 1,
      linksRetentionDays: 1,
      clockTrustMinutes: 0,
    });
    await store.start();
    const evening = start + 13.5 * 60 * minute;
    const records = world.records(2000, evening, 3 * 60 * minute);
    store.append(world.batch(records));
    await store.commit();
    const now = evening + 3 * 60 * minute;
    await store.maintain(now);
    const status = await store.status();
    assert.equal(status.flowRecords, records.filter(({ time }) => time >= now - 60 * minute).length);
    await compareAnswers(store, world, records, 10, 180, evening);
    // Links go by whole days.
    await store.maintain(start + 40 * 60 * minute);
    const kept = records.filter(({ time }) => time >= start + 15 * 60 * minute);
    assert.ok(kept.length > 0 && kept.length < records.length);
    assert.equal((await store.status()).flowRecords, 0);
    await compareAnswers(store, world, kept, 10, 180, evening);
    await store.maintain(start + 100 * 60 * minute);
    assert.deepEqual(await store.recentLinks(0), []);
    // Peers were forgotten with their last link; they are there again when they are named again.
    const again = world.records(200, start + 100 * 60 * minute, minute);
    store.append(world.batch(again));
    await store.commit();
    const query = {
      from: start,
      to: start + 200 * 60 * minute,
      by: ["client", "server"],
      metric: "bytes",
      limit: 999,
    } as const;
    assert.deepEqual((await store.aggregate(query)).rows, obviousAggregate(again, query));
    await store.stop();
  });

  test(`${name}: beyond the size the oldest records go`, async () => {
    const world = new SampleWorld(seed + 5);
    const sizeMaxBytes = 6 * 2 ** 20;
    const store = createStore("size", world, { sizeMaxBytes });
    await store.start();
    const few = world.records(100, start, minute);
    const batch = world.batch(Array.from({ length: 20_000 }, (_, i) => few[i % few.length]!));
    const times = batch.columns.collectionTimeMilliseconds;
    for (let i = 0; i < 20; i++) {
      for (let row = 0; row < batch.count; row++) {
        batch.columns.octetDeltaCount[row] = world.below(2 ** 31);
        batch.columns.flowStartMilliseconds[row] = world.below(2 ** 31);
        times[row] = start + i * minute;
      }
      store.append(batch);
      await store.commit();
      await store.maintain(start + (i + 1) * minute);
    }
    const { bytes, flowRecords, oldestFlow } = await store.status();
    assert.ok(bytes <= sizeMaxBytes, `${bytes} are in use`);
    assert.ok(flowRecords > 0 && flowRecords < 400_000, `${flowRecords} records are left`);
    assert.ok(oldestFlow! > start);
    const page = await store.flows({ from: start, to: start + 30 * minute, limit: 1 });
    assert.equal(page.records[0]?.collectionTimeMilliseconds, start + 19 * minute);
    await store.stop();
  });

  test(`${name}: more records than may wait are counted drops`, async () => {
    const world = new SampleWorld(seed + 6);
    const store = createStore("queue", world, { waitingRowsMax: 1000 });
    await store.start();
    store.append(world.batch(world.records(900, start, minute)));
    store.append(world.batch(world.records(900, start, minute)));
    store.append(world.batch(world.records(1, start, minute)));
    assert.deepEqual(world.drops, [
      { reason: "queue_full", count: 800 },
      { reason: "queue_full", count: 1 },
    ]);
    await store.commit();
    assert.equal((await store.status()).flowRecords, 1000);
    await store.stop();
  });

  test(`${name}: no exporter's nonsense stops a roll-up or a question`, async () => {
    const world = new SampleWorld(seed + 9);
    const store = createStore("nonsense", world);
    await store.start();
    const batch = world.batch(world.records(12, start, 1));
    const {
      octetDeltaCount,
      packetDeltaCount,
      samplingInterval,
      sourcePeer,
      observer,
      flowStartMilliseconds,
    } = batch.columns;
    octetDeltaCount.set([2 ** 53, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, -1, 0.5, 2 ** 64]);
    packetDeltaCount.fill(2 ** 53);
    flowStartMilliseconds.fill(Number.NEGATIVE_INFINITY);
    samplingInterval.fill(2 ** 32 - 1);
    sourcePeer[0] = 0; // not known
    observer[1] = 0; // nobody
    store.append(batch);
    await store.commit();
    const query = {
      from: start,
      to: start + minute,
      by: ["client", "server", "observer"],
      metric: "bytes",
      limit: 99,
    } as const;
    const before = await store.aggregate(query);
    await store.maintain(start + minute);
    assert.deepEqual(await store.aggregate(query), before);
    assert.equal(world.drops.length, 0);
    assert.ok(before.rows.some(({ packets }) => packets === Number.MAX_SAFE_INTEGER));
    const { records } = await store.flows({ from: start, to: start + minute, limit: 99 });
    const octets = records.map(({ octetDeltaCount }) => octetDeltaCount).reverse();
    assert.deepEqual(octets.slice(0, 7), [2 ** 53, 2 ** 53, 0, 0, 0, 0, 0]);
    await store.stop();
  });

  test(`${name}: questions and writing go on side by side, and stop waits for both`, async () => {
    const world = new SampleWorld(seed + 8);
    const store = createStore("side-by-side", world);
    await store.start();
    const few = world.records(500, start, 1);
    const counts: number[] = [];
    const asked: Promise<unknown>[] = [];
    for (let i = 0; i < 40; i++) {
      store.append(world.batch(few));
      asked.push(store.commit());
      if (i % 9 === 8) asked.push(store.maintain(start + (i + 1) * minute));
      const query = { from: start, to: start + minute, by: [], metric: "connections", limit: 1 } as const;
      asked.push(store.aggregate(query).then(({ rows }) => void counts.push(rows[0]?.connections ?? 0)));
      if (i % 4 === 3) await asked.at(-3);
    }
    await store.stop();
    await Promise.all(asked);
    const each = few.reduce((sum, { connections, isDuplicate }) => sum + (isDuplicate ? 0 : connections), 0);
    assert.equal(counts.length, 40);
    // A question sees whole commits only, each once: rolled up or not.
    for (const count of counts) assert.equal(count % each, 0, `${count} of ${each}`);
  });

  test(`${name}: a question can be given up, before and while it runs`, async () => {
    const world = new SampleWorld(seed + 7);
    const store = createStore("abort", world);
    await store.start();
    const batch = world.batch(world.records(50_000, start, minute));
    for (let i = 0; i < 6; i++) {
      store.append(batch);
      await store.commit();
    }
    const query = { from: start, to: start + minute, by: dimensions, metric: "bytes", limit: 10 } as const;
    await assert.rejects(store.aggregate({ ...query, signal: AbortSignal.abort() }), { name: "AbortError" });
    const controller = new AbortController();
    const answer = store.aggregate({ ...query, signal: controller.signal });
    setTimeout(() => controller.abort(), 5);
    await assert.rejects(answer, { name: "AbortError" });
    assert.equal((await store.status()).flowRecords, 300_000);
    await store.stop();
    await assert.rejects(store.aggregate(query), { code: "store_query" });
  });
}

/** Asks random questions and compares each answer with the obvious one. */
async function compareAnswers(
  store: Store,
  world: SampleWorld,
  records: readonly SampleRecord[],
  count: number,
  minutes = 8,
  since = start,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const text = world.pick(filterTexts);
    const query = randomQuery(world, parseFilter(text).filter, minutes, since);
    const answer = await store.aggregate(query);
    const expected = obviousAggregate(records, query);
    const groups = [...new Set(expected.map(({ group }) => JSON.stringify(group)))];
    const kept = new Set(groups.slice(0, query.limit));
    const rows = expected.filter(({ group }) => kept.has(JSON.stringify(group)));
    const { filter: _, ...shown } = query;
    assert.deepEqual(answer.rows, rows, `seed ${seed}: ${text} ${JSON.stringify(shown)}`);
    assert.equal(answer.groupsLeftOut, groups.length - kept.size);
  }
}

function randomQuery(
  world: SampleWorld,
  filter: Filter | undefined,
  minutes: number,
  since: number,
): AggregateQuery {
  const groupedBy = [...dimensions, "client.label.app", "server.label.app.x/y"] as const;
  const by = new Set<Dimension>(Array.from({ length: world.below(4) }, () => world.pick(groupedBy)));
  const from = since + world.below(minutes) * minute - world.below(2) * 1234;
  return {
    from,
    to: from + 1 + world.below(minutes * minute),
    filter,
    by: [...by],
    sampled: world.pick([undefined, "corrected", "raw"] as const),
    figures: world.pick([undefined, "all", "metric"] as const),
    step: world.pick([undefined, undefined, minute, 2 * minute, 5 * minute]),
    metric: world.pick(metrics),
    limit: world.pick([1, 3, 1000]),
  };
}

export const filterTexts: readonly string[] = [
  "",
  "",
  "nginx",
  "client.name:nginx,postgres",
  "-name:backup port:443",
  "address:10.1.0.0/16 OR server.network:internet",
  "client.address:2001:db8::/32 -server.address:10.0.0.0/8",
  "network:10.0.0.0/8",
  "address:2001:db8::/64 OR server.address:2001:db8::7",
  "protocol:udp OR port>=5000",
  "exporter:192.0.2.1",
  "-observer:web-*",
  "observer:agent:db-1 -exporter:*",
  "bytes>2MB",
  "bytes<=1MB packets>50",
  "rtt>20ms",
  "NOT rtt>20ms",
  "connections>2 OR failed:1 retransmits<9",
  "bytes>500kB (exporter:core* OR client.node:web-1)",
  "client.name:*%*",
  "namespace:shop -client.workload:cart",
  "pod:cart-* OR client.namespace:it's*",
  "workload:CART server.kind:pod,process",
  "service:cart",
  "server.service:cart-*",
  "client.service:cart OR destination.service:*admin",
  'service:"" -name:nginx',
  "label.app:cart",
  "client.label.tier:a*_b",
  "-label.app:* bytes>1kB",
  "server.label.app.x/y:1 OR label.App:cart",
  "country:us,germany",
  "server.country:*states -client.country:DE",
  "asn:AS15133 OR client.asn:it*",
  "server.asn:64500,edge*",
  "domain:nginx.com",
  "vlan:7 -site:bern",
  "unresolved:pod_not* client.namespace:shop",
  "-unresolved:*",
  "namespace:shop ()",
  "client.site:Bern vlan:7,30",
  "address:10.96.0.1",
  "client.address:10.96.0.0/16 OR source.address:10.96.0.2",
  "server.address:10.96.0.0/16 -service:cart",
  "refused>1 OR timedOut>2",
  "unreachable:1 lost<2",
  "reset>=3",
  "interface:3 -client.interface:1",
  "server.interface>=2 exporter:core*",
  "-interface:0",
  "interface:3 bytes>1000",
];
