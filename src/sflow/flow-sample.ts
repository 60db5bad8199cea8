import { type DropReason, exportFormat, type FlowColumns, type FlowSink } from "../flow/index.ts";
import type { DatagramFacts } from "./datagram-facts.ts";
import { FlowRecords } from "./flow-records.ts";
import { droppedStatus, terminatedHere } from "./forwarding.ts";
import { interfaceFormat, interfaceIndex, internalInterface } from "./interface-number.ts";
import { sampleFormat } from "./sample-kind.ts";
import type { XdrReader } from "./xdr-reader.ts";

/**
 * A sample of a packet, in the three forms it has. What was read last stays in its fields.
 *
 *  flow       sequence | type, index (8, 24 bits) | rate | pool | drops | in | out (2, 30 bits)   | records
 *  expanded   sequence | type | index             | rate | pool | drops | in (2 words) | out (2)  | records
 *  discarded  sequence | type | index                           | drops | in | out | reason       | records
 */
export class FlowSampleReader {
  sequenceNumber = 0;
  sourceType = 0;
  sourceIndex = 0;
  samplingInterval = 0;
  samplePool = 0;
  agentDropCount = 0;
  recordCount = 0;
  #input = 0;
  #output = 0;
  #forwardingStatus = 0;
  readonly #records = new FlowRecords();

  /** Appends the sampled packet's row, or says why there is none. */
  read(xdr: XdrReader, format: number, facts: DatagramFacts, sink: FlowSink): DropReason | undefined {
    this.#readHeader(xdr, format);
    const recordsMax = xdr.unsigned();
    if (xdr.isOverrun) return "sample_truncated";
    if (sink.batch.free === 0) sink.flush();
    const { batch } = sink;
    const row = batch.append();
    const isWhole = this.#records.read(xdr, recordsMax, batch, row);
    this.recordCount = this.#records.count;
    const octets = isWhole ? this.#records.finish(batch, row) : -1;
    if (octets >= 0) {
      this.#writeRow(batch.columns, row, octets, facts);
      return undefined;
    }
    batch.truncate(row);
    return isWhole ? "record_empty" : "sample_truncated";
  }

  #readHeader(xdr: XdrReader, format: number): void {
    this.recordCount = 0;
    this.sequenceNumber = xdr.unsigned();
    if (format === sampleFormat.flow) {
      const source = xdr.unsigned();
      this.sourceType = source >>> 24;
      this.sourceIndex = source & 0xffffff;
    } else {
      this.sourceType = xdr.unsigned();
      this.sourceIndex = xdr.unsigned();
    }
    if (format === sampleFormat.discarded) this.#readDiscard(xdr);
    else {
      this.samplingInterval = xdr.unsigned();
      this.samplePool = xdr.unsigned();
      this.agentDropCount = xdr.unsigned();
      this.#readInterfaces(xdr, format === sampleFormat.expandedFlow);
    }
  }

  #readInterfaces(xdr: XdrReader, isExpanded: boolean): void {
    const input = xdr.unsigned();
    const inputFormat = isExpanded ? input : input >>> 30;
    this.#input = interfaceIndex(inputFormat, isExpanded ? xdr.unsigned() : input & 0x3fffffff);
    const output = xdr.unsigned();
    const outputFormat = isExpanded ? output : output >>> 30;
    const outputValue = isExpanded ? xdr.unsigned() : output & 0x3fffffff;
    this.#output = interfaceIndex(outputFormat, outputValue);
    this.#forwardingStatus = 0;
    if (outputFormat === interfaceFormat.discarded) this.#forwardingStatus = droppedStatus(outputValue);
    if (outputFormat === interfaceFormat.ifIndex && outputValue === internalInterface)
      this.#forwardingStatus = terminatedHere;
  }

  /** Every discarded packet is notified, but for those that `drops` counts: there is no rate, each stands for itself. */
  #readDiscard(xdr: XdrReader): void {
    this.samplingInterval = 1;
    this.samplePool = 0;
    this.agentDropCount = xdr.unsigned();
    this.#input = interfaceIndex(interfaceFormat.ifIndex, xdr.unsigned());
    this.#output = interfaceIndex(interfaceFormat.ifIndex, xdr.unsigned());
    this.#forwardingStatus = droppedStatus(xdr.unsigned());
  }

  #writeRow(columns: FlowColumns, row: number, octets: number, facts: DatagramFacts): void {
    columns.packetDeltaCount[row] = 1;
    columns.octetDeltaCount[row] = octets;
    columns.samplingInterval[row] = this.samplingInterval;
    columns.ingressInterface[row] = this.#input;
    columns.egressInterface[row] = this.#output;
    const direction = this.#direction();
    if (direction >= 0) columns.flowDirection[row] = direction;
    columns.observationDomainId[row] = facts.subAgentId;
    columns.observer[row] = facts.source.observerRow;
    columns.collectionTimeMilliseconds[row] = facts.receivedMilliseconds;
    columns.flowStartMilliseconds[row] = facts.receivedMilliseconds;
    columns.flowEndMilliseconds[row] = facts.receivedMilliseconds;
    if (columns.exportFormat.length === 0) return;
    columns.exportFormat[row] = exportFormat.sflow5;
    columns.messageSequenceNumber[row] = facts.sequenceNumber;
    columns.observationPointId[row] = this.sourceIndex;
    columns.forwardingStatus[row] = this.#forwardingStatus;
    columns.exporterAddress.set(facts.agent, row * 16);
  }

  /** Sampled where it came in (0) or went out (1); -1 when the data source is no interface, neither, or both. */
  #direction(): number {
    const index = this.sourceIndex;
    if (this.sourceType !== 0 || index === 0 || this.#input === this.#output) return -1;
    return index === this.#input ? 0 : index === this.#output ? 1 : -1;
  }
}
