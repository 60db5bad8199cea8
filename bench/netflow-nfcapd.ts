/**
 * What a flow record costs: our collector against Debian's nfcapd, fed the same datagrams over loopback by one sender, in
 * one run, for NetFlow v5, v9 and IPFIX; and the highest rate that each takes without loss.
 *
 *   node bench/netflow-nfcapd.ts [--only v5|v9|ipfix] [--datagrams 200000] [--rate 10000] [--fold MODULE]
 *   node bench/netflow-nfcapd.ts --loss-free [--seconds 3]
 *   node bench/netflow-nfcapd.ts --decode-only
 *
 * nfcapd also writes its file (compression off); ours hands each batch to the MODULE's `createDeliver(): (batch) => void`, by default
 * fold.ts: enrich, stitch and fold; `--fold none` only counts the rows. The rate is datagrams a second of 30 records: low enough
 * that neither loses, as the record counts show. A profile: node --cpu-prof bench/netflow-nfcapd.ts --decode-only
 */
import { execFileSync, fork, spawn } from "node:child_process";
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
import { sendDatagrams } from "./datagram-sender.ts";
import { createFlowDatagrams, type FlowProtocol, flowProtocols } from "./flow-datagrams.ts";
import { recordsPerDatagram } from "./v5-datagrams.ts";

const self = fileURLToPath(import.meta.url);

function measureDecode(protocol: FlowProtocol): void {
  const decoder = new FlowDecoder(() => {});
  const batch = new FlowBatch(8192);
  const sink = { batch, flush: () => batch.clear() };
  const source = { addressText: "192.0.2.1", port: 1, observerRow: 1 };
  const { announcements, data } = createFlowDatagrams(protocol, 200);
  for (const datagram of announcements) decoder.decode(datagram, source, 1_760_000_000_000, sink);
  const run = (milliseconds: number) => {
    const start = process.cpuUsage();
    const end = performance.now() + milliseconds;
    let recordCount = 0;
    while (performance.now() < end) {
      for (const datagram of data)
        recordCount += decoder.decode(datagram, source, 1_760_000_000_000, sink).recordCount;
    }
    const { user, system } = process.cpuUsage(start);
    return recordCount / ((user + system) / 1e6);
  };
  run(500);
  console.log(`decode ${protocol.padEnd(6)} ${(run(1500) / 1e6).toFixed(2)} M records per CPU second`);
}

/** The child: a collector that tells its port, and its status when asked. */
async function receive(foldModule: string): Promise<void> {
  const folding = foldModule === "none" ? undefined : await import(pathToFileURL(resolve(foldModule)).href);
  const collector = createCollector(
    { ...defaultCollectorConfig, listeners: [{ host: "127.0.0.1", port: 0 }] },
    {
      deliver: folding?.createDeliver() ?? (() => {}),
      observers: new ObserverTable(),
      drop: () => {},
      now: Date.now,
    },
  );
  await collector.start();
  const ticking = setInterval(() => collector.flush(), 1000);
  process.on("message", async () => process.send!(await collector.status()));
  process.on("disconnect", () => {
    clearInterval(ticking);
    void collector.stop();
  });
  process.send!(await collector.status());
}

/** CPU seconds, user and system, of all threads of a process; ticks are 1/100 s on Linux. */
function readCpuSeconds(pid: number): number {
  const afterName = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(afterName[11]) + Number(afterName[12])) / 100;
}

function readPeakMegabytes(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

interface Subject {
  readonly name: "portolan" | "nfcapd";
  readonly pid: number;
  readonly port: number;
  /** Records received, once it has ended. */
  stop(): Promise<number>;
}

async function startPortolan(fold: string): Promise<Subject> {
  const child = fork(self, ["--receive", "--fold", fold]);
  const [{ listeners }] = await once(child, "message");
  return {
    name: "portolan",
    pid: child.pid!,
    port: listeners[0].port,
    async stop() {
      child.send("status");
      const [{ recordCount }] = await once(child, "message");
      child.disconnect();
      await once(child, "exit");
      return Number(recordCount);
    },
  };
}

const nfcapdPort = 29_055;

async function startNfcapd(): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), "nfcapd-"));
  const child = spawn(
    "nfcapd",
    ["-w", folder, "-p", String(nfcapdPort), "-b", "127.0.0.1", "-B", "33554432"],
    { stdio: "ignore" },
  );
  await delay(700);
  return {
    name: "nfcapd",
    pid: child.pid!,
    port: nfcapdPort,
    async stop() {
      child.kill("SIGTERM");
      await once(child, "exit");
      const summary = execFileSync("nfdump", ["-I", "-R", folder], { encoding: "utf8" });
      rmSync(folder, { recursive: true });
      return Number(/^Flows: (\d+)/m.exec(summary)?.[1]);
    },
  };
}

