import { type FlowBatch, type FlowColumns, isUnspecified } from "../flow/index.ts";
import type { MessageContext } from "./message.ts";
import type { Template } from "./template.ts";

const protocolIcmp = 1;
const protocolIcmpV6 = 58;

/** What a data set's records share, beyond their own fields. */
export interface SetFacts {
  /** One packet in this many; 0 unknown. */
  readonly samplingInterval: number;
  /** Uptime of the exporter when it sent the message; undefined when nothing says. */
  readonly uptimeMilliseconds: number | undefined;
}

/** Fills in what the message says and the record does not. Returns how many rows were taken back as empty. */
export function finishRows(
  batch: FlowBatch,
  first: number,
  template: Template,
  context: MessageContext,
  facts: SetFacts,
): number {
  const { columns } = batch;
  const dropped = removeEmptyRows(batch, first);
  const end = batch.count;
  columns.observer.fill(context.source.observerRow, first, end);
  // Ours to say, whatever the record carries: history is ordered by it.
  columns.collectionTimeMilliseconds.fill(context.receivedMilliseconds, first, end);
  fillIfZero(columns.observationDomainId, context.observationDomainId, first, end);
  if (!template.hasSampling) columns.samplingInterval.fill(facts.samplingInterval, first, end);
  else fillIfZero(columns.samplingInterval, facts.samplingInterval, first, end);
  finishTimes(columns, first, end, template, context, facts.uptimeMilliseconds);
  finishIcmp(columns, first, end);
  return dropped;
}

function fillIfZero(column: Uint32Array, value: number, first: number, end: number): void {
  for (let row = first; row < end; row++) if (column[row] === 0) column[row] = value;
}

/**
 * Times counted from the exporter's start become Unix times. Uptime is 32 bits of milliseconds and wraps every 49.7
 * days; the signed difference to the header's is right across the wrap. A flow that ends after its export, or long
 * before it, was not timed by the header's clock (softflowd reading a file without -a), and an IPFIX exporter may not
 * say when it started: then only the flow's length is known, and it ends with the export. So does one without times.
 */
function finishTimes(
  { flowStartMilliseconds: starts, flowEndMilliseconds: ends }: FlowColumns,
  first: number,
  end: number,
  { isStartUptime, isEndUptime }: Template,
  { exportMilliseconds }: MessageContext,
  uptime: number | undefined,
): void {
  for (let row = first; row < end; row++) {
    const startValue = starts[row]!;
    const endValue = ends[row]!;
    let reference = uptime ?? startValue;
    if (isEndUptime) {
      const sinceEnd = (reference - endValue) | 0;
      if (uptime === undefined || sinceEnd < 0 || sinceEnd > sinceEndMillisecondsMax) reference = endValue;
      ends[row] = exportMilliseconds - ((reference - endValue) | 0);
    } else if (endValue === 0) ends[row] = exportMilliseconds;
    if (isStartUptime) starts[row] = exportMilliseconds - Math.max((reference - startValue) | 0, 0);
    else if (startValue === 0) starts[row] = ends[row]!;
  }
}

/** An exporter reports a flow when it is idle for minutes, an hour at most (softflowd's timeouts); a day is generous. */
const sinceEndMillisecondsMax = 86_400_000;

/** NetFlow v5, and many v9 exporters, put ICMP type * 256 + code into the destination port. */
function finishIcmp(columns: FlowColumns, first: number, end: number): void {
  const { protocolIdentifier, destinationTransportPort, icmpTypeCode } = columns;
  for (let row = first; row < end; row++) {
    const protocol = protocolIdentifier[row];
    if (protocol !== protocolIcmp && protocol !== protocolIcmpV6) continue;
    if (icmpTypeCode[row] === 0) icmpTypeCode[row] = destinationTransportPort[row]!;
    destinationTransportPort[row] = 0;
    columns.sourceTransportPort[row] = 0;
  }
}

/** Takes back rows with neither addresses nor counters (padding longer than a record); the others move up. */
function removeEmptyRows(batch: FlowBatch, first: number): number {
  const { columns, count } = batch;
  let kept = first;
  for (let row = first; row < count; row++) {
    if (isEmptyRow(columns, row)) continue;
    if (kept !== row) batch.copyRow(row, kept);
    kept++;
  }
  batch.truncate(kept);
  return count - kept;
}

function isEmptyRow(columns: FlowColumns, row: number): boolean {
  return (
    columns.octetDeltaCount[row] === 0 &&
    columns.packetDeltaCount[row] === 0 &&
    columns.reverseOctetDeltaCount[row] === 0 &&
    columns.reversePacketDeltaCount[row] === 0 &&
    isUnspecified(columns.sourceAddress, row * 16) &&
    isUnspecified(columns.destinationAddress, row * 16)
  );
}
