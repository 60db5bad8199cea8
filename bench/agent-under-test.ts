/**
 * The agent alone, in a process of its own, as `createAgent` makes it and without a server behind it: what it finds is thrown
 * away. Polls once a second while it is on, with the flags of `./portolan agent`; in its first second every 50 ms, since V8 interprets what is
 * new until it was run often enough. Started by `startAgentProcess`.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as rest } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import koffi from "koffi";
import { agentDefaults, createAgent } from "../src/agent/index.ts";
import { ObserverTable } from "../src/flow/index.ts";
import { PeerTable } from "../src/topology/index.ts";
import { type PacketName, runPackets } from "./packet-runs.ts";

/** What it says of itself, which takes it milliseconds: not to be asked while its CPU is measured. */
export interface AgentUsage {
  readonly residentBytes: number;
  readonly sockets: number;
  readonly drops: number;
  /** Runs are counted while the kernel's BPF statistics are on. */
  readonly programs: readonly {
    readonly name: string;
    readonly runs: number;
    readonly nanoseconds: number;
  }[];
  readonly maps: readonly { readonly name: string; readonly bytes: number }[];
}

/** Nanoseconds a run, of the agent's programs at the hooks. */
export type AgentPacketRuns = Record<string, Record<PacketName, number>>;

export interface AgentProcess {
  /** Starts it, and has it warm. */
  start(): Promise<void>;
  stop(): Promise<void>;
  usage(): Promise<AgentUsage>;
  /** CPU it has taken, by the scheduler's count: asked from outside, it costs the agent nothing. */
  cpuMilliseconds(): number;
  packetRuns(): Promise<AgentPacketRuns>;
  end(): void;
}

const warmMilliseconds = 1000;
const warmPollMilliseconds = 50;
const pollMilliseconds = 1000;

type Order = "start" | "stop" | "usage" | "packetRuns";
const self = fileURLToPath(import.meta.url);

/** `parts` is "all", or "tcp" without datagrams and DNS. */
export function startAgentProcess(parts: string): AgentProcess {
  const child: ChildProcess = fork(self, [], {
    execArgv: launcherFlags(),
    env: { ...process.env, AGENT_PARTS: parts, MALLOC_ARENA_MAX: "1" },
  });
  async function ask<T>(order: Order): Promise<T> {
    const answered = once(child, "message");
    child.send(order);
    const [{ error, answer }] = (await answered) as [{ error?: string; answer: T }];
    if (error !== undefined) throw new Error(error);
    return answer;
  }
  return {
    async start() {
      await ask("start");
      await rest(warmMilliseconds);
    },
    stop: () => ask("stop"),
    usage: () => ask("usage"),
    cpuMilliseconds: () => readCpuMilliseconds(child.pid!),
    packetRuns: () => ask("packetRuns"),
    end: () => void child.kill("SIGKILL"),
  };
}

function launcherFlags(): string[] {
  const launcher = readFileSync(new URL("../portolan", import.meta.url), "utf8");
  return /^agent_flags="(.*)"$/m.exec(launcher)![1]!.split(" ");
}

function readCpuMilliseconds(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
    const [nanoseconds] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ");
    return sum + Number(nanoseconds) / 1e6;
  }, 0);
}

function serveOrders(parts: string): void {
  const isWhole = parts === "all";
  let drops = 0;
  let polling: NodeJS.Timeout | undefined;
  const agent = createAgent(
    { ...agentDefaults, datagrams: isWhole, dns: isWhole },
    {
      node: hostname(),
      peers: new PeerTable(10_000, () => {}),
      observers: new ObserverTable(),
      drop: (_reason, _source, count = 1) => {
        drops += count;
      },
      deliver: () => {},
      now: Date.now,
    },
  );

  function pollAgain(warmUntil: number): void {
    const pause = performance.now() < warmUntil ? warmPollMilliseconds : pollMilliseconds;
    polling = setTimeout(() => {
      pollAgain(warmUntil);
      agent.poll();
    }, pause);
  }

  function obey(order: Order): unknown {
    if (order === "stop") {
      clearTimeout(polling);
      agent.stop();
    } else if (order === "start") {
      agent.start();
      const { state, reason, datagrams } = agent.status();
      if (state === "off" || (isWhole && datagrams.state === "off"))
        throw new Error(reason ?? datagrams.reason);
      pollAgain(performance.now() + warmMilliseconds);
    } else if (order === "usage") {
      return { ...readUsage(), sockets: agent.status().sockets, drops };
    } else {
      return readPacketRuns();
    }
    return undefined;
  }

  process.on("message", (order: Order) => {
    try {
      process.send!({ answer: obey(order) });
    } catch (error) {
      process.send!({ error: (error as Error).message });
    }
  });
  process.on("disconnect", () => process.exit());
}

function readUsage(): Omit<AgentUsage, "sockets" | "drops"> {
  return {
    residentBytes: process.memoryUsage.rss(),
    programs: fdsOf("bpf-prog").map((fd) => ({
      name: nameOf(fd, 64),
      runs: figure(fd, "run_cnt"),
      nanoseconds: figure(fd, "run_time_ns"),
    })),
    maps: fdsOf("bpf-map").map((fd) => ({ name: nameOf(fd, 24), bytes: figure(fd, "memlock") })),
  };
}

function readPacketRuns(): AgentPacketRuns {
  const hooks = fdsOf("bpf-prog").filter((fd) => nameOf(fd, 64).startsWith("follow_") && isCgroupSkb(fd));
  return Object.fromEntries(hooks.map((fd) => [nameOf(fd, 64), runPackets(Number(fd))]));
}

const isCgroupSkb = (fd: string) => figure(fd, "prog_type") === 8;

function fdsOf(kind: "bpf-prog" | "bpf-map"): string[] {
  return readdirSync("/proc/self/fd").filter((fd) => linkOf(fd) === `anon_inode:${kind}`);
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ""; // the one the folder was read by
  }
}

function figure(fd: string, name: string): number {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
  return Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)?.[1] ?? 0);
}

/** `offset` of the name in `struct bpf_prog_info` or `struct bpf_map_info`. */
function nameOf(fd: string, offset: number): string {
  const read = koffi
    .load("libbpf.so.1")
    .func("int bpf_obj_get_info_by_fd(int fd, _Inout_ uint8_t *info, _Inout_ uint32_t *length)");
  const info = new Uint8Array(80);
  read(Number(fd), info, new Uint32Array([info.length]));
  return new TextDecoder().decode(info.subarray(offset, offset + 16)).replace(/\0.*/s, "");
}

if (process.argv[1] === self && process.send !== undefined) serveOrders(process.env.AGENT_PARTS ?? "all");
