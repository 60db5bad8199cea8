import { createContainerNames, createSocketOwners, type NameSource, NameTable } from "../enrich/index.ts";
import { FlowBatch, isLoopback, type ObserverTable, type ReportDrop } from "../flow/index.ts";
import {
  canRunTcp,
  createTcpObserver,
  KernelError,
  type KernelFacts,
  readKernelFacts,
  type TcpObserver,
  type TcpReport,
} from "../observe/index.ts";
import type { PeerTable } from "../topology/index.ts";
import { createDatagrams, type DatagramsStatus, type DnsStatus } from "./datagrams.ts";
import { broken, offBecause, type PartStatus, refused } from "./part-status.ts";
import { isWorthARow, type Poll, writeReportRow } from "./report-row.ts";

export interface AgentConfig {
  /** Live connections followed at most. */
  readonly connectionsMax: number;
  /** Whether connections of this machine with itself are reported. */
  readonly includeLoopback: boolean;
  /** Whether container runtimes are asked for the names of their containers. */
  readonly containers: boolean;
  /** Whether peers tell command lines in place of process names. */
  readonly commandLine: boolean;
  /** Whether flows of UDP, ICMP and the rest are reported. */
  readonly datagrams: boolean;
  /** Whether DNS answers name addresses. */
  readonly dns: boolean;
  /** Flows other than TCP's followed at most. */
  readonly flowsMax: number;
}

export const agentDefaults: AgentConfig = {
  connectionsMax: 262_144,
  includeLoopback: true,
  containers: true,
  commandLine: false,
  datagrams: true,
  dns: true,
  flowsMax: 65_536,
};

export interface AgentDependencies {
  /** Name of this machine. */
  readonly node: string;
  readonly peers: PeerTable;
  readonly observers: ObserverTable;
  readonly drop: ReportDrop;
  /** Takes the records of one poll; the batch is cleared when it returns. */
  deliver(batch: FlowBatch): void;
  /** Unix ms. */
  now(): number;
  /** Where names that workloads looked up are kept; a table of the agent's own when not given. */
  readonly names?: NameTable;
  /** An address, the 16 bytes at `bytes[offset]`, has got a name or another one. */
  onName?(bytes: Uint8Array, offset: number, name: string): void;
  /** What this kernel can do; read from the machine when not given. */
  readonly kernelFacts?: KernelFacts;
  log?(message: string): void;
  /** Where container runtimes are found, when not in the usual places. */
  readonly runtimes?: { readonly root: string; readonly dockerSocketPath: string };
}

/** The state of its first part, TCP, and of the others. */
export interface AgentStatus extends PartStatus {
  /** Sockets looked at by the last poll. */
  readonly sockets: number;
  /** Where names of containers come from; empty when nobody is asked. */
  readonly names: readonly NameSource[];
  readonly datagrams: DatagramsStatus;
  readonly dns: DnsStatus;
}

export interface Agent {
  /** Attaches to the kernel where that can be; otherwise the status says why not. Never throws. */
  start(): void;
  /** Reads what happened since the last poll, and delivers it. */
  poll(): void;
  status(): AgentStatus;
  stop(): void;
}

/** More than all reports that fit the kernel's ring buffer (4 MiB of 144 bytes): both ends of a connection come in one batch. */
const batchRows = 32_768;

const noLosses = { tableFull: 0, overwritten: 0, deferred: 0, missed: 0 };

