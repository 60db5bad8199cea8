/**
 * The highest rate that a probe takes from an interface without loss: ours and softflowd's, by turns, on a veth pair in a namespace, fed by
 * tcpreplay from memory; the packets that the kernel dropped above it, and the CPU that each needs.
 *
 *   node bench/probe-live.ts [--first 50000] [--seconds 2] [--frame 128] [--flows 10000] [--burst 1] [--tries 3]
 *
 * From the first rate on each is given twice as much until it loses packets in all of its tries, then rates between the highest without loss and the
 * lowest with it, until they are a tenth apart. What is lost is what the kernel says it dropped; softflowd counts the last packets
 * of a trial only when more come, so that it has some less than were sent. Where tcpreplay cannot keep the rate it is asked to send as fast
 * as it can, and that is the last one.
 *
 * As root; needs softflowd and tcpreplay. Both export NetFlow v9 to a port that nobody listens on.
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
    first: { type: "string", default: "50000" },
    seconds: { type: "string", default: "2" },
    frame: { type: "string", default: "128" },
    flows: { type: "string", default: "10000" },
    burst: { type: "string", default: "1" },
    tries: { type: "string", default: "3" },
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
type ProgramName = keyof typeof programs;

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

/** As fast as tcpreplay sends, and how many packets a second are kept ready for it. */
const topSpeed = Number.POSITIVE_INFINITY;
const topPackets = 500_000;

interface Trial {
  /** Packets a second that were really sent. */
  readonly rate: number;
  readonly sent: number;
  readonly counted: number;
  readonly dropped: number;
  readonly cpuSeconds: number;
}

async function measure(name: ProgramName, capture: string, rate: number): Promise<Trial> {
  const child = spawn("ip", inside(...programs[name]), { stdio: "ignore" });
  await settled();
  const before = cpuSeconds(child.pid!);
  const limit = `--limit=${Math.round(Math.min(rate, topPackets) * Number(values.seconds))}`;
  const speed = rate === topSpeed ? "--topspeed" : `--pps=${rate}`;
  const report = execFileSync(
    "ip",
    inside("tcpreplay", "-K", "-i", "right", "--loop=0", limit, speed, capture),
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
  const text = await settled();
  const trial = {
    rate: Number(/Rated:.*, ([\d.]+) pps/.exec(report)?.[1]),
    sent: Number(/Successful packets: +(\d+)/.exec(report)?.[1]),
    counted: Number(/Packets processed: (\d+)/.exec(text)?.[1]),
    dropped: Number(/Packets dropped by (?:kernel|libpcap): (\d+)/.exec(text)?.[1]),
    cpuSeconds: cpuSeconds(child.pid!) - before,
  };
  child.kill("SIGTERM");
  await once(child, "exit");
  console.log(
    `${name.padEnd(9)} ${Math.round(trial.rate)} packets/s: ${trial.dropped} of ${trial.sent} dropped by the kernel, ${trial.counted} counted, ${trial.cpuSeconds.toFixed(2)} CPU s`,
  );
  return trial;
}

/** How far the search for one program has come. */
class Search {
  readonly #name: ProgramName;
  #best: Trial | undefined;
  #lossy = Number.POSITIVE_INFINITY;
  /** tcpreplay cannot keep the next rate. */
  #isPaceLost = false;
  #isSendersLimit = false;

  constructor(name: ProgramName) {
    this.#name = name;
  }

  get isDone(): boolean {
    const best = this.#best?.rate ?? 0;
    return this.#isSendersLimit || this.#lossy / best < 1.1 || this.#lossy < 1000;
  }

  async step(capture: string): Promise<void> {
    const best = this.#best?.rate ?? 0;
    const rate = this.#nextRate(best);
    this.#isPaceLost = false;
    let isLossFree = false;
    for (let attempt = 0; attempt < Number(values.tries); attempt++) {
      const trial = await measure(this.#name, capture, rate);
      if (trial.dropped > 0) continue;
      isLossFree = true;
      if (trial.rate > (this.#best?.rate ?? 0)) this.#best = trial;
      // How fast tcpreplay can be differs from one time to the next: all tries are wanted.
      if (rate === topSpeed) continue;
      this.#isPaceLost = trial.rate < rate * 0.9;
      break;
    }
    if (rate === topSpeed) this.#isSendersLimit = true;
    else if (!isLossFree) this.#lossy = rate;
  }

  #nextRate(best: number): number {
    if (this.#isPaceLost) return topSpeed;
    if (best === 0) return Math.round(Math.min(Number(values.first), this.#lossy / 2));
    return Math.round(this.#lossy === Number.POSITIVE_INFINITY ? best * 2 : Math.sqrt(best * this.#lossy));
  }

  toString(): string {
    if (this.#best === undefined) return `${this.#name}: no rate without loss`;
    const { rate, cpuSeconds, counted } = this.#best;
    const limit = this.#isSendersLimit ? " (tcpreplay was not faster, or lost the pace)" : "";
    return `${this.#name}: ${Math.round(rate)} packets/s without loss${limit}; ${((cpuSeconds / counted) * 1e9).toFixed(0)} ns of CPU a packet there`;
  }
}

try {
  execFileSync("ip", ["netns", "add", namespace]);
  // What the kernel itself says on a new link would be counted too.
  for (const name of ["all", "default"])
    execFileSync("ip", inside("sysctl", "-qw", `net.ipv6.conf.${name}.disable_ipv6=1`));
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
    packetCount: Math.max(200_000, Number(values.flows)),
    frameBytes: [Number(values.frame)],
    burst: Number(values.burst),
  };
  writeCaptureFile(capture, shape);
  const searches = [new Search("portolan"), new Search("softflowd")];
  while (searches.some(({ isDone }) => !isDone))
    for (const search of searches) if (!search.isDone) await search.step(capture);
  for (const search of searches) console.log(String(search));
} finally {
  spawnSync("ip", ["netns", "del", namespace]);
  rmSync(folder, { recursive: true, force: true });
}
