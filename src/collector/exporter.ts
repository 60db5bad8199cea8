import {
  type DecodeSummary,
  type DropReason,
  exportFormat,
  type MessageSource,
  type ObserverTable,
} from "../flow/index.ts";
import type { ExporterDescription } from "../netflow/index.ts";

/** One exporter, for the API: plain values, a copy. */
export interface ExporterStatus {
  readonly address: string;
  /** Row of the ObserverTable; 0 while it has sent no record. */
  readonly observerRow: number;
  /** `netflow5`, `netflow9`, `ipfix`. */
  readonly protocols: readonly string[];
  readonly packetCount: number;
  readonly byteCount: number;
  readonly recordCount: number;
  readonly templateCount: number;
  /** One packet in this many, as its last records said; 0 unknown. */
  readonly samplingInterval: number;
  /** Bytes of data sets that wait for their template. */
  readonly waitingBytes: number;
  readonly drops: Readonly<Partial<Record<DropReason, number>>>;
  readonly firstSeenMilliseconds: number;
  readonly lastSeenMilliseconds: number;
  readonly domains: ExporterDescription["domains"];
}

const protocolNames: Readonly<Record<number, string>> = {
  [exportFormat.sflow5]: "sflow5",
  [exportFormat.netflow5]: "netflow5",
  [exportFormat.netflow9]: "netflow9",
  [exportFormat.ipfix]: "ipfix",
};

/** What is counted of one exporter address. */
export class Exporter {
  readonly addressText: string;
  readonly drops: Partial<Record<DropReason, number>> = {};
  lastSeenMilliseconds = 0;
  readonly #observers: ObserverTable;
  readonly #firstSeenMilliseconds: number;
  readonly #protocols = new Set<string>();
  #packetCount = 0;
  #byteCount = 0;
  #recordCount = 0;
  #samplingInterval = 0;
  #observerRow = 0;
  #source: MessageSource | undefined;

  constructor(addressText: string, observers: ObserverTable, nowMilliseconds: number) {
    this.addressText = addressText;
    this.#observers = observers;
    this.#firstSeenMilliseconds = nowMilliseconds;
  }

  /** False until its first record. */
  get hasObserver(): boolean {
    return this.#observerRow !== 0;
  }

  /** For the decoder. Its observer row comes into being when a record is written. */
  sourceFor(port: number): MessageSource {
    if (this.#source?.port !== port)
      this.#source = createSource(this.addressText, port, () => this.#takeObserverRow());
    return this.#source;
  }

  countDatagram(byteLength: number, summary: Readonly<DecodeSummary>, nowMilliseconds: number): void {
    this.lastSeenMilliseconds = nowMilliseconds;
    this.#packetCount++;
    this.#byteCount += byteLength;
    this.#recordCount += summary.recordCount;
    if (summary.recordCount > 0) this.#samplingInterval = summary.samplingInterval;
    if (summary.format !== 0) this.#protocols.add(protocolNames[summary.format]!);
  }

  countDrop(reason: DropReason, count: number): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + count;
  }

  describe(description: ExporterDescription | undefined): ExporterStatus {
    return {
      address: this.addressText,
      observerRow: this.#observerRow,
      protocols: [...this.#protocols].sort(),
      packetCount: this.#packetCount,
      byteCount: this.#byteCount,
      recordCount: this.#recordCount,
      templateCount: description?.templateCount ?? 0,
      samplingInterval: this.#samplingInterval,
      waitingBytes: description?.waitingBytes ?? 0,
      drops: { ...this.drops },
      firstSeenMilliseconds: this.#firstSeenMilliseconds,
      lastSeenMilliseconds: this.lastSeenMilliseconds,
      domains: description?.domains ?? [],
    };
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
