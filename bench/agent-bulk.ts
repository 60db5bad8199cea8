/**
 * What the agent costs one TCP stream over veth. Needs root.
 *
 *   node bench/agent-bulk.ts [--seconds 60] [--window 150] [--ends two|one|thread] [--with agent|empty|tcx|netfilter|tracepoints|socket-calls|nothing]
 *
 * A packet of TCP meets the agent at its two hooks and nowhere else, so these are put in and taken out several times a second while the agent runs, polls
 * included, all the time: how fast a stream is drifts by a tenth within seconds on a virtual machine, whether there is an agent or not. Windows are compared
 * in the order with, without, without, with.
 *
 * `--ends two`: the sender on one processor, the receiver on another. Neither is busy all the time then: what they wait for each other is most of how
 * fast it is, and spreads so much that minutes tell two per cent and no less. `one`: both on one processor, which is busy all the time. `thread`: both in
 * one thread, so that nothing waits or wakes: the CPU that a stream takes, to a few thousandths, and what it lacks wherever CPU is what it lacks.
 * `--with empty`: programs that do nothing in place of the agent's, what any cgroup_skb hook costs; `tcx`, `netfilter`
 * and `tracepoints` (of packets sent and received): the same at other places that packets pass; `socket-calls`: at the tracepoints of reads and writes, which do not tell where datagrams go;
 * `nothing`: none of them, which tells what the comparison is worth.
 */
import { closeSync, openSync } from "node:fs";
import { setTimeout as rest } from "node:timers/promises";
import { parseArgs } from "node:util";
import koffi from "koffi";
import { readKernelFacts } from "../src/observe/index.ts";
import { EmptyHook } from "../test/empty-hook.ts";
import { said, TwoHosts } from "../test/namespaces.ts";
import { clock, Progress, prepareHosts, spawnLoad } from "./agent-load.ts";
import { startAgentProcess } from "./agent-under-test.ts";
import { type OtherHook, OtherHooks, otherHooks } from "./other-hooks.ts";
import { median, medianInterval } from "./spread.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    window: { type: "string", default: "150" },
    ends: { type: "string", default: "thread" },
    with: { type: "string", default: "agent" },
  },
});
const accepted = ["agent", "empty", ...otherHooks, "nothing"];
if (!accepted.includes(values.with))
  throw new Error(`--with ${values.with}: accepted are ${accepted.join(", ")}`);
const windowMilliseconds = Number(values.window);
/** What is under way when hooks come or go is neither with nor without. */
const edgeMilliseconds = 10;
const port = 5302;
const warmMilliseconds = 3000;

const bpf = koffi.load("libbpf.so.1");
const call = {
  programOf: bpf.func("int bpf_prog_get_fd_by_id(uint32_t id)"),
  attach: bpf.func("int bpf_prog_attach(int program, int cgroup, int type, unsigned int flags)"),
  detach: bpf.func("int bpf_prog_detach2(int program, int cgroup, int type)"),
  nextLink: bpf.func("int bpf_link_get_next_id(uint32_t id, _Out_ uint32_t *next)"),
  linkOf: bpf.func("int bpf_link_get_fd_by_id(uint32_t id)"),
  detachLink: bpf.func("int bpf_link_detach(int link)"),
  info: bpf.func("int bpf_obj_get_info_by_fd(int fd, _Inout_ uint32_t *info, _Inout_ uint32_t *length)"),
};
const allowMulti = 2; // BPF_F_ALLOW_MULTI

function checked(result: number, what: string): number {
  if (result < 0) throw new Error(`${what}: errno ${-result}`);
  return result;
}

/** The agent's two programs at the cgroup's packets, taken from its links, so that they can come and go. */
class AgentHooks {
  readonly #cgroup: number;
  /** In the order of the directions: in, out. */
  readonly #programs: readonly number[];

  constructor(cgroupRoot: string, ids: readonly number[]) {
    if (ids.length !== 2) throw new Error(`two hooks are the agent's; new are ${ids.length}`);
    this.#cgroup = openSync(cgroupRoot, "r");
    this.#programs = ids.map((id) => checked(call.programOf(id), "program"));
    for (const link of linksOf(ids)) checked(call.detachLink(link), "link");
  }

