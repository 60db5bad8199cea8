import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { pino } from "pino";
import { createAddressPeers, NameTable } from "../enrich/index.ts";
import { createKubernetes } from "../enrich/kubernetes/index.ts";
import { ObserverTable, parseAddress } from "../flow/index.ts";
import { type IngestMessage, ingestLimits, writeMessage } from "../ingest/index.ts";
import {
  type SampleRow,
  sampleBatch,
  sampleMessage,
  samplePeer,
  samplePod,
  wholeMessage,
} from "../ingest/testdata/sample-message.ts";
import { DropCounters } from "../metrics/index.ts";
import { parseFilter } from "../query/index.ts";
import { hashToken } from "../settings/index.ts";
import { createDuckDBStore, storeDefaults } from "../store/index.ts";
import {
  createNat,
  createStitcher,
  LiveFold,
  liveFoldDefaults,
  natTableDefaults,
  otherPeer,
  type Peer,
  PeerTable,
  stitchDefaults,
} from "../topology/index.ts";
import { type IngestDependencies, ingestPath, routeIngest } from "./api/ingest.ts";
import { createTokenCheck } from "./auth/token-check.ts";
import { createHttp } from "./http.ts";
import { IngestCounts } from "./ingest-counts.ts";
import { createLiveHub } from "./live-hub.ts";
import { createPeerFacts } from "./peer-facts.ts";
import { createPipeline, type Sources } from "./pipeline.ts";
import { createRemoteAgents } from "./remote-agents.ts";
import { restoreLive } from "./restore-live.ts";

const token = "0123456789abcdef-token";
const instanceB = "b".repeat(32);
const epochB = "b0".repeat(16);
const serverEpoch = "e0".repeat(16);
const start = Date.UTC(2026, 10, 21, 12, 0, 0);

