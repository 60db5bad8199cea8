import { createContainerNames, createSocketOwners, type NameSource } from "../enrich/index.ts";
import { FlowBatch, isLoopback, type ObserverTable, type ReportDrop } from "../flow/index.ts";
import {
  canRunTcp,
  createTcpObserver,
  type KernelFacts,
  readKernelFacts,
  type TcpReport,
} from "../observe/index.ts";
import type { PeerTable } from "../topology/index.ts";
import { hasFailed, type Poll, writeReportRow } from "./report-row.ts";

export interface AgentConfig {
  /** Live connections followed at most. */
  readonly connectionsMax: number;
  /** Whether connections of this machine with itself are reported. */
  readonly includeLoopback: boolean;
  /** Whether container runtimes are asked for the names of their containers. */
  readonly containers: boolean;
  /** Whether peers tell command lines in place of process names. */
  readonly commandLine: boolean;
}

export const agentDefaults: AgentConfig = {
  connectionsMax: 262_144,
  includeLoopback: true,
  containers: true,
  commandLine: false,
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
  /** What this kernel can do; read from the machine when not given. */
  readonly kernelFacts?: KernelFacts;
  log?(message: string): void;
  /** Where container runtimes are found, when not in the usual places. */
  readonly runtimes?: { readonly root: string; readonly dockerSocketPath: string };
}

export interface AgentStatus {
  readonly state: "on" | "off";
  /** Why it is off, and the one thing that would switch it on. */
  readonly reason?: string;
  readonly remedy?: string;
  /** Sockets looked at by the last poll. */
  readonly sockets: number;
  /** Where names of containers come from; empty when nobody is asked. */
  readonly names: readonly NameSource[];
}

type PollStatus = Omit<AgentStatus, "names">;

export interface Agent {
  /** Attaches to the kernel where that can be; otherwise the status says why not. Never throws. */
  start(): void;
  /** Reads what happened since the last poll, and delivers it. */
  poll(): void;
  status(): AgentStatus;
  stop(): void;
}

/** All reports that fit the kernel's ring buffer (4 MiB of 128 bytes): both ends of a connection come in one batch. */
const batchRows = 32_768;

export function createAgent(config: AgentConfig, dependencies: AgentDependencies): Agent {
  const { node, peers, observers, drop, deliver, now } = dependencies;
  const observer = createTcpObserver(config);
  const { log = () => {}, runtimes = {} } = dependencies;
  const containerNames = config.containers ? createContainerNames({ log, ...runtimes }) : undefined;
  const owners = createSocketOwners({
    peers,
    node,
    commandLine: config.commandLine,
    ...(containerNames && { containerNames }),
  });
  let batch: FlowBatch | undefined;
  let status: PollStatus = {
    state: "off",
    reason: "the server was started without the agent",
    remedy: "portolan up, as root and without --no-agent, shows this machine's TCP connections too",
    sockets: 0,
  };
  let lastPoll = 0;
  let losses = { tableFull: 0, overwritten: 0, deferred: 0 };

  function readReport(target: FlowBatch, report: TcpReport, poll: Poll): void {
    const { bytes, localAddress } = report;
    if (isLoopback(bytes, localAddress) && !config.includeLoopback) return;
    if (report.isUnopened && !hasFailed(report, poll)) return;
    writeReportRow(target, report, poll, owners.peerOf(report, bytes, localAddress));
  }

  /** Returns whether the last walk found room for every report. */
  function countLosses(): boolean {
    const { tableFull, overwritten, walked, deferred } = observer.losses();
    if (tableFull > losses.tableFull) drop("connection_limit", node, tableFull - losses.tableFull);
    if (overwritten > losses.overwritten) drop("report_lost", node, overwritten - losses.overwritten);
    const isWhole = deferred === losses.deferred;
    losses = { tableFull, overwritten, deferred };
    status = { state: "on", sockets: walked };
    return isWhole;
  }

  return {
    start() {
      const facts = dependencies.kernelFacts ?? readKernelFacts();
      const cannot = canRunTcp(facts);
      if (cannot !== undefined) {
        status = { state: "off", ...cannot, sockets: 0 };
        return;
      }
      try {
        observer.start();
      } catch (error) {
        status = {
          state: "off",
          reason: `the kernel ${facts.release} did not take the agent's programs (${(error as Error).message})`,
          remedy: "boot a newer kernel; if it is 5.14 or newer, please report this line",
          sockets: 0,
        };
        return;
      }
      containerNames?.start();
      batch = new FlowBatch(batchRows);
      losses = { tableFull: 0, overwritten: 0, deferred: 0 };
      lastPoll = now();
      status = { state: "on", sockets: 0 };
    },
    poll() {
      if (batch === undefined) return;
      owners.refresh();
      const target = batch;
      const seen = now();
      const bootTime = seen - Number(process.hrtime.bigint()) / 1e6;
      const observerRow = observers.intern({ id: `agent:${node}`, kind: "agent", name: node });
      const poll = { seen, since: lastPoll, bootTime, observerRow };
      // A walk stops where the ring buffer is full; the next goes on, since what was reported has not moved again.
      for (
        let left = Math.ceil(config.connectionsMax / batchRows) + 1, isWhole = false;
        left > 0 && !isWhole;
        left--
      ) {
        observer.walk();
        observer.drain((report) => readReport(target, report, poll));
        isWhole = countLosses();
        deliver(target);
        target.clear();
      }
      lastPoll = seen;
    },
    status: () => ({ ...status, names: batch === undefined ? [] : (containerNames?.status() ?? []) }),
    stop() {
      observer.stop();
      containerNames?.stop();
      batch = undefined;
      status = { state: "off", reason: "the agent was stopped", remedy: "start it", sockets: 0 };
    },
  };
}
