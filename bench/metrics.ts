/**
 * What a scrape costs, plain and packed by gzip as Prometheus asks for it: time of the main thread, its longest stretch, size and memory, at 10,000 and 100,000 series (flows with four
 * metrics each), against prom-client with the same series in the same run; and what a record costs that is added to them, and to the series of links, networks and the outside beside them.
 *
 *   node bench/metrics.ts [--series 10000,100000] [--scrapes 10]
 *
 * prom-client is fetched into a temporary folder by npm: nothing of the program needs it.
 */
import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { pipeline, Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { constants, createGzip } from "node:zlib";
import { FlowBatch, ObserverTable } from "../src/flow/index.ts";
import { createTrafficMetrics, formatPieces } from "../src/metrics/index.ts";
import { clientEnd, LiveFold, liveFoldDefaults, type Peer, PeerTable } from "../src/topology/index.ts";

const self = fileURLToPath(import.meta.url);
const promClientVersion = "15.1.3";
const metricsPerFlow = 4;

/** Flow `i` is of address 10.x.y.z to 192.0.2.1, port 443. */
function fillBatch(batch: FlowBatch, first: number, flows: number, peers: PeerTable, observer: number): void {
  batch.clear();
  const { columns } = batch;
  for (let i = first; i < Math.min(first + batch.capacity, flows); i++) {
    const row = batch.append();
    const address = [10, (i >> 16) & 255, (i >> 8) & 255, i & 255];
    columns.sourceAddress.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...address], row * 16);
    columns.destinationAddress.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1], row * 16);
    columns.sourceTransportPort[row] = 40_000;
    columns.destinationTransportPort[row] = 443;
    columns.protocolIdentifier[row] = 6;
    columns.sourcePeer[row] = peers.intern(hostPeer(address.join(".")));
    columns.destinationPeer[row] = peers.intern(hostPeer("192.0.2.1"));
    columns.clientEnd[row] = clientEnd.source;
    columns.octetDeltaCount[row] = 1000 + i;
    columns.packetDeltaCount[row] = 3;
    columns.samplingInterval[row] = 1;
    columns.observer[row] = observer;
    columns.collectionTimeMilliseconds[row] = Date.now();
  }
}

const hostPeer = (address: string): Peer => ({
  ...{ id: `host:${address}`, kind: "host", name: address, address },
  ...{ node: "", network: "", process: "", container: "" },
});

type Answer = (response: ServerResponse) => void;

/** The clients are inside, the server outside: each flow is in the series of networks and of what is outside too. */
const findAddressPlace = (address: string) => ({
  ...{ isInside: address.startsWith("10."), network: address.startsWith("10.") ? "lan" : "internet" },
  ...{ site: "", vlan: null, country: "CH", asNumber: 64500, asName: "Example" },
});

function ours(series: number, isPacked: boolean): { answer: Answer; add: () => number } {
  const flows = series / metricsPerFlow;
  const peers = new PeerTable(200_000, () => {});
  const observers = new ObserverTable();
  const observer = observers.intern({ id: "exporter:192.0.2.254", kind: "exporter", name: "192.0.2.254" });
  const traffic = createTrafficMetrics(
    { links: true, limit: flows, staleMilliseconds: 900_000, compat: [] },
    { peers, observers, forEachOpen: () => {}, now: Date.now, findAddressPlace },
  );
  const batch = new FlowBatch(4096);
  const forEachBatch = (visit: () => void) => {
    for (let first = 0; first < flows; first += batch.capacity) {
      fillBatch(batch, first, flows, peers, observer);
      visit();
    }
  };
  forEachBatch(() => traffic.record(batch));
  return {
    answer(response) {
      const reading = traffic.read(0);
      const metrics = reading.metrics.filter(({ name }) => name.startsWith("flow_"));
      const pieces = function* () {
        for (const piece of formatPieces(metrics, "text")) yield Buffer.from(piece);
      };
      const stream = Readable.from(pieces(), { objectMode: false, highWaterMark: 1 << 16 });
      stream.once("close", reading.done);
      if (!isPacked) return void stream.pipe(response);
      response.setHeader("content-encoding", "gzip");
      pipeline(stream, createGzip({ level: constants.Z_BEST_SPEED }), response, () => {});
    },
    add() {
      let spent = 0;
      forEachBatch(() => {
        const begun = performance.now();
        traffic.record(batch);
        spent += performance.now() - begun;
      });
      return (spent * 1e6) / flows;
    },
  };
}

/** Each record to each of the four counters, as its users do. */
function promClient(series: number, folder: string): { answer: Answer; add: () => number } {
  const { Counter, Registry } = createRequire(join(folder, "index.js"))("prom-client");
  const flows = series / metricsPerFlow;
  const registry = new Registry();
  const labelNames = ["dst_addr", "dst_port", "exporter", "proto", "src_addr"];
  const names = ["flow_bytes_total", "flow_bytes", "flow_packets_total", "flow_packets"];
  const counters = names.map((name) => new Counter({ name, help: name, labelNames, registers: [registry] }));
  const addAll = () => {
    const begun = performance.now();
    for (let i = 0; i < flows; i++) {
      const labels = {
        ...{ dst_addr: "192.0.2.1", dst_port: "443", exporter: "192.0.2.254", proto: "tcp" },
        src_addr: `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`,
      };
      for (const [index, counter] of counters.entries()) counter.inc(labels, index < 2 ? 1000 + i : 3);
    }
    return ((performance.now() - begun) * 1e6) / flows;
  };
  addAll();
  return {
    answer: (response) => void registry.metrics().then((text: string) => response.end(text)),
    add: addAll,
  };
}

