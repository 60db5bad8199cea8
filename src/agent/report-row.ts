import { type FlowBatch, isLoopback, protocolTcp } from "../flow/index.ts";
import { type TcpReport, tcpRole } from "../observe/index.ts";
import { clientEnd, observedEnd } from "../topology/index.ts";

/** What the reports of one poll share. Times in unix ms. */
export interface Poll {
  readonly seen: number;
  /** When the poll before was. */
  readonly since: number;
  /** When the kernel's monotonic clock was 0. */
  readonly bootTime: number;
  readonly observerRow: number;
}

/** flowEndReason (RFC 5102 §5.11.3): the flow goes on; its end was seen. */
const activeTimeout = 2;
const endOfFlow = 3;
/** A connection given up by its own side sooner than this did not fail: somebody asked several addresses at once. */
const abandonedMilliseconds = 1000;

/** Whether a socket that never opened was turned down or not answered, rather than given up. */
export function hasFailed(report: TcpReport, { bootTime, seen }: Poll): boolean {
  if (!report.isUnopened) return false;
  return report.error !== 0 || seen - openedMilliseconds(report, bootTime) >= abandonedMilliseconds;
}

/** Writes a socket's report as a record from client to server; `peer` is the row of the socket's owner, or 0. */
export function writeReportRow(batch: FlowBatch, report: TcpReport, poll: Poll, peer: number): void {
  const row = batch.append();
  const { columns } = batch;
  const { bytes, localAddress, remoteAddress } = report;
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
  columns.flowStartMilliseconds[row] = Math.max(openedMilliseconds(report, poll.bootTime), poll.since);
  columns.flowEndMilliseconds[row] = poll.seen;
  columns.collectionTimeMilliseconds[row] = poll.seen;
  columns.flowEndReason[row] = report.isClosed ? endOfFlow : activeTimeout;
  columns.samplingInterval[row] = 1;
  columns.observer[row] = poll.observerRow;
  columns.observedEnd[row] = isClient ? observedEnd.client : observedEnd.server;
  columns.clientEnd[row] = clientEnd.source;
  columns.connectionScope[row] = isLoopback(bytes, localAddress) ? report.networkNamespace : 0;
  columns.connectionCount[row] = report.isFirst && !report.isOlder && !report.isUnopened ? 1 : 0;
  columns.failedConnectionCount[row] = hasFailed(report, poll) ? 1 : 0;
  columns.retransmittedSegmentCount[row] = report.retransmits;
  columns.roundTripTimeMicroseconds[row] = report.srttMicroseconds;
  (isClient ? columns.sourcePeer : columns.destinationPeer)[row] = peer;
}

function openedMilliseconds({ openedNanoseconds }: TcpReport, bootTime: number): number {
  return bootTime + openedNanoseconds / 1e6;
}
