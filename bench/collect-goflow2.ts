/**
 * What a record costs in `portolan collect` and in GoFlow2: the same datagrams (NetFlow v5, v9, IPFIX by turns), sent over
 * loopback to both by one sender in one run; CPU of the whole process, from the first datagram to the last record.
 *
 *   node bench/collect-goflow2.ts [--datagrams 20000] [--rate 1000] [--only json-file|bin-null]
 *   node bench/collect-goflow2.ts --limits [--seconds 30] [--records 20000]
 *
 * json-file: JSON to a file. bin-null: protobuf to /dev/null, the least that both do beside decoding. --limits (root): each
 * in a control group of its own with the seed's 256 MiB and 0.2 CPU, sent so many records a second: held, or how many lost.
 * GoFlow2 is built from its Go module once, into the cache folder; without `go` ours is measured alone, which is said.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createFlowDatagrams } from "./flow-datagrams.ts";
import { recordsPerDatagram } from "./v5-datagrams.ts";

const goflow2Version = "v2.2.6";
const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));

/** The path of a GoFlow2 of the wanted version, or why there is none. */
function findGoflow2(): { path: string } | { why: string } {
  const folder = join(
    process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
    "portolan-bench",
    goflow2Version,
  );
  const path = join(folder, "goflow2");
  if (existsSync(path)) return { path };
  mkdirSync(folder, { recursive: true });
  const { status, error, stderr } = spawnSync(
    "go",
    ["install", `github.com/netsampler/goflow2/v2/cmd/goflow2@${goflow2Version}`],
    { env: { ...process.env, GOBIN: folder }, encoding: "utf8" },
  );
  if (status === 0) return { path };
  return { why: error === undefined ? stderr.trim() : "go is not installed" };
}

interface Subject {
  readonly name: "portolan" | "goflow2";
  readonly command: readonly string[];
}

interface Running extends Subject {
  readonly child: ChildProcess;
  readonly flowPort: number;
  readonly httpPort: number;
  readonly file: string;
}

/** Starts one, in a control group if given, and waits until it collects. */
async function start(
  subject: Subject,
  format: string,
  file: string,
  groups: readonly string[] = [],
): Promise<Running> {
  const [flowPort, httpPort] = [await freePort(), await freePort()];
  const flags = [
    ...["-listen", `netflow://127.0.0.1:${flowPort}`, "-addr", `127.0.0.1:${httpPort}`],
    ...["-format", format, "-transport.file", file],
  ];
  const enter = `${groups.map((group) => `echo $$ > ${group}/cgroup.procs; `).join("")}exec "$@"`;
  const child = spawn("sh", ["-c", enter, "sh", ...subject.command, ...flags], { stdio: "ignore" });
  for (let tries = 0; tries < 600; tries++) {
    const health = await fetch(`http://127.0.0.1:${httpPort}/__health`).catch(() => undefined);
    if (health?.ok) return { ...subject, child, flowPort, httpPort, file };
    await delay(50);
  }
  throw new Error(`${subject.name} does not start`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

/** CPU seconds, user and system, of all threads of a process; ticks are 1/100 s on Linux. */
function readCpuSeconds({ child }: Running): number {
  const afterName = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(afterName[11]) + Number(afterName[12])) / 100;
}

function readPeakMegabytes({ child }: Running): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024;
}

/** Records that went through, as each counts them itself; the counts of lines in a file agree where there is one. */
async function readRecordCount({ name, httpPort }: Running): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  // GoFlow2 counts v5 records as flow sets, and no records of them.
  const wanted =
    name === "portolan"
      ? /^portolan_output_records_total (\S+)$/gm
      : /^goflow2_flow_process_nf_(?:flowset_records_total\{.*type="DataFlowSet"|flowset_total\{.*type="DataFlowSet",version="5").*\} (\S+)$/gm;
  return [...text.matchAll(wanted)].reduce((sum, [, value]) => sum + Number(value), 0);
}

function countLines(file: string): number {
  let count = 0;
  for (const byte of readFileSync(file)) if (byte === 10) count++;
  return count;
}

/** Sends the same datagrams to all ports, a few each millisecond. */
async function sendPaced(ports: readonly number[], datagramCount: number, rate: number): Promise<void> {
  const socket = createSocket("udp4");
  const [v5, v9, ipfix] = [
    createFlowDatagrams("v5", 200),
    createFlowDatagrams("v9", 200),
    createFlowDatagrams("ipfix", 200),
  ];
  const data = v5.data.flatMap((datagram, i) => [datagram, v9.data[i]!, ipfix.data[i]!]);
  for (const port of ports)
    for (const announcement of [...v9.announcements, ...ipfix.announcements])
      socket.send(announcement, port, "127.0.0.1");
  await delay(300);
  const begun = performance.now();
  for (let sent = 0; sent < datagramCount; ) {
    const due = Math.min(datagramCount, Math.ceil(((performance.now() - begun) / 1000) * rate));
    // After a pause of the machine the backlog is spread out, not sent at once.
    for (const until = Math.min(due, sent + 16); sent < until; sent++)
      for (const port of ports) socket.send(data[sent % data.length]!, port, "127.0.0.1");
    await delay(1);
  }
  socket.close();
}

