import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch, ObserverTable } from "../flow/index.ts";
import { parseFilter } from "../query/index.ts";
import {
  clientEnd,
  LiveFold,
  liveFoldDefaults,
  type Peer,
  PeerTable,
  type Topology,
  type TopologyChange,
} from "../topology/index.ts";
import { createLiveHub, type LiveQuery } from "./live-hub.ts";
import { createPeerFacts } from "./peer-facts.ts";
import { testFacts } from "./testdata/test-facts.ts";

const start = 1_700_000_040_000;

interface Link {
  to?: string;
  client?: string;
  port?: number;
  sent?: number;
  rttMicroseconds?: number;
  connections?: number;
  seen?: number;
}

const peer = (name: string): Peer => ({
  id: `process:vm/${name}`,
  kind: "process",
  name,
  address: "10.0.0.5",
  node: "vm",
  network: "10.0.0.0/24",
  process: name,
  container: "",
});
const server: Peer = {
  ...peer(""),
  id: "host:192.0.2.1",
  kind: "host",
  name: "192.0.2.1",
  address: "192.0.2.1",
  node: "",
};

function createLive() {
  const geo = { generation: 0, facts: { country: "CH", asNumber: 64500, asName: "Example" } };
  const peers = new PeerTable(1000, () => {});
  const observers = new ObserverTable();
  const fold = new LiveFold(liveFoldDefaults, () => {});
  fold.tick(start, () => {});
  const work = { reads: 0, views: 0 };
  const entries = fold.entries.bind(fold);
  fold.entries = () => {
    work.reads++;
    return entries();
  };
  const now = () => {
    work.views++; // asked for once per view
    time.milliseconds += time.viewMilliseconds;
    return start + 5;
  };
  /** What has gone by, and what a view costs of it. */
  const time = { milliseconds: 0, viewMilliseconds: 0 };
  const clock = () => time.milliseconds;
  const peerFacts = createPeerFacts(testFacts(geo));
  const live = createLiveHub({ fold, peers, observers, peerFacts, now, clock });
  return {
    live,
    time,
    geo,
    /** How often the fold was read and a view computed since this was last asked for. */
    takeWork() {
      const taken = [work.reads, work.views];
      work.reads = work.views = 0;
      return taken;
    },
    add({
      to = "192.0.2.1",
      client = "curl",
      port = 443,
      sent = 100,
      rttMicroseconds = 0,
      connections = 0,
      seen = start,
    }: Link = {}) {
      const batch = new FlowBatch(1);
      batch.append();
      const { columns } = batch;
      columns.clientEnd[0] = clientEnd.source;
      columns.sourcePeer[0] = peers.intern(peer(client));
      columns.destinationPeer[0] = peers.intern({ ...server, id: `host:${to}`, address: to });
      columns.destinationTransportPort[0] = port;
      columns.protocolIdentifier[0] = 6;
      columns.octetDeltaCount[0] = sent;
      columns.roundTripTimeMicroseconds[0] = rttMicroseconds;
      columns.connectionCount[0] = connections;
      columns.observer[0] = observers.intern({ id: "agent:vm", kind: "agent", name: "vm" });
      columns.collectionTimeMilliseconds[0] = seen;
      fold.fold(batch);
    },
  };
}

function query(changes: Partial<LiveQuery> = {}): LiveQuery {
  const filterText = changes.filterText ?? "";
  const parsed = filterText === "" ? undefined : parseFilter(filterText, "links");
  return {
    filterText,
    filter: parsed?.filter,
    grouping: undefined,
    metric: "bytes",
    linksMax: 100,
    ...changes,
  };
}

function createSubscriber() {
  const events: [string, Topology | TopologyChange][] = [];
  return {
    isBehindNow: false,
    waits: 0,
    events,
    kinds: () => events.map(([event]) => event),
    last: () => events.at(-1)![1],
    send: (event: "map" | "change", data: string) => void events.push([event, JSON.parse(data)]),
    isBehind() {
      return this.isBehindNow;
    },
    keepAlive() {
      this.waits++;
    },
  };
}

