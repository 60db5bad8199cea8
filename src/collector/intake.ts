import {
  type FlowBatch,
  type FlowSink,
  isInCidr,
  type ObserverTable,
  parseAddress,
  type ReportDrop,
} from "../flow/index.ts";
import { FlowDecoder, type TemplateDump } from "../netflow/index.ts";
import { isSflow, SflowDecoder } from "../sflow/index.ts";
import type { CollectorConfig, FlowScheme } from "./config.ts";
import type { Exporter } from "./exporter.ts";
import type { ExporterStatus } from "./exporter-status.ts";
import { ExporterTable } from "./exporter-table.ts";

export interface IntakeDependencies {
  readonly observers: ObserverTable;
  readonly drop: ReportDrop;
  /** Takes a full batch and gives one with room, maybe the same, cleared. */
  handOn(batch: FlowBatch): FlowBatch;
}

export interface IntakeStatus {
  /** The heaviest by records a second first. */
  readonly exporters: readonly ExporterStatus[];
  readonly exporterCount: number;
  /** Of all senders, strangers too. */
  readonly packetCount: number;
  readonly byteCount: number;
  readonly recordCount: number;
}

/**
 * From datagrams to rows: finds the exporter and the protocol, decodes, counts. Of one thread; knows no sockets and no clock.
 */
export class Intake {
  readonly #decoder: FlowDecoder;
  readonly #sflow: SflowDecoder;
  readonly #exporters: ExporterTable;
  readonly #drop: ReportDrop;
  readonly #sink: FlowSink & { batch: FlowBatch };
  readonly #totals = { packetCount: 0, byteCount: 0, recordCount: 0 };
  /** The datagram at hand. */
  #exporter: Exporter | undefined;
  #port = 0;
  #now = 0;
  /** Rows of the batch before this are counted. */
  #countedRows = 0;

  constructor(config: CollectorConfig, batch: FlowBatch, dependencies: IntakeDependencies) {
    const { exportersMax, strangersMax, templatesPerExporterMax, templateMilliseconds, allow } = config;
    this.#exporters = new ExporterTable(exportersMax, strangersMax, {
      observers: dependencies.observers,
      drop: dependencies.drop,
      forget: (addressText) => this.#forget(addressText),
      isAllowed: (addressText) => {
        if (allow.length === 0) return true;
        const address = parseAddress(addressText.split("%")[0]!); // link-local ones have their interface behind them
        return address !== undefined && allow.some((cidr) => isInCidr(cidr, address));
      },
    });
    this.#drop = this.#exporters.drop;
    this.#decoder = new FlowDecoder(this.#drop, {
      exportersMax,
      templatesPerExporterMax,
      templateMilliseconds,
    });
    this.#sflow = new SflowDecoder(this.#drop, { exportersMax });
    this.#sink = {
      batch,
      flush: () => {
        this.#countRows();
        this.#sink.batch = dependencies.handOn(this.#sink.batch);
        this.#countedRows = 0;
      },
      takeMessage: (message) => this.#exporter?.countMessage(message, this.#port, this.#now),
      takeInterface: (fact) => this.#exporter?.takeInterface(fact),
    };
  }

  /** Rows not handed on yet. */
  get rowCount(): number {
    return this.#sink.batch.count;
  }

  /** Hands on the rows there are. */
  flush(): void {
    if (this.#sink.batch.count > 0) this.#sink.flush();
  }

  /** Reads one datagram; the bytes are the caller's again when it returns. `addressText` is plain: no mapped IPv4. */
  take(
    bytes: Uint8Array,
    addressText: string,
    port: number,
    scheme: FlowScheme,
    nowMilliseconds: number,
  ): void {
    this.#totals.packetCount++;
    this.#totals.byteCount += bytes.length;
    const exporter = this.#exporters.begin(addressText, nowMilliseconds);
    if (exporter === undefined) return;
    this.#exporter = exporter;
    this.#port = port;
    this.#now = nowMilliseconds;
    const decoder = isSflow(bytes) ? this.#sflow : this.#decoder;
    const isWanted = scheme === "flow" || (scheme === "sflow") === (decoder === this.#sflow);
    if (!isWanted) this.#drop("version_unknown", addressText);
    const source = exporter.sourceFor(port);
    const summary = isWanted ? decoder.decode(bytes, source, nowMilliseconds, this.#sink) : nothing;
    this.#countRows();
    this.#totals.recordCount += summary.recordCount;
    this.#exporters.end(exporter, bytes.length, summary, nowMilliseconds);
    if (this.#sink.batch.free === 0) this.#sink.flush();
  }

  status(nowMilliseconds: number, exportersMax: number): IntakeStatus {
    const all = [...this.#exporters.values()];
    if (all.length > exportersMax) all.sort((a, b) => b.recordCount - a.recordCount);
    return {
      exporters: all.slice(0, exportersMax).map((exporter) => this.#describe(exporter, nowMilliseconds)),
      exporterCount: all.length,
      ...this.#totals,
    };
  }

  exporter(addressText: string, nowMilliseconds: number): ExporterStatus | undefined {
    const exporter = this.#exporters.find(addressText);
    return exporter === undefined ? undefined : this.#describe(exporter, nowMilliseconds);
  }

  #describe(exporter: Exporter, nowMilliseconds: number): ExporterStatus {
    const { addressText } = exporter;
    const netflow = this.#decoder.describe(addressText);
    return exporter.describe(netflow, this.#sflow.describe(addressText), nowMilliseconds);
  }

  /** What is to be known again after a restart: a plain value, see docs/formats/templates.md. */
  dumpTemplates(): TemplateDump {
    return this.#decoder.dumpTemplates();
  }

  /** Returns how many templates were taken. */
  restoreTemplates(value: unknown, nowMilliseconds: number): number {
    return this.#decoder.restoreTemplates(value, nowMilliseconds);
  }

  #countRows(): void {
    const { batch } = this.#sink;
    if (batch.count > this.#countedRows)
      this.#exporter?.countRows(batch, this.#countedRows, batch.count, this.#now);
    this.#countedRows = batch.count;
  }

  #forget(addressText: string): void {
    this.#decoder.forget(addressText);
    this.#sflow.forget(addressText);
  }
}

/** The summary of a datagram that was not read. */
const nothing = {
  format: 0,
  recordCount: 0,
  templateCount: 0,
  waitingSetCount: 0,
  samplingInterval: 0,
  samplingOrigin: "unknown",
} as const;
