import type { FlowWriterConfig } from "../netflow/index.ts";
import type { PacketBatch } from "../packet/index.ts";
import type { FlowTableConfig } from "./config.ts";
import { type EndReason, endReason } from "./end-reason.ts";
import { type Destination, type ExportInterface, FlowExporter } from "./exporter.ts";
import { FlowRecords } from "./flow-records.ts";
import { FlowTable } from "./flow-table.ts";
import { FlowStatistics } from "./statistics.ts";

export interface ProbeConfig {
  readonly table: FlowTableConfig;
  /** How records are written; boot, domain and interface are filled in. */
  readonly writer: FlowWriterConfig;
  readonly isBalanced: boolean;
  /** Whether the packets' clock is the exporter's too: for files. */
  readonly isCaptureClock: boolean;
  /** Told each flow, or part of one, that is over. */
  readonly onFlow?: ((table: FlowTable, row: number, reason: EndReason) => void) | undefined;
}

export interface ProbeDependencies {
  readonly destinations: readonly Destination[];
  /** By their number in packet batches; more may be added. */
  readonly interfaces: readonly ExportInterface[];
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** The exporter is taken to have started so long before the first packet of a file: an uptime of 0 says nothing. */
const bootLeadMilliseconds = 1000;

/** Packets in, messages out: table, records and exporter together. Does nothing by itself; whoever has a clock calls `tick`. */
export class Probe {
  readonly table: FlowTable;
  readonly exporter: FlowExporter;
  readonly statistics = new FlowStatistics();
  readonly #config: ProbeConfig;
  readonly #records: FlowRecords;
  readonly #now: () => number;
  #bootMilliseconds: number;
  #reportedCount = 0;

  constructor(config: ProbeConfig, { destinations, interfaces, now }: ProbeDependencies) {
    this.#config = config;
    this.#now = now;
    this.#bootMilliseconds = now();
    this.table = new FlowTable(config.table, this.#report);
    const { writer, isBalanced } = config;
    this.exporter = new FlowExporter(
      { writer: () => this.#writerConfig(), isBalanced },
      interfaces,
      destinations,
    );
    this.#records = new FlowRecords(
      {
        isBiflow: writer.isBiflow && writer.version === 10,
        isSoftflowd: writer.isSoftflowd,
        interfaces,
        withDetails: writer.isBiflow || writer.withVlans || writer.withMacs || writer.mplsLabels > 0,
      },
      (batch, rowInterfaces) => this.exporter.write(batch, rowInterfaces, this.exportTime),
    );
  }

  /** Unix milliseconds by the clock that messages carry. */
  get exportTime(): number {
    return this.#config.isCaptureClock ? this.table.now : this.#now();
  }

  add(batch: PacketBatch): void {
    if (this.#config.isCaptureClock && this.table.now === 0 && batch.count > 0)
      this.#bootMilliseconds = batch.times[0]! - (this.#config.writer.isSoftflowd ? 0 : bootLeadMilliseconds);
    this.table.add(batch);
  }

  /** Lets time go on, and sends what was reported since the last call. */
  tick(): void {
    if (!this.#config.isCaptureClock) this.table.advance(this.#now());
    if (this.#reportedCount > 0) this.flush();
  }

  /** Reports every flow; answers with how many. */
  expireAll(): number {
    const { flowCount } = this.table;
    this.table.expireAll(endReason.forced);
    this.flush();
    return flowCount;
  }

  flush(): void {
    this.#records.flush();
    this.exporter.flush(this.exportTime);
    this.#reportedCount = 0;
  }

  #writerConfig(): FlowWriterConfig {
    return { ...this.#config.writer, bootMilliseconds: this.#bootMilliseconds };
  }

  readonly #report = (row: number, reason: EndReason) => {
    this.#reportedCount++;
    this.statistics.add(this.table, row, reason);
    this.#config.onFlow?.(this.table, row, reason);
    this.#records.add(this.table, row, reason);
  };
}