const linkIds = ({ links }: Topology | TopologyChange) => links.map(({ id }) => id);
const curl = "process:vm/curl>host:192.0.2.1";
const wget = "process:vm/wget>host:192.0.2.1";

test("peers say where they are, and are sent anew when a database says something else", () => {
  const { live, add, geo } = createLive();
  add({ to: "198.41.0.4" });
  const subscriber = createSubscriber();
  live.subscribe(query(), subscriber);
  const countryOf = ({ peers }: Topology | TopologyChange) =>
    peers.find(({ id }) => id === "host:198.41.0.4")?.country;
  assert.equal(countryOf(subscriber.last()), "CH");
  live.publish();
  assert.deepEqual(subscriber.last().peers, [], "nothing has changed");
  geo.facts = { ...geo.facts, country: "DE" };
  geo.generation++;
  live.publish();
  assert.equal(countryOf(subscriber.last()), "DE");
});

test("a subscriber gets the whole map at once, then what changed", () => {
  const { live, add } = createLive();
  add();
  const subscriber = createSubscriber();
  live.subscribe(query(), subscriber);
  assert.deepEqual(subscriber.kinds(), ["map"]);
  assert.deepEqual(linkIds(subscriber.last()), [curl]);
  assert.deepEqual([subscriber.last().from, subscriber.last().to], [start + 5 - 900_000, start + 5]);
  add({ client: "wget" });
  live.publish();
  assert.deepEqual(subscriber.kinds(), ["map", "change"]);
  assert.deepEqual(linkIds(subscriber.last()), [wget]);
  live.publish();
  assert.deepEqual(linkIds(subscriber.last()), [], "nothing new is said as an empty change");
});

test("equal views are computed once, whoever looks at them; without anybody nothing is computed", () => {
  const { live, add, takeWork } = createLive();
  add();
  live.publish();
  assert.deepEqual(takeWork(), [0, 0]);
  const subscribers = [createSubscriber(), createSubscriber(), createSubscriber()];
  for (const subscriber of subscribers) live.subscribe(query(), subscriber);
  assert.deepEqual(takeWork(), [1, 1]);
  live.publish();
  assert.deepEqual(takeWork(), [1, 1]);
  live.subscribe(query({ filterText: "port:80" }), createSubscriber());
  live.subscribe(query({ grouping: "address" }), createSubscriber());
  takeWork();
  live.publish();
  assert.deepEqual(takeWork(), [1, 3], "the links are merged once for all");
  for (const subscriber of subscribers) assert.equal(subscriber.events.length, 3);
});

test("another filter, grouping, metric or limit is another view", () => {
  const { live, add } = createLive();
  add();
  add({ client: "wget", port: 80, sent: 5, connections: 3 });
  const seen = (changes: Partial<LiveQuery>) => {
    const subscriber = createSubscriber();
    live.subscribe(query(changes), subscriber);
    return subscriber.last();
  };
  assert.deepEqual(linkIds(seen({})), [curl, wget]);
  assert.deepEqual(linkIds(seen({ filterText: "port:80" })), [wget]);
  assert.deepEqual(linkIds(seen({ grouping: "node" })), ["node:vm>host:192.0.2.1"]);
  assert.deepEqual(linkIds(seen({ linksMax: 1 })), [curl]);
  assert.deepEqual(linkIds(seen({ linksMax: 1, metric: "connections" })), [wget]);
  assert.deepEqual(seen({ linksMax: 1 }).truncated, { peers: 1, links: 1 });
});

test("a filter sees peers, ports, totals and observers of a link", () => {
  const { live, add } = createLive();
  add({ sent: 2000 });
  add({ client: "wget", port: 80, sent: 5 });
  const found = (filterText: string) => linkIds(live.snapshot(query({ filterText })));
  assert.deepEqual(found("client.process:curl"), [curl]);
  assert.deepEqual(found("bytes>1000"), [curl]);
  assert.deepEqual(found("bytes<1000"), [wget]);
  assert.deepEqual(found("observer:vm"), [curl, wget]);
  assert.deepEqual(found("observer:elsewhere"), []);
  assert.deepEqual(found("rtt>1ms"), [], "nobody measured");
  add({ client: "wget", port: 80, rttMicroseconds: 2000 });
  live.publish();
  assert.deepEqual(found("rtt>1ms"), [wget]);
  assert.deepEqual(found("rtt>3ms"), []);
});

