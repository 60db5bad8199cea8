/**
 * What the whole of `./portolan agent --server URL` takes of a processor: observing, naming, messages, compression, spool, HTTP. Needs root.
 *
 *   node bench/agent-uplink.ts [--tree FOLDER]... [--connections 10000] [--rate 1000] [--warm 60] [--periods 3] [--seconds 30]
 *
 * The load is that of `agent-cost.ts --case live`: so many connections open, so many new ones a second, both ends on this machine, so that the agent follows
 * twice as many sockets. The launcher starts the agent, which sends to a `./portolan server`; each has folders of its own. After `--warm` seconds V8 has compiled
 * what is hot; then its threads' CPU is read from outside, by the scheduler's count. The agents' processes are told: `perf record -g -p PID` says where it goes.
 *
 * `--tree`, several times: the agents of so many checkouts run side by side and follow the same connections, each with a server of the first checkout's. What else the
 * machine does is the same for all, so their figures may be set beside each other.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { said, TwoHosts } from "../test/namespaces.ts";
import { freePort, until } from "../test/program.ts";
import { clock, hold, Progress, prepareHosts, spawnLoad } from "./agent-load.ts";
import { median } from "./spread.ts";

const { values } = parseArgs({
  options: {
    tree: { type: "string", multiple: true, default: [fileURLToPath(new URL("..", import.meta.url))] },
    connections: { type: "string", default: "10000" },
    rate: { type: "string", default: "1000" },
    warm: { type: "string", default: "60" },
    periods: { type: "string", default: "3" },
    seconds: { type: "string", default: "30" },
  },
});
const trees = values.tree.map((tree) => resolve(tree));

const folder = mkdtempSync(join(tmpdir(), "portolan-uplink-"));
const hosts = new TwoHosts();
const children: ChildProcess[] = [];

interface Arm {
  readonly tree: string;
  readonly pid: number;
  readonly metrics: string;
}

function start(tree: string, parameters: readonly string[]): ChildProcess {
  const child = spawn(join(tree, "portolan"), parameters, {
    env: { ...process.env, PORTOLAN_REVERSEDNS: "off" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  children.push(child);
  return child;
}

const answers = (url: string) =>
  until(
    `${url} answers`,
    () =>
      fetch(url).then(
        ({ ok }) => ok || undefined,
        () => undefined,
      ),
    60,
  );

async function startArm(tree: string, index: number): Promise<Arm> {
  const [server, listen, flows] = [await freePort(), await freePort(), await freePort()];
  const data = ["--data", join(folder, `data-${index}`), "--flows", `udp://127.0.0.1:${flows}`];
  start(trees[0]!, ["server", "--listen", `127.0.0.1:${server}`, "--log", "warn", ...data]);
  await answers(`http://127.0.0.1:${server}/healthz`);
  const agent = start(tree, [
    ...["agent", "--server", `http://127.0.0.1:${server}`, "--node", `node-${index}`, "--log", "warn"],
    ...["--spool", join(folder, `spool-${index}`), "--listen", `127.0.0.1:${listen}`],
  ]);
  const metrics = `http://127.0.0.1:${listen}/metrics`;
  await answers(metrics);
  console.log(`agent ${agent.pid}: ${tree}`);
  return { tree, pid: agent.pid!, metrics };
}

/** Milliseconds of CPU so far, by thread. */
function readThreads(pid: number): Map<string, number> {
  const threads = new Map<string, number>();
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      const [taken] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ");
      threads.set(task, Number(taken) / 1e6);
    } catch {
      // It has ended since.
    }
  }
  return threads;
}

interface Told {
  readonly sockets: number;
  readonly records: number;
  readonly messages: number;
  readonly octets: number;
  readonly drops: number;
}

