import {
  type DecodeSummary,
  type DropReason,
  exportFormat,
  type FlowSink,
  formatAddress,
  type MessageReport,
  type MessageSource,
  parseAddress,
  type ReportDrop,
} from "../flow/index.ts";
import { Accounts, type AgentAccount, type SflowDescription } from "./accounts.ts";
import { defaultSflowLimits, type SflowLimits } from "./config.ts";
import { CounterSampleReader } from "./counter-sample.ts";
import type { DatagramFacts } from "./datagram-facts.ts";
import { FlowSampleReader } from "./flow-sample.ts";
import { sampleFormat } from "./sample-kind.ts";
import { padded, XdrReader } from "./xdr-reader.ts";

/** Whether a datagram is sFlow v5: its version is 32 bits, where NetFlow's and IPFIX's are 16 and not 0. */
export function isSflow(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0 && bytes[2] === 0 && bytes[3] === 5;
}

/**
 * Decodes sFlow v5 datagrams into batches: a row per flow sample and per discarded packet. Keeps no more than counts, within
 * bounds. Input never makes it throw; what is given up is reported with its reason, and of a datagram only what is bad.
 */
export class SflowDecoder {
  readonly #drop: ReportDrop;
  readonly #accounts: Accounts;
  /** Of the datagram at hand. */
  #account: AgentAccount | undefined;
  readonly #xdr = new XdrReader();
  readonly #body = new XdrReader();
  readonly #flowSample = new FlowSampleReader();
  readonly #counterSample = new CounterSampleReader();
  readonly #facts: DatagramFacts = {
    source: { addressText: "", port: 0, observerRow: 0 },
    receivedMilliseconds: 0,
    agent: new Uint8Array(16),
    subAgentId: 0,
    sequenceNumber: 0,
    uptimeMilliseconds: 0,
  };
  readonly #summary: DecodeSummary = {
    format: 0,
    recordCount: 0,
    templateCount: 0,
    waitingSetCount: 0,
    samplingInterval: 0,
    samplingOrigin: "unknown",
  };
  readonly #report: MessageReport = {
    format: exportFormat.sflow5,
    observationDomainId: 0,
    agent: "",
    sequenceNumber: 0,
    recordCount: 0,
    optionsRecordCount: 0,
    uptimeMilliseconds: 0,
    exportMilliseconds: undefined,
  };

  constructor(drop: ReportDrop, limits: Partial<SflowLimits> = {}) {
    this.#drop = drop;
    this.#accounts = new Accounts({ ...defaultSflowLimits, ...limits });
  }

  /** Reads one datagram; the bytes are the caller's again when it returns. */
  decode(
    message: Uint8Array,
    source: MessageSource,
    receivedMilliseconds: number,
    sink: FlowSink,
  ): Readonly<DecodeSummary> {
    const summary = this.#summary;
    summary.format = summary.recordCount = summary.samplingInterval = 0;
    summary.samplingOrigin = "unknown";
    if (!isSflow(message)) {
      this.#drop(message.length < 4 ? "message_truncated" : "version_unknown", source.addressText);
      return summary;
    }
    summary.format = exportFormat.sflow5;
    const facts = this.#facts;
    facts.source = source;
    facts.receivedMilliseconds = receivedMilliseconds;
    const sampleCount = this.#readHeader(message);
    if (this.#xdr.isOverrun) {
      this.#drop("message_truncated", source.addressText);
      return summary;
    }
    this.#account = this.#accounts.find(source.addressText, facts.agent, facts.subAgentId);
    if (this.#account !== undefined) this.#takeAccount();
    this.#report.recordCount = 0;
    this.#readSamples(sampleCount, sink);
    this.#reportMessage(sink);
    return summary;
  }

  /** The counts of an exporter's agents; undefined for one that is not known. */
  describe(addressText: string): SflowDescription | undefined {
    return this.#accounts.describe(addressText);
  }

  /** Gives up an exporter's counts. */
  forget(addressText: string): void {
    this.#accounts.forget(addressText);
  }

  /** What is kept in all, to be compared with the limits. */
  get usage(): { exporterCount: number; sourceCount: number } {
    return this.#accounts.usage;
  }

  /**
   *  0   4      8             12 or 24    16 or 28   20 or 32   24 or 36  28 or 40
   *  +---+------+-------------+-----------+----------+----------+---------+
   *  | 5 | type | agent       | sub-agent | sequence | uptime   | count   | samples
   *  +---+------+-------------+-----------+----------+----------+---------+
   *
   * Returns the count. An agent that does not say its address (type 0) has the datagram's.
   */
  #readHeader(message: Uint8Array): number {
    const xdr = this.#xdr;
    const facts = this.#facts;
    xdr.begin(message, 4, message.length);
    facts.agent.fill(0);
    xdr.address(facts.agent, 0);
    if (message[7] === 0) facts.agent.set(parseAddress(facts.source.addressText) ?? []);
    facts.subAgentId = xdr.unsigned();
    facts.sequenceNumber = xdr.unsigned();
    facts.uptimeMilliseconds = xdr.unsigned();
    return xdr.unsigned();
  }

  /** Samples are found by their lengths, so one that is bad does not take the others with it. */
  #readSamples(sampleCount: number, sink: FlowSink): void {
    const xdr = this.#xdr;
    const { addressText } = this.#facts.source;
    for (let i = 0; i < sampleCount; i++) {
      if (xdr.rest < 8) {
        this.#drop("message_truncated", addressText);
        return;
      }
      const format = xdr.unsigned();
      const length = xdr.unsigned();
      const at = xdr.skip(length);
      if (at < 0) {
        this.#drop("sample_truncated", addressText);
        return;
      }
      this.#body.begin(xdr.bytes, at, at + length);
      const reason = this.#readSample(format, sink);
      if (reason !== undefined) this.#drop(reason, addressText);
      xdr.offset = Math.min(at + padded(length), xdr.end);
    }
  }

  #readSample(format: number, sink: FlowSink): DropReason | undefined {
    switch (format) {
      case sampleFormat.flow:
      case sampleFormat.expandedFlow:
      case sampleFormat.discarded:
        return this.#readFlowSample(format, sink);
      case sampleFormat.counter:
      case sampleFormat.expandedCounter:
        return this.#readCounterSample(format, sink);
      default: {
        const account = this.#openAccount();
        if (account !== undefined) account.sampleCounts[0]!++;
        return "sample_unknown";
      }
    }
  }

  #readFlowSample(format: number, sink: FlowSink): DropReason | undefined {
    const sample = this.#flowSample;
    const reason = sample.read(this.#body, format, this.#facts, sink);
    this.#report.recordCount++;
    if (reason === undefined) {
      this.#summary.recordCount++;
      this.#summary.samplingInterval = sample.samplingInterval;
      this.#summary.samplingOrigin = sample.samplingInterval === 0 ? "unknown" : "record";
    }
    const account = reason === "sample_truncated" ? undefined : this.#openAccount();
    if (account === undefined) return reason;
    account.sampleCounts[format]!++;
    account.recordCounts[format]! += sample.recordCount;
    const { addressText } = this.#facts.source;
    const source = this.#accounts.source(addressText, account, sample.sourceType, sample.sourceIndex);
    if (format === sampleFormat.discarded) source?.discards.take(sample.sequenceNumber);
    else source?.takeFlow(sample);
    return reason;
  }

  #readCounterSample(format: number, sink: FlowSink): DropReason | undefined {
    const sample = this.#counterSample;
    const reason = sample.read(this.#body, format, sink);
    const account = reason === undefined ? this.#openAccount() : undefined;
    if (account === undefined) return reason;
    account.sampleCounts[format]!++;
    account.recordCounts[format]! += sample.recordCount;
    const { addressText } = this.#facts.source;
    const source = this.#accounts.source(addressText, account, sample.sourceType, sample.sourceIndex);
    source?.counters.take(sample.sequenceNumber);
    return undefined;
  }

  /** An agent has an account from its first sample: headers alone must not take the places. */
  #openAccount(): AgentAccount | undefined {
    if (this.#account === undefined) this.#takeAccount();
    return this.#account;
  }

  #takeAccount(): void {
    const { source, agent, subAgentId, uptimeMilliseconds, receivedMilliseconds } = this.#facts;
    this.#account = this.#accounts.take(source.addressText, agent, subAgentId, receivedMilliseconds);
    this.#account?.begin(uptimeMilliseconds, receivedMilliseconds);
  }

  #reportMessage(sink: FlowSink): void {
    if (sink.takeMessage === undefined) return;
    const report = this.#report;
    const facts = this.#facts;
    report.observationDomainId = facts.subAgentId;
    report.agent = this.#account?.addressText ?? formatAddress(facts.agent);
    report.sequenceNumber = facts.sequenceNumber;
    report.uptimeMilliseconds = facts.uptimeMilliseconds;
    sink.takeMessage(report);
  }
}
