import type { SocketOwners } from "../enrich/index.ts";
import { type FlowBatch, isLoopback, type ReportDrop } from "../flow/index.ts";
import {
  type CannotRun,
  canRunSockDiag,
  canRunTcp,
  createSockDiagObserver,
  createTcpObserver,
  KernelError,
  type KernelFacts,
  type SockDiagFacts,
  type SockDiagObserver,
  type SockDiagReach,
  sockDiagLimits,
  type TcpObserver,
  type TcpReport,
} from "../observe/index.ts";
import { broken, offBecause, type PartStatus, refused } from "./part-status.ts";
import { isWorthARow, type Poll, writeReportRow } from "./report-row.ts";

export interface ConnectionsConfig {
  /** Whether the kernel's programs are used; without them TCP is read by sock_diag. */
  readonly ebpf: boolean;
  /** Live connections followed at most. */
  readonly connectionsMax: number;
  /** Whether errors are followed that TCP keeps for the program alone. */
  readonly softErrors: boolean;
  readonly includeLoopback: boolean;
}

export interface ConnectionsDependencies {
  readonly node: string;
  readonly owners: SocketOwners;
  readonly drop: ReportDrop;
  /** Takes the rows of a batch; it is cleared when this returns. */
  deliver(batch: FlowBatch): void;
  sockDiagFacts(): SockDiagFacts;
}

export interface ConnectionsStatus extends PartStatus {
  /** How sockets are read, when they are. */
  readonly way?: "eBPF" | "sock_diag";
  /** What is not seen, being read that way, and what would change it. */
  readonly limits?: readonly CannotRun[];
  /** How far sock_diag sees; eBPF sees all of the machine. */
  readonly reach?: SockDiagReach;
  /** Sockets looked at by the last poll. */
  readonly sockets: number;
}

/** The agent's first part: TCP, by eBPF where that can be, else by sock_diag. */
export interface Connections {
  /** Never throws. */
  start(facts: KernelFacts): void;
  poll(batch: FlowBatch, poll: Poll): void;
  readonly isOn: boolean;
  /** The name of a cgroup whose sockets were seen, perhaps gone by now; "" when it is not known. */
  cgroupNameOf(id: number): string;
  status(): ConnectionsStatus;
  stop(why: PartStatus): void;
}

export const notAskedForPrograms: CannotRun = {
  reason: "eBPF was switched off",
  remedy: "set agent.ebpf to true",
};
const noLosses = { tableFull: 0, overwritten: 0, deferred: 0, missed: 0 };

export function createConnections(
  config: ConnectionsConfig,
  { node, owners, drop, deliver, sockDiagFacts }: ConnectionsDependencies,
  off: PartStatus,
): Connections {
  let observer: TcpObserver | undefined;
  let sockDiag: SockDiagObserver | undefined;
  let whyNotPrograms: CannotRun | undefined;
  let sockets = 0;
  let losses = noLosses;

  function startPrograms({ cgroupRoot, ...facts }: KernelFacts): CannotRun | undefined {
    if (!config.ebpf) return notAskedForPrograms;
    const cannot = canRunTcp({ cgroupRoot, ...facts });
    if (cannot !== undefined) return cannot;
    try {
      const programs = createTcpObserver({ ...config, cgroupRoot: config.softErrors ? cgroupRoot : "" });
      programs.start();
      observer = programs;
      return undefined;
    } catch (error) {
      return refused(facts.release, error as Error);
    }
  }

  /** Of the two reasons, the one for which eBPF cannot be is what somebody would change. */
  function startSockDiag(whyNot: CannotRun): void {
    const cannot = canRunSockDiag(sockDiagFacts());
    if (cannot !== undefined) {
      off = offBecause(whyNot);
      return;
    }
    try {
      const dumps = createSockDiagObserver(config);
      dumps.start();
      sockDiag = dumps;
      observer = dumps;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      off = offBecause(whyNot);
    }
  }

  function stop(why: PartStatus): void {
    observer?.stop();
    observer = undefined;
    sockDiag = undefined;
    sockets = 0;
    off = why;
  }

  function read(source: TcpObserver, batch: FlowBatch, poll: Poll): void {
    // A walk stops where the ring buffer is full; the next goes on, since what was reported has not moved again.
    const walksMax = Math.ceil(config.connectionsMax / batch.capacity) + 1;
    for (let walks = 0, isWhole = false; walks < walksMax && !isWhole; walks++) {
      source.walk();
      source.drain((report) => readReport(batch, report, poll));
      isWhole = countLosses(source);
      hand(batch);
    }
  }

  function hand(batch: FlowBatch): void {
    deliver(batch);
    batch.clear();
  }

  function readReport(batch: FlowBatch, report: TcpReport, poll: Poll): void {
    const { bytes, localAddress } = report;
    if (isLoopback(bytes, localAddress) && !config.includeLoopback) return;
    if (!isWorthARow(report)) return;
    if (batch.free === 0) hand(batch);
    writeReportRow(batch, report, poll, owners.peerOf(report, bytes, localAddress));
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

  return {
    start(facts) {
      losses = noLosses;
      whyNotPrograms = startPrograms(facts);
      if (whyNotPrograms !== undefined) startSockDiag(whyNotPrograms);
    },
    poll(batch, poll) {
      if (observer === undefined) return;
      try {
        read(observer, batch, poll);
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        stop(offBecause(broken(error)));
      }
    },
    get isOn() {
      return observer !== undefined;
    },
    cgroupNameOf: (id) => observer?.cgroupNameOf(id) ?? "",
    status() {
      if (observer === undefined) return { ...off, sockets };
      if (sockDiag === undefined) return { state: "on", way: "eBPF", sockets };
      const reach = sockDiag.reach();
      const limits = [whyNotPrograms!, ...sockDiagLimits(reach)];
      return { state: "on", way: "sock_diag", limits, reach, sockets };
    },
    stop,
  };
}
