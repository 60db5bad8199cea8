import type { ReportDrop } from "../flow/index.ts";
import type { DecoderLimits } from "./config.ts";
import { domainKey, type ExporterState } from "./exporter-state.ts";
import type { FairShare } from "./fair-share.ts";
import type { MessageContext } from "./message.ts";

/** A data set whose template has not arrived, with what its message's header said. */
export interface WaitingSet {
  readonly state: ExporterState;
  readonly context: MessageContext;
  readonly templateId: number;
  /** The set's records: a copy, since the datagram's buffer is used again. */
  readonly records: Uint8Array;
}

/** An exporter's waiting sets, oldest first, and the same by what they wait for. */
interface Queue {
  readonly all: Set<WaitingSet>;
  readonly byTemplate: Map<number, Set<WaitingSet>>;
}

/** What an entry costs beside its bytes, so that many small ones are bounded too. */
const entryBytes = 256;

/**
 * Data sets that came before their template: after a restart of ours, reordered, or with the template last in the
 * datagram. Bounded per exporter, in total and by age; what falls out is counted as `template_missing`.
 */
export class WaitingRoom {
  readonly #limits: DecoderLimits;
  readonly #share: FairShare;
  readonly #drop: ReportDrop;
  /** Oldest first. */
  readonly #sets = new Set<WaitingSet>();
  readonly #queues = new Map<ExporterState, Queue>();
  #bytes = 0;

  constructor(limits: DecoderLimits, share: FairShare, drop: ReportDrop) {
    this.#limits = limits;
    this.#share = share;
    this.#drop = drop;
  }

  get byteCount(): number {
    return this.#bytes;
  }

  /** False when there is no room; an exporter pushes out its own oldest sets, never those of another. */
  add(state: ExporterState, context: MessageContext, templateId: number, records: Uint8Array): boolean {
    const cost = records.length + entryBytes;
    const { waitingBytesPerExporterMax, waitingBytesMax } = this.#limits;
    for (const set of this.#queues.get(state)?.all ?? []) {
      if (state.waitingBytes + cost <= waitingBytesPerExporterMax) break;
      this.#giveUp(set);
    }
    const isTooMuch = state.waitingBytes + cost > waitingBytesPerExporterMax;
    if (isTooMuch || !this.#share.allows(waitingBytesMax, this.#bytes, state.waitingBytes, cost)) {
      this.#drop("template_missing", state.addressText);
      return false;
    }
    const set = { state, context, templateId, records: records.slice() };
    this.#sets.add(set);
    this.#enqueue(set);
    state.waitingBytes += cost;
    this.#bytes += cost;
    return true;
  }

  /** An exporter's sets that wait for a template of this id and domain, oldest first. */
  findWaiting(
    state: ExporterState,
    version: number,
    domainId: number,
    templateId: number,
  ): ReadonlySet<WaitingSet> | undefined {
    return this.#queues.get(state)?.byTemplate.get(waitingKey(version, domainId, templateId));
  }

  /** All of an exporter's sets. */
  setsOf(state: ExporterState): Iterable<WaitingSet> {
    return this.#queues.get(state)?.all ?? [];
  }

  /** Takes out a set that can be read now. */
  remove(set: WaitingSet): void {
    const { state, context, templateId } = set;
    const cost = set.records.length + entryBytes;
    this.#sets.delete(set);
    this.#bytes -= cost;
    state.waitingBytes -= cost;
    const queue = this.#queues.get(state)!;
    queue.all.delete(set);
    if (queue.all.size === 0) this.#queues.delete(state);
    const key = waitingKey(context.version, context.observationDomainId, templateId);
    const same = queue.byTemplate.get(key)!;
    same.delete(set);
    if (same.size === 0) queue.byTemplate.delete(key);
  }

  /** Gives up what has waited too long. Returns the exporters concerned. */
  expire(nowMilliseconds: number): readonly ExporterState[] {
    let concerned: ExporterState[] | undefined;
    for (const set of this.#sets) {
      if (nowMilliseconds - set.context.receivedMilliseconds <= this.#limits.waitingMilliseconds) break;
      this.#giveUp(set);
      concerned ??= [];
      concerned.push(set.state);
    }
    return concerned ?? nobody;
  }

  /** Gives up all that an exporter has waiting. */
  forget(state: ExporterState): void {
    for (const set of this.setsOf(state)) this.#giveUp(set);
  }

  #enqueue(set: WaitingSet): void {
    const { state, context, templateId } = set;
    let queue = this.#queues.get(state);
    if (queue === undefined) {
      queue = { all: new Set(), byTemplate: new Map() };
      this.#queues.set(state, queue);
    }
    queue.all.add(set);
    const key = waitingKey(context.version, context.observationDomainId, templateId);
    const same = queue.byTemplate.get(key);
    if (same === undefined) queue.byTemplate.set(key, new Set([set]));
    else same.add(set);
  }

  #giveUp(set: WaitingSet): void {
    this.remove(set);
    this.#drop("template_missing", set.state.addressText);
  }
}

const nobody: readonly ExporterState[] = [];

/** Domain key and template id: exact, since versions are below 16. */
function waitingKey(version: number, domainId: number, templateId: number): number {
  return domainKey(version, domainId) * 0x10000 + templateId;
}
