import {
  type DecodeSummary,
  type DropReason,
  exportFormat,
  type FlowBatch,
  type InterfaceFact,
  type MessageReport,
  type MessageSource,
  type ObserverTable,
  type SamplingOrigin,
} from "../flow/index.ts";
import type { ExporterDescription } from "../netflow/index.ts";
import type { SflowDescription } from "../sflow/index.ts";
import type { ExporterStatus } from "./exporter-status.ts";
import { Loss, type StreamBudget, streamsTotalMax } from "./loss.ts";
import { RecentCounter, RecentMaximum } from "./recent.ts";

const protocolNames: Readonly<Record<number, string>> = {
  [exportFormat.sflow5]: "sflow5",
  [exportFormat.netflow5]: "netflow5",
  [exportFormat.netflow9]: "netflow9",
  [exportFormat.ipfix]: "ipfix",
};

/** Interfaces of one exporter, and of all, whose names are kept. */
const interfacesMax = 8192;
const interfacesTotalMax = 131_072;

/** What all exporters of a table may hold together. */
export interface ExporterBudgets {
  readonly streams: StreamBudget;
  readonly interfaces: { left: number };
}

export function createBudgets(): ExporterBudgets {
  return { streams: { left: streamsTotalMax }, interfaces: { left: interfacesTotalMax } };
}

const ingress = 0;
const egress = 1;

/** What is counted of one exporter address. */
export class Exporter {
  readonly addressText: string;
  readonly drops: Partial<Record<DropReason, number>> = {};
  lastSeenMilliseconds = 0;
  readonly #observers: ObserverTable;
  readonly #budgets: ExporterBudgets;
  readonly #firstSeenMilliseconds: number;
  readonly #formats = new Set<number>();
  readonly #packets = new RecentCounter();
  readonly #records = new RecentCounter();
  readonly #octets = new RecentCounter();
  readonly #clockSkew = new RecentMaximum();
  readonly #loss: Loss;
  readonly #interfaces = new Map<number, { index: number; name: string; description: string }>();
  #byteCount = 0;
  #ingressCount = 0;
  #egressCount = 0;
  #samplingInterval = 0;
  #samplingOrigin: SamplingOrigin = "unknown";
  #observerRow = 0;
  #source: MessageSource | undefined;

  constructor(
    addressText: string,
    observers: ObserverTable,
    budgets: ExporterBudgets,
    nowMilliseconds: number,
  ) {
    this.addressText = addressText;
    this.#budgets = budgets;
    this.#loss = new Loss(budgets.streams);
    this.#observers = observers;
    this.#firstSeenMilliseconds = nowMilliseconds;
  }

  /** False until its first record. */
  get hasObserver(): boolean {
    return this.#observerRow !== 0;
  }

  get recordCount(): number {
    return this.#records.total;
  }