test("who joins later starts from the map the others have, so that the next change fits both", () => {
  const { live, add } = createLive();
  add();
  const [early, late] = [createSubscriber(), createSubscriber()];
  live.subscribe(query(), early);
  add({ client: "wget" });
  live.subscribe(query(), late);
  assert.deepEqual(linkIds(late.last()), [curl]);
  live.publish();
  assert.deepEqual(linkIds(late.last()), [wget]);
  assert.deepEqual(late.last(), early.last());
});

test("a subscriber that is behind is left alone, and gets a whole map when it has caught up", () => {
  const { live, add } = createLive();
  add();
  const [slow, quick] = [createSubscriber(), createSubscriber()];
  live.subscribe(query(), slow);
  live.subscribe(query(), quick);
  slow.isBehindNow = true;
  add({ client: "wget" });
  live.publish();
  live.publish();
  assert.deepEqual(slow.kinds(), ["map"]);
  slow.isBehindNow = false;
  live.publish();
  assert.deepEqual(slow.kinds(), ["map", "map"]);
  assert.deepEqual(linkIds(slow.last()), [curl, wget]);
  assert.deepEqual(quick.kinds(), ["map", "change", "change", "change"]);
  live.publish();
  assert.deepEqual(slow.kinds(), ["map", "map", "change"], "then changes again");
});

test("between two seconds what is new and gone is told; of much that changed the figures come with the second", () => {
  const { live, add } = createLive();
  const subscriber = createSubscriber();
  const clients = Array.from({ length: 64 }, (_, i) => `client-${i}`);
  for (const client of [...clients, "curl"]) add({ client });
  live.subscribe(query(), subscriber);
  const figures = () => (subscriber.last() as Topology).links.map(({ id, bytesSent }) => [id, bytesSent]);
  const touch = (client: string) => add({ client, seen: start + 1000 });
  for (const client of clients) touch(client);
  live.glance();
  assert.equal(figures().length, 64, "of few links figures are told too");
  for (const client of clients) add({ client, seen: start + 2000 });
  add({ client: "curl", seen: start + 2000 });
  add({ client: "wget", seen: start + 2000 });
  live.glance();
  assert.deepEqual(figures(), [[wget, 100]]);
  live.publish();
  assert.equal(figures().length, 65);
  assert.deepEqual(
    figures().find(([id]) => id === curl),
    [curl, 200],
  );
});

for (const [viewMilliseconds, longest] of [
  [1, 1000],
  [150, 1000],
  [300, 1500],
  [600, 2500],
] as const) {
  test(`the figures of a view that costs ${viewMilliseconds} ms come at least each ${longest} ms`, () => {
    for (const first of [0, 1]) assert.ok(longestWait(viewMilliseconds, first) <= longest);
  });
}

/** Milliseconds that a view of many links waits for its figures at most, where publications are glances first or second. */
function longestWait(viewMilliseconds: number, first: number): number {
  const { live, add, time } = createLive();
  const subscriber = createSubscriber();
  const clients = Array.from({ length: 65 }, (_, i) => `client-${i}`);
  for (const client of clients) add({ client });
  live.subscribe(query(), subscriber);
  time.viewMilliseconds = viewMilliseconds;
  const told = [0];
  for (let half = 1; half <= 60; half++) {
    for (const client of clients) add({ client, seen: start + half });
    const before = subscriber.events.length;
    time.milliseconds = half * 500;
    if (half % 2 === first) live.publish();
    else live.glance();
    if (subscriber.events.length > before && linkIds(subscriber.last()).length > 0) told.push(half * 500);
  }
  told.push(30_500);
  return Math.max(...told.slice(1).map((at, i) => at - told[i]!));
}

