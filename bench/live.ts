/**
 * How long until a change is on everybody's map, and what memory addresses without end take.
 *
 *   node bench/live.ts [--subscribers 200] [--views 4] [--seconds 20] [--addresses 1000000] [--minutes 1]
 *
 * First `subscribers` live streams of so many different views are open while records of 300 links come in; each second one more link
 * appears, and it is timed from its datagram to the last stream that has it; CPU is the server's, of one core. Then records of `addresses` different
 * addresses a minute come in, and the server's resident memory is watched.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { v5Message, v5Record } from "../src/netflow/testdata/messages.ts";
import { freePort, type Program, startProgram } from "../test/program.ts";

const { values } = parseArgs({
  options: {
    subscribers: { type: "string", default: "200" },
    views: { type: "string", default: "4" },
    seconds: { type: "string", default: "20" },
    addresses: { type: "string", default: "1000000" },
    minutes: { type: "string", default: "1" },
  },
});

const recordsPerDatagram = 30;

function residentMB({ child }: Program): number {
  const text = readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1000;
}

/** Of user and kernel, since the start. */
function cpuSeconds({ child }: Program): number {
  const [, rest = ""] = /\) (.*)/.exec(readFileSync(`/proc/${child.pid}/stat`, "utf8")) ?? [];
  const fields = rest.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100; // clock ticks of USER_HZ
}

function datagram(sources: readonly string[]): Uint8Array {
  const destination = "192.168.0.1";
  const records = sources.map((source) =>
    v5Record({
      source,
      destination,
      packets: 3,
      octets: 400,
      sourcePort: 40_000,
      destinationPort: 443,
      protocol: 6,
    }),
  );
  return v5Message({ seconds: Math.floor(Date.now() / 1000) }, ...records);
}

