/**
 * The highest rate that a probe takes from an interface without loss: ours and softflowd's, one after the other, on a veth pair in a namespace,
 * fed by tcpreplay from memory; and the CPU each needs at each rate.
 *
 *   node bench/probe-live.ts [--rates 100000,200000,400000,0] [--packets 1000000] [--frame 128] [--flows 10000]
 *
 * Rate 0 is as fast as tcpreplay sends. As root; needs softflowd and tcpreplay. Both export NetFlow v9 to a port that nobody listens on.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeCaptureFile } from "./probe-captures.ts";

/** As users run it. */
const launcher = fileURLToPath(new URL("../portolan", import.meta.url));
const { values } = parseArgs({
  options: {
    rates: { type: "string", default: "100000,200000,400000,0" },
    packets: { type: "string", default: "1000000" },
    frame: { type: "string", default: "128" },
    flows: { type: "string", default: "10000" },
  },
});
const namespace = `ptl-probe-bench-${process.pid % 10_000}`;
const folder = mkdtempSync(join(tmpdir(), "portolan-bench-"));
const control = join(folder, "ctl");
const inside = (...command: string[]) => ["netns", "exec", namespace, ...command];
const common = ["-d", "-i", "left", "-n", "127.0.0.1:29999", "-v", "9", "-m", "200000", "-c", control];
const programs = {
  portolan: [launcher, "probe", ...common],
  softflowd: ["softflowd", ...common],
};

function ask(word: string): string {
  return spawnSync("ip", inside("softflowctl", "-c", control, word), { encoding: "utf8" }).stdout;
}

function cpuSeconds(pid: number): number {
  const afterName = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(afterName[11]) + Number(afterName[12])) / 100;
}

/** What the probe says of its packets when it answers and they no longer become more. */
async function settled(): Promise<string> {
  const packetsIn = (text: string) => /Packets processed: (\d+)/.exec(text)?.[1];
  for (let text = ask("statistics"); ; ) {
    await delay(700);
    const next = ask("statistics");
    if (packetsIn(next) !== undefined && packetsIn(next) === packetsIn(text)) return next;
    text = next;
  }
}

async function measure(name: keyof typeof programs, capture: string, rate: number): Promise<void> {
  const child = spawn("ip", inside(...programs[name]), { stdio: "ignore" });
  await settled();
  const before = cpuSeconds(child.pid!);
  const speed = rate === 0 ? "--topspeed" : `--pps=${rate}`;
  const sent = execFileSync("ip", inside("tcpreplay", "-K", "-i", "right", speed, capture), {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const text = await settled();
  const used = cpuSeconds(child.pid!) - before;
  const [, reached] = /Rated:.*, ([\d.]+) pps/.exec(sent) ?? [];
  const [, dropped] = /Packets dropped by (?:kernel|libpcap): (\d+)/.exec(text) ?? [];
  const [, processed] = /Packets processed: (\d+)/.exec(text) ?? [];
  console.log(
    `${name.padEnd(9)} ${Math.round(Number(reached))} packets/s: ${dropped} dropped by the kernel, ${processed} counted, ${used.toFixed(2)} CPU s`,
  );
  child.kill("SIGTERM");
  await once(child, "exit");
}

try {
  execFileSync("ip", ["netns", "add", namespace]);
  for (const words of [
    "link set lo up",
    "link add left type veth peer name right",
    "link set left up",
    "link set right up",
  ])
    execFileSync("ip", ["-n", namespace, ...words.split(" ")]);
  const capture = join(folder, "capture.pcap");
  const shape = {
    name: "",
    flowCount: Number(values.flows),
    packetCount: Number(values.packets),
    frameBytes: [Number(values.frame)],
    burst: 1,
  };
  writeCaptureFile(capture, shape);
  for (const rate of values.rates.split(",").map(Number))
    for (const name of ["portolan", "softflowd"] as const) await measure(name, capture, rate);
} finally {
  spawnSync("ip", ["netns", "del", namespace]);
  rmSync(folder, { recursive: true, force: true });
}
