import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FlowBatch, parseAddress } from "../src/flow/index.ts";
import { parseFilter } from "../src/query/index.ts";
import { createDuckDBStore, storeDefaults } from "../src/store/index.ts";
import { SampleWorld, sampleAddress } from "../src/store/sample-records.ts";
import type { Peer } from "../src/topology/index.ts";

/**
 * The embedded store: records per second from `append` to a durable commit, bytes per record on disk, and how long
 * questions take. Run: node bench/store.ts [records]. About half a minute.
 */
const recordCount = Number(process.argv[2] ?? 2_000_000);
const perCommit = 100_000;
const secondsPerCommit = 1;
const peerCount = 5000;

const world = new SampleWorld(1);
const folder = mkdtempSync(join(tmpdir(), "portolan-bench-"));
const store = createDuckDBStore(
  { ...storeDefaults, folder },
  { ...world, drop: world.drop, log: console.error },
);
await store.start();

const peers: number[] = Array.from({ length: peerCount }, (_, i) => {
  const address = sampleAddress(i);
  const facts: Peer = {
    id: `host:${address}`,
    kind: "host",
    name: address,
    address,
    node: "",
    network: "10.0.0.0/24",
    process: "",
    container: "",
  };
  return world.peers.intern(facts);
});
const addresses = Array.from({ length: peerCount }, (_, i) => parseAddress(sampleAddress(i))!);
const exporter = world.observers.intern({ id: "exporter:192.0.2.1", kind: "exporter", name: "core" });

/** One-way records of an exporter: few servers, many clients, sizes over six orders of magnitude. */
function fill(batch: FlowBatch, time: number): void {
  batch.clear();
  const { columns } = batch;
  while (batch.free > 0) {
    const row = batch.append();
    const server = Math.floor(world.random() ** 3 * 200);
    const client = 200 + world.below(peerCount - 200);
    const isAnswer = row % 2 === 1;
    const [source, destination] = isAnswer ? [server, client] : [client, server];
    const serverPort = [80, 443, 443, 443, 53, 5432, 6379, 9092][server % 8]!;
    const clientPort = 32_768 + world.below(28_000);
    columns.sourceAddress.set(addresses[source]!, row * 16);
    columns.destinationAddress.set(addresses[destination]!, row * 16);
    columns.sourcePeer[row] = peers[source]!;
    columns.destinationPeer[row] = peers[destination]!;
    columns.sourceTransportPort[row] = isAnswer ? serverPort : clientPort;
    columns.destinationTransportPort[row] = isAnswer ? clientPort : serverPort;
    columns.protocolIdentifier[row] = serverPort === 53 ? 17 : 6;
    columns.packetDeltaCount[row] = Math.ceil(10 ** (world.random() * 3));
    columns.octetDeltaCount[row] = columns.packetDeltaCount[row]! * (60 + world.below(1400));
    columns.collectionTimeMilliseconds[row] =
      time + Math.floor((row * 1000 * secondsPerCommit) / batch.capacity);
    columns.flowEndMilliseconds[row] = columns.collectionTimeMilliseconds[row]! - world.below(15_000);
    columns.flowStartMilliseconds[row] = columns.flowEndMilliseconds[row]! - world.below(60_000);
    columns.tcpControlBits[row] = serverPort === 53 ? 0 : world.pick([0x1b, 0x18, 0x10, 0x02]);
    columns.ingressInterface[row] = isAnswer ? 2 : 1;
    columns.egressInterface[row] = isAnswer ? 1 : 2;
    columns.samplingInterval[row] = 1;
    columns.observer[row] = exporter;
    columns.clientEnd[row] = isAnswer ? 2 : 1;
  }
}

const start = Date.UTC(2026, 10, 21, 9, 0);
const batch = new FlowBatch(10_000);
let [appendMilliseconds, commitMilliseconds, rollUpMilliseconds, blockedMilliseconds] = [0, 0, 0, 0];
let written = 0;
for (let second = 0; written < recordCount; second += secondsPerCommit) {
  const now = start + second * 1000;
  for (let i = 0; i < perCommit; i += batch.capacity) {
    fill(batch, now);
    const before = performance.now();
    store.append(batch);
    appendMilliseconds += performance.now() - before;
  }
  const before = performance.now();
  const lag = watchLag();
  await store.commit();
  const committed = performance.now();
  blockedMilliseconds = Math.max(blockedMilliseconds, lag());
  commitMilliseconds += committed - before;
  await store.maintain(now);
  rollUpMilliseconds += performance.now() - committed;
  written += perCommit;
}

/** The longest time for which the event loop did not turn. */
function watchLag(): () => number {
  let [last, longest] = [performance.now(), 0];
  const look = () => {
    longest = Math.max(longest, performance.now() - last - 2);
    last = performance.now();
  };
  const timer = setInterval(look, 2);
  return () => {
    clearInterval(timer);
    look();
    return longest;
  };
}

const writing = appendMilliseconds + commitMilliseconds;
console.log(`records                ${written}`);
console.log(`append + commit        ${Math.round((written / writing) * 1000)} records/s`);
console.log(`  append (this thread) ${((appendMilliseconds / written) * 1e6).toFixed(0)} ns/record`);
console.log(
  `  commit               ${((commitMilliseconds / written) * 1e6).toFixed(0)} ns/record, longest pause of the loop ${blockedMilliseconds.toFixed(0)} ms`,
);
console.log(`  roll-up              ${((rollUpMilliseconds / written) * 1e6).toFixed(0)} ns/record`);

const to = start + (written / perCommit) * secondsPerCommit * 1000;
await ask("map, 15 minutes", () =>
  store.aggregate({
    from: to - 900_000,
    to,
    by: ["client", "server", "port", "protocol"],
    metric: "bytes",
    limit: 2000,
  }),
);
await ask("top client names", () =>
  store.aggregate({ from: start, to, by: ["client.name"], metric: "bytes", limit: 20 }),
);
await ask("series of ports", () =>
  store.aggregate({ from: start, to, by: ["port"], step: 60_000, metric: "bytes", limit: 10 }),
);
for (const text of ["server.address:10.0.0.0/28 port:443", "bytes>1MB"]) {
  const { filter } = parseFilter(text);
  await ask(`links ${text}`, () =>
    store.aggregate({ from: start, to, filter, by: ["client", "server"], metric: "bytes", limit: 100 }),
  );
  await ask(`flows ${text}`, () => store.flows({ from: start, to, filter, limit: 100 }));
}
await ask("flows, newest page", () => store.flows({ from: start, to, limit: 100 }));
await ask("flows, nothing matches", () =>
  store.flows({ from: start, to, filter: parseFilter("name:nobody").filter, limit: 100 }),
);
await ask("recent links", () => store.recentLinks(to - 900_000));
await ask("status", () => store.status());

await store.maintain(to + 120_000);
await store.stop();
await store.start();
const { bytes, fileBytes, flowRecords, linkMinutes } = await store.status();
console.log(
  `in use                 ${(bytes / flowRecords).toFixed(1)} bytes/record with ${linkMinutes} link minutes; file ${(fileBytes / 2 ** 20).toFixed(0)} MiB`,
);
console.log(
  `resident               ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB; dropped ${JSON.stringify(world.drops)}`,
);
await store.stop();
rmSync(folder, { recursive: true });

async function ask(name: string, question: () => Promise<unknown>): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const before = performance.now();
    await question();
    times.push(performance.now() - before);
  }
  console.log(
    `${name.padEnd(44)} ${times
      .sort((a, b) => a - b)[1]!
      .toFixed(0)
      .padStart(6)} ms`,
  );
}
