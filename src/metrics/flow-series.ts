import {
  type FlowBatch,
  formatAddress,
  formatProtocol,
  hasPorts,
  type Observer,
  type ObserverTable,
} from "../flow/index.ts";
import { clientEnd } from "../topology/index.ts";
import type { Metric } from "./exposition.ts";
import type { SeriesLimits } from "./link-series.ts";
import { otherLabels, samplesOf, type WrittenLabels, withText } from "./series-samples.ts";
import { SeriesTable } from "./series-table.ts";

/** Words of a key: two addresses of four words; destination port, whether it is a client's, and protocol; observer. */
const keyWords = 10;
const counterCount = 2;
const dynamicPort = 1 << 24;

/**
 * Bytes and packets per direction of a flow. A client's port is another one with each connection: it is told as `dynamic`, as
 * k8spacket does, or every connection would be two series.
 */
export class FlowSeries {
  readonly #table: SeriesTable<WrittenLabels>;
  readonly #observers: ObserverTable;

  constructor(limits: SeriesLimits, observers: ObserverTable) {
    this.#table = new SeriesTable({ ...limits, keyWords, counters: counterCount });
    this.#observers = observers;
  }

  get namedCount(): number {
    return this.#table.namedCount;
  }

  get hasOther(): boolean {
    return this.#table.hasOther;
  }

  fold(batch: FlowBatch, now: number): void {
    const { columns, count } = batch;
    for (let row = 0; row < count; row++) {
      if (columns.isDuplicate[row] !== 0) continue;
      const factor = columns.samplingInterval[row]! || 1;
      const bytes = columns.octetDeltaCount[row]! * factor;
      const packets = columns.packetDeltaCount[row]! * factor;
      if (bytes > 0 || packets > 0) this.#add(batch, row, true, bytes, packets, now);
      const reverseBytes = columns.reverseOctetDeltaCount[row]! * factor;
      const reversePackets = columns.reversePacketDeltaCount[row]! * factor;
      if (reverseBytes > 0 || reversePackets > 0)
        this.#add(batch, row, false, reverseBytes, reversePackets, now);
    }
  }

  #add(batch: FlowBatch, row: number, isForward: boolean, bytes: number, packets: number, now: number): void {
    const { columns, sourceWords, destinationWords } = batch;
    const table = this.#table;
    const { probe } = table;
    const from = isForward ? sourceWords : destinationWords;
    const to = isForward ? destinationWords : sourceWords;
    for (let i = 0; i < 4; i++) {
      probe[i] = from[row * 4 + i]!;
      probe[4 + i] = to[row * 4 + i]!;
    }
    const protocol = columns.protocolIdentifier[row]!;
    const isToServer = (columns.clientEnd[row] !== clientEnd.destination) === isForward;
    const port = isForward ? columns.destinationTransportPort[row]! : columns.sourceTransportPort[row]!;
    probe[8] = isToServer || !hasPorts(protocol) ? (port << 8) | protocol : dynamicPort | protocol;
    probe[9] = columns.observer[row]!;
    const at = table.enter(bytes, now);
    table.values[at]! += bytes;
    table.values[at + 1]! += packets;
  }

  tick(now: number): void {
    if (this.#table.isDue(now)) this.#table.rank(now);
  }

  /** The bare names are the seed design's: its queries ask for them. */
  metrics(): Metric[] {
    const samples = (index: number) => samplesOf(this.#table, { make: this.#makeLabels, other }, index);
    const both = (name: string, help: string, index: number): Metric[] => [
      { name: `${name}_total`, type: "counter", help, samples: samples(index) },
      { name, type: "untyped", help: `The same as ${name}_total.`, samples: samples(index) },
    ];
    return [
      ...both("flow_bytes", "Bytes of flows, sampling corrected.", 0),
      ...both("flow_packets", "Packets of flows, sampling corrected.", 1),
    ];
  }

  readonly #makeLabels = (row: number) => {
    const word = this.#table.word(row, 8);
    const addresses = new Uint8Array(
      Uint32Array.from({ length: 8 }, (_, i) => this.#table.word(row, i)).buffer,
    );
    return withText({
      dst_addr: formatAddress(addresses, 16),
      dst_port: word >= dynamicPort ? "dynamic" : String(word >>> 8),
      exporter: exporterName(this.#observers.get(this.#table.word(row, 9))),
      proto: formatProtocol(word & 0xff),
      src_addr: formatAddress(addresses, 0),
    });
  };
}

/** An agent is told by its id: it may call itself what an exporter is called. */
const exporterName = ({ id, kind, name }: Observer) => (kind === "agent" ? id : name);

const other = otherLabels("dst_addr", "dst_port", "exporter", "proto", "src_addr");
