import type { DecoderLimits } from "./config.ts";
import type { Domain, DomainFacts, ExporterState, Session } from "./exporter-state.ts";
import type { FairShare } from "./fair-share.ts";
import type { OptionsRecord } from "./options.ts";
import type { Sampler } from "./sampling.ts";

/** Keeps what options data say, within the bounds of an exporter and of all. */
export class OptionsKeeper {
  readonly #limits: DecoderLimits;
  readonly #share: FairShare;
  #samplerCount = 0;
  #interfaceCount = 0;

  constructor(limits: DecoderLimits, share: FairShare) {
    this.#limits = limits;
    this.#share = share;
  }

  get samplerCount(): number {
    return this.#samplerCount;
  }

  get interfaceCount(): number {
    return this.#interfaceCount;
  }

  /**
   * A fact holds for the port that says it, and for the domain's ports that say nothing themselves: line cards send
   * options from a port of their own. False when there was no room for it.
   */
  learn(state: ExporterState, domain: Domain, port: number, record: OptionsRecord): boolean {
    const own = domain.sessions.get(port);
    const isKept = own === undefined || this.#learnFacts(state, own, record);
    const isShared = this.#learnFacts(state, domain.shared, record);
    return isKept && isShared;
  }

  /** Takes out what a session that is given up had learnt; the domain's own goes with its last session. */
  releaseFacts(state: ExporterState, { samplers, sequences }: Session): void {
    const count = samplers.size + sequences.size;
    state.samplerCount -= count;
    this.#samplerCount -= count;
  }

  releaseInterfaces(state: ExporterState): void {
    this.#interfaceCount -= state.interfaces.size;
    state.interfaces.clear();
  }

  #learnFacts(state: ExporterState, facts: DomainFacts, record: OptionsRecord): boolean {
    const { sampling, systemInitMilliseconds } = record;
    const { interval, samplerId, sequenceId } = sampling;
    if (systemInitMilliseconds > 0) facts.systemInitMilliseconds = systemInitMilliseconds;
    if (samplerId < 0) {
      if (interval > 0) facts.samplingInterval = interval;
      return true;
    }
    let isKept = true;
    if (sequenceId >= 0) isKept = this.keepSequence(state, facts, sequenceId, samplerId);
    const known = facts.samplers.get(samplerId);
    if (interval === 0 && record.samplerName === "") return isKept;
    const sampler = {
      interval: interval || known?.interval || 0,
      algorithm: sampling.algorithm || known?.algorithm || 0,
      name: record.samplerName || known?.name || "",
    };
    return this.keepSampler(state, facts, samplerId, sampler) && isKept;
  }

  keepSampler(state: ExporterState, facts: DomainFacts, id: number, sampler: Sampler): boolean {
    return this.#keep(state, facts.samplers, id, sampler);
  }

  keepSequence(state: ExporterState, facts: DomainFacts, id: number, samplerId: number): boolean {
    return this.#keep(state, facts.sequences, id, samplerId);
  }

  #keep<T>(state: ExporterState, table: Map<number, T>, id: number, value: T): boolean {
    if (!table.has(id)) {
      const { samplersPerExporterMax, samplersMax } = this.#limits;
      const { samplerCount } = state;
      if (samplerCount >= samplersPerExporterMax) return false;
      if (!this.#share.allows(samplersMax, this.#samplerCount, samplerCount, 1)) return false;
      state.samplerCount++;
      this.#samplerCount++;
    }
    table.set(id, value);
    return true;
  }

  /** Takes the names of the interface that the record is about. False when there was no room for it. */
  learnInterface(state: ExporterState, record: OptionsRecord): boolean {
    return this.keepInterface(
      state,
      record.interfaceIndex,
      record.interfaceName,
      record.interfaceDescription,
    );
  }

  /** An empty text leaves what is known. */
  keepInterface(state: ExporterState, index: number, name: string, description: string): boolean {
    const known = state.interfaces.get(index);
    if (known === undefined) {
      const { interfacesPerExporterMax, interfacesMax } = this.#limits;
      const { size } = state.interfaces;
      if (size >= interfacesPerExporterMax) return false;
      if (!this.#share.allows(interfacesMax, this.#interfaceCount, size, 1)) return false;
      state.interfaces.set(index, { name, description });
      this.#interfaceCount++;
    } else {
      known.name = name || known.name;
      known.description = description || known.description;
    }
    return true;
  }
}

/** Whether a record names the interface it is about. */
export function isInterfaceFact(record: OptionsRecord): boolean {
  const { interfaceIndex, interfaceName, interfaceDescription } = record;
  return interfaceIndex >= 0 && (interfaceName !== "" || interfaceDescription !== "");
}