async function readTold({ metrics }: Arm): Promise<Told> {
  const text = await (await fetch(metrics)).text();
  const figure = (name: string) =>
    [...text.matchAll(new RegExp(`^portolan_agent_${name}(?:\\{.*\\})? (\\d+)`, "gm"))].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    );
  return {
    ...{ sockets: figure("sockets"), records: figure("records_total"), drops: figure("drops_total") },
    ...{ messages: figure("sent_messages_total"), octets: figure("sent_bytes_total") },
  };
}

function readResidentMegabytes(pid: number): number {
  return (Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024) / 1e6;
}

/** To be asked costs the agent something: outside the period. */
async function measure(arms: readonly Arm[]): Promise<number[]> {
  const [askedAt, before] = [clock(), await Promise.all(arms.map(readTold))];
  await rest(1000);
  const [from, atStart] = [clock(), arms.map(({ pid }) => readThreads(pid))];
  await rest(Number(values.seconds) * 1000);
  const [to, atEnd] = [clock(), arms.map(({ pid }) => readThreads(pid))];
  const seconds = (to - from) / 1000;
  const [toldSeconds, told] = [(clock() - askedAt) / 1000, await Promise.all(arms.map(readTold))];
  return arms.map(({ tree, pid }, i) => {
    const took = [...atEnd[i]!].map(
      ([task, milliseconds]) => [task, (milliseconds - (atStart[i]!.get(task) ?? 0)) / seconds] as const,
    );
    const sum = took.reduce((total, [, milliseconds]) => total + milliseconds, 0);
    const main = took.find(([task]) => task === String(pid))?.[1] ?? 0;
    const perSecond = (name: keyof Told) => (told[i]![name] - before[i]![name]) / toldSeconds;
    console.log(
      `${tree}: ${sum.toFixed(2)} ms of CPU a second, ${(sum - main).toFixed(2)} of them in other threads than the main one; ` +
        `${perSecond("records").toFixed(0)} records, ${perSecond("messages").toFixed(2)} messages with ${perSecond("octets").toFixed(0)} octets a second; ` +
        `${told[i]!.sockets} sockets; ${told[i]!.drops} drops; ${readResidentMegabytes(pid).toFixed(0)} MB resident`,
    );
    return sum;
  });
}

async function compare(): Promise<void> {
  prepareHosts(hosts);
  const arms: Arm[] = [];
  for (const [i, tree] of trees.entries()) arms.push(await startArm(tree, i));
  children.push(...(await hold(hosts, Number(values.connections))));
  const serving = spawnLoad(hosts, hosts.server, 1, ["serve", 5305]);
  await said(serving, "listening");
  serving.stdout?.resume();
  const asking = spawnLoad(hosts, hosts.client, 0, ["request", hosts.serverAddress, 5305, values.rate]);
  children.push(serving, asking);
  const progress = new Progress(asking);
  await rest(Number(values.warm) * 1000);
  const from = clock();
  const periods: number[][] = [];
  while (periods.length < Number(values.periods)) periods.push(await measure(arms));
  const rate = progress.between(from, clock())?.perSecond ?? 0;
  for (const [i, { tree }] of arms.entries()) {
    const shares = periods.map((period) => period[i]!);
    console.log(
      `uplink: ${tree}: ${median(shares).toFixed(2)} ms of CPU a second (${Math.min(...shares).toFixed(2)} to ${Math.max(...shares).toFixed(2)}) ` +
        `at ${rate.toFixed(0)} new connections a second`,
    );
  }
}

async function end(): Promise<void> {
  const agents = children.filter(({ spawnargs }) => spawnargs.includes("agent"));
  for (const agent of agents) agent.kill("SIGTERM");
  const ended = agents.map((agent) => agent.exitCode ?? agent.signalCode ?? once(agent, "exit"));
  await Promise.race([Promise.all(ended), rest(15_000)]);
  for (const child of children) child.kill("SIGKILL");
  hosts.remove();
  rmSync(folder, { recursive: true, force: true });
}

try {
  await compare();
} finally {
  await end();
}
process.exit();
