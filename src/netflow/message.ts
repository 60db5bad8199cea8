import type { FlowBatch } from "../flow/index.ts";

/** Where records go. `flush` hands the batch on and leaves one with room in `batch`: a datagram may hold more records than fit. */
export interface FlowSink {
  readonly batch: FlowBatch;
  flush(): void;
}

/** Who sent a datagram. Templates belong to address and port; drops are counted under the address. */
export interface MessageSource {
  readonly addressText: string;
  readonly port: number;
  /** Row of the ObserverTable. Read only when a record is written, so that garbage need not be given a row. */
  readonly observerRow: number;
}

export const netflowV5 = 5;
export const netflowV9 = 9;
export const ipfix = 10;

/** What a message's header says, for its records. */
export interface MessageContext {
  readonly version: number;
  readonly source: MessageSource;
  readonly observationDomainId: number;
  readonly exportMilliseconds: number;
  /** The exporter's uptime when it sent the message; undefined in IPFIX, whose header does not say. */
  readonly uptimeMilliseconds: number | undefined;
  /** When the datagram was received, by the collector's clock. */
  readonly receivedMilliseconds: number;
}

/** What one datagram gave; the object is reused, valid until the next call. */
export interface DecodeSummary {
  /** 5, 9, 10, or 0 when the protocol is not known. */
  version: number;
  recordCount: number;
  /** Templates announced, options templates included. */
  templateCount: number;
  /** Data sets that now wait for their template. */
  waitingSetCount: number;
  /** Of its last records; 0 when unknown. */
  samplingInterval: number;
}
