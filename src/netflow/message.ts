import type { MessageSource } from "../flow/index.ts";

/** The first two bytes of a message. */
export const netflowV5 = 5;
export const netflowV9 = 9;
export const ipfix = 10;

/** What a message's header says, for its records. */
export interface MessageContext {
  readonly version: number;
  /** One of `exportFormat`. */
  readonly format: number;
  readonly source: MessageSource;
  readonly port: number;
  /** The source's address; undefined when the batch has no column for it. */
  readonly exporterAddress: Uint8Array | undefined;
  readonly observationDomainId: number;
  readonly sequenceNumber: number;
  /** When the message was received, where the exporter's clock says 0. */
  readonly exportMilliseconds: number;
  readonly hasClock: boolean;
  /** The exporter's uptime when it sent the message; undefined in IPFIX, whose header does not say. */
  readonly uptimeMilliseconds: number | undefined;
  /** When the datagram was received, by the collector's clock. */
  readonly receivedMilliseconds: number;
}
