import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { FlowBatch, parseAddress } from "../src/flow/index.ts";
import { parseFilter } from "../src/query/index.ts";
import { warmUp } from "../src/server/warm-up.ts";
import { createDuckDBStore, type Store, storeDefaults } from "../src/store/index.ts";
import { SampleWorld, sampleAddress } from "../src/store/sample-records.ts";
import { otherPeer, type Peer } from "../src/topology/index.ts";
import { askNfdump } from "./store-history-nfdump.ts";
import { generateHistory } from "./store-history-rows.ts";

/**
 * A month of links and many flow records: bytes on disk, and how long questions take while records come in. The rows are made in
 * SQL, in the tables that the store itself has made. Run: node bench/store-history.ts [--records 10000000] [--days 30]
 * [--workloads 2000] [--rate 20000] [--rounds 20] [--keep DIR] [--nfdump: the same of nfdump]. A run with `--records 100000000` takes some six minutes and 5 GB of disk.
 */
const { values: options } = parseArgs({
  options: {
    records: { type: "string", default: "10000000" },
    days: { type: "string", default: "30" },
    workloads: { type: "string", default: "2000" },
    /** Records a second that come in while it is asked. */
    rate: { type: "string", default: "20000" },
    rounds: { type: "string", default: "20" },
    /** Asks nfdump over the newest hour's records, too. */
    nfdump: { type: "boolean", default: false },
    /** A folder to be left for the next run, which asks only. */
    keep: { type: "string" },
  },
});
const [recordCount, days, workloads] = [
  Number(options.records),
  Number(options.days),
  Number(options.workloads),
];
const folder = options.keep ?? mkdtempSync(join(tmpdir(), "portolan-bench-"));
const minute = 60_000;
const hour = 60 * minute;
const now = Math.floor(Date.UTC(2026, 10, 21, 9, 23) / minute) * minute;
const world = new SampleWorld(1);
const config = { ...storeDefaults, folder, sizeMaxBytes: 2 ** 50 };
const openStore = () => createDuckDBStore(config, { ...world, log: console.error });