async function compare(protocol: FlowProtocol, count: number, rate: number, fold: string): Promise<void> {
  const subjects = [await startPortolan(fold), await startNfcapd()];
  // What a compiler does once is not what a record costs.
  const ports = subjects.map(({ port }) => port);
  const warmUp = 20_000;
  await sendDatagrams({ protocol, ports, count: warmUp, rate: 8000 });
  await delay(300);
  const before = subjects.map(({ pid }) => readCpuSeconds(pid));
  await sendDatagrams({ protocol, ports, count, rate });
  await delay(1200);
  const cpu = subjects.map(({ pid }, i) => readCpuSeconds(pid) - before[i]!);
  const sent = count * recordsPerDatagram;
  console.log(`${protocol.padEnd(6)} ${sent} records in ${count} datagrams to each`);
  const perMillion = cpu.map((seconds) => (seconds / sent) * 1e6);
  for (const [i, { name, pid, stop }] of subjects.entries()) {
    const peak = readPeakMegabytes(pid);
    const received = (await stop()) - warmUp * recordsPerDatagram;
    console.log(
      `       ${name.padEnd(9)} ${received} received, ${perMillion[i]!.toFixed(3)} CPU s per million, peak ${peak.toFixed(0)} MB`,
    );
  }
  console.log(
    `       ratio     ${(perMillion[0]! / perMillion[1]!).toFixed(2)} (below 1: cheaper than nfcapd)`,
  );
}

/** Raises the rate until something is lost; each rate is given to one program at a time, so that they do not share the machine. */
async function findLossFree(seconds: number, start: () => Promise<Subject>): Promise<void> {
  let best = 0;
  let name = "";
  for (const rate of [50_000, 100_000, 150_000, 200_000, 250_000, 300_000, 350_000, 400_000]) {
    const subject = await start();
    ({ name } = subject);
    await sendDatagrams({ protocol: "v5", ports: [subject.port], count: 20_000, rate: 10_000 });
    const count = rate * seconds;
    const sent = await sendDatagrams({ protocol: "v5", ports: [subject.port], count, rate });
    await delay(1500);
    const lost = (count + 20_000) * recordsPerDatagram - (await subject.stop());
    const reached = count / sent.seconds;
    console.log(
      `       ${name.padEnd(9)} ${Math.round(reached)} datagrams/s: ${lost === 0 ? "none" : `${lost} records`} lost`,
    );
    if (lost > 0) break;
    best = reached;
    if (reached < rate * 0.95) break; // the sender can no more
  }
  console.log(`       ${name.padEnd(9)} ${Math.round(best)} datagrams/s without loss`);
}

if (process.argv[1] === self) {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      datagrams: { type: "string", default: "200000" },
      rate: { type: "string", default: "10000" },
      fold: { type: "string", default: fileURLToPath(new URL("fold.ts", import.meta.url)) },
      seconds: { type: "string", default: "3" },
      receive: { type: "boolean", default: false },
      "decode-only": { type: "boolean", default: false },
      "loss-free": { type: "boolean", default: false },
    },
  });
  const protocols = flowProtocols.filter((name) => values.only === undefined || name === values.only);
  if (values.receive) await receive(values.fold);
  else if (values["loss-free"]) {
    await findLossFree(Number(values.seconds), () => startPortolan(values.fold));
    await findLossFree(Number(values.seconds), startNfcapd);
  } else {
    if (!values["decode-only"]) {
      for (const protocol of protocols)
        await compare(protocol, Number(values.datagrams), Number(values.rate), values.fold);
    }
    for (const protocol of protocols) measureDecode(protocol);
  }
}
