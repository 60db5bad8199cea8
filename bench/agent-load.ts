/** The load of the agent's benches: processes of `traffic-load.ts` in two namespaces, each on one processor, and what they tell of themselves. */
import { type ChildProcess, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { said, type TwoHosts } from "../test/namespaces.ts";
import { median } from "./spread.ts";

export const bareLoad = fileURLToPath(new URL("./traffic-load.ts", import.meta.url));

/** Milliseconds, of the clock that the load tells its times by. */
export const clock = () => Number(process.hrtime.bigint()) / 1e6;

/** Offloads as they are by default (`TwoHosts` switches them off, for captures), and ports for many connections. */
export function prepareHosts(hosts: TwoHosts): void {
  for (const namespace of [hosts.client, hosts.server]) prepare(namespace);
}

function prepare(namespace: string): void {
  const links = JSON.parse(execFileSync("ip", ["-j", "-n", namespace, "link"], { encoding: "utf8" })) as {
    ifname: string;
  }[];
  for (const { ifname } of links.filter(({ ifname }) => ifname.startsWith("ptl")))
    execFileSync("ip", ["-n", namespace, "link", "set", ifname, "gso_max_segs", "65535"]);
  const inside = ["netns", "exec", namespace, "sysctl", "-qw", "net.ipv4.ip_local_port_range=10000 65535"];
  execFileSync("ip", inside);
}

/** Starts a process of a load, `traffic-load.ts` or another one, on one processor. */
export function spawnLoad(
  hosts: TwoHosts,
  namespace: string,
  processor: number,
  parameters: readonly (string | number)[],
  load = bareLoad,
): ChildProcess {
  const program = ["-c", String(processor), process.execPath, load, ...parameters.map(String)];
  return hosts.spawn(namespace, "taskset", ...program);
}

interface Moment {
  readonly milliseconds: number;
  readonly done: number;
  readonly cpuMicroseconds: number;
}

export interface Progressed {
  readonly done: number;
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
  /** The median of pieces of 20 ms, which what interrupts hardly changes. */
  readonly nanosecondsPerThing: number;
}

/** What a process of the load tells, kept: what it had done at any time. */
export class Progress {
  readonly #moments: Moment[] = [];
  #rest = "";

  constructor(child: ChildProcess) {
    child.stdout?.on("data", (data) => {
      const lines = `${this.#rest}${data}`.split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) {
        const [at = "", done = "", cpu = ""] = line.split(" ");
        if (cpu !== "")
          this.#moments.push({
            milliseconds: Number(at) / 1e6,
            done: Number(done),
            cpuMicroseconds: Number(cpu),
          });
      }
    });
  }

  /** Between two times: what was done a second, and the CPU it took. Undefined when it was hardly given a processor. */
  between(from: number, to: number): Progressed | undefined {
    const inside = this.#moments.filter(({ milliseconds }) => milliseconds >= from && milliseconds <= to);
    const [first, last] = [inside[0], inside.at(-1)];
    if (first === undefined || last === undefined || last.milliseconds - first.milliseconds < (to - from) / 2)
      return undefined;
    const done = last.done - first.done;
    const pieces = inside.slice(1).map((moment, i) => {
      const before = inside[i]!;
      return ((moment.cpuMicroseconds - before.cpuMicroseconds) * 1000) / (moment.done - before.done);
    });
    return {
      done,
      perSecond: (done / (last.milliseconds - first.milliseconds)) * 1000,
      cpuMicroseconds: last.cpuMicroseconds - first.cpuMicroseconds,
      nanosecondsPerThing: median(pieces),
    };
  }
}

/** Several processes' progress, as one. */
export function together(all: readonly Progress[], from: number, to: number): Progressed | undefined {
  const each = all.map((progress) => progress.between(from, to));
  const known = each.filter((one) => one !== undefined);
  if (known.length < each.length) return undefined;
  const sum = (read: (one: Progressed) => number) => known.reduce((total, one) => total + read(one), 0);
  return {
    done: sum(({ done }) => done),
    perSecond: sum(({ perSecond }) => perSecond),
    cpuMicroseconds: sum(({ cpuMicroseconds }) => cpuMicroseconds),
    nanosecondsPerThing: median(known.map(({ nanosecondsPerThing }) => nanosecondsPerThing)),
  };
}

const holdPort = 5310;
/** Below the bound of open files that systems give a process. */
const perPort = 15_000;

/**
 * Opens connections that stay; each pair of processes keeps some of them. They go, in turn, to the server's address, or to as many addresses
 * behind it.
 */
export async function hold(hosts: TwoHosts, connections: number, addresses = 1): Promise<ChildProcess[]> {
  const children: ChildProcess[] = [];
  const pairs = Math.ceil(connections / perPort);
  const perPair = Math.ceil(addresses / pairs);
  if (addresses > 1) routeBehind(hosts);
  for (let i = 0; i < pairs; i++) {
    const keeping = spawnLoad(hosts, hosts.server, 1, ["keep", holdPort + i]);
    await said(keeping, "listening");
    const count = Math.min(perPort, connections - i * perPort);
    const first = addresses > 1 ? addressBehind(i * perPair) : hosts.serverAddress;
    const holding = spawnLoad(hosts, hosts.client, 0, ["hold", first, holdPort + i, count, perPair]);
    await said(holding, "held");
    children.push(keeping, holding);
  }
  return children;
}

/** Of RFC 2544's network for benchmarks: 131,072 of them. */
const addressBehind = (index: number) => `198.${18 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;

function routeBehind({ client, server, serverAddress }: TwoHosts): void {
  execFileSync("ip", ["-n", server, "route", "replace", "local", "198.18.0.0/15", "dev", "lo"]);
  execFileSync("ip", ["-n", client, "route", "replace", "198.18.0.0/15", "via", serverAddress]);
}
