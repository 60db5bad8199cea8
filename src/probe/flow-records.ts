import { FlowBatch } from "../flow/index.ts";
import { isIPv6Bit } from "../packet/index.ts";
import { type EndReason, flowEndReasonOf } from "./end-reason.ts";
import { doubleOf, rowDoubles, rowWords, stateBit, wordOf } from "./flow-row.ts";
import type { FlowTable } from "./flow-table.ts";

const batchRows = 128;
const protocolIcmp = 1;
const protocolIcmpV6 = 58;

/** An interface that packets come from, as records name it. */
export interface RecordInterface {
  readonly index: number;
}

export interface FlowRecordsConfig {
  /** Both directions in one record, from the initiator's side. */
  readonly isBiflow: boolean;
  readonly isSoftflowd: boolean;
  /** By their number in packet batches. */
  readonly interfaces: readonly RecordInterface[];
  /** Whether VLANs inside VLANs, MAC addresses, labels, or flags and class of service of a biflow's way back are wanted. */
  readonly withDetails: boolean;
}

/**
 * Rows of the table as rows of a batch: a record per direction that had packets, each with its own times, or one of both. The batch is handed
 * on when it is full, and when asked.
 */
export class FlowRecords {
  readonly #config: FlowRecordsConfig;
  readonly #batch: FlowBatch;
  readonly #interfaces = new Uint16Array(batchRows);
  readonly #deliver: (batch: FlowBatch, interfaces: Uint16Array) => void;

  /** `interfaces` says for each row of the batch which interface it is of; both are read until `deliver` returns. */
  constructor(config: FlowRecordsConfig, deliver: (batch: FlowBatch, interfaces: Uint16Array) => void) {
    this.#config = config;
    this.#batch = new FlowBatch(batchRows, { hasDetails: config.withDetails });
    this.#deliver = deliver;
  }

  /** Adds the records of a flow that is reported. Returns how many that makes. */
  add(table: FlowTable, row: number, reason: EndReason): number {
    if (this.#batch.free < 2) this.flush();
    const { words } = table;
    const base = row * rowWords;
    const packets0 = words[base + wordOf.packets]!;
    const packets1 = words[base + wordOf.packets + 1]!;
    if (this.#config.isBiflow) {
      const isFromB = (words[base + wordOf.state]! & stateBit.initiatorIsB) !== 0;
      this.#addBiflow(table, row, reason, isFromB ? 1 : 0);
      return 1;
    }
    const first = this.#firstDirection(table, row);
    if (first === 0 ? packets0 > 0 : packets1 > 0) this.#addDirection(table, row, reason, first, first);
    if (first === 0 ? packets1 > 0 : packets0 > 0) this.#addDirection(table, row, reason, first ^ 1, first);
    return (packets0 > 0 ? 1 : 0) + (packets1 > 0 ? 1 : 0);
  }

  flush(): void {
    const batch = this.#batch;
    if (batch.count === 0) return;
    this.#deliver(batch, this.#interfaces);
    batch.clear();
  }

  /** softflowd names the lower address first. */
  #firstDirection({ words }: FlowTable, row: number): number {
    if (!this.#config.isSoftflowd) return 0;
    const base = row * rowWords;
    for (let i = 0; i < 4; i++) {
      const a = words[base + i]! >>> 0;
      const b = words[base + 4 + i]! >>> 0;
      if (a !== b) return a < b ? 0 : 1;
    }
    return 0;
  }

  #addDirection(table: FlowTable, row: number, reason: EndReason, direction: number, first: number): void {
    const { doubles } = table;
    const to = this.#begin(table, row, reason, direction);
    const { columns } = this.#batch;
    const base = row * rowDoubles;
    columns.flowStartMilliseconds[to] = doubles[base + doubleOf.start + direction]!;
    columns.flowEndMilliseconds[to] = doubles[base + doubleOf.end + direction]!;
    if (!this.#config.isSoftflowd) return;
    this.#writeWholeTime(table, row, to);
    this.#writeSoftflowd(table, row, to, direction ^ first);
  }

  #writeWholeTime({ doubles }: FlowTable, row: number, to: number): void {
    const { columns } = this.#batch;
    const base = row * rowDoubles;
    const start0 = doubles[base + doubleOf.start]!;
    const start1 = doubles[base + doubleOf.start + 1]!;
    columns.flowStartMilliseconds[to] =
      start0 === 0 ? start1 : start1 === 0 ? start0 : Math.min(start0, start1);
    columns.flowEndMilliseconds[to] = Math.max(
      doubles[base + doubleOf.end]!,
      doubles[base + doubleOf.end + 1]!,
    );
  }