  attach(): void {
    for (const [type, program] of this.#programs.entries())
      checked(call.attach(program, this.#cgroup, type, allowMulti), "attach");
  }

  detach(): void {
    for (const [type, program] of this.#programs.entries()) call.detach(program, this.#cgroup, type);
  }

  close(): void {
    this.detach();
    for (const fd of [...this.#programs, this.#cgroup]) closeSync(fd);
  }
}

/** Links of these programs: `struct bpf_link_info` begins with type, id and program. */
function linksOf(programs: readonly number[]): number[] {
  const links: number[] = [];
  const next = new Uint32Array(1);
  for (let id = 0; call.nextLink(id, next) === 0; id = next[0]!) {
    const link = checked(call.linkOf(next[0]!), "link");
    const info = new Uint32Array(32);
    checked(call.info(link, info, Uint32Array.of(info.byteLength)), "link");
    if (programs.includes(info[2]!)) links.push(link);
    else closeSync(link);
  }
  return links;
}

interface Window {
  readonly isWith: boolean;
  readonly from: number;
  readonly to: number;
}

interface Figures {
  readonly gigabits: number;
  /** Of both ends. */
  readonly nanosecondsPer64KiB: number;
}

const hosts = new TwoHosts();
const cgroupRoot = readKernelFacts().cgroupRoot;
const empty = new EmptyHook(cgroupRoot);
const agent = startAgentProcess("all");
let hooks: AgentHooks | undefined;
const other = otherHooks.find((kind) => kind === values.with);
let others: OtherHooks | undefined;
try {
  prepareHosts(hosts);
  others = other && openOthers(other);
  const before = empty.attached();
  await agent.start();
  hooks = new AgentHooks(
    cgroupRoot,
    empty.attached().filter((id) => !before.includes(id)),
  );
  const stream = await startStream();
  await rest(warmMilliseconds);

  const windows: Window[] = [];
  const cpuBefore = agent.cpuMilliseconds();
  const start = clock();
  for (let i = 0; clock() - start < Number(values.seconds) * 1000; i++) {
    const isWith = i % 4 === 0 || i % 4 === 3;
    for (const each of [hooks, empty, others]) each?.detach();
    if (isWith && values.with !== "nothing") (values.with === "empty" ? empty : (others ?? hooks)).attach();
    await rest(edgeMilliseconds);
    const from = clock();
    await rest(windowMilliseconds);
    windows.push({ isWith, from, to: clock() });
  }
  const agentMilliseconds = ((agent.cpuMilliseconds() - cpuBefore) / (clock() - start)) * 1000;
  await rest(100);
  report(windows, (from, to) => figuresOf(stream, from, to), agentMilliseconds);
} finally {
  hooks?.close();
  others?.close();
  empty.close();
  agent.end();
  hosts.remove();
}

function openOthers(kind: OtherHook): OtherHooks {
  return new OtherHooks(kind, [
    { namespace: hosts.client, device: hosts.left },
    { namespace: hosts.server, device: hosts.right },
  ]);
}

/** Who receives, and who sends; one of both when it is one thread. */
async function startStream(): Promise<readonly Progress[]> {
  if (values.ends === "thread") {
    const place = [`/run/netns/${hosts.server}`, hosts.serverAddress, port];
    return [new Progress(spawnLoad(hosts, hosts.client, 0, ["both", "stream", ...place]))];
  }
  const receiving = spawnLoad(hosts, hosts.server, values.ends === "one" ? 0 : 1, ["receive", "tcp", port]);
  await said(receiving, "listening");
  const sending = spawnLoad(hosts, hosts.client, 0, ["send", "tcp", hosts.serverAddress, port]);
  return [new Progress(receiving), new Progress(sending)];
}

function figuresOf(stream: readonly Progress[], from: number, to: number): Figures | undefined {
  const each = stream.map((end) => end.between(from, to)).filter((end) => end !== undefined && end.done > 0);
  const [received] = each;
  if (each.length < stream.length || received === undefined) return undefined;
  const perByte = each.reduce((sum, end) => sum + end!.cpuMicroseconds / end!.done, 0);
  return { gigabits: (received.perSecond * 8) / 1e9, nanosecondsPer64KiB: perByte * 65_536 * 1000 };
}

function report(
  windows: readonly Window[],
  figures: (from: number, to: number) => Figures | undefined,
  agentMilliseconds: number,
): void {
  const pairs: { with: Figures; without: Figures }[] = [];
  for (let i = 0; i + 1 < windows.length; i += 2) {
    const [a, b] = [windows[i]!, windows[i + 1]!].map(({ from, to }) => figures(from, to));
    if (a === undefined || b === undefined) continue;
    pairs.push(windows[i]!.isWith ? { with: a, without: b } : { with: b, without: a });
  }
  const tell = (what: string, read: (figures: Figures) => number, unit: string) => {
    const ratios = pairs.map((pair) => read(pair.with) / read(pair.without));
    const [low, high] = medianInterval(ratios);
    console.log(
      `  ${what}: ${median(pairs.map((pair) => read(pair.without))).toFixed(2)} ${unit} without, ` +
        `${median(pairs.map((pair) => read(pair.with))).toFixed(2)} with, ratio ${median(ratios).toFixed(4)} [${low.toFixed(4)}..${high.toFixed(4)}]`,
    );
  };
  console.log(
    `stream, ends: ${values.ends}; with ${values.with}: ${pairs.length} pairs of windows of ${windowMilliseconds} ms`,
  );
  tell("rate", ({ gigabits }) => gigabits, "Gbit/s");
  tell("CPU of sender and receiver", ({ nanosecondsPer64KiB }) => nanosecondsPer64KiB, "ns per 64 KiB");
  console.log(
    `  the agent's process took ${agentMilliseconds.toFixed(1)} ms of CPU a second, with and without`,
  );
}
process.exit();
