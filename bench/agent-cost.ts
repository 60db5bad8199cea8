/**
 * What the agent costs the machine it watches. Needs root.
 *
 *   node bench/agent-cost.ts [--case NAME]... [--minutes 3] [--width 0.01] [--parts all|tcp] [--no-hook]
 *
 * `udp` and `http` send between two namespaces joined by veth, as fast as can be: small datagrams, short
 * HTTP connections, by four clients and four servers of which two and two share a processor: both processors are busy all the time, and what
 * the agent's process takes, its collecting and its part of the cache, they lack. The load is bare system calls, so that a connection takes as
 * little as it can; `web` is the same question asked of programs that people run, nginx and ApacheBench (nginx-light, apache2-utils), one of each on either
 * processor. `udp-path` and `http-path`: the same with both ends in one thread, so that nothing waits or
 * wakes; their CPU is steady whatever else runs. Periods of a second follow each other without the agent, with a program at the same hooks that does
 * nothing (what any cgroup_skb hook costs), and with the agent, and back again; neighbours are compared, until the interval of
 * the median ratio is narrower than `--width` or `--minutes` are over; `--no-hook` leaves out the program that does nothing, for more rounds. Where
 * both processors are busy all the time the rate follows from the CPU that a thing takes, the agent's process included: "by CPU" is the ratio that it
 * makes, which what else runs on the machine moves less than the rate. Then the programs' own time, by the kernel's count. The agent is
 * measured as it runs for days, not as it starts: before its period it polls for a second as often as makes V8 compile what polls run.
 * `packets`: what the programs at the hooks take for a stored packet of each kind. `live`: the agent's CPU with 10,000
 * connections open and 1,000 new ones a second. Both ends of each are on this machine, so the agent follows twice as many sockets.
 * Streams are `agent-bulk.ts`, its memory is `agent-memory.ts`.
 */
import { readFileSync } from "node:fs";
import { setTimeout as rest } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readKernelFacts } from "../src/observe/index.ts";
import { EmptyHook, enableBpfStatistics } from "../test/empty-hook.ts";
import { said, TwoHosts } from "../test/namespaces.ts";
import { bareLoad, clock, hold, Progress, prepareHosts, spawnLoad, together } from "./agent-load.ts";
import { type AgentUsage, startAgentProcess } from "./agent-under-test.ts";
import { type PacketName, runPackets } from "./packet-runs.ts";
import { deviation, median, medianInterval } from "./spread.ts";

const { values } = parseArgs({
  options: {
    case: { type: "string", multiple: true },
    minutes: { type: "string", default: "3" },
    width: { type: "string", default: "0.01" },
    parts: { type: "string", default: "all" },
    "no-hook": { type: "boolean", default: false },
  },
});
const millisecondsMax = Number(values.minutes) * 60_000;
const widthWanted = Number(values.width);
const roundsMin = 8;
const periodMilliseconds = 1000; // one poll of the agent
/** Loading programs and freeing maps is work of the start and the end, not of the traffic. */
const settleMilliseconds = 300;

const webLoad = fileURLToPath(new URL("./web-load.ts", import.meta.url));
const hosts = new TwoHosts();
const hook = new EmptyHook(readKernelFacts().cgroupRoot);
const agent = startAgentProcess(values.parts);
const ownHooks = { without: 0, hook: 2, agent: values.parts === "all" ? 2 : 0 } as const;
type Arm = keyof typeof ownHooks;
/** In this order and back again, so that the one without is the neighbour of both: how fast a machine is drifts within seconds. */
const arms: readonly Arm[] = values["no-hook"] ? ["without", "agent"] : ["hook", "without", "agent"];
const armNames: Record<Arm, string> = { without: "without", hook: "empty hook", agent: "agent" };