const residentMegabytes = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024;

async function serve(kind: string, series: number, folder: string): Promise<void> {
  globalThis.gc?.();
  const before = residentMegabytes();
  const { answer, add } =
    kind === "prom-client" ? promClient(series, folder) : ours(series, kind === "ours, gzip");
  globalThis.gc?.();
  const held = residentMegabytes() - before;
  const server = createServer((_request, response) => answer(response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const loop = monitorEventLoopDelay({ resolution: 1 });
  let active = performance.eventLoopUtilization();
  process.on("message", (what) => {
    if (what === "begin") {
      loop.enable();
      loop.reset();
      active = performance.eventLoopUtilization();
    } else if (what === "add") process.send!({ nanoseconds: add() });
    else {
      const milliseconds = performance.eventLoopUtilization(active).active;
      // The delay of a stretch is known once the timer behind it has fired.
      setTimeout(
        () =>
          process.send!({ milliseconds, longest: loop.max / 1e6, held, after: residentMegabytes() - before }),
        20,
      );
    }
  });
  process.on("disconnect", () => process.exit());
  process.send!((server.address() as AddressInfo).port);
}

async function measure(kind: string, series: number, scrapes: number, folder: string): Promise<void> {
  const child = fork(self, ["--serve", kind, String(series), folder], { execArgv: ["--expose-gc"] });
  const ask = async (what: string) => {
    child.send(what);
    return (await once(child, "message"))[0];
  };
  const [port] = await once(child, "message");
  const times: { milliseconds: number; longest: number }[] = [];
  let bytes = 0;
  let last = { held: 0, after: 0 };
  for (let i = 0; i < scrapes; i++) {
    await delay(100);
    child.send("begin");
    const response = await fetch(`http://127.0.0.1:${port}/`);
    const text = await response.text();
    bytes = text.length;
    const told = text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
    if (told !== series) throw new Error(`${kind}: ${told} series of ${series}`);
    const answer = await ask("end");
    times.push(answer);
    last = answer;
  }
  const adds: number[] = [];
  for (let i = 0; i < 5; i++) adds.push((await ask("add")).nanoseconds);
  child.disconnect();
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
  const warm = times.slice(1);
  console.log(
    `${kind.padEnd(11)} ${String(series).padStart(6)} series: scrape ${median(warm.map((t) => t.milliseconds)).toFixed(1)} ms of the main thread ` +
      `(first ${times[0]!.milliseconds.toFixed(0)}), longest stretch ${median(warm.map((t) => t.longest)).toFixed(1)} ms, ` +
      `${(bytes / 1e6).toFixed(1)} MB; memory ${last.held.toFixed(0)} MB, ${last.after.toFixed(0)} MB after ${scrapes} scrapes; ` +
      `${median(adds).toFixed(0)} ns to add a record`,
  );
}

/** What the same records cost in the live fold, to compare. */
function measureLiveFold(): void {
  const peers = new PeerTable(200_000, () => {});
  const fold = new LiveFold(liveFoldDefaults, () => {});
  fold.tick(Date.now(), () => {});
  const batch = new FlowBatch(4096);
  const spent: number[] = [];
  for (let round = 0; round < 6; round++) {
    let time = 0;
    for (let first = 0; first < 25_000; first += batch.capacity) {
      fillBatch(batch, first, 25_000, peers, 1);
      const begun = performance.now();
      fold.fold(batch);
      time += performance.now() - begun;
    }
    spent.push((time * 1e6) / 25_000);
  }
  console.log(`the live fold takes ${spent.toSorted((a, b) => a - b)[2]!.toFixed(0)} ns for such a record`);
}

if (process.argv[2] === "--serve") await serve(process.argv[3]!, Number(process.argv[4]), process.argv[5]!);
else {
  const { values } = parseArgs({
    options: {
      series: { type: "string", default: "10000,100000" },
      scrapes: { type: "string", default: "10" },
    },
  });
  const folder = mkdtempSync(join(tmpdir(), "portolan-bench-"));
  try {
    const fetched = spawnSync("npm", [
      "install",
      "--prefix",
      folder,
      "--no-save",
      `prom-client@${promClientVersion}`,
    ]);
    const kinds = fetched.status === 0 ? ["ours", "ours, gzip", "prom-client"] : ["ours", "ours, gzip"];
    if (fetched.status !== 0) console.log("prom-client is left out: npm did not fetch it");
    for (const series of values.series.split(",").map(Number))
      for (const kind of kinds) await measure(kind, series, Number(values.scrapes), folder);
    measureLiveFold();
  } finally {
    rmSync(folder, { recursive: true });
  }
}