/** A server without sockets: what comes in by `post` goes through the pipeline and the store; time goes by when `tick` is called. */
async function createReceiving(
  folder: string,
  clock = { now: start },
  options: {
    isOpen?: boolean;
    here?: string;
    nodes?: string[];
    limits?: IngestDependencies["limits"];
    peersMax?: number;
  } = {},
) {
  const drops = new DropCounters();
  const observers = new ObserverTable();
  const peers = new PeerTable(options.peersMax ?? 10_000, drops.drop);
  const fold = new LiveFold(liveFoldDefaults, drops.drop);
  const stitcher = createStitcher(stitchDefaults, drops.drop);
  const nat = createNat(natTableDefaults, stitcher, drops.drop);
  const names = new NameTable();
  const now = () => clock.now;
  const addressPeers = createAddressPeers({
    ...{ peers, node: "server", localAddresses: () => ["10.0.0.100"] },
    nameOf: (bytes, offset) => names.nameOf(bytes, offset, Math.floor(now() / 1000)),
  });
  const store = createDuckDBStore({ ...storeDefaults, folder }, { peers, observers, drop: drops.drop });
  const remote = createRemoteAgents({
    ...{ nat, stitcher, addressPeers, store, fold, peers, observers, names, drop: drops.drop, now },
    isObservedHere: (node) => node === options.here,
  });
  let acceptedCount = 0;
  const { accept } = remote;
  remote.accept = (...parameters) => {
    acceptedCount++;
    return accept(...parameters);
  };
  /** Waits until so many messages have been looked at since the start: those that may be taken wait for others then. */
  const accepted = async (count: number) => {
    while (acceptedCount < count) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  const live = createLiveHub({
    fold,
    peers,
    observers,
    peerFacts: createPeerFacts({ generation: 0, factsOf: () => undefined }),
    now,
    clock: () => 0,
  });
  const reverseNames = { refresh() {} };
  const pipeline = createPipeline({
    addressPeers,
    nat,
    reverseNames,
    stitcher,
    fold,
    store,
    peers,
    live,
    remote,
    metrics: { record() {}, tick() {} },
    now,
  });
  const sources = { agent: { poll() {} }, collector: { flush() {} } } as unknown as Sources;
  await store.start();
  await restoreLive({ store, fold, stitcher, nat, peers, observers }, now());
  const app = createHttp({
    logger: pino({}, { write: () => {} }),
    isLoopbackOnly: true,
    areAgentsChecked: true,
  });
  const counts = new IngestCounts();
  routeIngest(app, {
    ...{ agents: remote, counts, serverEpoch },
    limits: options.limits ?? {},
    bearerOf: options.isOpen
      ? undefined
      : createTokenCheck([{ name: "nodes", hash: hashToken(token), nodes: options.nodes }]),
  });
  await app.ready();
  const tick = async (milliseconds = 1000) => {
    clock.now += milliseconds;
    await pipeline.tick(sources);
  };
  const post = async (
    message: IngestMessage | Uint8Array,
    headers: Record<string, string> = {},
    remoteAddress = "127.0.0.1",
  ) => {
    const payload = message instanceof Uint8Array ? message : zstdCompressSync(writeMessage(message));
    const all: Record<string, string> = {
      ...{
        "content-type": "application/x-protobuf",
        "content-encoding": "zstd",
        authorization: `Bearer ${token}`,
      },
      ...headers,
    };
    return app.inject({
      ...{ method: "POST", url: ingestPath, payload: Buffer.from(payload), headers: all },
      remoteAddress,
    });
  };
  /** Posts, and lets time go by until it is answered: little of it, since others' records wait for some seconds only. */
  const stored = async (message: IngestMessage, headers = {}, remoteAddress?: string) => {
    let answer: Awaited<ReturnType<typeof post>> | undefined;
    const before = acceptedCount;
    const posting = post(message, headers, remoteAddress).then((found) => (answer = found));
    while (answer === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (acceptedCount > before) await tick(20); // how long it took to come here is nobody's time
    }
    return posting;
  };
  const totals = async () => {
    const { rows } = await store.aggregate({
      from: start - 60_000,
      to: clock.now + 60_000,
      by: ["client", "server"],
      metric: "bytes",
      limit: 100,
    });
    const links = rows.map(({ group, bytesSent, connections }) => [...group, bytesSent, connections]);
    return links.sort((a, b) => (String(a) < String(b) ? -1 : 1));
  };
  return {
    app,
    counts,
    pipeline,
    sources,
    observers,
    post,
    accepted,
    stored,
    tick,
    totals,
    store,
    fold,
    drops,
    peers,
    remote,
    clock,
    close: () => store.stop(),
  };
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "portolan-ingest-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function createStarted(t: TestContext, options = {}) {
  const server = await createReceiving(temporaryFolder(t), { now: start }, options);
  t.after(() => server.close().catch(() => {}));
  return server;
}

const connection = { source: "10.0.0.9", sourcePort: 40000, destination: "10.0.0.1", destinationPort: 443 };
const short = { opened: true, closed: true, startMilliseconds: start - 500 };
const clientPeer = samplePeer("box", "curl", "10.0.0.9");
const serverPeer = samplePeer("web", "nginx", "10.0.0.1");
const fromClient = (sequence: number, row: Partial<SampleRow> = {}) =>
  sampleMessage({
    sequence,
    batch: sampleBatch([{ ...connection, ...short, observedEnd: 1, bytes: 100, sourcePeer: 1, ...row }]),
    peers: [clientPeer],
  });
const fromServer = (sequence: number, row: Partial<SampleRow> = {}) =>
  sampleMessage({
    ...{ node: "web", instance: instanceB, epoch: epochB, sequence, peers: [serverPeer] },
    batch: sampleBatch([{ ...connection, ...short, observedEnd: 2, bytes: 100, destinationPeer: 1, ...row }]),
  });
const link = ["process:box/curl", "process:web/nginx"];

test("an agent's address is told as people write it, also where one socket takes both families", async (t) => {
  const { stored, remote } = await createStarted(t);
  const told: (string | undefined)[] = [];
  for (const remoteAddress of ["::ffff:192.0.2.9", "192.0.2.9", "fd00::9"]) {
    assert.equal((await stored(fromClient(told.length + 1), {}, remoteAddress)).statusCode, 200);
    told.push(remote.list()[0]?.address);
  }
  assert.deepEqual(told, ["192.0.2.9", "192.0.2.9", "fd00::9"]);
});

test("a message is answered when it is stored; the same again is answered and not counted", async (t) => {
  const { stored, totals, fold } = await createStarted(t);
  const first = await stored(fromClient(1));
  assert.deepEqual([first.statusCode, first.json()], [200, { sequence: 1, isDuplicate: false, serverEpoch }]);
  const again = await stored(fromClient(1));
  assert.deepEqual([again.statusCode, again.json()], [200, { sequence: 1, isDuplicate: true, serverEpoch }]);
  assert.deepEqual(await totals(), [["process:box/curl", "host:10.0.0.1", 100, 1]]);
  assert.equal(
    [...fold.entries()].reduce((sum, { bytesSent }) => sum + bytesSent, 0),
    100,
  );
});

test("the same message twice at once is one", async (t) => {
  const { post, accepted, tick, totals } = await createStarted(t);
  const both = Promise.all([post(fromClient(1)), post(fromClient(1))]);
  await accepted(2);
  await tick();
  const answers = (await both).map((answer) => answer.json().isDuplicate);
  assert.deepEqual(answers.sort(), [false, true]);
  assert.deepEqual((await totals())[0]?.[2], 100);
});

test("stored, killed, started again: it comes again and is not counted, and what is missing is", async (t) => {
  const folder = temporaryFolder(t);
  const first = await createReceiving(folder);
  for (const sequence of [1, 2, 4]) {
    const answer = await first.stored(fromClient(sequence, { closed: false, opened: sequence === 1 }));
    assert.equal(answer.statusCode, 200);
  }
  await first.close();
  const second = await createReceiving(folder, first.clock);
  t.after(() => second.close());
  const answers = [];
  for (const sequence of [1, 2, 3, 4, 5])
    answers.push(
      (await second.stored(fromClient(sequence, { closed: false, opened: sequence === 1 }))).json(),
    );
  assert.deepEqual(
    answers.map(({ isDuplicate }) => isDuplicate),
    [true, true, false, true, false],
  );
  assert.deepEqual(await second.totals(), [["process:box/curl", "host:10.0.0.1", 500, 1]]);
});

for (const [what, seconds] of [
  ["at once", 0],
  ["two seconds later", 2],
] as const) {
  test(`both ends report, the client's agent ${what}: one link, counted once, between both processes`, async (t) => {
    const { post, accepted, tick, totals } = await createStarted(t);
    const answers = [post(fromServer(1))];
    await accepted(1);
    for (let i = 0; i < seconds; i++) await tick();
    answers.push(post(fromClient(1)));
    await accepted(2);
    for (let i = 0; i < 4; i++) await tick();
    for (const answer of await Promise.all(answers)) assert.equal(answer.statusCode, 200);
    assert.deepEqual(await totals(), [[...link, 100, 1]]);
  });
}

test("the client's agent reports long after the server's: still counted once", async (t) => {
  const { stored, tick, totals } = await createStarted(t);
  await stored(fromServer(1));
  for (let i = 0; i < 60; i++) await tick();
  await stored(fromClient(1));
  assert.deepEqual(await totals(), [["host:10.0.0.9", "process:web/nginx", 100, 1]]);
});

/** A router's record of fromClient's connection, in the direction of the client's bytes. */
function exportedBatch(observers: ObserverTable, row: Partial<SampleRow> = {}) {
  const batch = sampleBatch([
    { ...connection, observedEnd: 1, bytes: 100, startMilliseconds: start - 500, ...row },
  ]);
  batch.columns.observedEnd[0] = 0;
  batch.columns.clientEnd[0] = 0;
  batch.columns.observer[0] = observers.intern({ id: "exporter:r", kind: "exporter", name: "r" });
  return batch;
}

test("a router's record of an agent's machine waits for the agent's message; counted once, between both peers", async (t) => {
  const { pipeline, sources, observers, stored, tick, totals } = await createStarted(t);
  await stored(fromClient(1, { sourcePort: 39_999, bytes: 1 }));
  pipeline.acceptExported(exportedBatch(observers), sources.agent);
  await tick();
  await stored(fromClient(2));
  for (let i = 0; i < 4; i++) await tick();
  assert.deepEqual(await totals(), [["process:box/curl", "host:10.0.0.1", 101, 2]]);
});

test("a router's record of what an agent's machine masquerades waits too", async (t) => {
  const { pipeline, sources, observers, stored, tick, totals } = await createStarted(t);
  const masqueraded = "192.0.2.7";
  const translation = (originalSourcePort: number) => {
    const addresses = new Uint8Array(64);
    ["10.0.0.9", "10.0.0.1", "10.0.0.1", masqueraded].forEach((text, i) => {
      addresses.set(parseAddress(text)!, i * 16);
    });
    return {
      ...{ addresses, originalSourcePort, originalDestinationPort: 443, replySourcePort: 443 },
      ...{ replyDestinationPort: originalSourcePort, protocol: 6, networkNamespace: 0, endedMilliseconds: 0 },
    };
  };
  const before = fromClient(1, { sourcePort: 39_999, bytes: 1 });
  await stored({ ...before, translations: [translation(39_999)] });
  pipeline.acceptExported(exportedBatch(observers, { source: masqueraded }), sources.agent);
  await tick();
  await stored({ ...fromClient(2), translations: [translation(40_000)] });
  for (let i = 0; i < 4; i++) await tick();
  assert.deepEqual(await totals(), [["process:box/curl", "host:10.0.0.1", 101, 2]]);
});

test("an agent that was cut off tells of what a router's record counted: not again", async (t) => {
  const { pipeline, sources, observers, stored, tick, totals } = await createStarted(t);
  await stored(sampleMessage({ sequence: 1 }));
  await stored({ ...fromServer(1, { sourcePort: 39_999, bytes: 1 }), machine: "another" });
  pipeline.acceptExported(exportedBatch(observers, { source: "10.0.0.8" }), sources.agent);
  for (let i = 0; i < 60; i++) await tick(60_000);
  await stored(fromClient(2, { source: "10.0.0.8" }));
  const bytes = (await totals()).map(([, , sent]) => sent);
  assert.deepEqual(bytes.sort(), [1, 100]);
});

test("one end's message comes when the other's was stored for an hour and a minute: one link, counted once", async (t) => {
  for (const [early, late, expected] of [
    [fromClient(1), fromServer(1), ["process:box/curl", "host:10.0.0.1", 100, 1]],
    [fromServer(1), fromClient(1), ["host:10.0.0.9", "process:web/nginx", 100, 1]],
  ] as const) {
    const { stored, tick, totals } = await createStarted(t);
    await stored(early);
    for (let minute = 0; minute < 61; minute++) await tick(60_000);
    await stored(late);
    assert.deepEqual(await totals(), [expected]);
  }
});

test("the other end's message comes only after the server was started again: counted once", async (t) => {
  const folder = temporaryFolder(t);
  const first = await createReceiving(folder);
  await first.stored(fromClient(1));
  await first.close();
  const second = await createReceiving(folder, { now: first.clock.now + 600_000 });
  t.after(() => second.close());
  assert.equal((await second.stored(fromServer(1))).statusCode, 200);
  assert.deepEqual(await second.totals(), [["process:box/curl", "host:10.0.0.1", 100, 1]]);
});

test("loopback connections of two machines never meet, though their namespaces have one number", async (t) => {
  const { stored, totals } = await createStarted(t);
  const loopback = { source: "127.0.0.1", destination: "127.0.0.1", scope: 4_026_531_840 };
  await stored({ ...fromClient(1, loopback), peers: [samplePeer("box", "curl", "127.0.0.1")] });
  await stored({ ...fromServer(1, loopback), peers: [samplePeer("web", "nginx", "127.0.0.1")] });
  const found = await totals();
  assert.equal(found.length, 2, JSON.stringify(found));
  assert.equal(found[0]![2], 100);
  assert.equal(found[1]![2], 100);
});

for (const ahead of ["server", "client"] as const) {
  for (const first of ["server", "client"] as const) {
    test(`a clock of the ${ahead}'s machine that is off is corrected by the time of sending, the ${first} first: still one connection`, async (t) => {
      const { post, tick, totals, store, remote } = await createStarted(t);
      const hour = 3_600_000;
      const send = (end: "server" | "client") => {
        const offset = end === ahead ? hour : 0;
        const row = { startMilliseconds: start - 500 + offset };
        const message = end === "server" ? fromServer(1, row) : fromClient(1, row);
        return post(message, { "portolan-sent": String(start + offset) });
      };
      const answers = [];
      for (const end of [first, first === "server" ? "client" : "server"] as const) {
        answers.push(send(end));
        while (remote.list().length < answers.length) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      for (let i = 0; i < 4; i++) await tick();
      for (const answer of await Promise.all(answers)) assert.equal(answer.statusCode, 200);
      assert.deepEqual(await totals(), [[...link, 100, 1]]);
      const { records } = await store.flows({ from: start - 2 * hour, to: start + 2 * hour, limit: 10 });
      const starts = records.map(({ flowStartMilliseconds }) => flowStartMilliseconds);
      assert.deepEqual(
        starts,
        starts.map(() => start - 500),
        "both ends' records have the time it was here",
      );
      assert.ok(starts.length > 0);
    });
  }
}

test("names that a workload looked up, renamed peers and drops are the server's too, once", async (t) => {
  const { stored, totals, peers, drops } = await createStarted(t);
  const message = {
    ...fromClient(1),
    names: [
      {
        address: sampleBatch([{ ...connection, observedEnd: 1, bytes: 0 }]).columns.destinationAddress.slice(
          0,
          16,
        ),
        name: "api.example",
        ttlSeconds: 60,
      },
    ],
    drops: [
      { reason: "connection_limit", count: 7 },
      { reason: "of_the_future", count: 1 },
    ],
  };
  await stored(message);
  await stored(message);
  assert.equal((await totals()).length, 1);
  assert.equal(peers.get(peers.find({ id: "host:10.0.0.1", address: "10.0.0.1" })).name, "api.example");
  assert.deepEqual([...drops.counts()], [{ reason: "connection_limit", source: "box", count: 7 }]);
  await stored(
    sampleMessage({
      sequence: 2,
      renamed: [{ id: clientPeer.id, address: clientPeer.address, name: "curl of Ann" }],
    }),
  );
  assert.equal(peers.get(peers.find(clientPeer)).name, "curl of Ann");
  await stored({
    ...fromServer(1),
    renamed: [{ id: clientPeer.id, address: clientPeer.address, name: "mine" }],
  });
  assert.equal(peers.get(peers.find(clientPeer)).name, "curl of Ann", "of others' peers nobody has a say");
});

test("what one node translates is undone in what another node sees of it", async (t) => {
  const { post, accepted, tick, totals } = await createStarted(t);
  const service = { destination: "10.96.0.1", destinationPort: 80 };
  const addresses = new Uint8Array(64);
  ["10.0.0.9", "10.96.0.1", "10.0.0.1", "10.0.0.9"].forEach((text, i) => {
    addresses.set(parseAddress(text)!, i * 16);
  });
  const ports = {
    originalSourcePort: 40000,
    originalDestinationPort: 80,
    replySourcePort: 443,
    replyDestinationPort: 40000,
  };
  const translations = [{ addresses, ...ports, protocol: 6, networkNamespace: 0, endedMilliseconds: 0 }];
  const answers = [post(fromServer(1)), post({ ...fromClient(1, service), translations })];
  await accepted(2);
  for (let i = 0; i < 4; i++) await tick();
  for (const answer of await Promise.all(answers)) assert.equal(answer.statusCode, 200);
  assert.deepEqual(await totals(), [[...link, 100, 1]]);
});

/** A translation of fromClient's connection, as its node tells of it: what it called, who answered. */
function translationOf(called: string, answerer: string, answererPort: number) {
  const addresses = new Uint8Array(64);
  ["10.0.0.9", called, answerer, "10.0.0.9"].forEach((text, i) => {
    addresses.set(parseAddress(text)!, i * 16);
  });
  return {
    ...{ addresses, originalSourcePort: 40000, originalDestinationPort: 80, replySourcePort: answererPort },
    ...{ replyDestinationPort: 40000, protocol: 6, networkNamespace: 77, endedMilliseconds: 0 },
  };
}

test("a connection to a Service goes on as it was when the server was started again", async (t) => {
  const folder = temporaryFolder(t);
  const service = { destination: "10.96.0.1", destinationPort: 80 };
  const translations = [translationOf("10.96.0.1", "10.0.0.1", 443)];
  const first = await createReceiving(folder);
  const opened = fromClient(1, { ...service, closed: false, opened: true });
  assert.equal((await first.stored({ ...opened, translations })).statusCode, 200);
  assert.deepEqual(await first.totals(), [["process:box/curl", "host:10.0.0.1", 100, 1]]);
  await first.close();
  const second = await createReceiving(folder, first.clock);
  t.after(() => second.close());
  await second.stored(fromClient(2, { ...service, closed: false, opened: false }));
  assert.deepEqual(await second.totals(), [["process:box/curl", "host:10.0.0.1", 200, 1]]);
  // Its end has been stored: what has its ports now was not translated.
  await second.stored(fromClient(3, { ...service, closed: true, opened: false }));
  await second.close();
  const third = await createReceiving(folder, first.clock);
  t.after(() => third.close());
  const later = { startMilliseconds: third.clock.now + 60_000, endMilliseconds: third.clock.now + 60_001 };
  await third.stored(fromClient(4, { ...service, ...later }));
  assert.deepEqual((await third.totals()).slice(1), [["process:box/curl", "host:10.96.0.1", 100, 1]]);
});

test("a connection to a Service that one record told of: a router's record that comes after a new start is of it too", async (t) => {
  const folder = temporaryFolder(t);
  const service = { destination: "10.96.0.1", destinationPort: 80 };
  const first = await createReceiving(folder);
  const translations = [translationOf("10.96.0.1", "10.0.0.1", 443)];
  await first.stored({ ...fromClient(1, service), translations });
  await first.close();
  const second = await createReceiving(folder, first.clock);
  t.after(() => second.close());
  const { pipeline, sources, observers, tick } = second;
  pipeline.acceptExported(exportedBatch(observers, service), sources.agent);
  for (let i = 0; i < 4; i++) await tick();
  await second.stored(fromClient(2, { sourcePort: 39_999, bytes: 1, opened: false }));
  assert.deepEqual(await second.totals(), [["process:box/curl", "host:10.0.0.1", 101, 1]]);
});

test("a proxy on another machine's loopback address is found, each machine's namespaces its own", async (t) => {
  const { stored, totals } = await createStarted(t);
  const proxy = { destination: "127.0.0.1", destinationPort: 15001, scope: 77 };
  const proxyPeer = samplePeer("box", "envoy", "127.0.0.1");
  await stored(
    sampleMessage({
      batch: sampleBatch([
        {
          ...{ ...connection, ...short, destination: "10.96.0.1", destinationPort: 80, observedEnd: 1 },
          ...{ bytes: 100, sourcePeer: 1 },
        },
        { ...connection, ...short, ...proxy, observedEnd: 2, bytes: 100, destinationPeer: 2 },
      ]),
      peers: [clientPeer, proxyPeer],
      translations: [translationOf("10.96.0.1", "127.0.0.1", 15001)],
    }),
  );
  assert.deepEqual(await totals(), [["process:box/curl", "process:box/envoy", 100, 1]]);
  await stored(fromServer(1, { ...proxy, bytes: 7 }));
  assert.deepEqual(
    await totals(),
    [
      ["host:10.0.0.9", "process:web/nginx", 7, 1],
      ["process:box/curl", "process:box/envoy", 100, 1],
    ],
    "the same numbers on another machine are another connection",
  );
});

test("what one node translates no more is not undone in what began since; its clock may be an hour ahead", async (t) => {
  const { stored, totals, clock } = await createStarted(t);
  const ahead = 3_600_000;
  const addresses = new Uint8Array(64);
  ["10.0.0.9", "10.0.0.1", "10.0.0.1", "10.0.9.9"].forEach((text, i) => {
    addresses.set(parseAddress(text)!, i * 16);
  });
  const masquerade = {
    ...translationOf("10.0.0.1", "10.0.0.1", 443),
    addresses,
    ...{ originalDestinationPort: 443, replySourcePort: 443 },
  };
  const ended = clock.now;
  const translations = [masquerade, { ...masquerade, endedMilliseconds: ended + ahead }];
  await stored(sampleMessage({ translations }), { "portolan-sent": String(clock.now + ahead) });
  const seen = { source: "10.0.9.9" };
  await stored(fromServer(1, { ...seen, startMilliseconds: ended - 60_000 }));
  await stored(fromServer(2, { ...seen, startMilliseconds: ended + 60_000, bytes: 7 }));
  assert.deepEqual(await totals(), [
    ["host:10.0.0.9", "process:web/nginx", 100, 1],
    ["host:10.0.9.9", "process:web/nginx", 7, 1],
  ]);
});

test("an agent that was started again holds nothing open from before; one that is silent, neither", async (t) => {
  const { stored, fold, tick } = await createStarted(t);
  const active = () => [...fold.entries()].reduce((sum, entry) => sum + entry.active, 0);
  await stored(fromClient(1, { closed: false }));
  await tick();
  assert.equal(active(), 1);
  await stored({ ...sampleMessage({ epoch: "1".repeat(32) }), startedMilliseconds: 1_760_000_009_000 });
  await tick();
  assert.equal(active(), 0);
  await stored({ ...fromClient(2, { closed: false, sourcePort: 40001 }), epoch: "1".repeat(32) });
  await tick();
  assert.equal(active(), 1);
  for (let i = 0; i < 32; i++) await tick();
  assert.equal(active(), 0);
});

/** As the store has them: who looked up what, how often. */
async function lookedUp({ store, clock }: Awaited<ReturnType<typeof createReceiving>>, filter = "") {
  const question = { from: start - 60_000, to: clock.now + 60_000, limit: 100 };
  const { rows } = await store.askedNames({ ...question, filter: parseFilter(filter).filter });
  return rows.map(({ name, queryCount, peers }) => [name, queryCount, peers]);
}

const asking = (sequence: number, names: readonly string[], peers = [clientPeer]) =>
  sampleMessage({
    sequence,
    peers,
    asked: names.map((name, i) => ({ ...wholeMessage().asked[0]!, peer: 1 + (i % peers.length), name })),
  });

test("names that an agent's workloads looked up are theirs, once, however often the message comes and the server is killed", async (t) => {
  const folder = temporaryFolder(t);
  const first = await createReceiving(folder);
  assert.equal((await first.stored(asking(1, ["a.example", "b.example"]))).statusCode, 200);
  assert.equal((await first.stored(asking(1, ["a.example", "b.example"]))).json().isDuplicate, true);
  await first.close();
  const second = await createReceiving(folder, first.clock);
  t.after(() => second.close());
  await second.stored(asking(1, ["a.example", "b.example"]));
  await second.stored(asking(2, ["a.example"]));
  await second.stored({
    ...asking(3, ["a.example"]),
    ...fromServer(1),
    asked: asking(1, ["a.example"]).asked,
  });
  const all = [
    ["a.example", 15, 2],
    ["b.example", 5, 1],
  ];
  assert.deepEqual(await lookedUp(second), all);
  assert.deepEqual(await lookedUp(second, "name:nginx"), [["a.example", 5, 1]]);
  assert.deepEqual((await lookedUp(second, "address:10.0.0.9"))[0], ["a.example", 10, 1]);
});

test("of another machine's peers an agent tells no names, and a store that cannot write has them once when it can", async (t) => {
  const server = await createStarted(t);
  await server.stored(asking(1, ["foreign.example", "own.example"], [serverPeer, clientPeer]));
  assert.deepEqual(await lookedUp(server), [["own.example", 5, 1]]);
  const { remember, appendAsked } = server.store;
  server.store.remember = () => Promise.resolve(false);
  server.store.appendAsked = () => {};
  assert.equal((await server.stored(asking(2, ["later.example"]))).statusCode, 503);
  Object.assign(server.store, { remember, appendAsked });
  assert.equal((await server.stored(asking(2, ["later.example"]))).statusCode, 200);
  assert.deepEqual(await lookedUp(server, "name:curl"), [
    ["later.example", 5, 1],
    ["own.example", 5, 1],
  ]);
});

test("names are told to the store with the machine whose share of the room they take", async (t) => {
  const { stored, store } = await createStarted(t);
  const sources: string[] = [];
  store.appendAsked = (asked, _seen, source) =>
    asked.forEach(({ name }) => void sources.push(`${source} ${name}`));
  await stored(asking(1, ["a.example"]));
  await stored({ ...fromServer(1), asked: asking(1, ["b.example"]).asked });
  assert.deepEqual(sources, ["box a.example", "web b.example"]);
});

test("names of peers that are nobody's here, or another machine's, are counted as lost, once", async (t) => {
  const { stored, store, drops, ...server } = await createStarted(t);
  const names = ["foreign.example", "own.example", "others.example"];
  const message = asking(1, names, [serverPeer, clientPeer, otherPeer]);
  const lost = () => [...drops.counts()].filter(({ reason }) => reason === "lookup_lost");
  const { remember, appendAsked } = store;
  store.remember = () => Promise.resolve(false);
  store.appendAsked = () => {};
  assert.equal((await stored(message)).statusCode, 503);
  assert.deepEqual(lost(), [{ reason: "lookup_lost", source: "box", count: 2 }]);
  Object.assign(store, { remember, appendAsked });
  for (let i = 0; i < 2; i++) assert.equal((await stored(message)).statusCode, 200);
  assert.deepEqual(lost(), [{ reason: "lookup_lost", source: "box", count: 2 }]);
  assert.deepEqual(await lookedUp({ ...server, store, stored, drops }), [["own.example", 5, 1]]);
});

test("who may send: only those with the token; it is compared whole", async (t) => {
  const { post, stored } = await createStarted(t);
  for (const authorization of [
    "",
    "Bearer ",
    `Bearer ${token}x`,
    `Bearer ${token.slice(0, -1)}`,
    `Basic ${token}`,
  ]) {
    const answer = await post(fromClient(1), { authorization });
    assert.deepEqual([answer.statusCode, answer.json().code], [401, "token_invalid"], authorization);
    assert.match(String(answer.headers["content-type"]), /problem\+json/);
    assert.match(String(answer.headers["www-authenticate"]), /^Bearer/);
  }
  assert.equal((await stored(fromClient(1), { authorization: `bearer ${token}` })).statusCode, 200);
  const elsewhere = await stored(fromClient(2), { host: "portolan.example" });
  assert.equal(elsewhere.statusCode, 200, "by any name");
});

test("two agents of one machine: the second is told, and let in when the first is gone", async (t) => {
  const { post, stored, tick, remote } = await createStarted(t, { here: "web" });
  const first = post(fromClient(1));
  while (remote.list().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const second = { ...fromClient(1), instance: instanceB, epoch: epochB };
  const answer = await post(second); // the clock stands still meanwhile
  assert.deepEqual(
    [answer.statusCode, answer.json().code, answer.headers["retry-after"]],
    [409, "agent_conflict", "30"],
  );
  assert.equal((await post(fromServer(1))).statusCode, 409, "nor one of the server's own machine");
  assert.deepEqual(
    remote.turnedAway().map(({ node, reason }) => [node, /another|itself/.exec(reason)?.[0]]),
    [["web", "itself"]],
    "of an instance that asks for two machines the last is told",
  );
  for (let i = 0; i < 31; i++) await tick();
  assert.equal((await first).statusCode, 200);
  assert.equal((await stored(second)).statusCode, 200);
});

test("who follows an agent that said goodbye is let in at once, and keeps what it reports", async (t) => {
  const { stored, tick, fold, remote } = await createStarted(t);
  const active = () => [...fold.entries()].reduce((sum, entry) => sum + entry.active, 0);
  await stored(fromClient(1, { closed: false }));
  await stored(sampleMessage({ sequence: 2, isLast: true }));
  await tick();
  const second = {
    ...fromClient(2, { closed: false, sourcePort: 40001 }),
    instance: instanceB,
    epoch: epochB,
  };
  assert.equal((await stored(second)).statusCode, 200);
  await tick();
  assert.equal(active(), 1, "what the first held open is its own no more");
  for (let i = 0; i < 3; i++) {
    for (let second = 0; second < 12; second++) await tick();
    await stored({ ...sampleMessage({ sequence: 2 + i }), instance: instanceB, epoch: epochB });
  }
  assert.equal(active(), 1, "nor when the first is silent");
  const first = remote.list().find(({ instance }) => instance !== instanceB);
  assert.deepEqual([first?.hasLeft, remote.heardCount], [true, 1]);
});

test("who is turned away is told how long it may last", async (t) => {
  const { stored, tick } = await createStarted(t);
  await stored(fromClient(1));
  for (let i = 0; i < 12; i++) await tick();
  const answer = await stored({ ...fromClient(1), instance: instanceB, epoch: epochB });
  assert.equal(answer.statusCode, 409);
  const seconds = Number(answer.headers["retry-after"]);
  assert.ok(seconds > 0 && seconds <= 18, String(seconds));
});

test("what is no message is refused in words; what is too large, unread", async (t) => {
  const { post } = await createStarted(t);
  const refused = async (body: Uint8Array, headers: Record<string, string>) => {
    const { statusCode, json } = await post(body, headers);
    return [statusCode, json().code, json().detail];
  };
  assert.deepEqual((await refused(new Uint8Array([1, 2, 3]), {}))[0], 400);
  assert.deepEqual(await refused(zstdCompressSync(new Uint8Array(100)), {}), [
    400,
    "message_invalid",
    "the first bytes are not those of an agent's batch",
  ]);
  const bomb = zstdCompressSync(new Uint8Array(ingestLimits.bytes + 1));
  assert.equal((await refused(bomb, {}))[0], 413);
  assert.equal(
    (await refused(new Uint8Array(ingestLimits.bytes + 1), { "content-encoding": "identity" }))[0],
    413,
  );
  assert.equal((await refused(new Uint8Array(1), { "content-encoding": "br" }))[0], 415);
  assert.equal((await refused(new Uint8Array(1), { "content-type": "application/json" }))[0], 415);
});

test("the room for bodies that are read is given back: after however many requests there is room", async (t) => {
  const { post, stored } = await createStarted(t);
  const garbage = new Uint8Array(8 * 2 ** 20);
  const codeOf = async () => (await post(garbage, { "content-encoding": "identity" })).statusCode;
  const codes = [];
  for (let i = 0; i < 10; i++) codes.push(await codeOf());
  assert.deepEqual([...new Set(codes)], [400], "one after the other, of 80 MiB in all, each finds room");
  const atOnce = await Promise.all(Array.from({ length: 10 }, codeOf));
  assert.deepEqual([...new Set(atOnce)].sort(), [400, 503], "of 80 MiB at once some find none");
  assert.equal((await stored(fromClient(1))).statusCode, 200);
});

test("gzip and no compression are taken too", async (t) => {
  const { post, accepted, tick } = await createStarted(t);
  const answers = [
    post(gzipSync(writeMessage(fromClient(1))), { "content-encoding": "gzip" }),
    post(writeMessage(fromClient(2)), { "content-encoding": "identity" }),
  ];
  await accepted(2);
  await tick();
  for (const answer of await Promise.all(answers)) assert.equal(answer.statusCode, 200);
});

test("a store that cannot write: the agent keeps the message, and it counts once when it can again", async (t) => {
  const { stored, store, totals, fold, drops } = await createStarted(t);
  const remember = store.remember;
  store.remember = () => Promise.resolve(false);
  const append = store.append;
  store.append = () => {};
  const answer = await stored(fromClient(1));
  assert.deepEqual(
    [answer.statusCode, answer.json().code, answer.headers["retry-after"]],
    [503, "busy", "2"],
  );
  Object.assign(store, { remember, append });
  assert.equal((await stored(fromClient(1))).statusCode, 200);
  assert.deepEqual((await totals())[0]?.[2], 100);
  assert.equal(
    [...fold.entries()].reduce((sum, { bytesSent }) => sum + bytesSent, 0),
    100,
    "on the live map too",
  );
  assert.deepEqual([...drops.counts()], []);
});

test("of another machine's peers an agent has nothing to say, nor is it the first to name them", async (t) => {
  const { stored, totals, peers } = await createStarted(t);
  const foreign = [
    { ...serverPeer, name: "pwned" }, // of "web"
    { ...serverPeer, name: "pwned", node: "box" },
    { ...serverPeer, id: "host:10.0.0.1", kind: "host" as const, name: "pwned", container: "c" },
    { ...serverPeer, id: "process:box/x", address: "no address" },
  ];
  for (const [i, peer] of foreign.entries()) {
    const sourcePort = 41_000 + i;
    await stored({
      ...fromClient(i + 1, { sourcePort, destinationPeer: 2 }),
      peers: [clientPeer, peer],
    });
  }
  assert.deepEqual(await totals(), [["process:box/curl", "host:10.0.0.1", 400, 4]]);
  assert.equal(peers.get(peers.find({ id: "host:10.0.0.1", address: "10.0.0.1" })).name, "10.0.0.1");
  const likeAnAddress = { ...samplePeer("10.0.0.1", "x", "10.0.0.1"), id: "host:10.0.0.1", name: "pwned" };
  const another = { instance: "c".repeat(32), epoch: "c0".repeat(16), node: "10.0.0.1" };
  await stored({ ...fromServer(1), ...another, peers: [likeAnAddress] });
  assert.equal(
    peers.get(peers.find(likeAnAddress)).name,
    "10.0.0.1",
    "a machine that is called like an address",
  );
  await stored(fromServer(2));
  assert.equal(peers.get(peers.find(serverPeer)).name, "nginx", "its own agent has");
});

/** A pod of the agent's node, as its control groups tell it, and as an API server told the agent. */
const pod = {
  ...samplePeer("box", "nginx", "10.0.0.9"),
  ...{
    id: "container:box/abc",
    kind: "container" as const,
    container: "abc",
    podUid: "0f3b-1",
    ...samplePod,
  },
};
const factsOf = ({ id, kind, name, namespace, pod, workload, workloadKind }: Peer) => [
  ...[id, kind, name, namespace, pod, workload, workloadKind],
];
const podAsTold = ["pod:0f3b-1", "pod", "web-5d4f8-x1", "shop", "web-5d4f8-x1", "web", "Deployment"];

/** A server that asks no API server. */
async function createAlone(t: TestContext) {
  const server = await createStarted(t);
  const surroundings = { environment: {}, home: "/nowhere" };
  const settings = { enabled: false, kubeconfig: "", context: "" };
  createKubernetes(settings, { peers: server.peers, now: () => 0, log: () => {}, surroundings });
  return { ...server, rowOf: (peer: Peer) => server.peers.get(server.peers.find(peer)) };
}

test("a server that asks no API server has a pod's names from its agent, told with it or later", async (t) => {
  const { stored, rowOf, totals, peers } = await createAlone(t);
  await stored({ ...fromClient(1), peers: [pod] });
  assert.deepEqual(factsOf(rowOf(pod)), podAsTold);
  assert.deepEqual(await totals(), [["pod:0f3b-1", "host:10.0.0.1", 100, 1]]);
  const { namespace: _, pod: __, workload: ___, workloadKind: ____, ...nameless } = pod;
  const late = {
    ...nameless,
    id: "container:box/def",
    container: "def",
    podUid: "0f3b-2",
    address: "10.0.0.8",
  };
  await stored({ ...fromClient(2, { source: late.address, sourcePort: 40001 }), peers: [late] });
  const row = peers.find(late);
  assert.equal(peers.get(row).kind, "container");
  await stored({
    ...fromClient(3),
    peers: [pod],
    renamed: [{ id: late.id, address: late.address, name: "x", ...samplePod }],
  });
  assert.deepEqual(factsOf(peers.get(row)).slice(0, 2), ["pod:0f3b-2", "pod"]);
  assert.equal(peers.intern(late), row);
  const found = [...(await totals())].map(([client]) => client);
  assert.deepEqual(found.sort(), ["pod:0f3b-1", "pod:0f3b-2"], "what was stored before, too");
});

test("of another machine's pod an agent has nothing to say, nor what no API server would say", async (t) => {
  const { stored, rowOf, peers } = await createAlone(t);
  await stored({ ...fromClient(1), peers: [pod] });
  const foreign = { ...pod, id: "container:web/x", node: "web", address: "10.0.0.1", pod: "pwned" };
  const other = { ...fromServer(1), machine: "another kernel", peers: [foreign] };
  await stored({
    ...other,
    renamed: [{ id: foreign.id, address: foreign.address, name: "x", ...samplePod }],
  });
  const { kind, podUid, pod: name } = rowOf(foreign);
  assert.deepEqual([kind, podUid, name], ["container", undefined, undefined]);
  assert.deepEqual(factsOf(rowOf(pod)), podAsTold);
  const odd = [
    { pod: "no name" },
    { namespace: "Shop" },
    { workload: "a/b" },
    { workloadKind: "<b>" },
    { namespace: "" },
    { podUid: "../x" },
  ];
  for (const [i, facts] of odd.entries()) {
    const peer = { ...pod, id: `container:box/odd${i}`, podUid: `odd-${i}`, ...facts };
    const address = `10.0.9.${i}`;
    await stored({
      ...fromClient(i + 2, { source: address, sourcePort: 42_000 + i }),
      peers: [{ ...peer, address }],
    });
    assert.equal(peers.get(peers.find({ ...peer, address })).kind, "container", JSON.stringify(facts));
  }
});

test("an agent has no interfaces: rows that it numbers are one link, and open on it", async (t) => {
  const { stored, tick, fold } = await createStarted(t);
  const numbered = [1, 2, 3].map((i) => ({ ...connection, sourcePort: 40_000 + i, opened: true }));
  const batch = sampleBatch(numbered.map((row) => ({ ...row, observedEnd: 1, bytes: 1, sourcePeer: 1 })));
  batch.columns.ingressInterface.set([1, 2, 3]);
  batch.columns.egressInterface.set([4, 5, 6]);
  await stored(sampleMessage({ batch, peers: [clientPeer] }));
  await tick(1000);
  assert.deepEqual(
    [...fold.entries()].map(({ clientInterface, serverInterface, bytesSent, active }) => [
      ...[clientInterface, serverInterface, bytesSent, active],
    ]),
    [[0, 0, 3, 3]],
  );
});

test("peers that no row refers to are not kept", async (t) => {
  const { stored, peers } = await createStarted(t);
  const before = peers.count;
  const told = Array.from({ length: 50 }, (_, i) => samplePeer("box", `p${i}`, "10.0.0.9"));
  await stored({ ...fromClient(1, { sourcePeer: 7 }), peers: told });
  assert.equal(peers.count, before + 2, "one, and the other end");
  assert.notEqual(peers.find(told[6]!), 0);
});

test("an agent fills its share of the peer table alone; when what it told is used no more there is room again", async (t) => {
  const { stored, tick, peers, drops, remote, totals } = await createStarted(t, { peersMax: 100 });
  const many = (sequence: number, from: number) =>
    sampleMessage({
      sequence,
      batch: sampleBatch(
        Array.from({ length: 400 }, (_, i) => ({
          ...{ ...connection, ...short, destination: `198.51.${from + (i >> 8)}.${i & 255}` },
          ...({ observedEnd: 1, bytes: 1, sourcePeer: 1 } as const),
        })),
      ),
      peers: [clientPeer],
    });
  await stored(many(1, 100));
  const [first] = remote.list();
  assert.ok(first!.peers.rows >= 40 && first!.peers.rows <= 50, String(first!.peers.rows));
  assert.ok(first!.peersRefusedMilliseconds > 0);
  const refused = [...drops.counts()].find(({ reason }) => reason === "peer_limit");
  assert.equal(refused?.source, "box");
  await stored(fromServer(1));
  assert.ok(
    (await totals()).some(([, server]) => server === "process:web/nginx"),
    "another finds room",
  );
  assert.ok(peers.takenShare > 0.8, "what is used no more is looked for");
  for (let i = 0; i < 80; i++) await tick(60_000);
  assert.ok(first!.peers.rows < 10, `freed: ${first!.peers.rows}`);
});

test("drops are counted by reasons that there are, whatever an object inherits", async (t) => {
  const { stored, drops, remote } = await createStarted(t);
  const reasons = ["constructor", "toString", "__proto__", "queue_full"];
  await stored({ ...fromClient(1), drops: reasons.map((reason) => ({ reason, count: 2 })) });
  assert.deepEqual([...drops.counts()], [{ reason: "queue_full", source: "box", count: 2 }]);
  assert.equal(remote.list()[0]!.drops.get("__proto__"), 2, "as it said");
});

test("an agent has one node for as long as it is heard, and no other's node goes with it", async (t) => {
  const { stored, tick, remote } = await createStarted(t);
  await stored(fromClient(1));
  const renamed = { ...fromClient(2), node: "other", epoch: "2".repeat(32) };
  assert.equal((await stored(renamed)).statusCode, 409);
  for (let i = 0; i < 31; i++) await tick();
  assert.equal((await stored(renamed)).statusCode, 200);
  // "box" is free now; who takes it keeps it when the first goes on under its new name.
  const second = { ...fromServer(1), node: "box" };
  assert.equal((await stored(second)).statusCode, 200);
  for (let i = 0; i < 31; i++) await tick();
  assert.equal((await stored({ ...fromServer(2), node: "box" })).statusCode, 200);
  assert.equal((await stored({ ...fromClient(3), node: "third", epoch: "3".repeat(32) })).statusCode, 200);
  const intruder = { ...fromServer(1), node: "box", instance: "c".repeat(32), epoch: "c0".repeat(16) };
  assert.equal((await stored(intruder)).statusCode, 409, "the claim on box is still there");
  assert.deepEqual(
    remote
      .list()
      .map(({ node }) => node)
      .sort(),
    ["box", "third"],
  );
});

test("who takes the node of one that was silent keeps it when that one comes back elsewhere", async (t) => {
  const { stored, tick } = await createStarted(t);
  await stored(fromClient(1));
  for (let i = 0; i < 31; i++) await tick();
  await stored({ ...fromServer(1), node: "box" });
  await stored({ ...fromClient(2), node: "elsewhere", epoch: "2".repeat(32) });
  const intruder = { ...fromServer(1), node: "box", instance: "c".repeat(32), epoch: "c0".repeat(16) };
  assert.equal((await stored(intruder)).statusCode, 409);
});

test("one agent takes no more than it leaves free; who is turned away is heard all the same", async (t) => {
  const { post, accepted, tick, remote, store, counts } = await createStarted(t);
  Object.defineProperty(store, "freeRows", { get: () => 100 });
  const rows = (count: number, end: 1 | 2) =>
    sampleBatch(
      Array.from({ length: count }, (_, i) => ({
        ...connection,
        ...{ sourcePort: 1000 + i, observedEnd: end, bytes: 1, opened: true },
      })),
    );
  const greedy = (sequence: number, count: number) =>
    post(sampleMessage({ sequence, batch: rows(count, 2), node: "greedy" }));
  const first = greedy(1, 40);
  await accepted(1);
  assert.equal((await greedy(2, 40)).statusCode, 503, "it would have 80 and leave 20");
  const other = { node: "web", instance: instanceB, epoch: epochB };
  assert.equal((await post(sampleMessage({ ...other, sequence: 1, batch: rows(61, 1) }))).statusCode, 503);
  assert.deepEqual(
    remote.list().map(({ node, messageCount }) => [node, messageCount]),
    [
      ["greedy", 1],
      ["web", 0],
    ],
  );
  assert.equal(remote.heardCount, 2);
  const second = post(sampleMessage({ ...other, sequence: 1, batch: rows(30, 1) }));
  await accepted(4);
  for (let i = 0; i < 6; i++) await tick();
  assert.deepEqual([(await first).statusCode, (await second).statusCode], [200, 200]);
  assert.deepEqual(
    remote.list().map(({ heldRows, waitingBytes }) => heldRows + waitingBytes),
    [0, 0],
  );
  assert.deepEqual([counts.all.get("durable"), counts.all.get("busy")], [2, 2]);
});

test("a token may be for some machines only", async (t) => {
  const { stored, counts } = await createStarted(t, { nodes: ["box", "db"] });
  assert.equal((await stored(fromClient(1))).statusCode, 200);
  assert.equal((await stored(fromClient(1))).statusCode, 200);
  const answer = await stored(fromServer(1));
  assert.deepEqual([answer.statusCode, answer.json().code], [403, "node_not_allowed"]);
  await stored(fromClient(2), { authorization: "Bearer of-nobody-at-all" });
  const found = Object.fromEntries(counts.all);
  assert.deepEqual(found, { durable: 1, duplicate: 1, busy: 0, refused: 1, unauthorized: 1, conflict: 0 });
});

/** Sends bytes to a listening server, and resolves with what it answers when it has closed the connection. */
async function exchange(port: number, head: readonly string[], body: Buffer): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.on("data", (data) => (answer += data)).on("error", () => {});
  socket.write(
    `${["POST /api/v1/ingest HTTP/1.1", "host: localhost", `content-type: application/x-protobuf`, ...head].join("\r\n")}\r\n\r\n`,
  );
  socket.write(body);
  await once(socket, "close");
  return answer;
}

test("who announces much and sends nothing keeps nobody out, and is cut off; a refused body is not read", async (t) => {
  const { app, post, accepted, tick } = await createStarted(t, { limits: { idleMilliseconds: 300 } });
  await app.listen({ port: 0, host: "127.0.0.1" });
  t.after(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  const long = ["content-length: 16777216"];
  const silent = Array.from({ length: 8 }, () =>
    exchange(port, [...long, `authorization: Bearer ${token}`], Buffer.alloc(100)),
  );
  await new Promise((resolve) => setTimeout(resolve, 50)); // so that they are there first, unless the machine is busy
  const answering = post(fromClient(1));
  await accepted(1);
  await tick();
  assert.equal((await answering).statusCode, 200);
  for (const answer of await Promise.all(silent)) assert.match(answer, /^HTTP\/1.1 408 /);
  assert.match(await exchange(port, long, Buffer.alloc(100)), /^HTTP\/1.1 401 /, "closed without the rest");
});