  /** Its direction is which of the addresses is the higher, its interfaces are one, and of end reasons it names three. */
  #writeSoftflowd({ words }: FlowTable, row: number, to: number, direction: number): void {
    const { columns } = this.#batch;
    columns.flowDirection[to] = direction;
    const { index } = this.#config.interfaces[words[row * rowWords + wordOf.protocol]! >>> 16] ?? noInterface;
    columns.ingressInterface[to] = index;
    columns.egressInterface[to] = index;
    if (columns.flowEndReason[to]! >= 4) columns.flowEndReason[to] = 1;
  }

  #addBiflow(table: FlowTable, row: number, reason: EndReason, initiator: number): void {
    const { words, doubles } = table;
    const base = row * rowWords;
    const { isSoftflowd } = this.#config;
    // In a report in which the initiator sent nothing the record goes the other way, and says so.
    const from = isSoftflowd
      ? this.#firstDirection(table, row)
      : words[base + wordOf.packets + initiator] === 0
        ? initiator ^ 1
        : initiator;
    const to = this.#begin(table, row, reason, from);
    const { columns } = this.#batch;
    this.#writeWholeTime(table, row, to);
    columns.reversePacketDeltaCount[to] = words[base + wordOf.packets + (from ^ 1)]!;
    columns.reverseOctetDeltaCount[to] = doubles[row * rowDoubles + doubleOf.octets + (from ^ 1)]!;
    if (this.#batch.hasDetails) {
      const flags = words[base + wordOf.flagsAndClasses]!;
      columns.reverseTcpControlBits[to] = (flags >>> ((from ^ 1) << 3)) & 0xff;
      columns.reverseIpClassOfService[to] = flags >>> (16 + ((from ^ 1) << 3));
    }
    const isCertain = (words[base + wordOf.state]! & stateBit.initiatorIsCertain) !== 0;
    columns.clientEnd[to] = isCertain ? (from === initiator ? 1 : 2) : 0;
    if (isSoftflowd) this.#writeSoftflowd(table, row, to, 0);
  }

  /** What both kinds of record say alike, seen from a direction's sender. */
  #begin(
    { words, doubles, mplsLabels, config }: FlowTable,
    row: number,
    reason: EndReason,
    direction: number,
  ): number {
    const batch = this.#batch;
    const { columns } = batch;
    const to = batch.append();
    const base = row * rowWords;
    writeAddress(columns.sourceAddress, to, words, base + wordOf.endA + direction * 4);
    writeAddress(columns.destinationAddress, to, words, base + wordOf.endA + (direction ^ 1) * 4);
    const protocolWord = words[base + wordOf.protocol]!;
    const protocol = protocolWord & 0xff;
    columns.protocolIdentifier[to] = protocol;
    const ports = words[base + wordOf.ports]!;
    const isIcmp = (protocolWord & isIPv6Bit) === 0 ? protocol === protocolIcmp : protocol === protocolIcmpV6;
    if (isIcmp) {
      if (config.level !== "ip" && config.level !== "proto")
        columns.icmpTypeCode[to] = words[base + wordOf.icmpTypeCodes]! >>> (direction << 4);
    } else {
      columns.sourceTransportPort[to] = direction === 0 ? ports >>> 16 : ports;
      columns.destinationTransportPort[to] = direction === 0 ? ports : ports >>> 16;
    }
    columns.packetDeltaCount[to] = words[base + wordOf.packets + direction]!;
    columns.octetDeltaCount[to] = doubles[row * rowDoubles + doubleOf.octets + direction]!;
    const flags = words[base + wordOf.flagsAndClasses]!;
    columns.tcpControlBits[to] = (flags >>> (direction << 3)) & 0xff;
    columns.ipClassOfService[to] = flags >>> (16 + (direction << 3));
    columns.flowEndReason[to] = flowEndReasonOf(reason);
    const interfaceNumber = protocolWord >>> 16;
    this.#interfaces[to] = interfaceNumber;
    const isOutbound = (words[base + wordOf.state]! & (stateBit.outbound0 << direction)) !== 0;
    const { index } = this.#config.interfaces[interfaceNumber] ?? noInterface;
    // What a capture does not tell the way of was seen coming in: at a mirror port it was.
    columns.flowDirection[to] = isOutbound ? 1 : 0;
    columns.ingressInterface[to] = isOutbound ? 0 : index;
    columns.egressInterface[to] = isOutbound ? index : 0;
    const vlans = words[base + wordOf.vlans]!;
    columns.vlanId[to] = vlans & 0xffff;
    if (!batch.hasDetails) return to;
    columns.dot1qCustomerVlanId[to] = vlans >>> 16;
    if (config.level === "ether") this.#writeMacs(words, base, to, direction);
    if (config.mplsLabels > 0) this.#writeLabels(mplsLabels, row, config.mplsLabels, to);
    return to;
  }

  #writeMacs(words: Int32Array, base: number, to: number, direction: number): void {
    const { columns } = this.#batch;
    const high = words[base + wordOf.macsHigh]!;
    const a = (high >>> 16) * 0x100000000 + (words[base + wordOf.macOfALow]! >>> 0);
    const b = (high & 0xffff) * 0x100000000 + (words[base + wordOf.macOfBLow]! >>> 0);
    columns.sourceMacAddress[to] = direction === 0 ? a : b;
    columns.destinationMacAddress[to] = direction === 0 ? b : a;
  }

  /** As stack entries, whose last octet is the time to live; a label that is not there is 0. */
  #writeLabels(labels: Int32Array, row: number, count: number, to: number): void {
    const entries = Array.from(labels.subarray(row * count, (row + 1) * count), (label) => label << 8);
    this.#batch.columns.mplsLabelStack[to] = this.#batch.appendList(entries);
  }
}

const noInterface: RecordInterface = { index: 0 };

function writeAddress(column: Uint8Array, row: number, words: Int32Array, at: number): void {
  for (let i = 0; i < 4; i++) {
    const word = words[at + i]!;
    const to = row * 16 + i * 4;
    column[to] = word >>> 24;
    column[to + 1] = word >>> 16;
    column[to + 2] = word >>> 8;
    column[to + 3] = word;
  }
}
