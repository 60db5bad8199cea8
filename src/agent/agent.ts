import { createSocketOwners } from "../enrich/index.ts";
import { FlowBatch, isLoopback, type ObserverTable, protocolTcp, type ReportDrop } from "../flow/index.ts";
import {
  canRunTcp,
  createTcpObserver,
  type KernelFacts,
  readKernelFacts,
  type TcpReport,
  tcpRole,
} from "../observe/index.ts";
import { clientEnd, observedEnd, type PeerTable } from "../topology/index.ts";

export interface AgentConfig {
  /** Live connections followed at most. */
  readonly connectionsMax: number;
  /** Whether connections of this machine with itself are reported. */
  readonly includeLoopback: boolean;
}

export const agentDefaults: AgentConfig = { connectionsMax: 262_144, includeLoopback: true };

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
}

export interface AgentStatus {
  readonly state: "on" | "off";
  /** Why it is off, and the one thing that would switch it on. */
  readonly reason?: string;
  readonly remedy?: string;
  /** Sockets looked at by the last poll. */
  readonly sockets: number;
}

export interface Agent {
  /** Attaches to the kernel where that can be; otherwise the status says why not. Never throws. */
  start(): void;
  /** Reads what happened since the last poll, and delivers it. */
  poll(): void;
  status(): AgentStatus;
  stop(): void;
}

/** flowEndReason (RFC 5102 §5.11.3): the flow goes on; its end was seen. */
const activeTimeout = 2;
const endOfFlow = 3;
/** All reports that fit the kernel's ring buffer (4 MiB of 128 bytes) fit one batch, so both ends are judged together. */
const batchRows = 32_768;
/** A connection given up by its own side sooner than this did not fail: somebody asked several addresses at once. */
const abandonedMilliseconds = 1000;

export function createAgent(config: AgentConfig, dependencies: AgentDependencies): Agent {
  const { node, peers, observers, drop, deliver, now } = dependencies;
  const observer = createTcpObserver(config);
  const owners = createSocketOwners({ peers, node });
  let batch: FlowBatch | undefined;
  let status: AgentStatus = {
    state: "off",
    reason: "the agent has not been started",
    remedy: "start it",
    sockets: 0,
  };
  let lastPoll = 0;
  let lossesReported = { tableFull: 0, overwritten: 0 };

  function readReport(
    target: FlowBatch,
    report: TcpReport,
    observerRow: number,
    seen: number,
    bootTime: number,
  ): void {
    const { bytes, localAddress, remoteAddress } = report;
    const isLocal = isLoopback(bytes, localAddress);
    if (isLocal && !config.includeLoopback) return;
    const openedMilliseconds = bootTime + report.openedNanoseconds / 1e6;
    const failed =
      report.isUnopened && (report.error !== 0 || seen - openedMilliseconds >= abandonedMilliseconds);
    if (report.isUnopened && !failed) return;
    const row = target.append();
    const columns = target.columns;
    const isClient = report.role === tcpRole.client;
    const [clientAddress, serverAddress] = isClient
      ? [localAddress, remoteAddress]
      : [remoteAddress, localAddress];
    columns.sourceAddress.set(bytes.subarray(clientAddress, clientAddress + 16), row * 16);
    columns.destinationAddress.set(bytes.subarray(serverAddress, serverAddress + 16), row * 16);
    columns.sourceTransportPort[row] = isClient ? report.localPort : report.remotePort;
    columns.destinationTransportPort[row] = isClient ? report.remotePort : report.localPort;
    columns.protocolIdentifier[row] = protocolTcp;
    columns.octetDeltaCount[row] = isClient ? report.bytesSent : report.bytesReceived;
    columns.reverseOctetDeltaCount[row] = isClient ? report.bytesReceived : report.bytesSent;
    columns.packetDeltaCount[row] = isClient ? report.segmentsSent : report.segmentsReceived;
    columns.reversePacketDeltaCount[row] = isClient ? report.segmentsReceived : report.segmentsSent;
    columns.flowStartMilliseconds[row] = Math.max(openedMilliseconds, lastPoll);
    columns.flowEndMilliseconds[row] = seen;
    columns.collectionTimeMilliseconds[row] = seen;
    columns.flowEndReason[row] = report.isClosed ? endOfFlow : activeTimeout;
    columns.samplingInterval[row] = 1;
    columns.observer[row] = observerRow;
    columns.observedEnd[row] = isClient ? observedEnd.client : observedEnd.server;
    columns.clientEnd[row] = clientEnd.source;
    columns.connectionScope[row] = isLocal ? report.networkNamespace : 0;
    columns.connectionCount[row] = report.isFirst && !report.isOlder && !report.isUnopened ? 1 : 0;
    columns.failedConnectionCount[row] = failed ? 1 : 0;
    columns.retransmittedSegmentCount[row] = report.retransmits;
    columns.roundTripTimeMicroseconds[row] = report.srttMicroseconds;
    (isClient ? columns.sourcePeer : columns.destinationPeer)[row] = owners.peerOf(
      report,
      bytes,
      localAddress,
    );
  }

  function countLosses(): number {
    const { tableFull, overwritten, walked } = observer.losses();
    if (tableFull > lossesReported.tableFull)
      drop("connection_limit", node, tableFull - lossesReported.tableFull);
    if (overwritten > lossesReported.overwritten)
      drop("report_lost", node, overwritten - lossesReported.overwritten);
    lossesReported = { tableFull, overwritten };
    return walked;
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
      batch = new FlowBatch(batchRows);
      lastPoll = now();
      status = { state: "on", sockets: 0 };
    },
    poll() {
      if (batch === undefined) return;
      const target = batch;
      const seen = now();
      const bootTime = seen - Number(process.hrtime.bigint()) / 1e6;
      const observerRow = observers.intern({ id: `agent:${node}`, kind: "agent", name: node });
      observer.walk();
      observer.drain((report) => readReport(target, report, observerRow, seen, bootTime));
      status = { state: "on", sockets: countLosses() };
      lastPoll = seen;
      deliver(target);
      target.clear();
    },
    status: () => status,
    stop() {
      observer.stop();
      batch = undefined;
      status = { state: "off", reason: "the agent was stopped", remedy: "start it", sockets: 0 };
    },
  };
}
