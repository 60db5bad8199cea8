import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch } from "../flow/index.ts";
import { type Peer, PeerTable } from "../topology/index.ts";
import { createPipeline, type PipelineDependencies, type Sources } from "./pipeline.ts";

const peer = (i: number): Peer => ({
  id: `host:${i}`,
  kind: "host",
  name: String(i),
  address: String(i),
  node: "",
  network: "",
  process: "",
  container: "",
});

function createTold({ rowsMax = 100 } = {}) {
  const told: string[] = [];
  const tell = (what: string) => () => void told.push(what);
  const peers = new PeerTable(rowsMax, () => {});
  const start = 1_700_000_000_000;
  let passed = 0;
  const watching = { count: 0 };
  const marked = {
    stitcher: [] as number[],
    remote: [] as number[],
    fold: [] as { clientPeer: number; serverPeer: number }[],
  };
  const pipeline = createPipeline({
    addressPeers: { enrich: tell("enrich"), refresh: tell("refresh") },
    nat: { undo: tell("nat"), sweep: tell("nat.sweep") },
    reverseNames: { refresh: tell("reverse") },
    stitcher: {
      stitch: (_batch: FlowBatch, seconds: number) => void told.push(`stitch ${seconds}`),
      enter: (_batch: FlowBatch, seconds: number) => void told.push(`enter ${seconds}`),
      settle: (_batch: FlowBatch, seconds: number) => void told.push(`settle ${seconds}`),
      takeWaited: (_now: number) => {
        told.push("waited");
        return new FlowBatch(0);
      },
      forEachOpen: tell("open"),
      sweep: tell("sweep"),
      markPeers: (mark: (row: number) => void) => marked.stitcher.forEach(mark),
    },
    fold: {
      fold: tell("fold"),
      tick: (_now: number, forEachOpen: (visit: () => void) => void) => {
        told.push("fold.tick");
        forEachOpen(() => {});
      },
      countOpen: tell("fold.open"),
      entries: () => marked.fold,
    },
    metrics: { record: tell("metrics"), tick: tell("metrics.tick") },
    store: {
      append: tell("append"),
      commit: async () => void told.push("commit"),
      maintain: async () => void told.push("maintain"),
    },
    peers,
    live: {
      publish: tell("publish"),
      glance: tell("glance"),
      get subscriberCount() {
        return watching.count;
      },
    },
    remote: {
      waitMilliseconds: 0,
      flush: (isLast = false) => void told.push(isLast ? "remote, all" : "remote"),
      markPeers: (mark: (row: number) => void) => marked.remote.forEach(mark),
    },
    now: () => start + passed,
    clock: () => passed,
  } as unknown as PipelineDependencies);
  const sources = {
    agent: { poll: tell("poll") },
    collector: { flush: tell("flush") },
  } as unknown as Sources;
  return {
    pipeline,
    sources,
    peers,
    marked,
    watching,
    pass: (milliseconds: number) => {
      passed += milliseconds;
    },
    tick: async () => {
      told.length = 0;
      await pipeline.tick(sources);
      return [...told];
    },
    told,
  };
}

test("records are enriched, stitched, folded and stored, in this order", () => {
  const { pipeline, told } = createTold();
  const batch = new FlowBatch(1);
  pipeline.accept(batch);
  assert.deepEqual(told, [], "no records, no work");
  batch.append();
  pipeline.accept(batch);
  assert.deepEqual(told, ["nat", "enrich", "stitch 1700000000", "fold", "metrics", "append"]);
});

test("what one poll brings is judged at its end: both ends of a connection may be in batches of their own", async () => {
  const { pipeline, sources, told, tick } = createTold();
  const batch = new FlowBatch(1);
  batch.append();
  sources.agent.poll = () => {
    pipeline.acceptObserved(batch);
    pipeline.acceptObserved(batch);
  };
  await tick();
  const entered = ["nat", "enrich", "enter 1700000000"];
  const settled = ["settle 1700000000", "fold", "metrics", "append"];
  assert.deepEqual(told.slice(0, 14), [...entered, ...entered, ...settled, ...settled]);
});

