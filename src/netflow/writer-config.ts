import type { FlowBatch } from "../flow/index.ts";

/** How times are written by version 9 and IPFIX. `uptime` is milliseconds since the exporter's start; NTP's 64 bits carry the last two. */
export const timeFormats = ["uptime", "sec", "milli", "micro", "nano"] as const;
export type TimeFormat = (typeof timeFormats)[number];

export const flowVersions = [1, 5, 9, 10] as const;
export type FlowVersion = (typeof flowVersions)[number];

/** What a record says, beside addresses, times and counters. */
export interface RecordContent {
  readonly withProtocol: boolean;
  readonly withPorts: boolean;
  readonly withVlans: boolean;
  readonly withMacs: boolean;
  /** Labels of MPLS, at most 10. */
  readonly mplsLabels: number;
  /** Both directions in one record (RFC 5103): IPFIX only. */
  readonly isBiflow: boolean;
}

export interface FlowWriterConfig extends RecordContent {
  readonly version: FlowVersion;
  /** IPFIX's observation domain, version 9's source id; its last octet is version 5's engine id. */
  readonly observationDomainId: number;
  /** The exporter's start, for times in uptime. */
  readonly bootMilliseconds: number;
  readonly timeFormat: TimeFormat;
  /** One packet of so many was looked at, by turns. */
  readonly samplingInterval: number;
  readonly interfaceIndex: number;
  /** Empty for none. */
  readonly interfaceName: string;
  /** Whether options tell sampling and interface name. nfdump up to 1.7.1 does not count them, and takes the sequence for broken. */
  readonly withOptions: boolean;
  /** Templates are repeated after so many messages, and after so long. */
  readonly templateMessages: number;
  readonly templateMilliseconds: number;
  /** Octets of a message at most: with UDP, IP and a tunnel's headers it should fit the path (RFC 7011 §10.3.3). */
  readonly messageBytesMax: number;
  /** As softflowd 1.1.0 writes: its template ids, its ways of counting, no padding, 32-bit counters. */
  readonly isSoftflowd: boolean;
}

export const defaultFlowWriterConfig: FlowWriterConfig = {
  version: 10,
  observationDomainId: 0,
  bootMilliseconds: 0,
  timeFormat: "milli",
  withProtocol: true,
  withPorts: true,
  withVlans: false,
  withMacs: false,
  mplsLabels: 0,
  isBiflow: false,
  samplingInterval: 1,
  interfaceIndex: 0,
  interfaceName: "",
  withOptions: true,
  templateMessages: 16,
  templateMilliseconds: 60_000,
  messageBytesMax: 1428,
  isSoftflowd: false,
};

/** Takes a message that is ready, valid until it returns, and how many records of flows it holds. */
export type SendMessage = (message: Uint8Array, recordCount: number) => void;

/** Writes rows of batches as messages of one observation domain. */
export interface FlowWriter {
  /** Writes a row. False when the version cannot say it: 1 and 5 know no IPv6. `now` is the export time, unix milliseconds. */
  write(batch: FlowBatch, row: number, now: number): boolean;
  /** Sends what has been written and not yet sent. */
  flush(now: number): void;
  /** Has the templates sent again with the next message. */
  repeatTemplates(): void;
  /** Sends the templates in a message of their own, behind what has been written. Versions 1 and 5 have none. */
  sendTemplates(now: number): void;
}
