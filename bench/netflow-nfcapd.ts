/**
 * What a NetFlow v5 record costs: our collector against Debian's nfcapd, fed the same datagrams over loopback by one
 * sender, in one run; then the decoder alone for v5, v9 and IPFIX.
 *
 *   node bench/netflow-nfcapd.ts [--datagrams 60000] [--rate 6000] [--fold MODULE] [--decode-only]
 *
 * nfcapd also writes its file; ours hands each batch to the MODULE's `createDeliver(): (batch: FlowBatch) => void`, or
 * only counts the rows. The rate is datagrams a second: low enough that neither loses, as the record counts show.
 * One case by itself, under a profile: node --cpu-prof bench/netflow-nfcapd.ts --decode-only
 */
import { execFileSync, fork, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { createCollector, defaultCollectorConfig } from "../src/collector/index.ts";
import { FlowBatch, ObserverTable } from "../src/flow/index.ts";
import { FlowDecoder } from "../src/netflow/index.ts";
import {
  concat,
  ipfixMessage,
  ipv4,
  type SpecifiedField,
  set,
  template,
  unsigned,
  v9Message,
} from "../src/netflow/testdata/messages.ts";
import { createV5Datagrams, recordsPerDatagram } from "./v5-datagrams.ts";

const self = fileURLToPath(import.meta.url);

/** The fields of softflowd's IPv4 template, as v9 or IPFIX. */
function createTemplatedDatagrams(version: 9 | 10): { announcement: Uint8Array; data: Uint8Array } {
  const times: readonly SpecifiedField[] =
    version === 9
      ? [
          [22, 4],
          [21, 4],
        ]
      : [
          [152, 8],
          [153, 8],
        ];
  const layout: readonly SpecifiedField[] = [
    [8, 4],
    [12, 4],
    ...times,
    [1, 4],
    [2, 4],
    [10, 4],
    [14, 4],
    [61, 1],
    [136, 1],
    [7, 2],
    [11, 2],
    [4, 1],
    [6, 1],
    [60, 1],
    [5, 1],
  ];
  const message = version === 9 ? v9Message : ipfixMessage;
  const record = (n: number) =>
    concat(
      ipv4(`10.0.0.${n}`),
      ipv4(`10.0.1.${n}`),
      ...times.map(([, length]) => unsigned(version === 9 ? 90_000 : 1_760_000_000_000, length)),
      ...[60 + n, 1 + n, 1, 2].map((value) => unsigned(value, 4)),
      Uint8Array.of(0, 1, 4, n, 1, 187, 6, 27, 4, 0),
    );
  const records = Array.from({ length: recordsPerDatagram }, (_, i) => record(i + 1));
  return {
    announcement: message({}, set(version === 9 ? 0 : 2, template(1024, layout))),
    data: message({}, set(1024, ...records)),
  };
}

function measureDecode(name: string, datagrams: readonly Uint8Array[]): void {
  const decoder = new FlowDecoder(() => {});
  const batch = new FlowBatch(4096);
  const sink = { batch, flush: () => batch.clear() };
  const source = { addressText: "192.0.2.1", port: 1, observerRow: 1 };
  const run = (milliseconds: number) => {
    const start = process.cpuUsage();
    const end = performance.now() + milliseconds;
    let recordCount = 0;
    while (performance.now() < end) {
      for (const datagram of datagrams)
        recordCount += decoder.decode(datagram, source, 1_760_000_000_000, sink).recordCount;
    }
    const { user, system } = process.cpuUsage(start);
    return recordCount / ((user + system) / 1e6);
  };
  run(500);
  console.log(`decode ${name.padEnd(6)} ${(run(1500) / 1e6).toFixed(2)} M records per CPU second`);
}

function measureDecodes(): void {
  const v9 = createTemplatedDatagrams(9);
  const ipfix = createTemplatedDatagrams(10);
  measureDecode("v5", createV5Datagrams(200));
  measureDecode("v9", [v9.announcement, ...new Array<Uint8Array>(200).fill(v9.data)]);
  measureDecode("ipfix", [ipfix.announcement, ...new Array<Uint8Array>(200).fill(ipfix.data)]);
}

/** The child: a collector that tells its port, and its record count when asked. */
async function receive(foldModule: string | undefined): Promise<void> {
  const folding =
    foldModule === undefined ? undefined : await import(pathToFileURL(resolve(foldModule)).href);
  const deliver: (batch: FlowBatch) => void = folding?.createDeliver() ?? (() => {});
  const collector = createCollector(
    { ...defaultCollectorConfig, listeners: [{ host: "127.0.0.1", port: 0 }] },
    { deliver, observers: new ObserverTable(), drop: () => {}, now: Date.now },
  );
  await collector.start();
  const ticking = setInterval(() => collector.flush(), 1000);
  process.on("message", () => process.send!(collector.status()));
  process.on("disconnect", () => {
    clearInterval(ticking);
    void collector.stop();
  });
  process.send!(collector.status());
}

/** CPU seconds, user and system, of all threads of a process; ticks are 1/100 s on Linux. */
function readCpuSeconds(pid: number): number {
  const afterName = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(afterName[11]) + Number(afterName[12])) / 100;
}