interface Question {
  readonly name: string;
  /** The program that makes it, `traffic-load.ts` when not given. */
  readonly load?: string;
  /** What is counted, and how many make one of the unit it is told in. */
  readonly unit: string;
  readonly perUnit: number;
  readonly thing: string;
  readonly perThing: number;
  /** None when the sender is both ends. */
  readonly receiver?: (port: number) => readonly string[];
  readonly sender: (port: number) => readonly string[];
  /** Of the first pair; each further one has the next. */
  readonly port: number;
  /** Of sender and receiver; 1 when not given. Several take turns with the processors, both of a pair on one, so that none of them rests. */
  readonly pairs?: number;
  /** Which of the two tells what arrived. */
  readonly counts: "receiver" | "sender";
}

const serverNamespace = `/run/netns/${hosts.server}`;

const questions: readonly Question[] = [
  {
    ...{ name: "udp", unit: "1,000 datagrams/s", perUnit: 1000, thing: "datagram", perThing: 1 },
    port: 5301,
    receiver: (port) => ["receive", "udp", `${port}`],
    sender: (port) => ["send", "udp", hosts.serverAddress, `${port}`],
    counts: "receiver",
  },
  {
    ...{ name: "http", unit: "1,000 connections/s", perUnit: 1000, thing: "connection", perThing: 1 },
    ...{ port: 5320, pairs: 4 },
    receiver: (port) => ["serve", `${port}`],
    sender: (port) => ["request", hosts.serverAddress, `${port}`, "0"],
    counts: "sender",
  },
  {
    ...{ name: "web", unit: "1,000 connections/s", perUnit: 1000, thing: "connection", perThing: 1 },
    ...{ port: 5330, load: webLoad },
    receiver: (port) => ["serve", `${port}`],
    sender: (port) => ["request", hosts.serverAddress, `${port}`],
    counts: "receiver",
  },
  {
    ...{ name: "udp-path", unit: "1,000 datagrams/s", perUnit: 1000, thing: "datagram", perThing: 1 },
    port: 5306,
    sender: (port) => ["both", "udp", serverNamespace, hosts.serverAddress, `${port}`],
    counts: "sender",
  },
  {
    ...{ name: "http-path", unit: "1,000 connections/s", perUnit: 1000, thing: "connection", perThing: 1 },
    port: 5307,
    sender: (port) => ["both", "tcp", serverNamespace, hosts.serverAddress, `${port}`],
    counts: "sender",
  },
];

interface Figures {
  readonly perSecond: number;
  /** Of sender and receiver together. */
  readonly cpuNanosecondsPerThing: number;
  /** The agent's own process, 0 where there is none. */
  readonly agentCores: number;
  /** What neither the two nor the agent took. */
  readonly othersCores: number;
}

async function enter(arm: Arm): Promise<void> {
  if (arm === "hook") hook.attach();
  if (arm === "agent") await agent.start();
  await rest(settleMilliseconds);
}

async function leave(arm: Arm): Promise<void> {
  await rest(settleMilliseconds);
  if (arm === "hook") hook.detach();
  if (arm === "agent") await agent.stop();
}

/** Seconds of CPU that anything took on this machine, from /proc/stat in ticks of 10 ms; waiting and stolen time left out. */
function readBusySeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = readFileSync("/proc/stat", "utf8")
    .split("\n", 1)[0]!
    .split(/ +/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq) / 100;
}

/** A round in which other programs took more of a core is left out, when there are enough without. */
const othersCoresMax = 0.15;

let disturbed = 0;

/** Programs of others that stay at the cgroup's root. The kernel's way to its hooks is then theirs, and less is seen of what ours cost. */
let othersHooks = 0;

/** Whether there are no hooks at the cgroup's root but this arm's own, and those that stay. */
function isQuiet(arm: Arm): boolean {
  return hook.attached().length === othersHooks + ownHooks[arm];
}

async function waitForQuiet(): Promise<void> {
  for (let tries = 0; hook.attached().length !== othersHooks; tries++) {
    if (tries === 300) {
      othersHooks = hook.attached().length;
      console.log(
        `\n${othersHooks} programs of others stay at the root of cgroup v2: hooks cost more without them`,
      );
    }
    await rest(100);
  }
}

