import type { ReportDrop } from "../flow/index.ts";
import type { DecoderLimits } from "./config.ts";
import type { ExporterState } from "./exporter-state.ts";
import type { MessageContext } from "./message.ts";

/** A data set whose template has not arrived, with what its message's header said. */
export interface WaitingSet {
  readonly state: ExporterState;
  readonly context: MessageContext;
  readonly templateId: number;
  /** The set's records: a copy, since the datagram's buffer is used again. */
  readonly records: Uint8Array;
}

/** What an entry costs beside its bytes, so that many small ones are bounded too. */
const entryBytes = 256;

/**
 * Data sets that came before their template: after a restart of ours, reordered, or with the template last in the
 * datagram. Bounded per exporter, in total and by age; what falls out is counted as `template_missing`.
 */
export class WaitingRoom {
  readonly #limits: DecoderLimits;
  readonly #drop: ReportDrop;
  /** Oldest first. */
  readonly #sets = new Set<WaitingSet>();
  readonly #setsByState = new Map<ExporterState, Set<WaitingSet>>();
  #bytes = 0;

  constructor(limits: DecoderLimits, drop: ReportDrop) {
    this.#limits = limits;
    this.#drop = drop;
  }

  get byteCount(): number {
    return this.#bytes;
  }

  /** False when there is no room; an exporter pushes out its own oldest sets, never those of another. */
  add(state: ExporterState, context: MessageContext, templateId: number, records: Uint8Array): boolean {
    const cost = records.length + entryBytes;
    const { waitingBytesPerExporterMax, waitingBytesMax } = this.#limits;
    const own = this.#setsByState.get(state) ?? new Set();
    for (const set of own) {
      if (state.waitingBytes + cost <= waitingBytesPerExporterMax) break;
      this.#giveUp(set);
    }
    if (state.waitingBytes + cost > waitingBytesPerExporterMax || this.#bytes + cost > waitingBytesMax) {
      this.#drop("template_missing", state.addressText);
      return false;
    }
    const set = { state, context, templateId, records: records.slice() };
    this.#sets.add(set);
    this.#setsByState.set(state, own.add(set));
    state.waitingBytes += cost;
    this.#bytes += cost;
    return true;
  }

  /** Takes out, oldest first, an exporter's sets for a template id that can be read now. */
  release(state: ExporterState, templateId: number, canRead: (set: WaitingSet) => boolean): WaitingSet[] {
    const own = [...(this.#setsByState.get(state) ?? [])];
    const released = own.filter((set) => set.templateId === templateId && canRead(set));
    for (const set of released) this.#remove(set);
    return released;
  }

  /** Gives up what has waited too long. Returns the exporters concerned. */
  expire(nowMilliseconds: number): ExporterState[] {
    const concerned: ExporterState[] = [];
    for (const set of this.#sets) {
      if (nowMilliseconds - set.context.receivedMilliseconds <= this.#limits.waitingMilliseconds) break;
      this.#giveUp(set);
      concerned.push(set.state);
    }
    return concerned;
  }

  /** Gives up all that an exporter has waiting. */
  forget(state: ExporterState): void {
    for (const set of this.#setsByState.get(state) ?? []) this.#giveUp(set);
  }

  #giveUp(set: WaitingSet): void {
    this.#remove(set);
    this.#drop("template_missing", set.state.addressText);
  }

  #remove(set: WaitingSet): void {
    const cost = set.records.length + entryBytes;
    this.#sets.delete(set);
    this.#bytes -= cost;
    set.state.waitingBytes -= cost;
    const own = this.#setsByState.get(set.state);
    own?.delete(set);
    if (own?.size === 0) this.#setsByState.delete(set.state);
  }
}