export function createAgent(config: AgentConfig, dependencies: AgentDependencies): Agent {
  const { node, peers, observers, drop, deliver, now, names = new NameTable() } = dependencies;
  let observer: TcpObserver | undefined;
  const { log = () => {}, runtimes = {} } = dependencies;
  const containerNames = config.containers ? createContainerNames({ log, ...runtimes }) : undefined;
  const owners = createSocketOwners({
    peers,
    node,
    commandLine: config.commandLine,
    cgroupNameOf: (id) => observer?.cgroupNameOf(id) ?? "",
    ...(containerNames && { containerNames }),
  });
  const onName = dependencies.onName?.bind(dependencies);
  const datagrams = createDatagrams(config, {
    ...{ node, names, owners, drop, deliver },
    ...(onName === undefined ? {} : { onName }),
  });
  let batch: FlowBatch | undefined;
  let tcp: PartStatus = {
    state: "off",
    reason: "the server was started without the agent",
    remedy: "portolan up, as root and without --no-agent, shows this machine's TCP connections too",
  };
  let sockets = 0;
  let lastPoll = 0;
  let losses = noLosses;

  function startTcp(facts: KernelFacts): void {
    const cannot = canRunTcp(facts);
    if (cannot !== undefined) {
      tcp = offBecause(cannot);
      return;
    }
    try {
      observer = createTcpObserver({ ...config, cgroupRoot: facts.cgroupRoot });
      observer.start();
      losses = noLosses;
      tcp = { state: "on" };
    } catch (error) {
      observer = undefined;
      tcp = offBecause(refused(facts.release, error as Error));
    }
  }

  function stopTcp(why: PartStatus): void {
    observer?.stop();
    observer = undefined;
    tcp = why;
    sockets = 0;
  }

  function readReport(target: FlowBatch, report: TcpReport, poll: Poll): void {
    const { bytes, localAddress } = report;
    if (isLoopback(bytes, localAddress) && !config.includeLoopback) return;
    if (!isWorthARow(report)) return;
    writeReportRow(target, report, poll, owners.peerOf(report, bytes, localAddress));
  }

  /** Returns whether the last walk found room for every report. */
  function countLosses(source: TcpObserver): boolean {
    const { tableFull, overwritten, walked, deferred, missed } = source.losses();
    if (tableFull > losses.tableFull) drop("connection_limit", node, tableFull - losses.tableFull);
    const lost = overwritten + missed - losses.overwritten - losses.missed;
    if (lost > 0) drop("report_lost", node, lost);
    const isWhole = deferred === losses.deferred;
    losses = { tableFull, overwritten, deferred, missed };
    sockets = walked;
    return isWhole;
  }

  function pollTcp(source: TcpObserver, target: FlowBatch, poll: Poll): void {
    // A walk stops where the ring buffer is full; the next goes on, since what was reported has not moved again.
    for (
      let left = Math.ceil(config.connectionsMax / batchRows) + 1, isWhole = false;
      left > 0 && !isWhole;
      left--
    ) {
      source.walk();
      source.drain((report) => readReport(target, report, poll));
      isWhole = countLosses(source);
      deliver(target);
      target.clear();
    }
  }

  return {
    start() {
      const facts = dependencies.kernelFacts ?? readKernelFacts();
      startTcp(facts);
      datagrams.start(facts);
      if (tcp.state === "off" && !datagrams.isOn) return;
      containerNames?.start();
      batch = new FlowBatch(batchRows);
      lastPoll = now();
    },
    poll() {
      if (batch === undefined) return;
      owners.refresh();
      const seen = now();
      const bootTime = seen - Number(process.hrtime.bigint()) / 1e6;
      const observerRow = observers.intern({ id: `agent:${node}`, kind: "agent", name: node });
      const poll = { seen, since: lastPoll, bootTime, observerRow };
      datagrams.poll(batch, poll); // first, since it brings the names of what TCP connects to
      try {
        if (observer !== undefined) pollTcp(observer, batch, poll);
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        stopTcp(offBecause(broken(error)));
      }
      lastPoll = seen;
    },
    status: () => ({
      ...{ ...tcp, sockets, names: batch === undefined ? [] : (containerNames?.status() ?? []) },
      ...datagrams.status(),
    }),
    stop() {
      const stopped = { state: "off", reason: "the agent was stopped", remedy: "start it" } as const;
      stopTcp(stopped);
      datagrams.stop(stopped);
      containerNames?.stop();
      batch = undefined;
    },
  };
}
