import { copyAddress, type FlowBatch, flowEndReason, isLoopback } from "../flow/index.ts";
import type { DatagramReport } from "../observe/index.ts";
import { clientEnd, observedEnd } from "../topology/index.ts";
import type { Poll } from "./report-row.ts";

/** Of a flow that was there before the observer, the first packet seen may be an answer. */
const earlyNanoseconds = 5e9;
const wellKnownPorts = 1024;
/** Linux gives clients ports from here on. */
const ephemeralPorts = 32_768;
const icmp = 1;
const icmpv6 = 58;

/**
 * Whether this end began: who sent first. An echo reply is an answer whoever is seen first. Of flows from about when the
 * observer started the server has the lower port; and what comes from a well-known port to one of the client's range, before
 * anything was sent there, is an answer whose question went to another address, by NAT.
 */
export function isClientEnd(report: DatagramReport, startedNanoseconds: number): boolean {
  const { localPort, remotePort, protocol, isLocalFirst } = report;
  if (report.isAnswered) return false;
  if (isGroup(report.bytes, report.localAddress)) return false; // it only receives there
  if (protocol === icmp || protocol === icmpv6) {
    const isReply = report.icmpTypeCode >> 8 === (protocol === icmp ? 0 : 129);
    return isReply ? !isLocalFirst : isLocalFirst;
  }
  const isEarly = report.firstSeenNanoseconds - startedNanoseconds < earlyNanoseconds;
  if (isEarly && localPort !== remotePort) return localPort > remotePort;
  return isLocalFirst || (remotePort < wellKnownPorts && localPort >= ephemeralPorts);
}

/** Multicast, or the broadcast address of everybody. A network's own broadcast address looks like any other. */
function isGroup(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] === 0xff) return true; // ff00::/8
  const isIPv4 = bytes[at + 10] === 0xff && bytes[at + 11] === 0xff && bytes[at] === 0;
  return isIPv4 && bytes[at + 12]! >= 224;
}

/** Writes a flow's report as a record from client to server; `peer` is the row of the socket's owner, or 0. */
export function writeDatagramRow(
  batch: FlowBatch,
  report: DatagramReport,
  poll: Poll,
  { isClient, peer }: { isClient: boolean; peer: number },
): void {
  const row = batch.append();
  const { columns } = batch;
  const { bytes, localAddress, remoteAddress } = report;
  const clientAddress = isClient ? localAddress : remoteAddress;
  const serverAddress = isClient ? remoteAddress : localAddress;
  const milliseconds = (nanoseconds: number) => poll.bootTime + nanoseconds / 1e6;
  copyAddress(bytes, clientAddress, columns.sourceAddress, row * 16);
  copyAddress(bytes, serverAddress, columns.destinationAddress, row * 16);
  columns.sourceTransportPort[row] = isClient ? report.localPort : report.remotePort;
  columns.destinationTransportPort[row] = isClient ? report.remotePort : report.localPort;
  columns.protocolIdentifier[row] = report.protocol;
  columns.icmpTypeCode[row] = report.icmpTypeCode;
  columns.octetDeltaCount[row] = isClient ? report.bytesSent : report.bytesReceived;
  columns.reverseOctetDeltaCount[row] = isClient ? report.bytesReceived : report.bytesSent;
  columns.packetDeltaCount[row] = isClient ? report.packetsSent : report.packetsReceived;
  columns.reversePacketDeltaCount[row] = isClient ? report.packetsReceived : report.packetsSent;
  columns.flowStartMilliseconds[row] = Math.max(milliseconds(report.firstSeenNanoseconds), poll.since);
  columns.flowEndMilliseconds[row] = Math.min(milliseconds(report.lastSeenNanoseconds), poll.seen);
  columns.collectionTimeMilliseconds[row] = poll.seen;
  columns.flowEndReason[row] = flowEndReason.activeTimeout;
  columns.samplingInterval[row] = 1;
  columns.observer[row] = poll.observerRow;
  columns.observedEnd[row] = isClient ? observedEnd.client : observedEnd.server;
  columns.clientEnd[row] = clientEnd.source;
  // A tuple with a loopback address at either end has a scope: each of the two sockets has it at another.
  const isLocal = isLoopback(bytes, localAddress) || isLoopback(bytes, remoteAddress);
  columns.connectionScope[row] = isLocal ? report.networkNamespace : 0;
  columns.connectionCount[row] = report.isFirst && report.localPort !== 0 ? 1 : 0;
  (isClient ? columns.sourcePeer : columns.destinationPeer)[row] = peer;
}