const address = (net: number, n: number) => `${net}.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
/** A link of its own, which no other record has. */
const marker = (n: number) => address(11, n + 1);
const markerId = '"id":"host:11.0.0.';

/** In a thread of its own: reads all streams, and tells when each link it looks for is on each of them. */
async function subscribe({ url, count, viewCount }: { url: string; count: number; viewCount: number }) {
  let bytes = 0;
  const streams = Array.from({ length: count }, async (_, i) => {
    const request = get(`${url}/api/v1/live?limit=${1000 + (i % viewCount)}`, { agent: false });
    const [response] = await once(request, "response");
    if (response.statusCode !== 200) throw new Error(`stream ${i}: ${response.statusCode}`);
    let tail: Uint8Array = new Uint8Array();
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      const text = Buffer.concat([tail, chunk]);
      // Parsing it all would measure this thread.
      for (let at = text.indexOf(markerId); at >= 0; at = text.indexOf(markerId, at + 1)) {
        const n = /^(\d+)"/.exec(
          text.toString("latin1", at + markerId.length, at + markerId.length + 4),
        )?.[1];
        if (n !== undefined) parentPort!.postMessage({ stream: i, marker: Number(n) - 1, at: Date.now() });
      }
      tail = chunk.subarray(-(markerId.length + 4));
    });
  });
  await Promise.all(streams);
  parentPort!.postMessage("open");
  parentPort!.on("message", () => parentPort!.postMessage({ bytes }));
}

async function measureChanges(program: Program, port: number): Promise<void> {
  const [count, viewCount, seconds] = [values.subscribers, values.views, values.seconds].map(Number) as [
    number,
    number,
    number,
  ];
  const worker = new Worker(new URL(import.meta.url), { workerData: { url: program.url, count, viewCount } });
  await once(worker, "message");
  const seen = new Map<number, Map<number, number>>();
  let bytes = 0;
  worker.on("message", (told: { stream: number; marker: number; at: number } | { bytes: number }) => {
    if ("bytes" in told) bytes = told.bytes;
    else {
      const streams = seen.get(told.marker) ?? new Map<number, number>();
      seen.set(told.marker, streams);
      if (!streams.has(told.stream)) streams.set(told.stream, told.at);
    }
  });
  const socket = createSocket("udp4");
  const send = (bytes: Uint8Array) => socket.send(bytes, port, "127.0.0.1");
  const sentAt: number[] = [];
  const memory = residentMB(program);
  const cpu = cpuSeconds(program);
  for (let second = 0; second < seconds; second++) {
    for (let part = 0; part < 10; part++) {
      send(
        datagram(
          Array.from({ length: recordsPerDatagram }, (_, i) => address(10, part * recordsPerDatagram + i)),
        ),
      );
      // Not at the same moment of each second.
      if (part === second % 10) {
        sentAt.push(Date.now());
        send(datagram([marker(second)]));
      }
      await delay(100);
    }
  }
  const cpuShare = (cpuSeconds(program) - cpu) / seconds;
  await delay(3000);
  worker.postMessage("how much");
  await once(worker, "message");
  socket.close();
  const last = sentAt.map((at, i) => {
    const streams = [...(seen.get(i)?.values() ?? [])];
    return streams.length === count ? Math.max(...streams) - at : Number.POSITIVE_INFINITY;
  });
  last.sort((a, b) => a - b);
  const at = (share: number) => last[Math.min(last.length - 1, Math.floor(last.length * share))];
  console.log(
    `${count} streams, ${viewCount} views: a link is on all of them after ${at(0.5)} ms (median), ${at(0.95)} ms (p95), ${last.at(-1)} ms (most); ` +
      `${(bytes / 1e6 / seconds / count).toFixed(3)} MB/s per stream; CPU ${(100 * cpuShare).toFixed(0)} %; memory ${memory.toFixed(0)} to ${residentMB(program).toFixed(0)} MB`,
  );
  await worker.terminate();
}

async function measureAddresses(program: Program, port: number): Promise<void> {
  const perSecond = Number(values.addresses) / 60;
  const total = Math.round(Number(values.addresses) * Number(values.minutes));
  const socket = createSocket("udp4");
  const begun = performance.now();
  let peak = 0;
  let sent = 0;
  const before = residentMB(program);
  while (sent < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - begun) / 1000) * perSecond));
    for (; sent < due; sent += recordsPerDatagram)
      socket.send(
        datagram(Array.from({ length: recordsPerDatagram }, (_, i) => address(12, sent + i))),
        port,
        "127.0.0.1",
      );
    await delay(10);
    peak = Math.max(peak, residentMB(program));
  }
  await delay(3000);
  socket.close();
  const { collector, store } = await program.get<{
    collector: { records: number };
    store: { flowRecords: number; bytes: number };
  }>("/api/v1/status");
  const metrics = await (await fetch(`${program.url}/metrics`)).text();
  const drops = [...metrics.matchAll(/^portolan_drops_total\{reason="(\w+)".*\} (\d+)$/gm)].map(
    ([, reason, n]) => `${reason} ${n}`,
  );
  const peers = /^portolan_peers (\d+)$/m.exec(metrics)?.[1];
  console.log(
    `${sent} addresses in ${((performance.now() - begun) / 1000).toFixed(0)} s: memory ${before.toFixed(0)} to ${residentMB(program).toFixed(0)} MB, peak ${peak.toFixed(0)}; ` +
      `records ${collector.records}, stored ${store.flowRecords}, peers held ${peers}; drops: ${drops.join(", ") || "none"}`,
  );
}

async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "portolan-bench-"));
  const port = await freePort();
  const program = await startProgram([
    ...["server", "--data", folder, "--listen", "127.0.0.1:0", "--flows", `udp://127.0.0.1:${port}`],
  ]);
  try {
    await delay(3000);
    await measureChanges(program, port);
    await measureAddresses(program, port);
  } finally {
    await program.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

if (isMainThread) await run();
else await subscribe(workerData);