test("before exporters' records are judged the agent looks, unless it just has", async () => {
  const { pipeline, sources, told, tick, pass } = createTold();
  const batch = new FlowBatch(1);
  batch.append();
  await tick();
  told.length = 0;
  pass(249);
  pipeline.acceptExported(batch, sources.agent);
  const judged = ["nat", "enrich", "stitch 1700000000", "fold", "metrics", "append"];
  assert.deepEqual(told, judged);
  assert.equal(batch.columns.collectionTimeMilliseconds[0], 1_700_000_000_249);
  told.length = 0;
  pass(1);
  pipeline.acceptExported(batch, sources.agent);
  pipeline.acceptExported(batch, sources.agent);
  assert.deepEqual(told, ["poll", "waited", "fold", "metrics", "append", ...judged, ...judged]);
});

test("at the end everything is asked for twice: what waited for the first poll comes with the second", () => {
  const { pipeline, sources, told } = createTold();
  pipeline.finish(sources);
  const once = ["poll", "waited", "fold", "metrics", "append", "flush", "remote"];
  assert.deepEqual(told, [...once, ...once, "remote, all", "waited", "fold", "metrics", "append"]);
});

test("a tick is: agent, those who waited, collector, fold, store, subscribers; once a minute it tidies", async () => {
  const { tick, pass } = createTold();
  const second = [
    "poll",
    "waited",
    "fold",
    "metrics",
    "append",
    "flush",
    "remote",
    "fold.tick",
    "open",
    "metrics.tick",
    "commit",
    "publish",
    "maintain",
  ];
  assert.deepEqual(await tick(), [...second, "refresh", "reverse", "sweep", "nat.sweep"]);
  pass(59_999);
  assert.deepEqual(await tick(), second);
  pass(1);
  assert.deepEqual(await tick(), [...second, "refresh", "reverse", "sweep", "nat.sweep"]);
});

test("a glance between two ticks shows what came in to those who look, and costs nothing without them", () => {
  const { pipeline, sources, told, watching } = createTold();
  pipeline.glance(sources);
  assert.deepEqual(told, []);
  watching.count = 1;
  pipeline.glance(sources);
  assert.deepEqual(told, ["poll", "waited", "fold", "metrics", "append", "flush", "fold.open", "glance"]);
});

test("an agent that takes long is not asked by a glance, neither for itself nor for exporters' records", () => {
  const { pipeline, sources, told, watching, pass } = createTold();
  watching.count = 1;
  const { poll } = sources.agent;
  const { flush } = sources.collector;
  const batch = new FlowBatch(1);
  batch.append();
  sources.agent.poll = () => {
    poll();
    pass(21);
  };
  sources.collector.flush = () => {
    flush();
    pipeline.acceptExported(batch, sources.agent);
  };
  pipeline.glance(sources);
  assert.equal(told[0], "poll");
  told.length = 0;
  pass(500);
  pipeline.glance(sources);
  assert.deepEqual(told, ["glance"], "what came in otherwise is shown");
});

test("peers that nobody refers to are freed when the table is nearly full, and not before", async () => {
  const { tick, peers, marked } = createTold({ rowsMax: 10 });
  const rows = [0, 1, 2, 3, 4, 5].map((i) => peers.intern(peer(i))); // 8 of 10, with the first two
  marked.stitcher.push(rows[0]!);
  marked.remote.push(rows[3]!);
  marked.fold.push({ clientPeer: rows[1]!, serverPeer: rows[2]! });
  await tick();
  assert.equal(peers.count, 8);
  peers.intern(peer(6));
  await tick();
  assert.equal(peers.count, 6);
  assert.deepEqual(
    [0, 1, 2, 3].map((i) => peers.get(rows[i]!).id),
    ["host:0", "host:1", "host:2", "host:3"],
  );
});
