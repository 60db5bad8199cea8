import { type FlowBatch, type FlowColumns, isMappedIPv4, isUnspecified } from "../flow/index.ts";
import type { MessageContext } from "./message.ts";
import type { SetFacts } from "./record-specials.ts";
import type { TemplateLayout } from "./template.ts";

const protocolIcmp = 1;
const protocolIcmpV6 = 58;
const clientIsSource = 1;

/**
 * Fills in what the message says and the record does not, then takes back rows that are empty; returns how many.
 * `durations` has each row's, where the template says that records have one.
 */
export function finishRows(
  batch: FlowBatch,
  first: number,
  template: TemplateLayout,
  context: MessageContext,
  facts: SetFacts,
  durations: Float64Array,
): number {
  const { columns, count: end } = batch;
  columns.observer.fill(context.source.observerRow, first, end);
  // Ours to say, whatever the record carries: history is ordered by it.
  columns.collectionTimeMilliseconds.fill(context.receivedMilliseconds, first, end);
  fillIfZero(columns.observationDomainId, context.observationDomainId, first, end);
  if (!template.hasSampling && template.specials.length === 0)
    columns.samplingInterval.fill(facts.samplingInterval, first, end);
  else fillIfZero(columns.samplingInterval, facts.samplingInterval, first, end);
  if (template.isSourceInitiator) fillIfZero(columns.clientEnd, clientIsSource, first, end);
  finishTimes(columns, first, end, template, context, facts.uptimeMilliseconds, durations);
  finishIcmp(columns, first, end);
  if (batch.hasDetails) finishDetails(columns, first, end, context);
  return removeEmptyRows(batch, first);
}

function fillIfZero(column: Uint8Array | Uint32Array, value: number, first: number, end: number): void {
  for (let row = first; row < end; row++) if (column[row] === 0) column[row] = value;
}

/** A missing end is the export; a missing start the end, or what the flow lasted before it. */
function finishTimes(
  columns: FlowColumns,
  first: number,
  end: number,
  template: TemplateLayout,
  context: MessageContext,
  uptime: number | undefined,
  durations: Float64Array,
): void {
  const { flowStartMilliseconds: starts, flowEndMilliseconds: ends } = columns;
  const { startKind, endKind, hasDuration } = template;
  if (hasDuration) applyDurations(columns, first, end, template, durations);
  if (startKind !== "unix" || endKind !== "unix") {
    convertTimes(columns, first, end, template, context, uptime);
    if (startKind !== "unix" && endKind !== "unix") return;
  }
  for (let row = first; row < end; row++) {
    if (ends[row] === 0) ends[row] = context.exportMilliseconds;
    if (starts[row] === 0) starts[row] = ends[row]! - (hasDuration ? durations[row]! : 0);
  }
}

/** A record that says when a flow began and how long it lasted says when it ended. */
function applyDurations(
  { flowStartMilliseconds: starts, flowEndMilliseconds: ends }: FlowColumns,
  first: number,
  end: number,
  { startKind, endKind }: TemplateLayout,
  durations: Float64Array,
): void {
  if (startKind !== "unix" || endKind !== "unix") return;
  for (let row = first; row < end; row++)
    if (ends[row] === 0 && starts[row] !== 0 && durations[row] !== 0)
      ends[row] = starts[row]! + durations[row]!;
}

/**
 * Times counted from the exporter's start become Unix times. Uptime is 32 bits of milliseconds and wraps every 49.7
 * days; the signed difference to the header's is right across the wrap. A flow that ends after its export, or long
 * before it, was not timed by the header's clock (softflowd reading a file without -a), and an IPFIX exporter may not
 * say when it started: then only the flow's length is known, and it ends with the export.
 */
function convertTimes(
  { flowStartMilliseconds: starts, flowEndMilliseconds: ends }: FlowColumns,
  first: number,
  end: number,
  { startKind, endKind }: TemplateLayout,
  { exportMilliseconds }: MessageContext,
  uptime: number | undefined,
): void {
  const isEndUptime = endKind === "uptime";
  const isStartUptime = startKind === "uptime";
  for (let row = first; row < end; row++) {
    const startValue = starts[row]!;
    const endValue = ends[row]!;
    let reference = uptime ?? startValue;
    if (isEndUptime) {
      const sinceEnd = (reference - endValue) | 0;
      if (uptime === undefined || sinceEnd < 0 || sinceEnd > sinceEndMillisecondsMax) reference = endValue;
      ends[row] = exportMilliseconds - ((reference - endValue) | 0);
    } else if (endKind === "delta") ends[row] = exportMilliseconds - Math.floor(endValue / 1000);
    if (isStartUptime) starts[row] = exportMilliseconds - Math.max((reference - startValue) | 0, 0);
    else if (startKind === "delta") starts[row] = exportMilliseconds - Math.floor(startValue / 1000);
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

/** What only batches with details have room for. */
function finishDetails(columns: FlowColumns, first: number, end: number, context: MessageContext): void {
  columns.exportFormat.fill(context.format, first, end);
  columns.messageSequenceNumber.fill(context.sequenceNumber, first, end);
  const { exporterAddress } = context;
  for (let row = first; row < end; row++) {
    if (exporterAddress !== undefined) columns.exporterAddress.set(exporterAddress, row * 16);
    if (columns.ethernetType[row] === 0) columns.ethernetType[row] = findEtherType(columns, row);
  }
}

/** 0 when the addresses do not tell. */
function findEtherType({ sourceAddress, destinationAddress }: FlowColumns, row: number): number {
  if (isMappedIPv4(sourceAddress, row * 16) || isMappedIPv4(destinationAddress, row * 16)) return 0x0800;
  const isUnset = isUnspecified(sourceAddress, row * 16) && isUnspecified(destinationAddress, row * 16);
  return isUnset ? 0 : 0x86dd;
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
