/**
 * What the agent costs the traffic it watches: one iperf3 stream between two namespaces joined by veth, while the agent is
 * attached and detached in alternation; the median of the ratios of neighbouring periods. `--pairs N`, `--seconds S` per
 * period, `--only tcp|udp`; `--parts tcp` leaves datagrams and DNS out. Needs root and iperf3.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import { setTimeout as rest } from "node:timers/promises";
import { parseArgs } from "node:util";
import { agentDefaults, createAgent } from "../src/agent/index.ts";
import { ObserverTable } from "../src/flow/index.ts";
import { PeerTable } from "../src/topology/index.ts";
import { said, TwoHosts } from "../test/namespaces.ts";

const { values } = parseArgs({
  options: {
    pairs: { type: "string", default: "20" },
    seconds: { type: "string", default: "1" },
    only: { type: "string" },
    parts: { type: "string", default: "all" },
  },
});
const pairs = Number(values.pairs);
const periodMilliseconds = Number(values.seconds) * 1000;
/** Loading programs and freeing maps is work of the start and the end, not of the traffic; and iperf3's clock is not ours. */
const settleMilliseconds = 400;

interface Interval {
  readonly sum: {
    readonly start: number;
    readonly end: number;
    readonly bits_per_second: number;
    readonly packets?: number;
    readonly lost_packets?: number;
  };
}

interface Question {
  readonly name: "tcp" | "udp";
  readonly unit: string;
  readonly parameters: readonly string[];
  read(sum: Interval["sum"]): number;
}

const questions: readonly Question[] = [
  {
    name: "tcp",
    unit: "Gbit/s",
    parameters: ["-l", "128K"],
    read: ({ bits_per_second }) => bits_per_second / 1e9,
  },
  {
    name: "udp",
    unit: "1,000 packets/s",
    parameters: ["-u", "-b", "0", "-l", "64"],
    read: ({ packets = 0, lost_packets = 0, start, end }) => (packets - lost_packets) / (end - start) / 1000,
  },
];

const hosts = new TwoHosts();
const agent = createAgent(
  { ...agentDefaults, datagrams: values.parts === "all", dns: values.parts === "all" },
  {
    node: hostname(),
    peers: new PeerTable(10_000, () => {}),
    observers: new ObserverTable(),
    drop: () => {},
    deliver: () => {},
    now: Date.now,
  },
);

/** Offloads as they are by default: `TwoHosts` switches them off, for captures. */
function offload(namespace: string): void {
  const links = JSON.parse(execFileSync("ip", ["-j", "-n", namespace, "link"], { encoding: "utf8" })) as {
    ifname: string;
  }[];
  for (const { ifname } of links.filter(({ ifname }) => ifname.startsWith("ptl")))
    execFileSync("ip", ["-n", namespace, "link", "set", ifname, "gso_max_segs", "65535"]);
}

interface Period {
  readonly isOn: boolean;
  /** Seconds since the stream began; what was received in between counts. */
  readonly from: number;
  readonly to: number;
}

/** One stream for all periods. Returns what was received in each, per second. */
async function measure({ parameters, read }: Question): Promise<(Period & { rate: number })[]> {
  // The stream ends by itself, a little after the last period.
  const seconds = Math.ceil((2 * pairs * (periodMilliseconds + 2 * settleMilliseconds) * 1.05) / 1000) + 4;
  const server = hosts.spawn(hosts.server, "iperf3", "-s", "-1", "-i", "0.1", "-J");
  let output = "";
  server.stdout?.on("data", (text) => (output += text));
  const ended = once(server, "close");
  await rest(300);
  const client = hosts.spawn(
    hosts.client,
    "iperf3",
    ...["--forceflush", "-c", hosts.serverAddress, "-t", String(seconds), ...parameters],
  );
  await said(client, "connected to");
  client.stdout?.resume();
  const start = performance.now();
  await rest(1000);
  const periods: Period[] = [];
  for (let i = 0; i < 2 * pairs; i++) {
    periods.push(await spend(i % 4 === 1 || i % 4 === 2, start)); // off, on, on, off: a drift cancels out
  }
  await ended;
  const { intervals } = JSON.parse(output) as { intervals: Interval[] };
  return periods.map((period) => {
    const inside = intervals.filter(({ sum }) => sum.start >= period.from && sum.end <= period.to);
    return { ...period, rate: inside.reduce((total, { sum }) => total + read(sum), 0) / inside.length };
  });
}

async function spend(isOn: boolean, start: number): Promise<Period> {
  if (isOn) startAgent();
  await rest(settleMilliseconds);
  const polling = setInterval(() => agent.poll(), 1000);
  const from = (performance.now() - start) / 1000;
  await rest(periodMilliseconds);
  clearInterval(polling);
  const to = (performance.now() - start) / 1000;
  await rest(settleMilliseconds);
  agent.stop();
  return { isOn, from, to };
}

function startAgent(): void {
  agent.start();
  const { state, reason, datagrams } = agent.status();
  if (state === "off" || (values.parts === "all" && datagrams.state === "off"))
    throw new Error(reason ?? datagrams.reason);
}

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;

try {
  for (const namespace of [hosts.client, hosts.server]) offload(namespace);
  for (const question of questions) {
    if (values.only !== undefined && values.only !== question.name) continue;
    const periods = await measure(question);
    const ratios = Array.from({ length: pairs }, (_, i) => {
      const [one, other] = [periods[2 * i]!, periods[2 * i + 1]!];
      return one.isOn ? one.rate / other.rate : other.rate / one.rate;
    });
    const rates = (isOn: boolean) =>
      median(periods.filter((period) => period.isOn === isOn).map(({ rate }) => rate)).toFixed(1);
    console.log(
      `${question.name}: ${rates(false)} ${question.unit} without, ${rates(true)} with the agent; ` +
        `ratio ${median(ratios).toFixed(3)} (median of ${pairs} pairs of ${values.seconds} s)`,
    );
  }
} finally {
  agent.stop();
  hosts.remove();
}
