/**
 * What a packet costs: our probe against Debian's softflowd, on the same captures in one run, each exporting NetFlow v9 to a socket
 * that nobody reads; packets per CPU second (user and system, the whole process), and memory per flow: what is more
 * than with 16 flows.
 *
 *   node bench/probe-softflowd.ts [--only "few large flows"] [--rounds 3] [--folder /tmp] [--scale 4] [--snap 0]
 *
 * The captures have 0.6 to 4.2 GB, each said in its line: as users read them, the start of a program being a small part of it; `--scale 2` makes them of half the size (2.1 GB
 * of few large flows), where it is a larger one. They are written anew, so that they lie in the system's cache; one that does not fit there measures the disk.
 *
 * Both keep all flows to the end (-m 2000000, no timeouts), and take turns; the least of the rounds counts. `start` is what a program costs with a
 * capture of no packets, and is part of the figures. `read` is what reading the file costs alone, by pieces of a quarter of a megabyte: no program that
 * reads it can do with less; from a file system in memory, such as /dev/shm, it costs up to twice as much, page by page. `--snap 128` cuts packets as tcpdump -s 128 does; needs /usr/bin/time (Debian's `time`).
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type CaptureShape, captureShapes, writeCaptureFile } from "./probe-captures.ts";

/** As users run it. */
const launcher = fileURLToPath(new URL("../portolan", import.meta.url));
/** Bound in another process, which sleeps: what is sent costs the sender alone. */
const receiverPort = 29_999;
const destination = `127.0.0.1:${receiverPort}`;

interface Cost {
  readonly cpuSeconds: number;
  readonly peakKilobytes: number;
  readonly packets: number;
}

/** The memory's peak by `time`, the CPU time by the shell's own, which tells milliseconds where the other cuts off hundredths. */
function measure(command: string, parameters: readonly string[]): Cost {
  const timed = `TIMEFORMAT="cost %3U %3S"; time "$0" "$@"`;
  const { stdout, stderr } = spawnSync(
    "/usr/bin/time",
    ["-f", "peak %M", "bash", "-c", timed, command, ...parameters],
    { encoding: "utf8", maxBuffer: 1e8 },
  );
  const [, user, system] = /^cost (\S+) (\S+)$/m.exec(stderr) ?? [];
  const [, peak] = /^peak (\d+)$/m.exec(stderr) ?? [];
  const packets = Number(/Packets processed: (\d+)/.exec(stdout)?.[1]);
  return { cpuSeconds: Number(user) + Number(system), peakKilobytes: Number(peak), packets };
}

const softflowd = (path: string) =>
  measure("softflowd", ["-r", path, "-d", "-c", "none", "-n", destination, "-v", "9", "-m", "2000000", "-a"]);
const portolan = (path: string) =>
  measure(launcher, [
    "probe",
    "-r",
    path,
    "-n",
    destination,
    "-v",
    "9",
    "-m",
    "2000000",
    "-t",
    "maxlife=0",
    "-t",
    "udp=3600",
  ]);

/** The least that each costs in some rounds by turns. */
function best(path: string, rounds: number): readonly [portolan: Cost, softflowd: Cost] {
  let [ours, theirs] = [portolan(path), softflowd(path)];
  for (let round = 1; round < rounds; round++) {
    ours = lesser(ours, portolan(path));
    theirs = lesser(theirs, softflowd(path));
  }
  return [ours, theirs];
}

function lesser(one: Cost, other: Cost): Cost {
  return one.cpuSeconds <= other.cpuSeconds ? one : other;
}

/** CPU seconds of reading the file and nothing else. */
function readCost(path: string): number {
  const fd = openSync(path, "r");
  const piece = new Uint8Array(262_144);
  const before = process.cpuUsage();
  while (readSync(fd, piece, 0, piece.length, null) > 0);
  const { user, system } = process.cpuUsage(before);
  closeSync(fd);
  return (user + system) / 1e6;
}

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    rounds: { type: "string", default: "3" },
    folder: { type: "string", default: tmpdir() },
    scale: { type: "string", default: "4" },
    snap: { type: "string", default: "0" },
  },
});
const rounds = Number(values.rounds);
const receiver = spawn(process.execPath, [
  "-e",
  `require("dgram").createSocket("udp4").bind(${receiverPort},"127.0.0.1",()=>{console.log("bound");Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0)})`,
]);
await once(receiver.stdout, "data");
const path = join(values.folder, `portolan-bench-${process.pid}.pcap`);
const nothing: CaptureShape = { ...captureShapes[0]!, packetCount: 0 };
/** A program at work has more memory than one that has only started: compiled loops, buffers. */
const hardlyAnyFlows: CaptureShape = { ...captureShapes[0]!, packetCount: 300_000 };
try {
  writeCaptureFile(path, nothing);
  const starts = best(path, rounds);
  console.log(
    `start   portolan ${starts[0].cpuSeconds.toFixed(3)} CPU s, softflowd ${starts[1].cpuSeconds.toFixed(3)}`,
  );
  writeCaptureFile(path, hardlyAnyFlows);
  const atWork = best(path, 1);
  for (const shape of captureShapes) {
    if (values.only !== undefined && values.only !== shape.name) continue;
    writeCaptureFile(
      path,
      { ...shape, packetCount: shape.packetCount * Number(values.scale) },
      Number(values.snap),
    );
    const reading = Math.min(readCost(path), readCost(path));
    const [ours, theirs] = best(path, rounds);
    const rate = ({ packets, cpuSeconds }: Cost) => packets / cpuSeconds / 1e6;
    const rateBeyondStart = ({ packets, cpuSeconds }: Cost, start: Cost) =>
      packets / (cpuSeconds - start.cpuSeconds) / 1e6;
    const running = rateBeyondStart(ours, starts[0]) / rateBeyondStart(theirs, starts[1]);
    const memory = ({ peakKilobytes }: Cost, without: Cost) =>
      ((peakKilobytes - without.peakKilobytes) * 1024) / shape.flowCount;
    const perFlow =
      shape.flowCount < 100_000
        ? ""
        : `; octets per flow ${memory(ours, atWork[0]).toFixed(0)} and ${memory(theirs, atWork[1]).toFixed(0)}`;
    console.log(
      `${shape.name} (${(statSync(path).size / 1e9).toFixed(1)} GB): portolan ${ours.cpuSeconds.toFixed(3)} CPU s, softflowd ${theirs.cpuSeconds.toFixed(3)}, read ${reading.toFixed(2)}; ${rate(ours).toFixed(2)} and ${rate(theirs).toFixed(2)} M packets per CPU s: ${(rate(ours) / rate(theirs)).toFixed(2)} times, ${running.toFixed(2)} beyond start` +
        `; peak ${(ours.peakKilobytes / 1024).toFixed(0)} and ${(theirs.peakKilobytes / 1024).toFixed(0)} MB${perFlow}`,
    );
  }
} finally {
  receiver.kill("SIGKILL");
  rmSync(path, { force: true });
}
