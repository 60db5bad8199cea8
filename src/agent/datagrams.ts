import {
  AskedNames,
  createLookups,
  type LookupReport,
  type NameTable,
  ResolverTrust,
  resolverTrustDefaults,
  type SocketOwners,
} from "../enrich/index.ts";
import { type FlowBatch, isLoopback, type ReportDrop } from "../flow/index.ts";
import {
  type CannotRun,
  canRunDatagrams,
  createDatagramObserver,
  type DatagramObserver,
  type DatagramReport,
  KernelError,
  type KernelFacts,
  slowerDatagrams,
} from "../observe/index.ts";
import type { AskedName } from "../topology/index.ts";
import { notAskedForPrograms } from "./connections.ts";
import { isClientEnd, writeDatagramRow } from "./datagram-row.ts";
import { broken, notAsked, offBecause, type PartStatus, refused } from "./part-status.ts";
import type { Poll } from "./report-row.ts";

export interface DatagramsConfig {
  /** Whether the kernel's programs are used: without them none of it is seen. */
  readonly ebpf: boolean;
  /** Whether flows of UDP, ICMP and the rest are reported. */
  readonly datagrams: boolean;
  /** Whether DNS answers name addresses. */
  readonly dns: boolean;
  /** Whether names are kept with who asked for them. */
  readonly lookups: boolean;
  /** Addresses of resolvers that are believed beside the machine's own. */
  readonly resolvers: readonly string[];
  /** Flows followed at most. */
  readonly flowsMax: number;
  readonly includeLoopback: boolean;
}

export interface DatagramsDependencies {
  readonly node: string;
  readonly names: NameTable;
  readonly owners: SocketOwners;
  readonly drop: ReportDrop;
  /** Takes the rows of a batch; it is cleared when this returns. */
  deliver(batch: FlowBatch): void;
  /** Names that peers asked for since the last poll; before the rows of this poll. */
  deliverAsked?(asked: readonly AskedName[]): void;
  /** An address has got a name. */
  onName?(bytes: Uint8Array, offset: number, name: string): void;
}

export interface DatagramsStatus extends PartStatus {
  /** What is less than it could be, and what would change it. */
  readonly limits?: readonly CannotRun[];
  /** Flows looked at by the last poll. */
  readonly flows: number;
}

export type DnsStatus = PartStatus & LookupReport;

/** The agent's second part: what is not TCP, and DNS. Off, it says why. */
export interface Datagrams {
  /** Never throws. */
  start(facts: KernelFacts): void;
  poll(batch: FlowBatch, poll: Poll): void;
  readonly isOn: boolean;
  status(): { readonly datagrams: DatagramsStatus; readonly dns: DnsStatus };
  stop(why: PartStatus): void;
}

const namesSweepSeconds = 60;

export function createDatagrams(config: DatagramsConfig, dependencies: DatagramsDependencies): Datagrams {
  const { node, names, owners, drop, deliver, deliverAsked, onName } = dependencies;
  const trust = new ResolverTrust(resolverTrustDefaults(config.resolvers));
  const asked =
    config.lookups && deliverAsked !== undefined
      ? new AskedNames({ owners, lost: () => drop("lookup_lost", node) })
      : undefined;
  const lookups = createLookups({ names, trust, asked, ...(onName === undefined ? {} : { onName }) });
  let observer: DatagramObserver | undefined;
  let startedNanoseconds = 0;
  let lost = { tableFull: 0, deferred: 0, dnsLost: 0 };
  let flows = 0;
  let lastSweep = 0;
  let limits: readonly CannotRun[] | undefined;
  let off: PartStatus = { state: "off", reason: "the agent was not started", remedy: "start it" };

  function begin(facts: KernelFacts): void {
    observer = createDatagramObserver({
      flowsMax: config.flowsMax,
      withFlows: config.datagrams,
      withDns: config.dns,
      cgroupRoot: facts.cgroupRoot,
    });
    observer.start();
    limits = observer.refusal && [slowerDatagrams(facts.release, observer.refusal)];
    startedNanoseconds = Number(process.hrtime.bigint());
    lost = { tableFull: 0, deferred: 0, dnsLost: 0 };
  }

  function end(why: PartStatus): void {
    observer?.stop();
    observer = undefined;
    flows = 0;
    off = why;
  }

  /** Names first: the flows of this poll are to them. */
  function takeDns(source: DatagramObserver, seen: number): void {
    const seconds = Math.floor(seen / 1000);
    source.drainDns((packet) => lookups.take(packet, seconds));
    lookups.expire(Number(process.hrtime.bigint()));
    const news = asked?.take() ?? [];
    if (news.length > 0) deliverAsked?.(news);
    if (seconds - lastSweep < namesSweepSeconds) return;
    lastSweep = seconds;
    names.sweep(seconds);
    trust.sweep(seconds);
  }

  function takeFlows(source: DatagramObserver, batch: FlowBatch, poll: Poll): void {
    // A walk stops where the ring buffer is full; the next goes on, since what was reported has not moved again.
    const walksMax = Math.ceil(config.flowsMax / batch.capacity) + 1;
    for (let walks = 0, isWhole = false; walks < walksMax && !isWhole; walks++) {
      source.walk();
      source.drain((report) => readReport(batch, report, poll));
      isWhole = countLosses(source);
      hand(batch);
    }
  }

  function readReport(batch: FlowBatch, report: DatagramReport, poll: Poll): void {
    const { bytes, localAddress } = report;
    if (isLoopback(bytes, localAddress) && !config.includeLoopback) return;
    if (batch.free === 0) hand(batch);
    const isClient = isClientEnd(report, startedNanoseconds);
    writeDatagramRow(batch, report, poll, { isClient, peer: owners.peerOf(report, bytes, localAddress) });
  }

  function hand(batch: FlowBatch): void {
    deliver(batch);
    batch.clear();
  }

  /** Returns whether the last walk found room for every report. */
  function countLosses(source: DatagramObserver): boolean {
    const { tableFull, deferred, dnsLost, walked } = source.losses();
    if (tableFull > lost.tableFull) drop("flow_limit", node, tableFull - lost.tableFull);
    if (dnsLost > lost.dnsLost) drop("dns_lost", node, dnsLost - lost.dnsLost);
    const isWhole = deferred === lost.deferred;
    lost = { tableFull, deferred, dnsLost };
    flows = walked;
    return isWhole;
  }

  return {
    start(facts) {
      if (!config.datagrams && !config.dns) return end(notAsked("agent.datagrams"));
      if (!config.ebpf) return end(offBecause(notAskedForPrograms));
      const cannot = canRunDatagrams(facts);
      if (cannot !== undefined) return end(offBecause(cannot));
      try {
        begin(facts);
      } catch (error) {
        end(offBecause(refused(facts.release, error as Error)));
      }
    },
    poll(batch, poll) {
      if (observer === undefined) return;
      try {
        if (config.dns) takeDns(observer, poll.seen);
        takeFlows(observer, batch, poll);
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        end(offBecause(broken(error)));
      }
    },
    get isOn() {
      return observer !== undefined;
    },
    status() {
      const part = (isWanted: boolean, setting: string): PartStatus =>
        !isWanted ? notAsked(setting) : observer === undefined ? off : { state: "on" };
      return {
        datagrams: {
          ...part(config.datagrams, "agent.datagrams"),
          ...(observer && limits && { limits }),
          flows,
        },
        dns: { ...part(config.dns, "agent.dns"), ...lookups.report() },
      };
    },
    stop: end,
  };
}
