import {
  copyAddress,
  type FieldName,
  type FlowBatch,
  type FlowColumns,
  flowEndReason,
  isLoopback,
  protocolTcp,
} from "../flow/index.ts";
import { type TcpReport, tcpRole } from "../observe/index.ts";
import { attemptControlBits, clientEnd, observedEnd } from "../topology/index.ts";

/** What the reports of one poll share. Times in unix ms. */
export interface Poll {
  readonly seen: number;
  /** When the poll before was. */
  readonly since: number;
  /** When the kernel's monotonic clock was 0. */
  readonly bootTime: number;
  readonly observerRow: number;
}

/**
 * A connection that its own side gave up sooner than this did not fail: somebody asked several addresses at once (RFC 8305) and
 * another was faster. A little less than a second, which many applications wait.
 */
const abandonedMicroseconds = 900e3;

/** How a connection ended that did not end well. */
export type Failure = "refused" | "timedOut" | "unreachable" | "other" | "reset" | "lost";

/** errno by the names of asm-generic/errno.h, as far as TCP ends a socket with it; docs/reference/agent-tcp.md. */
const errno = {
  EACCES: 13,
  EPIPE: 32,
  ENONET: 64,
  ENOPROTOOPT: 92,
  ENETUNREACH: 101,
  ECONNRESET: 104,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTDOWN: 112,
  EHOSTUNREACH: 113,
};

/** What the kernel makes of ICMP's "unreachable" but for a port's (icmp_err_convert, icmpv6_err_convert). */
const unreachable = new Set([
  ...[errno.EACCES, errno.ENONET, errno.ENOPROTOOPT],
  ...[errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH],
]);

/** How a report's connection failed, if it has ended and did. */
export function failureOf(report: TcpReport): Failure | undefined {
  if (!report.isClosed) return undefined;
  const { error } = report;
  return report.isUnopened ? failureToOpen(report, error) : failureOfOpen(error);
}

function failureToOpen(report: TcpReport, error: number): Failure | undefined {
  if (error === errno.ECONNREFUSED) return "refused";
  if (error === errno.ETIMEDOUT) return "timedOut";
  if (unreachable.has(error)) return "unreachable";
  if (error !== 0) return "other";
  return report.triedMicroseconds >= abandonedMicroseconds ? "timedOut" : undefined;
}

/** Its own side may end it by any error (`ss -K`: ECONNABORTED): that is no failure of the link. */
function failureOfOpen(error: number): Failure | undefined {
  if (error === errno.ECONNRESET || error === errno.EPIPE) return "reset";
  return error === errno.ETIMEDOUT || unreachable.has(error) ? "lost" : undefined;
}

/** Whether there is something to say: not of a connection that was given up before anybody could answer. */
export function isWorthARow(report: TcpReport): boolean {
  return !report.isUnopened || !report.isClosed || failureOf(report) !== undefined;
}

/** Writes a socket's report as a record from client to server; `peer` is the row of the socket's owner, or 0. */
export function writeReportRow(batch: FlowBatch, report: TcpReport, poll: Poll, peer: number): void {
  const row = batch.append();
  const { columns } = batch;
  const { bytes, localAddress, remoteAddress } = report;
  const isClient = report.role === tcpRole.client;
  const clientAddress = isClient ? localAddress : remoteAddress;
  const serverAddress = isClient ? remoteAddress : localAddress;
  copyAddress(bytes, clientAddress, columns.sourceAddress, row * 16);
  copyAddress(bytes, serverAddress, columns.destinationAddress, row * 16);
  columns.sourceTransportPort[row] = isClient ? report.localPort : report.remotePort;
  columns.destinationTransportPort[row] = isClient ? report.remotePort : report.localPort;
  columns.protocolIdentifier[row] = protocolTcp;
  columns.octetDeltaCount[row] = isClient ? report.bytesSent : report.bytesReceived;
  columns.reverseOctetDeltaCount[row] = isClient ? report.bytesReceived : report.bytesSent;
  columns.packetDeltaCount[row] = isClient ? report.segmentsSent : report.segmentsReceived;
  columns.reversePacketDeltaCount[row] = isClient ? report.segmentsReceived : report.segmentsSent;
  columns.flowStartMilliseconds[row] = Math.max(openedMilliseconds(report, poll.bootTime), poll.since);
  columns.flowEndMilliseconds[row] = poll.seen;
  columns.collectionTimeMilliseconds[row] = poll.seen;
  columns.flowEndReason[row] = report.isClosed ? flowEndReason.endOfFlow : flowEndReason.activeTimeout;
  columns.samplingInterval[row] = 1;
  columns.observer[row] = poll.observerRow;
  columns.observedEnd[row] = isClient ? observedEnd.client : observedEnd.server;
  columns.clientEnd[row] = clientEnd.source;
  // A tuple with a loopback address at either end has a scope: each of the two sockets has it at another.
  const isLocal = isLoopback(bytes, localAddress) || isLoopback(bytes, remoteAddress);
  columns.connectionScope[row] = isLocal ? report.networkNamespace : 0;
  columns.connectionCount[row] = report.opens ? 1 : 0;
  columns.retransmittedSegmentCount[row] = report.retransmits;
  columns.roundTripTimeMicroseconds[row] = report.srttMicroseconds;
  columns.minimumRoundTripTimeMicroseconds[row] = report.minimumRttMicroseconds;
  columns.connectTimeMicroseconds[row] = report.connectMicroseconds;
  if (report.isUnopened && !report.isClosed) columns.tcpControlBits[row] = attemptControlBits;
  if (report.isClosed) writeFailure(columns, row, report);
  (isClient ? columns.sourcePeer : columns.destinationPeer)[row] = peer;
}

function writeFailure(columns: FlowColumns, row: number, report: TcpReport): void {
  const failure = failureOf(report);
  if (failure === undefined) return;
  if (report.isUnopened) columns.failedConnectionCount[row] = 1;
  if (failure !== "other") columns[failureColumns[failure]][row] = 1;
}

const failureColumns = {
  refused: "refusedConnectionCount",
  timedOut: "timedOutConnectionCount",
  unreachable: "unreachableConnectionCount",
  reset: "resetConnectionCount",
  lost: "lostConnectionCount",
} as const satisfies Record<Exclude<Failure, "other">, FieldName>;

function openedMilliseconds({ openedNanoseconds }: TcpReport, bootTime: number): number {
  return bootTime + openedNanoseconds / 1e6;
}
