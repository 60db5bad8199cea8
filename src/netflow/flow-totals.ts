import { type FlowBatch, grown, identityKey, RowIndex, writeAddressWords } from "../flow/index.ts";
import type { MessageContext } from "./message.ts";

/** Exporter 2, domain, version, two addresses of 4, ports, protocol and interface, start 2. */
const keyWords = 16;
const counters = [
  "octetDeltaCount",
  "packetDeltaCount",
  "reverseOctetDeltaCount",
  "reversePacketDeltaCount",
] as const;

/**
 * Turns totals into growth. Exporters of totals (85, 86) report a long flow again and again, each time with all it had so
 * far: of a record only what came since the one before may count. Flows are told apart by exporter, domain, addresses,
 * ports, protocol, ingress interface and start. When the table is full and nothing in it is old, a new flow's totals are
 * taken as they are and counted in `overflowCount`: too much is seen, nothing is lost.
 */
export class FlowTotals {
  /** Records whose totals were taken as they are, because the table was full. */
  overflowCount = 0;
  readonly #index: RowIndex;
  readonly #idleMilliseconds: number;
  readonly #scratch = new Float64Array(1);
  readonly #scratchWords = new Uint32Array(this.#scratch.buffer);
  #last = new Float64Array(0);
  #seen = new Float64Array(0);
  #nextCompactionMilliseconds = 0;

  constructor(flowsMax: number, idleMilliseconds: number) {
    this.#index = new RowIndex(keyWords, flowsMax, 64);
    this.#idleMilliseconds = idleMilliseconds;
  }

  get flowCount(): number {
    return this.#index.count;
  }

  /** Rows from `first` on hold totals, and the flow's start as the record has it: the same in each of its records. */
  keepGrowth(batch: FlowBatch, first: number, context: MessageContext): void {
    const exporter = identityKey(context.source.addressText);
    for (let row = first; row < batch.count; row++) {
      if (batch.columns.flowStartMilliseconds[row] === 0) continue;
      this.#writeKey(batch, row, context, exporter);
      const flow = this.#take(context.receivedMilliseconds);
      if (flow < 0) this.overflowCount++;
      else this.#subtractLast(batch, row, flow);
    }
  }

  #subtractLast({ columns }: FlowBatch, row: number, flow: number): void {
    for (let i = 0; i < counters.length; i++) {
      const column = columns[counters[i]!];
      const total = column[row]!;
      const last = this.#last[flow * counters.length + i]!;
      // A smaller total is that of an older record overtaken on its way: it has been counted already.
      column[row] = Math.max(total - last, 0);
      this.#last[flow * counters.length + i] = Math.max(total, last);
    }
  }

  #writeKey({ columns }: FlowBatch, row: number, context: MessageContext, exporter: number): void {
    const { probe } = this.#index;
    probe[0] = exporter / 0x100000000;
    probe[1] = exporter;
    probe[2] = context.observationDomainId;
    probe[3] = context.version;
    writeAddressWords(probe, 4, columns.sourceAddress, row * 16);
    writeAddressWords(probe, 8, columns.destinationAddress, row * 16);
    probe[12] = (columns.sourceTransportPort[row]! << 16) | columns.destinationTransportPort[row]!;
    probe[13] = (columns.protocolIdentifier[row]! << 24) ^ columns.ingressInterface[row]!;
    this.#scratch[0] = columns.flowStartMilliseconds[row]!;
    probe[14] = this.#scratchWords[0]!;
    probe[15] = this.#scratchWords[1]!;
  }

  /** The row of the key, made when there is none; -1 when there is no room. */
  #take(nowMilliseconds: number): number {
    let flow = this.#index.findOrAdd();
    if (flow < 0 && nowMilliseconds >= this.#nextCompactionMilliseconds) {
      this.#compact(nowMilliseconds);
      flow = this.#index.findOrAdd();
    }
    if (flow < 0) return -1;
    if (flow >= this.#seen.length) {
      const length = Math.max(64, this.#seen.length * 2);
      this.#seen = grown(this.#seen, length);
      this.#last = grown(this.#last, length * counters.length);
    }
    this.#seen[flow] = nowMilliseconds;
    return flow;
  }

  /** Gives up flows not reported for long. Looks once a second at most. */
  #compact(nowMilliseconds: number): void {
    this.#nextCompactionMilliseconds = nowMilliseconds + 1000;
    const before = this.#index.count;
    this.#index.compact(
      (flow) => nowMilliseconds - this.#seen[flow]! <= this.#idleMilliseconds,
      (from, to) => {
        this.#seen[to] = this.#seen[from]!;
        this.#last.copyWithin(to * counters.length, from * counters.length, (from + 1) * counters.length);
      },
    );
    this.#seen.fill(0, this.#index.count, before);
    this.#last.fill(0, this.#index.count * counters.length, before * counters.length);
  }
}
