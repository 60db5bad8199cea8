import type { FlowBatch } from "./flow-batch.ts";

/** Who sent a datagram. Templates belong to address and port; drops are counted under the address. */
export interface MessageSource {
  readonly addressText: string;
  readonly port: number;
  /** Row of the ObserverTable. Read only when a record is written, so that garbage need not be given a row. */
  readonly observerRow: number;
}

/** Where a decoder writes. */
export interface FlowSink {
  readonly batch: FlowBatch;
  /** Hands the batch on and leaves one with room in `batch`: a datagram may hold more records than fit. */
  flush(): void;
  /** Told of each message once it was read; the object is used again for the next. */
  takeMessage?(message: Readonly<MessageReport>): void;
  /** Told what an exporter says about one of its interfaces; its object is used again. */
  takeInterface?(fact: Readonly<InterfaceFact>): void;
}

/** `exportFormat`: GoFlow2's numbers. */
export const exportFormat = { sflow5: 1, netflow5: 2, netflow9: 3, ipfix: 4 } as const;

/** What a message's header says, for the accounting of what was lost before it. */
export interface MessageReport {
  /** One of `exportFormat`. */
  format: number;
  /** Observation domain, source id, engine type and id; in sFlow the sub-agent. */
  observationDomainId: number;
  /** In sFlow the agent's address; else empty, since it is the datagram's own. */
  agent: string;
  sequenceNumber: number;
  /**
   * Data records, options data too, as the sequence numbers of v5 and IPFIX count them; NaN when a set of the message
   * could not be read, as its template is missing. In v9 and sFlow sequence numbers count messages.
   */
  recordCount: number;
  /** How many of them are options data: some exporters leave these out of their numbers. */
  optionsRecordCount: number;
  /** The exporter's uptime when it sent the message; undefined in IPFIX, whose header does not say. */
  uptimeMilliseconds: number | undefined;
  /** Unix time of the export; undefined in sFlow, whose header does not say. */
  exportMilliseconds: number | undefined;
}

/** An interface of an exporter, as its options data or counter samples tell. */
export interface InterfaceFact {
  /** ifIndex. */
  index: number;
  /** Empty when not said. */
  name: string;
  description: string;
  /** Bits a second, 0 when not said. */
  speed: number;
}

/** Where a rate of sampling was found; the later in this list, the less is known. */
export const samplingOrigins = ["record", "sampler", "options", "header", "unknown"] as const;
export type SamplingOrigin = (typeof samplingOrigins)[number];

/** What one datagram gave; the object is reused, valid until the next call. */
export interface DecodeSummary {
  /** One of `exportFormat`, or 0 when the protocol is not known. */
  format: number;
  recordCount: number;
  /** Templates announced, options templates included. */
  templateCount: number;
  /** Data sets that now wait for their template. */
  waitingSetCount: number;
  /** Of its last records; 0 when unknown. */
  samplingInterval: number;
  samplingOrigin: SamplingOrigin;
}
