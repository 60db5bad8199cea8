/**
 * What the agent costs the traffic it watches: iperf3 between two namespaces joined by veth, with the agent attached and not,
 * in alternation; medians of the ratios of neighbours. `--pairs N`, `--seconds S`, `--only tcp|udp`; `--parts tcp` switches
 * datagrams and DNS off. Needs root and iperf3.
 */
import { execFileSync, spawn } from "node:child_process";
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
    pairs: { type: "string", default: "15" },
    seconds: { type: "string", default: "1" },
    only: { type: "string" },
    parts: { type: "string", default: "all" },
  },
});
const pairs = Number(values.pairs);

interface Question {
  readonly name: "tcp" | "udp";
  readonly unit: string;
  readonly parameters: readonly string[];
  read(end: IperfEnd): number;
}

interface IperfEnd {
  readonly sum_received: { readonly bits_per_second: number };
  readonly sum: { readonly packets: number; readonly lost_packets: number; readonly seconds: number };
  readonly cpu_utilization_percent: { readonly host_total: number; readonly remote_total: number };
}

const questions: readonly Question[] = [
  {
    name: "tcp",
    unit: "Gbit/s",
    parameters: ["-l", "128K"],
    read: ({ sum_received }) => sum_received.bits_per_second / 1e9,
  },
  {
    name: "udp",
    unit: "1,000 packets/s",
    parameters: ["-u", "-b", "0", "-l", "64"],
    read: ({ sum }) => (sum.packets - sum.lost_packets) / sum.seconds / 1000,
  },
];

/** Loading programs and freeing maps is work of the start and the end, not of the traffic. */
const settleMilliseconds = 300;

interface Measured {
  /** Through the wire, per second. */
  readonly rate: number;
  /** The same per second of CPU that both ends took: what other work on the machine disturbs less. */
  readonly perCpu: number;
}

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

async function measure({ parameters, read }: Question): Promise<Measured> {
  const server = hosts.spawn(hosts.server, "iperf3", "-s", "-1", "--forceflush");
  await said(server, "listening");
  const client = spawn(
    "ip",
    [
      ...["netns", "exec", hosts.client, "iperf3", "-J", "-c", hosts.serverAddress],
      ...["-t", values.seconds, "-O", "0", ...parameters],
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  client.stdout.on("data", (text) => (output += text));
  server.stdout?.resume();
  await once(client, "close");
  const { end } = JSON.parse(output) as { end: IperfEnd };
  const { host_total, remote_total } = end.cpu_utilization_percent;
  const rate = read(end);
  return { rate, perCpu: rate / ((host_total + remote_total) / 100) };
}

async function withAgent(question: Question): Promise<Measured> {
  agent.start();
  const { state, reason, datagrams } = agent.status();
  if (state === "off" || (values.parts === "all" && datagrams.state === "off"))
    throw new Error(reason ?? datagrams.reason);
  const polling = setInterval(() => agent.poll(), 1000);
  try {
    await rest(settleMilliseconds);
    return await measure(question);
  } finally {
    clearInterval(polling);
    agent.stop();
    await rest(settleMilliseconds);
  }
}

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;

/** Nanoseconds per run of each program, as the kernel counts them. */
async function costPerRun(question: Question): Promise<string> {
  const before = execFileSync("sysctl", ["-n", "kernel.bpf_stats_enabled"], { encoding: "utf8" }).trim();
  execFileSync("sysctl", ["-q", "kernel.bpf_stats_enabled=1"]);
  agent.start();
  try {
    await measure(question);
    const programs = JSON.parse(execFileSync("bpftool", ["-j", "prog"], { encoding: "utf8" })) as {
      name?: string;
      run_time_ns?: number;
      run_cnt?: number;
    }[];
    return programs
      .filter(({ name, run_cnt = 0 }) => name?.startsWith("follow_") && run_cnt > 1000)
      .map(({ name, run_time_ns = 0, run_cnt = 1 }) => `${name} ${(run_time_ns / run_cnt).toFixed(0)} ns`)
      .join(", ");
  } finally {
    agent.stop();
    execFileSync("sysctl", ["-q", `kernel.bpf_stats_enabled=${before}`]);
  }
}

try {
  for (const namespace of [hosts.client, hosts.server]) offload(namespace);
  for (const question of questions) {
    if (values.only !== undefined && values.only !== question.name) continue;
    await measure(question); // warms up
    const runs: { off: Measured; on: Measured }[] = [];
    for (let i = 0; i < pairs; i++) {
      // Which comes first alternates too.
      const first = i % 2 === 0 ? await measure(question) : await withAgent(question);
      const second = i % 2 === 0 ? await withAgent(question) : await measure(question);
      runs.push(i % 2 === 0 ? { off: first, on: second } : { off: second, on: first });
    }
    const ratio = (read: (measured: Measured) => number) =>
      median(runs.map(({ off, on }) => read(on) / read(off))).toFixed(3);
    const rate = (read: (pair: (typeof runs)[number]) => Measured) =>
      median(runs.map((pair) => read(pair).rate)).toFixed(1);
    console.log(
      `${question.name}: ${rate(({ off }) => off)} ${question.unit} without, ${rate(({ on }) => on)} with the agent; ` +
        `ratio ${ratio(({ rate }) => rate)}, per second of CPU ${ratio(({ perCpu }) => perCpu)} ` +
        `(medians of ${pairs} pairs); ${await costPerRun(question)}`,
    );
  }
} finally {
  hosts.remove();
}
