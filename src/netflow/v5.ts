import {
  type DecodeSummary,
  exportFormat,
  type FlowSink,
  type MessageSource,
  type ReportDrop,
} from "../flow/index.ts";
import { readUnsigned16, readUnsigned32 } from "./bytes.ts";
import { elementKey } from "./element.ts";
import { type MessageContext, netflowV5 } from "./message.ts";
import type { RecordReader } from "./record-reader.ts";
import type { SetFacts } from "./record-specials.ts";
import { compileLayout } from "./template.ts";

const headerLength = 24;
const recordLength = 48;

/** The record as a template that is never announced: element and length, in order; 0 is padding or not wanted. */
const layout: readonly (readonly [id: number, length: number])[] = [
  [8, 4], // source address
  [12, 4], // destination address
  [15, 4], // next hop
  [10, 2], // interface in
  [14, 2], // interface out
  [2, 4], // packets
  [1, 4], // octets
  [22, 4], // start, uptime
  [21, 4], // end, uptime
  [7, 2], // source port
  [11, 2], // destination port, or ICMP type and code
  [0, 1],
  [6, 1], // TCP flags
  [4, 1], // protocol
  [5, 1], // type of service
  [16, 2], // source AS
  [17, 2], // destination AS
  [9, 1], // source prefix length
  [13, 1], // destination prefix length
  [0, 2],
];

const template = compileLayout(
  0,
  false,
  layout.map(([id, length]) => ({ key: elementKey(0, id), length })),
  new Uint8Array(),
)!;

/**
 *  0        2        4               8               12              16              20   21   22         24
 *  +--------+--------+---------------+---------------+---------------+---------------+----+----+----------+
 *  | 5      | count  | uptime, ms    | Unix seconds  | nanoseconds   | sequence      |type|id  | sampling | records
 *  +--------+--------+---------------+---------------+---------------+---------------+----+----+----------+
 *
 * Undefined when the header is cut. `exporterAddress` is the source's, for batches with details.
 */
export function readV5Header(
  bytes: Uint8Array,
  source: MessageSource,
  exporterAddress: Uint8Array | undefined,
  receivedMilliseconds: number,
): MessageContext | undefined {
  if (bytes.length < headerLength) return undefined;
  const seconds = readUnsigned32(bytes, 8);
  return {
    version: netflowV5,
    format: exportFormat.netflow5,
    source,
    port: source.port,
    exporterAddress,
    observationDomainId: readUnsigned16(bytes, 20),
    sequenceNumber: readUnsigned32(bytes, 16),
    exportMilliseconds:
      seconds === 0 ? receivedMilliseconds : seconds * 1000 + Math.floor(readUnsigned32(bytes, 12) / 1e6),
    hasClock: seconds > 0,
    uptimeMilliseconds: readUnsigned32(bytes, 4),
    receivedMilliseconds,
  };
}

/**
 * Reads the records that are there; a count beyond them is a truncated datagram. Sampling has its mode in the two
 * highest bits. Returns how many records there were; NaN when the datagram is cut.
 */
export function readV5Records(
  bytes: Uint8Array,
  context: MessageContext,
  reader: RecordReader,
  drop: ReportDrop,
  sink: FlowSink,
  summary: DecodeSummary,
): number {
  const announced = readUnsigned16(bytes, 2);
  const count = Math.min(announced, Math.floor((bytes.length - headerLength) / recordLength));
  if (count < announced) drop("message_truncated", context.source.addressText);
  if (count === 0) return announced === 0 ? 0 : Number.NaN;
  const samplingInterval = readUnsigned16(bytes, 22) & 0x3fff;
  const facts: SetFacts = {
    domain: undefined,
    port: context.port,
    samplingInterval,
    samplingOrigin: samplingInterval > 0 ? "header" : "unknown",
    uptimeMilliseconds: context.uptimeMilliseconds,
  };
  const end = headerLength + count * recordLength;
  summary.recordCount = reader.readDataSet(template, bytes, headerLength, end, context, facts, sink);
  summary.samplingInterval = facts.samplingInterval;
  summary.samplingOrigin = facts.samplingOrigin;
  return count < announced ? Number.NaN : reader.recordCount;
}
