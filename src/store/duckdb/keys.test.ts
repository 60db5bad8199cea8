import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { FlowBatch, ObserverTable, observerOf } from "../../flow/index.ts";
import { otherPeer, type Peer, PeerTable, peerKey } from "../../topology/index.ts";
import { type StoreConfig, storeDefaults } from "../config.ts";
import { SampleWorld, sampleAddress } from "../sample-records.ts";
import type { Store } from "../store.ts";
import { createDuckDBStore } from "./duckdb-store.ts";

const start = Date.UTC(2026, 10, 21, 9, 0);
const hour = 3_600_000;
const seed = Number(process.env.SEED ?? 20_261_122);

const host = (i: number): Peer => ({
  ...otherPeer,
  id: `host:${sampleAddress(i)}`,
  kind: "host",
  name: `host-${i}`,
  address: sampleAddress(i),
});

/** A store whose records carry their number as bytes, and what is known of each. */
class NumberedRecords {
  readonly folder: string;
  readonly random = new SampleWorld(seed);
  peers = new PeerTable(1000, () => {});
  observers = new ObserverTable();
  store!: Store;
  /** Hosts by the record's number: source, destination, called or -1. */
  readonly hosts: [number, number, number][] = [];
  /** Called in the middle of the next commit that has somebody new. */
  during: () => void = () => {};
  readonly #config: Partial<StoreConfig>;

  constructor(t: TestContext, config: Partial<StoreConfig> = {}) {
    this.folder = mkdtempSync(join(tmpdir(), "portolan-keys-"));
    t.after(() => rmSync(this.folder, { recursive: true }));
    this.#config = config;
  }