function readPeakMegabytes(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

/** Sends every datagram to both ports, a few each millisecond. */
async function sendPaced(ports: readonly number[], datagramCount: number, rate: number): Promise<void> {
  const socket = createSocket("udp4");
  const datagrams = createV5Datagrams(500);
  const start = performance.now();
  let sent = 0;
  while (sent < datagramCount) {
    const due = Math.min(datagramCount, Math.ceil(((performance.now() - start) / 1000) * rate));
    // After a pause of the machine the backlog is spread out, not sent at once.
    for (const until = Math.min(due, sent + 32); sent < until; sent++) {
      for (const port of ports) socket.send(datagrams[sent % datagrams.length]!, port, "127.0.0.1");
    }
    await delay(1);
  }
  await delay(500);
  socket.close();
}

async function compare(datagramCount: number, rate: number, fold: string | undefined): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "nfcapd-"));
  const nfcapdPort = 29_055;
  const nfcapd = spawn(
    "nfcapd",
    ["-w", folder, "-p", String(nfcapdPort), "-b", "127.0.0.1", "-B", "8388608"],
    { stdio: "ignore" },
  );
  const child = fork(self, ["--receive", ...(fold === undefined ? [] : ["--fold", fold])]);
  try {
    const [{ listeners }] = await once(child, "message");
    await delay(700);
    const pids = { portolan: child.pid!, nfcapd: nfcapd.pid! };
    const before = { portolan: readCpuSeconds(pids.portolan), nfcapd: readCpuSeconds(pids.nfcapd) };
    await sendPaced([nfcapdPort, listeners[0].port], datagramCount, rate);
    const cpu = {
      portolan: readCpuSeconds(pids.portolan) - before.portolan,
      nfcapd: readCpuSeconds(pids.nfcapd) - before.nfcapd,
    };
    const peak = { portolan: readPeakMegabytes(pids.portolan), nfcapd: readPeakMegabytes(pids.nfcapd) };
    child.send("status");
    const [{ recordCount }] = await once(child, "message");
    nfcapd.kill("SIGTERM");
    await once(nfcapd, "exit");
    const summary = execFileSync("nfdump", ["-I", "-R", folder], { encoding: "utf8" });
    const records = { portolan: Number(recordCount), nfcapd: Number(/^Flows: (\d+)/m.exec(summary)?.[1]) };
    console.log(
      `sent            ${datagramCount * recordsPerDatagram} v5 records in ${datagramCount} datagrams to each`,
    );
    for (const who of ["portolan", "nfcapd"] as const) {
      const perMillion = (cpu[who] / records[who]) * 1e6;
      console.log(
        `${who.padEnd(15)} ${records[who]} records received, ${perMillion.toFixed(2)} CPU s per million, ` +
          `peak ${peak[who].toFixed(0)} MB resident`,
      );
    }
    const ratio = cpu.portolan / records.portolan / (cpu.nfcapd / records.nfcapd);
    console.log(`ratio           ${ratio.toFixed(2)} (below 1: cheaper than nfcapd)`);
  } finally {
    child.disconnect();
    nfcapd.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[1] === self) {
  const { values } = parseArgs({
    options: {
      datagrams: { type: "string", default: "60000" },
      rate: { type: "string", default: "6000" },
      fold: { type: "string" },
      receive: { type: "boolean", default: false },
      "decode-only": { type: "boolean", default: false },
    },
  });
  if (values.receive) await receive(values.fold);
  else {
    if (!values["decode-only"]) await compare(Number(values.datagrams), Number(values.rate), values.fold);
    measureDecodes();
  }
}