async function period(arm: Arm, question: Question, ends: Ends): Promise<Figures> {
  for (let tries = 0; tries < 20; tries++) {
    await waitForQuiet();
    await enter(arm);
    const agentBefore = agent.cpuMilliseconds();
    const wasQuiet = isQuiet(arm);
    const [from, busy] = [clock(), readBusySeconds()];
    await rest(periodMilliseconds);
    const [to, busySeconds] = [clock(), readBusySeconds() - busy];
    const agentAfter = agent.cpuMilliseconds();
    const isStillQuiet = wasQuiet && isQuiet(arm);
    await leave(arm);
    const sender = together(ends.senders, from, to);
    const receiver = question.receiver === undefined ? sender : together(ends.receivers, from, to);
    if (!isStillQuiet || receiver === undefined || sender === undefined) {
      disturbed++;
      continue;
    }
    const isOne = receiver === sender;
    const ours = sender.cpuMicroseconds + (isOne ? 0 : receiver.cpuMicroseconds);
    const agentMicroseconds = (agentAfter - agentBefore) * 1000;
    const seconds = (to - from) / 1000;
    const counted = question.counts === "receiver" ? receiver : sender;
    const ofBoth = sender.cpuMicroseconds / sender.done + receiver.cpuMicroseconds / receiver.done;
    return {
      perSecond: counted.perSecond,
      cpuNanosecondsPerThing: isOne ? sender.nanosecondsPerThing : ofBoth * 1000 * question.perThing,
      agentCores: agentMicroseconds / 1e6 / seconds,
      othersCores: (busySeconds - (ours + agentMicroseconds) / 1e6) / seconds,
    };
  }
  throw new Error("the load was not to be measured: it stands still, or others attach programs all the time");
}

interface Ends {
  readonly receivers: readonly Progress[];
  readonly senders: readonly Progress[];
}

type Round = Record<Arm, Figures>;

const ratios = (rounds: readonly Round[], of: Arm, to: Arm) =>
  rounds.map((round) => round[of].perSecond / round[to].perSecond);

const isUndisturbed = (round: Round) => arms.every((arm) => round[arm].othersCores <= othersCoresMax);

async function compare(question: Question): Promise<void> {
  const { receiver, sender, port, pairs = 1, load = bareLoad } = question;
  const receiving = Array.from({ length: receiver === undefined ? 0 : pairs }, (_, i) =>
    spawnLoad(hosts, hosts.server, pairs === 1 ? 1 : i % 2, receiver!(port + i), load),
  );
  for (const child of receiving) await said(child, "listening");
  const sending = Array.from({ length: pairs }, (_, i) =>
    spawnLoad(hosts, hosts.client, i % 2, sender(port + i), load),
  );
  const ends: Ends = {
    receivers: receiving.map((child) => new Progress(child)),
    senders: sending.map((child) => new Progress(child)),
  };
  await rest(2000);
  const rounds: Round[] = [];
  const start = clock();
  disturbed = 0;
  const isNarrow = () => {
    const quiet = rounds.filter(isUndisturbed);
    if (quiet.length < roundsMin) return false;
    const [low, high] = medianInterval(ratios(quiet, "agent", "without"));
    return high - low <= widthWanted;
  };
  while (clock() - start < millisecondsMax && !isNarrow()) {
    const round: Partial<Record<Arm, Figures>> = {};
    for (const arm of rounds.length % 2 === 0 ? arms : arms.toReversed())
      round[arm] = await period(arm, question, ends);
    rounds.push(round as Round);
  }
  printRates(question, rounds);
  await printPrograms();
  for (const child of [...sending, ...receiving]) child.kill("SIGKILL");
}

/** Nanoseconds, with what the agent's process took meanwhile. */
function cpuPerThing({ cpuNanosecondsPerThing, agentCores, perSecond }: Figures, perThing: number): number {
  return cpuNanosecondsPerThing + (agentCores * 1e9 * perThing) / perSecond;
}