  async start(): Promise<void> {
    const { peers, observers, folder } = this;
    const factsOf = () => {
      const { during } = this;
      this.during = () => {};
      during();
      return {};
    };
    const config = { ...storeDefaults, ...this.#config, folder };
    this.store = createDuckDBStore(config, {
      peers,
      observers,
      drop: () => {},
      facts: { factsOf, generation: 1 },
    });
    await this.store.start();
  }

  /** As by a new process: nothing is remembered but what the file has. */
  async restart(): Promise<void> {
    await this.store.stop();
    this.peers = new PeerTable(1000, () => {});
    this.observers = new ObserverTable();
    await this.start();
  }

  append(hosts: readonly (readonly [number, number, number?])[], time = start): void {
    const batch = new FlowBatch(hosts.length);
    const { columns } = batch;
    for (const [source, destination, called = -1] of hosts) {
      const row = batch.append();
      columns.octetDeltaCount[row] = this.hosts.push([source, destination, called]) - 1;
      columns.collectionTimeMilliseconds[row] = time;
      columns.sourcePeer[row] = this.peers.intern(host(source));
      columns.destinationPeer[row] = this.peers.intern(host(destination));
      if (called !== -1) columns.calledPeer[row] = this.peers.intern(host(called));
      columns.observer[row] = this.observers.intern(observerOf(`agent:web-${source % 5}`));
      columns.clientEnd[row] = 1;
    }
    this.store.append(batch);
  }

  /** A question whose name tells who asks. */
  ask(i: number, time: number, queryCount = 1): void {
    const asked = { ...this.random.asked(this.peers.intern(host(i)), `${host(i).id}.example`), queryCount };
    this.store.appendAsked([asked], time, "web-1");
  }

  async sql(statement: string): Promise<unknown[][]> {
    const instance = await DuckDBInstance.create(join(this.folder, "portolan.duckdb"));
    const connection = await instance.connect();
    const rows = (await connection.runAndReadAll(statement)).getRowsJS();
    connection.closeSync();
    instance.closeSync();
    return rows;
  }

  /** Of a stopped store: everybody is who they were when it was appended. Gives the number of records, names and links. */
  async check(): Promise<{ records: number; names: number; links: number }> {
    const records =
      await this.sql(`SELECT f."octetDeltaCount"::DOUBLE, s.id, d.id, c.id, f.called_peer_key::DOUBLE, o.id
      FROM flow_records f LEFT JOIN peers s ON s.key = source_peer_key LEFT JOIN peers d ON d.key = destination_peer_key
      LEFT JOIN peers c ON c.key = called_peer_key LEFT JOIN observers o ON o.key = observer_key`);
    for (const [number, source, destination, called, calledKey, observer] of records) {
      const expected = this.hosts[number as number]!;
      const ids = expected.map((each) => (each === -1 ? null : host(each).id));
      assert.deepEqual([source, destination, called], ids, `seed ${seed}: record ${number}`);
      assert.equal(calledKey === 0, expected[2] === -1);
      assert.equal(observer, `agent:web-${expected[0] % 5}`);
    }
    const asked = await this.sql(
      "SELECT asked_names.name, p.id FROM asked_names LEFT JOIN peers p ON p.key = peer_key",
    );
    for (const [name, id] of asked) assert.equal(name, `${id}.example`, `seed ${seed}`);
    const ends = ["link_minutes", "link_hours", "link_days"].map(
      (table) => `SELECT observer_key, unnest([client_key, server_key]) AS key FROM ${table}`,
    );
    const [[links, nobody, unseen] = []] = await this.sql(`SELECT count(*)::DOUBLE,
      count(*) FILTER (key NOT IN (SELECT key FROM peers))::DOUBLE,
      count(*) FILTER (observer_key NOT IN (SELECT key FROM observers))::DOUBLE FROM (${ends.join(" UNION ALL ")})`);
    assert.deepEqual([nobody, unseen], [0, 0], `seed ${seed}: links of nobody`);
    const peers = await this.sql("SELECT id, address, key::DOUBLE, identity::DOUBLE FROM peers");
    for (const [id, address, , identity] of peers)
      assert.equal(identity, peerKey({ id: id as string, address: address as string }));
    for (const i of [0, 2, 3])
      assert.equal(
        new Set(peers.map((row) => row[i])).size,
        peers.length,
        `seed ${seed}: each is there once`,
      );
    return { records: records.length, names: asked.length, links: links as number };
  }

  /** Of a stopped store. */
  async keys(): Promise<Record<string, unknown>> {
    return Object.fromEntries(await this.sql("SELECT name, key::DOUBLE FROM peers ORDER BY key"));
  }
}

const pairs = (from: number, count: number): [number, number][] =>
  Array.from({ length: count }, (_, i) => [from + 2 * i, from + 2 * i + 1]);

test("keys are 1, 2, 3 and so on, in the order in which peers and observers came", async (t) => {
  const world = new NumberedRecords(t);
  await world.start();
  for (let i = 0; i < 6; i++) {
    world.append([...pairs(0, 20), ...pairs(40 * i, 40)]);
    await world.store.commit();
  }
  await world.store.stop();
  const keys = Object.values(await world.keys()) as number[];
  assert.deepEqual(
    keys,
    Array.from({ length: 280 }, (_, i) => i + 1),
  );
  const [observers] = await world.sql("SELECT list(key::DOUBLE ORDER BY key) FROM observers");
  assert.deepEqual(observers, [[1, 2, 3, 4, 5]]);
  await world.check();
});

test("after a restart a peer has the key that the file has for it, and who is new the next", async (t) => {
  const world = new NumberedRecords(t);
  await world.start();
  world.append(pairs(0, 2));
  world.ask(1, start);
  await world.store.commit();
  await world.store.maintain(start + 5 * 60_000);
  await world.restart();
  world.append([
    [7, 3],
    [0, 1],
  ]);
  world.ask(1, start);
  await world.store.commit();
  await world.store.maintain(start + 10 * 60_000);
  const { rows } = await world.store.links({ from: start, to: start + hour, metric: "bytes", limit: 9 });
  const records = rows.map(({ client, server, bytesSent }) => [client.name, server.name, bytesSent]);
  assert.deepEqual(
    records,
    [
      ["host-7", "host-3", 2],
      ["host-0", "host-1", 0 + 3],
      ["host-2", "host-3", 1],
    ].sort((a, b) => Number(b[2]) - Number(a[2])),
  );
  await world.store.stop();
  assert.deepEqual(await world.keys(), { "host-0": 1, "host-2": 2, "host-1": 3, "host-3": 4, "host-7": 5 });
  assert.deepEqual(await world.check(), { records: 4, names: 2, links: 8 });
});

test("what comes while a commit is under way names the peers that it gives keys, and those that the file has", async (t) => {
  const world = new NumberedRecords(t);
  await world.start();
  world.append(pairs(0, 3));
  await world.restart();
  world.append([[4, 3, 8]]);
  world.during = () => {
    world.append([
      [3, 4],
      [8, 9, 0],
    ]);
    world.ask(3, start);
  };
  await world.store.commit();
  world.append([[9, 8]]);
  await world.store.commit();
  await world.store.stop();
  const before = { "host-0": 1, "host-2": 2, "host-4": 3, "host-1": 4, "host-3": 5, "host-5": 6 };
  assert.deepEqual(await world.keys(), { ...before, "host-8": 7, "host-9": 8 });
  const { records, names } = await world.check();
  assert.deepEqual([records, names], [7, 1]);
});

test("of a commit that was not carried out nobody is named, and its keys are nobody else's", async (t) => {
  const world = new NumberedRecords(t);
  await world.start();
  world.append([[0, 1]]);
  world.during = () => {
    world.append([[0, 2]]);
    throw new Error("before keys are given");
  };
  await world.store.commit();
  await world.store.commit();
  // This one ends after two were given.
  world.append([[1, 3]]);
  world.peers.rename(host(0), "renamed");
  world.ask(1, start, Number.NaN);
  world.during = () => world.append([[3, 4]]);
  await world.store.commit();
  await world.store.commit();
  await world.store.stop();
  assert.deepEqual(await world.keys(), { renamed: 1, "host-2": 2, "host-3": 5, "host-4": 6 });
  assert.equal((await world.check()).records, 2);
});

/** A store of hosts 0 to 3, whose keys are 1, 3, 2 and 4, and of a time when nothing names them any more. */
async function createForgotten(t: TestContext) {
  const world = new NumberedRecords(t, {
    flowsRetentionHours: 1,
    linksRetentionDays: 1,
    clockTrustMinutes: 0,
  });
  await world.start();
  world.append(pairs(0, 2));
  await world.store.commit();
  await world.store.maintain(start + 60_000);
  const later = start + 100 * hour;
  return { world, later, removeUnnamed: () => world.store.maintain(later + 2 * 60_000) };
}

test("a peer that nothing named any more, and went, is there again with what names it anew", async (t) => {
  const { world, later, removeUnnamed } = await createForgotten(t);
  world.append([[2, 3]], later);
  await world.store.commit();
  // What waits is committed before it is looked who is named; of the peers of what comes then keys were known.
  world.append([[2, 9]], later);
  world.during = () => world.append([[0, 3]], later);
  await removeUnnamed();
  world.append([[1, 0]], later);
  await world.store.stop();
  await world.check();
  const expected = { "host-2": 2, "host-3": 4, "host-9": 5, "host-0": 6, "host-1": 7 };
  assert.deepEqual(await world.keys(), expected, "two had been removed");
});

test("the key of a peer that went is nobody else's while the process lives, also when the folder is opened again", async (t) => {
  const { world, later, removeUnnamed } = await createForgotten(t);
  world.append([[0, 2]], later);
  await removeUnnamed();
  await world.store.stop();
  assert.deepEqual(await world.keys(), { "host-0": 1, "host-2": 2 });
  await world.store.start();
  world.append([[9, 0]], later);
  await world.store.stop();
  assert.deepEqual(await world.keys(), { "host-0": 1, "host-2": 2, "host-9": 5 });
  await world.check();
});

test("whatever happens in whatever order, everybody is who they were", async (t) => {
  const world = new NumberedRecords(t, {
    flowsRetentionHours: 50,
    linksRetentionDays: 3,
    clockTrustMinutes: 0,
  });
  await world.start();
  const { random } = world;
  let time = start;
  let failures = 0;
  const some = () => random.below(random.pick([8, 60]));
  const found = { records: 0, names: 0, links: 0 };
  for (let step = 0; step < 1200; step++) {
    switch (random.below(14)) {
      case 0:
        world.peers.sweep((mark) => {
          if (random.below(2) === 0) for (let row = 2; row < world.peers.rowsEnd; row += 3) mark(row);
        });
        break;
      case 1:
        world.peers.rename(host(some()), `named-${step}`);
        break;
      case 2:
        time += random.below(6) * hour;
        void world.store.maintain(time);
        break;
      case 3:
        world.ask(some(), time, random.below(20) === 0 ? Number.NaN : 1);
        break;
      case 4:
      case 5:
        void world.store.commit();
        break;
      case 6:
        world.during = () => {
          world.append([[some(), some(), some()]], time);
          if (random.below(3) > 0) return;
          failures++;
          throw new Error("in the middle");
        };
        await world.store.commit();
        break;
      case 7:
        if (random.below(8) > 0) break;
        await world.store.stop();
        for (const [kind, count] of Object.entries(await world.check())) found[kind as "records"] += count;
        await world.restart();
        break;
      default: {
        const count = 1 + random.below(5);
        const called = () => (random.below(3) === 0 ? some() : -1);
        world.append(
          Array.from({ length: count }, () => [some(), some(), called()]),
          time,
        );
      }
    }
    if (random.below(3) === 0) await new Promise(setImmediate);
  }
  await world.store.stop();
  await world.check();
  assert.ok(
    failures > 3 && found.records > 100 && found.names > 10 && found.links > 100,
    JSON.stringify(found),
  );
  const [[last] = []] = await world.sql("SELECT max(key)::DOUBLE FROM peers");
  assert.ok(Number(last) < 5000, `${last}: keys are small`);
});
