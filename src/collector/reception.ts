import type { FlowBatch, ObserverTable, ReportDrop } from "../flow/index.ts";
import type { TemplateDump } from "../netflow/index.ts";
import type { ExporterStatus } from "./exporter-status.ts";
import type { IntakeStatus } from "./intake.ts";

/** What a reception hands on to. */
export interface ReceptionDependencies {
  /** Takes the rows; the batch is cleared when it returns. */
  deliver(batch: FlowBatch): void;
  readonly observers: ObserverTable;
  readonly drop: ReportDrop;
  /** Unix ms. */
  now(): number;
}

export interface ListenerStatus {
  readonly host: string;
  readonly port: number;
  readonly receiveBufferBytes: number;
  /** Datagrams the kernel had no room for since the socket was opened; undefined where it does not say. */
  readonly kernelDropCount: number | undefined;
  /** Of these, those of the last minute, as far as somebody looked. */
  readonly recentKernelDropCount: number | undefined;
}

export interface ReceptionStatus extends IntakeStatus {
  readonly listeners: readonly ListenerStatus[];
}

/** Sockets and an intake behind them, in this thread or another. */
export interface Reception {
  /** Opens all sockets, or none: rejects with a ListenError. Resolves to the ports. */
  start(): Promise<readonly number[]>;
  /** Reads what the sockets hold, closes them, delivers. Resolves to what is known then. */
  stop(): Promise<TemplateDump>;
  /** Delivers what has been received; rows of the last moments may still be on their way. */
  flush(): void;
  /** The heaviest exporters, at most so many. */
  status(exportersMax: number): Promise<ReceptionStatus>;
  exporter(addressText: string): Promise<ExporterStatus | undefined>;
  dumpTemplates(): Promise<TemplateDump>;
  /** Resolves to how many were taken. To be called before `start`. */
  restoreTemplates(value: unknown): Promise<number>;
}