  /** For the decoder. Its observer row comes into being when a record is written. */
  sourceFor(port: number): MessageSource {
    if (this.#source?.port !== port)
      this.#source = createSource(this.addressText, port, () => this.#takeObserverRow());
    return this.#source;
  }

  countDatagram(byteLength: number, summary: Readonly<DecodeSummary>, nowMilliseconds: number): void {
    this.lastSeenMilliseconds = nowMilliseconds;
    this.#packets.add(1, nowMilliseconds);
    this.#byteCount += byteLength;
    if (summary.format !== 0) this.#formats.add(summary.format);
    if (summary.recordCount === 0) return;
    this.#records.add(summary.recordCount, nowMilliseconds);
    this.#samplingInterval = summary.samplingInterval;
    this.#samplingOrigin = summary.samplingOrigin;
  }

  /** Counts what its records say. */
  countRows({ columns }: FlowBatch, first: number, end: number, nowMilliseconds: number): void {
    const { octetDeltaCount, reverseOctetDeltaCount, samplingInterval, flowDirection } = columns;
    let octets = 0;
    for (let row = first; row < end; row++) {
      octets += (octetDeltaCount[row]! + reverseOctetDeltaCount[row]!) * (samplingInterval[row]! || 1);
      const direction = flowDirection[row];
      if (direction === ingress) this.#ingressCount++;
      else if (direction === egress) this.#egressCount++;
    }
    this.#octets.add(octets, nowMilliseconds);
  }

  countMessage(message: Readonly<MessageReport>, port: number, nowMilliseconds: number): void {
    this.#loss.take(message, port, nowMilliseconds);
    if (message.exportMilliseconds === undefined) return;
    this.#clockSkew.take(message.exportMilliseconds - nowMilliseconds, nowMilliseconds);
  }

  /** Keeps what it says of an interface; what it does not say this time stays. */
  takeInterface({ index, name, description }: Readonly<InterfaceFact>): void {
    const known = this.#interfaces.get(index);
    const { interfaces } = this.#budgets;
    if (known === undefined) {
      if (this.#interfaces.size >= interfacesMax || interfaces.left === 0) return;
      interfaces.left--;
      this.#interfaces.set(index, { index, name, description });
    } else {
      known.name = name || known.name;
      known.description = description || known.description;
    }
  }

  /** Gives back its share of what all exporters have together. */
  forget(): void {
    this.#loss.forget();
    this.#budgets.interfaces.left += this.#interfaces.size;
    this.#interfaces.clear();
  }

  countDrop(reason: DropReason, count: number): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + count;
  }

  /** With what the decoders keep of it. */
  describe(
    netflow: ExporterDescription | undefined,
    sflow: SflowDescription | undefined,
    nowMilliseconds: number,
  ): ExporterStatus {
    const recordCount = this.#records.total;
    return {
      address: this.addressText,
      observerRow: this.#observerRow,
      protocols: [...this.#formats].map((format) => protocolNames[format]!).sort(),
      firstSeenMilliseconds: this.#firstSeenMilliseconds,
      lastSeenMilliseconds: this.lastSeenMilliseconds,
      packetCount: this.#packets.total,
      byteCount: this.#byteCount,
      recordCount,
      packetRate: this.#packets.rate(nowMilliseconds),
      recordRate: this.#records.rate(nowMilliseconds),
      octetCount: this.#octets.total,
      octetRate: this.#octets.rate(nowMilliseconds),
      sampling: {
        interval: this.#samplingInterval,
        origin: this.#samplingOrigin,
        samplers: netflow?.samplers ?? [],
      },
      clockSkewMilliseconds: this.#clockSkew.value(nowMilliseconds),
      loss: this.#loss.describe(nowMilliseconds),
      directions: {
        ingressCount: this.#ingressCount,
        egressCount: this.#egressCount,
        unknownCount: recordCount - this.#ingressCount - this.#egressCount,
      },
      templates: netflow?.templates ?? [],
      missingTemplates: netflow?.missingTemplates ?? [],
      waitingBytes: netflow?.waitingBytes ?? 0,
      sets: netflow?.sets ?? [],
      agents: sflow?.agents ?? [],
      interfaces: this.#describeInterfaces(netflow),
      drops: { ...this.drops },
    };
  }

  /** Those of before a restart are known to the decoder only. */
  #describeInterfaces(netflow: ExporterDescription | undefined) {
    if (netflow === undefined || netflow.interfaces.length === 0) return [...this.#interfaces.values()];
    const merged = new Map(netflow.interfaces.map((known) => [known.index, known]));
    for (const known of this.#interfaces.values()) merged.set(known.index, known);
    return [...merged.values()];
  }

  #takeObserverRow(): number {
    if (this.#observerRow === 0) {
      const name = this.addressText;
      this.#observerRow = this.#observers.intern({ id: `exporter:${name}`, kind: "exporter", name });
    }
    return this.#observerRow;
  }
}

function createSource(addressText: string, port: number, takeObserverRow: () => number): MessageSource {
  return {
    addressText,
    port,
    get observerRow() {
      return takeObserverRow();
    },
  };
}
