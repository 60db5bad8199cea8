import { SampleCount } from "./sample-count.ts";

/** A data source of an agent, for people to look at. */
export interface DataSourceDescription {
  /** 0 an interface, 1 a VLAN, 2 a physical entity; and which. */
  readonly type: number;
  readonly index: number;
  /** One packet in this many is sampled. */
  readonly samplingInterval: number;
  /** Packets that could have been sampled: the agent's own counter, 32 bits. */
  readonly samplePool: number;
  /** Samples the agent itself had to give up since its first sample here, by its own counter. */
  readonly agentDropCount: number;
  readonly flowSampleCount: number;
  readonly lostFlowSampleCount: number;
  readonly counterSampleCount: number;
  readonly lostCounterSampleCount: number;
  readonly discardedCount: number;
  readonly lostDiscardedCount: number;
}

interface FlowSampleFacts {
  readonly sequenceNumber: number;
  readonly samplingInterval: number;
  readonly samplePool: number;
  readonly agentDropCount: number;
}

/** What is known of one data source: what its samples say, and which of them did not arrive. */
export class DataSource {
  readonly key: number;
  readonly type: number;
  readonly index: number;
  /** The map that holds it, and its neighbours in the exporter's order: the list's business. */
  readonly home: Map<number, DataSource>;
  newer: DataSource | undefined;
  older: DataSource | undefined;
  samplingInterval = 0;
  samplePool = 0;
  agentDropCount = 0;
  #lastDropCounter: number | undefined;
  readonly flows = new SampleCount();
  readonly counters = new SampleCount();
  readonly discards = new SampleCount();

  constructor(home: Map<number, DataSource>, key: number, type: number, index: number) {
    this.home = home;
    this.key = key;
    this.type = type;
    this.index = index;
  }

  takeFlow(sample: Readonly<FlowSampleFacts>): void {
    this.flows.take(sample.sequenceNumber);
    this.samplingInterval = sample.samplingInterval;
    this.samplePool = sample.samplePool;
    // 32 bits that go round; a sample that is late would make them go back.
    const growth = (sample.agentDropCount - (this.#lastDropCounter ?? sample.agentDropCount)) | 0;
    if (growth < 0) return;
    this.agentDropCount += growth;
    this.#lastDropCounter = sample.agentDropCount;
  }

  restart(): void {
    this.#lastDropCounter = undefined;
    this.flows.restart();
    this.counters.restart();
    this.discards.restart();
  }

  describe(): DataSourceDescription {
    return {
      type: this.type,
      index: this.index,
      samplingInterval: this.samplingInterval,
      samplePool: this.samplePool,
      agentDropCount: this.agentDropCount,
      flowSampleCount: this.flows.received,
      lostFlowSampleCount: this.flows.lost,
      counterSampleCount: this.counters.received,
      lostCounterSampleCount: this.counters.lost,
      discardedCount: this.discards.received,
      lostDiscardedCount: this.discards.lost,
    };
  }
}

/** The data sources of one exporter by when they were last heard of; to move one allocates nothing. */
export class SourceList {
  count = 0;
  #newest: DataSource | undefined;
  #oldest: DataSource | undefined;

  add(home: Map<number, DataSource>, key: number, type: number, index: number): DataSource {
    const source = new DataSource(home, key, type, index);
    home.set(key, source);
    this.#link(source);
    return source;
  }

  touch(source: DataSource): void {
    if (source === this.#newest) return;
    this.#unlink(source);
    this.#link(source);
  }

  remove(source: DataSource): void {
    this.#unlink(source);
    source.home.delete(source.key);
  }

  removeOldest(): void {
    if (this.#oldest !== undefined) this.remove(this.#oldest);
  }

  #link(source: DataSource): void {
    source.older = this.#newest;
    source.newer = undefined;
    if (this.#newest !== undefined) this.#newest.newer = source;
    this.#newest = source;
    this.#oldest ??= source;
    this.count++;
  }

  #unlink({ older, newer }: DataSource): void {
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    this.count--;
  }
}