function printRates({ name, unit, perUnit, thing, perThing }: Question, all: readonly Round[]): void {
  const quiet = all.filter(isUndisturbed);
  const rounds = quiet.length >= roundsMin ? quiet : all;
  const others = rounds.flatMap((round) => arms.map((arm) => round[arm].othersCores));
  console.log(
    `\n${name}: ${rounds.length} of ${all.length} rounds; other programs took ${(median(others) * 100).toFixed(0)} % of a core ` +
      `(highest ${(Math.max(...others) * 100).toFixed(0)}); ${disturbed} periods repeated`,
  );
  for (const arm of arms) {
    const rates = rounds.map((round) => round[arm].perSecond / perUnit);
    const costs = rounds.map((round) => round[arm].cpuNanosecondsPerThing);
    console.log(
      `  ${armNames[arm].padEnd(10)}  ${median(rates).toFixed(2)} ± ${deviation(rates).toFixed(2)} ${unit}; ` +
        `CPU of sender and receiver ${median(costs).toFixed(0)} ± ${deviation(costs).toFixed(0)} ns per ${thing}`,
    );
  }
  const agentMilliseconds = rounds.map((round) => round.agent.agentCores * 1000);
  console.log(
    `  the agent's process took ${median(agentMilliseconds).toFixed(1)} ± ${deviation(agentMilliseconds).toFixed(1)} ms of CPU a second`,
  );
  for (const [of, to] of [
    ["agent", "without"],
    ["hook", "without"],
    ["agent", "hook"],
  ] as const) {
    if (!arms.includes(of) || !arms.includes(to)) continue;
    const [low, high] = medianInterval(ratios(rounds, of, to));
    const added = rounds.map((round) => round[of].cpuNanosecondsPerThing - round[to].cpuNanosecondsPerThing);
    const [addedLow, addedHigh] = medianInterval(added);
    console.log(
      `  ${armNames[of]} / ${armNames[to]}: rate ${median(ratios(rounds, of, to)).toFixed(3)} [${low.toFixed(3)}..${high.toFixed(3)}], ` +
        `CPU per ${thing} ${median(added) >= 0 ? "+" : ""}${median(added).toFixed(0)} ns [${addedLow.toFixed(0)}..${addedHigh.toFixed(0)}], ` +
        `${((median(added) / median(rounds.map((round) => round[to].cpuNanosecondsPerThing))) * 100).toFixed(1)} %`,
    );
    const byCpu = rounds.map((round) => cpuPerThing(round[to], perThing) / cpuPerThing(round[of], perThing));
    const [byLow, byHigh] = medianInterval(byCpu);
    console.log(`    by CPU ${median(byCpu).toFixed(3)} [${byLow.toFixed(3)}..${byHigh.toFixed(3)}]`);
  }
}

type Run = AgentUsage["programs"][number];

/** Timing costs as well, so it is on for these periods only. */
async function printPrograms(): Promise<void> {
  const disable = enableBpfStatistics();
  try {
    for (const arm of ["hook", "agent"] as const) {
      if (!arms.includes(arm)) continue;
      await waitForQuiet();
      await enter(arm);
      await printRuns(async () =>
        arm === "agent"
          ? (await agent.usage()).programs
          : [{ name: "empty hook, in and out", runs: hook.runs.count, nanoseconds: hook.runs.nanoseconds }],
      );
      await leave(arm);
    }
  } finally {
    disable();
  }
}

/** Of short pieces the median, since what interrupts a program counts as its own time. */
async function printRuns(read: () => Promise<readonly Run[]>): Promise<void> {
  const pieces = new Map<string, number[]>();
  for (let before = await read(), i = 0; i < 30; i++) {
    await rest(50);
    const after = await read();
    for (const [at, { name, runs, nanoseconds }] of after.entries()) {
      const ran = runs - (before[at]?.runs ?? 0);
      if (ran < 100) continue;
      const costs = pieces.get(name) ?? [];
      costs.push((nanoseconds - (before[at]?.nanoseconds ?? 0)) / ran);
      pieces.set(name, costs);
    }
    before = after;
  }
  for (const [name, costs] of pieces)
    console.log(`  ${name}: ${median(costs).toFixed(0)} ± ${deviation(costs).toFixed(0)} ns a run`);
}

