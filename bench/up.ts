/**
 * What `portolan up` costs on one machine: resident memory and CPU idle, then under a steady stream of NetFlow v5.
 *
 *   node bench/up.ts [--rate 50000] [--seconds 60] [--links 3000]
 *
 * Half an hour, to see whether memory stays: --seconds 1800. The rate is records a second; links is how many different ones they belong to. What was sent, received, stored and
 * dropped is printed, so that a figure of a run that lost something is seen to be one.
 */
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freePort, type Program, startProgram } from "../test/program.ts";
import { createV5Datagrams, recordsPerDatagram } from "./v5-datagrams.ts";

const { values } = parseArgs({
  options: {
    rate: { type: "string", default: "50000" },
    seconds: { type: "string", default: "60" },
    links: { type: "string", default: "3000" },
  },
});

/** Clock ticks a second of /proc/PID/stat, on every Linux that Node runs on. */
const ticksPerSecond = 100;

function usage(pid: number): { cpuSeconds: number; residentMB: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    residentMB: Number(resident) / 1000,
  };
}

async function watch(program: Program, seconds: number, name: string): Promise<void> {
  const pid = program.child.pid!;
  const before = usage(pid);
  let peak = 0;
  for (let second = 0; second < seconds; second++) {
    await delay(1000);
    const { residentMB } = usage(pid);
    peak = Math.max(peak, residentMB);
    if ((second + 1) % 300 === 0) console.log(`  after ${(second + 1) / 60} min ${residentMB.toFixed(0)} MB`);
  }
  const after = usage(pid);
  const cores = (after.cpuSeconds - before.cpuSeconds) / seconds;
  console.log(
    `${name.padEnd(18)} ${after.residentMB.toFixed(0)} MB resident (peak ${peak.toFixed(0)}), ${(cores * 100).toFixed(1)} % of a core`,
  );
}

/** Sends at a steady pace, in portions of a hundredth of a second. */
async function send(
  port: number,
  datagrams: readonly Uint8Array[],
  count: number,
  perSecond: number,
): Promise<void> {
  const socket = createSocket("udp4");
  const start = performance.now();
  for (let sent = 0; sent < count; ) {
    const due = Math.min(count, Math.ceil(((performance.now() - start) / 1000) * perSecond));
    for (; sent < due; sent++) socket.send(datagrams[sent % datagrams.length]!, port, "127.0.0.1");
    await delay(10);
  }
  await delay(200);
  socket.close();
}

async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "portolan-bench-"));
  const port = await freePort();
  const program = await startProgram([
    "up",
    "--data",
    folder,
    "--listen",
    "127.0.0.1:0",
    "--flows",
    `udp://127.0.0.1:${port}`,
  ]);
  try {
    await delay(5000);
    await watch(program, 15, "idle");
    const seconds = Number(values.seconds);
    const perSecond = Number(values.rate) / recordsPerDatagram;
    const datagrams = createV5Datagrams(Math.ceil(Number(values.links) / recordsPerDatagram));
    const count = Math.round(perSecond * seconds);
    const sending = send(port, datagrams, count, perSecond);
    await watch(program, seconds, `${values.rate} records/s`);
    await sending;
    await delay(3000);
    const { collector, store } = await program.get<{
      collector: { exporters: { records: number; drops: Record<string, number> }[] };
      store: { flowRecords: number; bytes: number };
    }>("/api/v1/status");
    const [exporter] = collector.exporters;
    console.log(
      `records            sent ${count * recordsPerDatagram}, received ${exporter?.records}, stored ${store.flowRecords}`,
    );
    console.log(`drops              ${JSON.stringify(exporter?.drops)}`);
    console.log(
      `store              ${(store.bytes / 1e6).toFixed(0)} MB, ${(store.bytes / store.flowRecords).toFixed(1)} bytes a record`,
    );
  } finally {
    await program.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

await run();
