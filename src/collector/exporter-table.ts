import {
  type DecodeSummary,
  type DropReason,
  exportFormat,
  type ObserverTable,
  type ReportDrop,
} from "../flow/index.ts";
import { createBudgets, Exporter } from "./exporter.ts";

/** Under which drops of addresses beyond the bound are counted. */
export const otherSource = "~other";

/** An exporter without a record may be forgotten after this long when another needs its place. */
const idleMilliseconds = 60_000;

export interface ExporterTableDependencies {
  readonly observers: ObserverTable;
  readonly drop: ReportDrop;
  /** An exporter was forgotten: so may its templates be. */
  forget(addressText: string): void;
  /** Whether datagrams from this address are wanted. Asked for addresses that have no place yet. */
  isAllowed(addressText: string): boolean;
}

/**
 * Exporters by address. An address gets its place with the first datagram that gives a record, a template, a set
 * waiting for one, or sFlow; what only ever sends garbage is a stranger, counted under its own name while there are few of
 * them. An exporter that has sent records keeps its place, because its observer row cannot be given to another.
 */
export class ExporterTable {
  readonly #exportersMax: number;
  readonly #strangersMax: number;
  readonly #dependencies: ExporterTableDependencies;
  readonly #exporters = new Map<string, Exporter>();
  readonly #budgets = createBudgets();
  readonly #strangers = new Set<string>();
  /** The sender of the datagram at hand, when it has no place yet. */
  #candidate: Exporter | undefined;
  #nextEvictionMilliseconds = 0;

  constructor(exportersMax: number, strangersMax: number, dependencies: ExporterTableDependencies) {
    this.#exportersMax = exportersMax;
    this.#strangersMax = strangersMax;
    this.#dependencies = dependencies;
  }

  get count(): number {
    return this.#exporters.size;
  }

  find(addressText: string): Exporter | undefined {
    return this.#exporters.get(addressText);
  }

  values(): Iterable<Exporter> {
    return this.#exporters.values();
  }

  /** The exporter to decode a datagram for; undefined when there is no room for another, which is counted. */
  begin(addressText: string, nowMilliseconds: number): Exporter | undefined {
    const known = this.#exporters.get(addressText);
    if (known !== undefined) return known;
    if (!this.#dependencies.isAllowed(addressText)) {
      this.#dependencies.drop("exporter_not_allowed", this.#nameStranger(addressText));
      return undefined;
    }
    if (this.#exporters.size >= this.#exportersMax && !this.#evict(nowMilliseconds)) {
      this.#dependencies.drop("exporter_limit", this.#nameStranger(addressText));
      return undefined;
    }
    this.#candidate = new Exporter(addressText, this.#dependencies.observers, this.#budgets, nowMilliseconds);
    return this.#candidate;
  }

  /** Counts the datagram that `begin` began, and gives its sender a place if it deserves one. */
  end(
    exporter: Exporter,
    byteLength: number,
    summary: Readonly<DecodeSummary>,
    nowMilliseconds: number,
  ): void {
    exporter.countDatagram(byteLength, summary, nowMilliseconds);
    if (exporter !== this.#candidate) return;
    this.#candidate = undefined;
    const isExporter = speaksFlows(exporter, summary);
    if (isExporter) this.#exporters.set(exporter.addressText, exporter);
    else exporter.forget();
    const name = isExporter ? exporter.addressText : this.#nameStranger(exporter.addressText);
    for (const [reason, count] of Object.entries(exporter.drops)) {
      this.#dependencies.drop(reason as DropReason, name, count);
    }
  }

  /** Counts a drop for whom it concerns: the candidate's wait until its name is known. */
  readonly drop: ReportDrop = (reason, source, count = 1) => {
    if (this.#candidate?.addressText === source) {
      this.#candidate.countDrop(reason, count);
      return;
    }
    const exporter = this.#exporters.get(source);
    exporter?.countDrop(reason, count);
    this.#dependencies.drop(reason, exporter === undefined ? this.#nameStranger(source) : source, count);
  };

  #nameStranger(addressText: string): string {
    if (this.#strangers.has(addressText)) return addressText;
    if (this.#strangers.size >= this.#strangersMax) return otherSource;
    this.#strangers.add(addressText);
    return addressText;
  }

  /** Looks for an exporter without a record that is silent; once a second at most, since it goes through all. */
  #evict(nowMilliseconds: number): boolean {
    if (nowMilliseconds < this.#nextEvictionMilliseconds) return false;
    this.#nextEvictionMilliseconds = nowMilliseconds + 1000;
    let isRoom = false;
    for (const exporter of this.#exporters.values()) {
      if (exporter.hasObserver || nowMilliseconds - exporter.lastSeenMilliseconds <= idleMilliseconds)
        continue;
      this.#dependencies.forget(exporter.addressText);
      this.#exporters.delete(exporter.addressText);
      exporter.forget();
      isRoom = true;
    }
    return isRoom;
  }
}

/** An sFlow agent may send nothing but counters. */
function speaksFlows({ drops }: Exporter, summary: Readonly<DecodeSummary>): boolean {
  if (summary.recordCount + summary.templateCount + summary.waitingSetCount > 0) return true;
  return summary.format === exportFormat.sflow5 && Object.keys(drops).length === 0;
}