/** Cache-hot, but the same however busy the machine is. */
async function runStoredPackets(): Promise<void> {
  const empty = runPackets(hook.program);
  await agent.start();
  const programs = await agent.packetRuns();
  await agent.stop();
  console.log("\npackets: nanoseconds a run, less the empty hook's");
  for (const [name, costs] of Object.entries(programs)) {
    const over = Object.entries(costs).map(
      ([packet, cost]) => `${packet} ${(cost - empty[packet as PacketName]).toFixed(0)}`,
    );
    console.log(`  ${name.padEnd(15)} ${over.join("; ")}`);
  }
}

/** By then V8 has compiled what is run often. */
const warmMilliseconds = 20_000;

/** What the kernel counts for an empty program, while there is traffic. */
async function readTimingNanoseconds(): Promise<number> {
  hook.attach();
  const before = hook.runs;
  await rest(1000);
  const { count, nanoseconds } = hook.runs;
  hook.detach();
  return (nanoseconds - before.nanoseconds) / (count - before.count);
}

async function spendLive(): Promise<void> {
  const [connections, perSecond, seconds] = [10_000, 1000, 30];
  const children = await hold(hosts, connections);
  const serving = spawnLoad(hosts, hosts.server, 1, ["serve", 5305]);
  await said(serving, "listening");
  const asking = spawnLoad(hosts, hosts.client, 0, ["request", hosts.serverAddress, 5305, perSecond]);
  const progress = new Progress(asking);
  await agent.start();
  await rest(warmMilliseconds);
  const disable = enableBpfStatistics();
  const timing = await readTimingNanoseconds();
  const atStart = await agent.usage();
  const start = clock();
  const shares: number[] = [];
  for (let before = agent.cpuMilliseconds(), from = clock(); shares.length < seconds; ) {
    await rest(1000);
    const [used, to] = [agent.cpuMilliseconds(), clock()];
    shares.push(((used - before) / (to - from)) * 1000);
    [before, from] = [used, to];
  }
  const elapsedSeconds = (clock() - start) / 1000;
  const last = await agent.usage();
  disable();
  const [low, high] = medianInterval(shares);
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const runs = last.programs.map(({ name, runs, nanoseconds }) => {
    const before = atStart.programs.find((program) => program.name === name);
    return { name, ran: runs - (before?.runs ?? 0), took: nanoseconds - (before?.nanoseconds ?? 0) };
  });
  // Those that walk are run by the agent's process, and are in its time.
  const others = runs.filter(({ name }) => !name.startsWith("walk_"));
  const othersMilliseconds =
    others.reduce((sum, { ran, took }) => sum + took - ran * timing, 0) / 1e6 / elapsedSeconds;
  console.log(
    `\nlive: ${(progress.between(start, clock())?.perSecond ?? 0).toFixed(0)} connections/s, ${last.sockets} sockets; the agent's process ` +
      `takes ${median(shares).toFixed(2)} ms of CPU a second [${low.toFixed(2)}..${high.toFixed(2)}], mean ${mean.toFixed(2)}, ` +
      `its programs in others' processes ${othersMilliseconds.toFixed(2)}: ${((mean + othersMilliseconds) / 10).toFixed(2)} % of a core; ` +
      `${(last.residentBytes / 1e6).toFixed(0)} MB resident; ${last.drops} drops`,
  );
  for (const { name, ran, took } of runs)
    if (ran > 0)
      console.log(
        `  ${name} ${(took / ran).toFixed(0)} ns a run, ${(took / 1e6 / elapsedSeconds).toFixed(2)} ms a second`,
      );
  console.log(`  an empty program is counted with ${timing.toFixed(0)} ns a run, which is the timing itself`);
  await agent.stop();
  for (const child of [asking, serving, ...children]) child.kill("SIGKILL");
}

const cases: Record<string, () => Promise<void>> = {
  ...Object.fromEntries(questions.map((question) => [question.name, () => compare(question)])),
  packets: runStoredPackets,
  live: spendLive,
};

try {
  prepareHosts(hosts);
  for (const name of values.case ?? Object.keys(cases)) {
    const run = cases[name];
    if (run === undefined) throw new Error(`no case ${name}; there are ${Object.keys(cases).join(", ")}`);
    await run();
  }
} finally {
  hook.close();
  agent.end();
  hosts.remove();
}