async function compare(
  subjects: readonly Subject[],
  which: string,
  datagramCount: number,
  rate: number,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "collect-"));
  const [format, target] = which.split("-") as [string, string];
  const running: Running[] = [];
  try {
    for (const subject of subjects)
      running.push(
        await start(subject, format, target === "null" ? "/dev/null" : join(folder, subject.name)),
      );
    const idle = running.map(readPeakMegabytes);
    const before = running.map(readCpuSeconds);
    await sendPaced(
      running.map(({ flowPort }) => flowPort),
      datagramCount,
      rate,
    );
    await delay(1500);
    const sentCount = datagramCount * recordsPerDatagram;
    console.log(
      `${which}: ${sentCount} records in ${datagramCount} datagrams to each, ${rate} datagrams a second`,
    );
    const costs: number[] = [];
    for (const [i, program] of running.entries()) {
      const cpu = readCpuSeconds(program) - before[i]!;
      const peak = readPeakMegabytes(program);
      const recordCount = await readRecordCount(program);
      program.child.kill("SIGTERM");
      await once(program.child, "exit");
      const written = target === "null" ? recordCount : countLines(program.file);
      costs.push(cpu / written);
      console.log(
        `  ${program.name.padEnd(9)} ${written} records written (${recordCount} counted), ` +
          `${((cpu / written) * 1e6).toFixed(2)} CPU s per million, ${(written / cpu / 1000).toFixed(0)} k records per CPU s, ` +
          `resident ${idle[i]!.toFixed(0)} MB idle, ${peak.toFixed(0)} MB peak`,
      );
    }
    if (costs.length === 2)
      console.log(`  ratio     ${(costs[1]! / costs[0]!).toFixed(1)} times GoFlow2's records per CPU second`);
  } finally {
    for (const { child } of running) child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

const cpuShare = 0.2;
const memoryBytes = 256 * 2 ** 20;

/** Folders of a new control group with the limits: one of version 2, or one for each controller of version 1. */
function createLimits(name: string): string[] {
  const folderName = `portolan-bench-${process.pid}-${name}`;
  const v2 = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find((root) => {
    const file = join(root, "cgroup.subtree_control");
    return existsSync(file) && /\bcpu\b.*\bmemory\b/.test(readFileSync(file, "utf8"));
  });
  if (v2 !== undefined) {
    const folder = join(v2, folderName);
    mkdirSync(folder);
    writeFileSync(join(folder, "cpu.max"), `${cpuShare * 100_000} 100000`);
    writeFileSync(join(folder, "memory.max"), String(memoryBytes));
    return [folder];
  }
  const [cpu, memory] = ["cpu", "memory"].map((controller) => join("/sys/fs/cgroup", controller, folderName));
  mkdirSync(cpu!);
  mkdirSync(memory!);
  writeFileSync(join(cpu!, "cpu.cfs_period_us"), "100000");
  writeFileSync(join(cpu!, "cpu.cfs_quota_us"), String(cpuShare * 100_000));
  writeFileSync(join(memory!, "memory.limit_in_bytes"), String(memoryBytes));
  return [cpu!, memory!];
}

function readPeakGroupMegabytes(groups: readonly string[]): number {
  const file = groups
    .flatMap((group) => [join(group, "memory.peak"), join(group, "memory.max_usage_in_bytes")])
    .find(existsSync);
  return file === undefined ? Number.NaN : Number(readFileSync(file, "utf8")) / 2 ** 20;
}

async function holdLimits(subjects: readonly Subject[], seconds: number, recordRate: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "collect-"));
  const rate = Math.ceil(recordRate / recordsPerDatagram);
  const sentCount = rate * seconds * recordsPerDatagram;
  console.log(
    `limits: 0.2 CPU, 256 MiB; ${rate * recordsPerDatagram} records a second for ${seconds} s, JSON to a file`,
  );
  // One after the other: the machine's cores are not what is asked about.
  for (const subject of subjects) {
    const groups = createLimits(subject.name);
    const program = await start(subject, "json", join(folder, subject.name), groups);
    try {
      const before = readCpuSeconds(program);
      await sendPaced([program.flowPort], rate * seconds, rate);
      const cpu = readCpuSeconds(program) - before;
      await delay(5000);
      const [resident, group] = [readPeakMegabytes(program), readPeakGroupMegabytes(groups)];
      program.child.kill("SIGTERM");
      // Who has a queue of its own may need minutes for it: what is written by then counts.
      await Promise.race([once(program.child, "exit"), delay(10_000)]);
      const written = countLines(program.file);
      const verdict = written === sentCount ? "held" : `lost ${sentCount - written} of ${sentCount}`;
      console.log(
        `  ${subject.name.padEnd(9)} ${verdict}; ${((cpu / seconds) * 100).toFixed(1)} % of a CPU, ` +
          `peak ${resident.toFixed(0)} MB resident, ${group.toFixed(0)} MB with its page cache`,
      );
    } finally {
      program.child.kill("SIGKILL");
      await delay(200);
      for (const each of groups) rmdirSync(each);
    }
  }
  rmSync(folder, { recursive: true });
}

const { values } = parseArgs({
  options: {
    datagrams: { type: "string", default: "20000" },
    rate: { type: "string", default: "1000" },
    only: { type: "string" },
    limits: { type: "boolean", default: false },
    seconds: { type: "string", default: "30" },
    records: { type: "string", default: "20000" },
  },
});
const goflow2 = findGoflow2();
if ("why" in goflow2) console.log(`GoFlow2 is not measured: ${goflow2.why}`);
const subjects: Subject[] = [
  { name: "portolan", command: [process.execPath, main, "collect"] },
  ...("path" in goflow2 ? [{ name: "goflow2", command: [goflow2.path] } as const] : []),
];
if (values.limits) await holdLimits(subjects, Number(values.seconds), Number(values.records));
else
  for (const which of values.only === undefined ? ["json-file", "bin-null"] : [values.only])
    await compare(subjects, which, Number(values.datagrams), Number(values.rate));