test("views take a share of the time: those that cost much are computed in turn, and who waits is told that he does", () => {
  const { live, time } = createLive();
  const subscribers = [80, 443, 5432].map((port) => {
    const subscriber = createSubscriber();
    live.subscribe(query({ filterText: `port:${port}` }), subscriber);
    return subscriber;
  });
  const changes = () => subscribers.map(({ events }) => events.length - 1);
  time.viewMilliseconds = 1200;
  time.milliseconds += 1000;
  live.publish();
  assert.deepEqual(changes(), [1, 0, 0], "one takes what is left, and three seconds more");
  for (let second = 0; second < 3; second++, time.milliseconds += 1000) live.publish();
  assert.deepEqual(changes(), [1, 1, 0]);
  for (let second = 0; second < 9; second++, time.milliseconds += 1000) live.publish();
  assert.deepEqual(
    changes(),
    [2, 2, 1].sort((a, b) => b - a),
  );
  assert.ok(subscribers.every(({ waits }) => waits <= 2));
  assert.ok(
    subscribers.some(({ waits }) => waits > 0),
    "a stream is not silent for long",
  );
  time.viewMilliseconds = 1;
  time.milliseconds += 10_000;
  const before = changes();
  for (let half = 0; half < 10; half++, time.milliseconds += 500)
    half % 2 === 0 ? live.glance() : live.publish();
  assert.deepEqual(
    changes(),
    before.map((count) => count + 10),
    "each time, when they cost little",
  );
});

test("the links are merged once between two publications, whoever asks", () => {
  const { live, add, takeWork } = createLive();
  add();
  assert.equal(live.links().length, 1);
  assert.equal(live.links(), live.links());
  live.snapshot(query());
  assert.equal(takeWork()[0], 1);
  add({ client: "wget" });
  live.publish();
  assert.equal(live.links().length, 2);
});

test("who has left hears nothing more and is not counted", () => {
  const { live, takeWork } = createLive();
  const [one, two] = [createSubscriber(), createSubscriber()];
  const leaveOne = live.subscribe(query(), one);
  const leaveTwo = live.subscribe(query(), two);
  assert.equal(live.subscriberCount, 2);
  leaveOne();
  live.publish();
  assert.deepEqual([one.events.length, two.events.length, live.subscriberCount], [1, 2, 1]);
  leaveTwo();
  assert.equal(live.subscriberCount, 0);
  takeWork();
  live.publish();
  assert.deepEqual(takeWork(), [0, 0], "an abandoned view is not computed");
});

test("leaving twice does not take a view away from those who came after", () => {
  const { live } = createLive();
  const leave = live.subscribe(query(), createSubscriber());
  leave();
  const later = createSubscriber();
  live.subscribe(query(), later);
  leave();
  live.publish();
  assert.deepEqual([later.kinds(), live.subscriberCount], [["map", "change"], 1]);
});

test("different views are bounded; those that are open can be joined, and one that is left makes room", () => {
  const { live } = createLive();
  const view = (i: number) => query({ linksMax: i });
  const leave = live.subscribe(view(1), createSubscriber());
  for (let i = 2; i <= 16; i++) {
    assert.ok(live.hasRoomFor(view(i)));
    live.subscribe(view(i), createSubscriber());
  }
  assert.equal(live.hasRoomFor(view(17)), false);
  assert.ok(live.hasRoomFor(view(16)));
  leave();
  assert.ok(live.hasRoomFor(view(17)));
});

test("only so many different views are open at once; any number may share one", () => {
  const { live } = createLive();
  const view = (port: number) => query({ filterText: `port:${port}` });
  const leave: (() => void)[] = [];
  for (let port = 1; live.hasRoomFor(view(port)); port++) {
    assert.ok(port < 100, "there is a bound");
    leave.push(live.subscribe(view(port), createSubscriber()));
  }
  assert.ok(live.hasRoomFor(view(1)), "this one is open already");
  leave[0]!();
  assert.ok(live.hasRoomFor(view(999)));
});