mkdirSync(folder, { recursive: true });
let store = openStore();
await store.start();
if ((await store.status()).flowRecords === 0) {
  await store.stop();
  const began = performance.now();
  const instance = await DuckDBInstance.create(join(folder, "portolan.duckdb"));
  await generateHistory(await instance.connect(), { recordCount, days, workloads, now });
  instance.closeSync();
  console.log(`generated in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  store = openStore();
  await store.start();
}
const { bytes, flowRecords, linkMinutes, linkHours, linkDays } = await store.status();
console.log(
  `${flowRecords} records, ${linkMinutes} link minutes, ${linkHours} link hours, ${linkDays} link days: ${(bytes / 2 ** 20).toFixed(0)} MiB, ${(bytes / flowRecords).toFixed(1)} bytes a record with all links`,
);

const ingest = startIngest(store, Number(options.rate));
const rounds = Number(options.rounds);
const links =
  (window: { from: number; to: number }, more: object = {}) =>
  () =>
    store.links({ ...window, metric: "bytes", limit: 2000, ...more });
const lastHour = { from: now - hour, to: now };
const month = { from: now - days * 24 * hour, to: now };
const top = (window: { from: number; to: number }, by: readonly string[]) => () =>
  store.aggregate({ ...window, by: by as never, metric: "bytes", limit: 20 });
const filterOf = (text: string) => parseFilter(text).filter;
const series = (window: { from: number; to: number }, step: number) => () =>
  store.aggregate({
    ...window,
    by: ["server.namespace"],
    step,
    metric: "bytes",
    limit: 10,
    figures: "metric",
  });
// What the server asks at its start, too.
const beforeFirst = performance.now();
await warmUp(store, now, new AbortController().signal);
console.log(`the first question after the start took ${(performance.now() - beforeFirst).toFixed(0)} ms`);
await ask("map, an hour, by workload", 150, links(lastHour, { grouping: "workload" }));
await ask("map, an hour, pods", 150, links(lastHour));
await ask(
  "map, an hour, of one namespace",
  150,
  links(lastHour, { grouping: "workload", filter: filterOf("namespace:ns-3") }),
);
await ask("map, 30 days, by workload", 500, links(month, { grouping: "workload" }));
await ask("map, 30 days, by namespace", 500, links(month, { grouping: "namespace" }));
await ask("top workloads, an hour", 300, top(lastHour, ["client.workload"]));
await ask("top pairs of workloads, 30 days", 300, top(month, ["client.workload", "server.workload"]));
await ask("series, a day by 10 minutes", 300, series({ from: now - 24 * hour, to: now }, 10 * minute));
await ask("series, 30 days by hours", 300, series(month, hour));
const flowsOf = (text: string) => () => store.flows({ ...lastHour, filter: filterOf(text), limit: 100 });
await ask("flows, newest page", 200, flowsOf(""));
await ask("flows of a workload", 200, flowsOf("workload:workload-7"));
await ask("flows of an address", 200, flowsOf("address:10.0.0.7"));
await ask("flows of no address", 200, flowsOf("address:10.9.9.9"));
const { rate, pause } = await ingest();
console.log(`meanwhile ${rate} records/s were stored, longest pause of the loop ${pause.toFixed(0)} ms`);
console.log(
  `resident ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB; dropped ${JSON.stringify(world.drops)}`,
);
// Nothing comes in any more: what a question costs by itself, as nfdump's do.
const lastDay = { from: now - 24 * hour, to: now };
await ask("alone: top clients, an hour", 300, top(lastHour, ["client"]));
await ask("alone: top servers, an hour", 300, top(lastHour, ["server"]));
await ask("alone: map, an hour, pods", 150, links(lastHour));
await ask("alone: flows of an address", 200, flowsOf("address:10.0.0.7"));
await ask("alone: flows of no address", 200, flowsOf("address:10.9.9.9"));
await ask("alone: top clients, a day", 300, top(lastDay, ["client"]));
await ask("alone: top servers, a day", 300, top(lastDay, ["server"]));
await ask("alone: map, a day, pods", 500, links(lastDay));
await store.stop();
if (options.nfdump) await askNfdump(join(folder, "portolan.duckdb"), lastHour, "10.0.0.7");
if (options.keep === undefined) rmSync(folder, { recursive: true });

async function ask(name: string, limit: number, question: () => Promise<unknown>): Promise<void> {
  const times: number[] = [];
  const cpuBefore = process.cpuUsage();
  for (let i = 0; i < rounds; i++) {
    const before = performance.now();
    await question();
    times.push(performance.now() - before);
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpu = ((user + system) / 1000 / rounds).toFixed(0).padStart(6);
  times.sort((a, b) => a - b);
  // By nearest rank; the slowest is mostly the first, which reads what no other has read yet.
  const at = (share: number) => times[Math.ceil(times.length * share) - 1]!.toFixed(0).padStart(5);
  console.log(
    `${name.padEnd(34)} median ${at(0.5)} ms  p95 ${at(0.95)} ms  slowest ${at(1)} ms ${cpu} ms of CPU  (wanted: ${limit} ms)`,
  );
}

/** Stores records of now, a batch ten times a second; gives how to end it. */
function startIngest(into: Store, perSecond: number) {
  const rows = Array.from({ length: 500 }, (_, i) => world.peers.intern(podOf(i)));
  const addresses = Array.from({ length: 500 }, (_, i) => parseAddress(sampleAddress(i))!);
  const observer = world.observers.intern({ id: "exporter:192.0.2.1", kind: "exporter", name: "core" });
  const batch = new FlowBatch(Math.max(1, Math.round(perSecond / 10)));
  const began = performance.now();
  let [stored, ticks, pause, last] = [0, 0, 0, performance.now()];
  let busy: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    pause = Math.max(pause, performance.now() - last - 100);
    last = performance.now();
    while (ticks * 100 < performance.now() - began) {
      ticks++;
      batch.clear();
      while (batch.free > 0) fillRow(batch, rows, addresses, observer, now + ticks * 100);
      into.append(batch);
      stored += batch.count;
      if (ticks % 10 === 0) busy = into.commit().then(() => into.maintain(now + ticks * 100));
    }
  }, 100);
  return async () => {
    clearInterval(timer);
    await busy;
    await into.commit();
    return { rate: Math.round((stored / (performance.now() - began)) * 1000), pause };
  };
}

function podOf(i: number): Peer {
  const workload = `workload-${i % workloads}`;
  return {
    ...{ ...otherPeer, id: `pod:new-${i}`, kind: "pod", name: `${workload}-x${i}`, pod: `${workload}-x${i}` },
    ...{
      address: sampleAddress(i),
      network: "pods",
      namespace: `ns-${i % 20}`,
      workload,
      workloadKind: "Deployment",
    },
  };
}

function fillRow(
  batch: FlowBatch,
  rows: readonly number[],
  addresses: readonly Uint8Array[],
  observer: number,
  time: number,
): void {
  const { columns } = batch;
  const row = batch.append();
  const [client, server] = [world.below(rows.length), world.below(rows.length)];
  columns.sourceAddress.set(addresses[client]!, row * 16);
  columns.destinationAddress.set(addresses[server]!, row * 16);
  columns.sourcePeer[row] = rows[client]!;
  columns.destinationPeer[row] = rows[server]!;
  columns.sourceTransportPort[row] = 32_768 + world.below(28_000);
  columns.destinationTransportPort[row] = 443;
  columns.protocolIdentifier[row] = 6;
  columns.packetDeltaCount[row] = 1 + world.below(1000);
  columns.octetDeltaCount[row] = world.below(1_000_000);
  columns.collectionTimeMilliseconds[row] = time;
  columns.flowEndMilliseconds[row] = time - world.below(10_000);
  columns.flowStartMilliseconds[row] = time - 10_000 - world.below(60_000);
  columns.observer[row] = observer;
  columns.clientEnd[row] = 1;
}
