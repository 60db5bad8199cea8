import type { FlowBatch } from "../flow/index.ts";
import type { PeerTable } from "../topology/index.ts";
import { type FindAddressPlace, isInside } from "./address-place.ts";
import { EndTable } from "./end-table.ts";
import type { Metric } from "./exposition.ts";
import type { SeriesLimits } from "./link-series.ts";
import { otherLabels, samplesOf, type WrittenLabels, withText } from "./series-samples.ts";
import { SeriesTable } from "./series-table.ts";

const bytes = 0;
const packets = 1;
const counterCount = 2;
/** Words of a key: the network it comes from, the one it goes to. */
const keyWords = 2;

type NetworkEnd = {
  readonly network: string;
  readonly vlan: string;
  readonly site: string;
  readonly isInside: "yes" | "no";
};

/** Bytes and packets from network to network: between VLANs and sites, within one, and with the internet. */
export class NetworkSeries {
  readonly #table: SeriesTable<WrittenLabels>;
  readonly #ends: EndTable<NetworkEnd>;

  constructor(limits: SeriesLimits, peers: PeerTable, findPlace: FindAddressPlace) {
    this.#table = new SeriesTable({ ...limits, keyWords, counters: counterCount });
    this.#ends = new EndTable(peers, (peer) => {
      const place = findPlace(peer.address);
      const { network = peer.network || "~other", vlan, site = "" } = place ?? {};
      return {
        ...{ network, vlan: vlan == null ? "" : String(vlan), site },
        isInside: isInside(peer, place) === false ? "no" : "yes",
      };
    });
  }

  get namedCount(): number {
    return this.#table.namedCount;
  }

  get hasOther(): boolean {
    return this.#table.hasOther;
  }

  fold({ columns, count }: FlowBatch, now: number): void {
    this.#ends.refresh();
    for (let row = 0; row < count; row++) {
      if (columns.isDuplicate[row] !== 0) continue;
      const source = this.#ends.endOf(columns.sourcePeer[row]!);
      const destination = this.#ends.endOf(columns.destinationPeer[row]!);
      const factor = columns.samplingInterval[row]! || 1;
      const { octetDeltaCount, packetDeltaCount, reverseOctetDeltaCount, reversePacketDeltaCount } = columns;
      this.#add(source, destination, octetDeltaCount[row]! * factor, packetDeltaCount[row]! * factor, now);
      const [reverseBytes, reversePackets] = [reverseOctetDeltaCount[row]!, reversePacketDeltaCount[row]!];
      this.#add(destination, source, reverseBytes * factor, reversePackets * factor, now);
    }
  }

  #add(from: number, to: number, byteCount: number, packetCount: number, now: number): void {
    if (byteCount === 0 && packetCount === 0) return;
    const table = this.#table;
    table.probe[0] = from;
    table.probe[1] = to;
    const at = table.enter(byteCount, now);
    table.values[at + bytes]! += byteCount;
    table.values[at + packets]! += packetCount;
  }

  tick(now: number): void {
    const table = this.#table;
    if (!table.isDue(now)) return;
    table.rank(now);
    this.#ends.sweep((mark) => {
      for (let row = 0; row < table.count; row++) for (const word of [0, 1]) mark(table.word(row, word));
    });
  }

  metrics(): Metric[] {
    const counter = (name: string, help: string, index: number): Metric => ({
      ...{ name: `portolan_network_${name}_total`, type: "counter", help },
      samples: samplesOf(this.#table, { make: this.#makeLabels, other }, index),
    });
    return [
      counter("bytes", "Bytes from network to network, sampling corrected.", bytes),
      counter("packets", "Packets from network to network, sampling corrected.", packets),
    ];
  }

  readonly #makeLabels = (row: number) => {
    const source = this.#ends.labels(this.#table.word(row, 0));
    const destination = this.#ends.labels(this.#table.word(row, 1));
    return withText({
      dst_network: destination.network,
      dst_site: destination.site,
      dst_vlan: destination.vlan,
      scope: scopeOf(source, destination),
      src_network: source.network,
      src_site: source.site,
      src_vlan: source.vlan,
    });
  };
}

const other = otherLabels(
  ...["dst_network", "dst_site", "dst_vlan", "scope", "src_network", "src_site", "src_vlan"],
);

/** PromQL cannot compare two labels of a series, so it is told which of them cross a border. */
function scopeOf(source: NetworkEnd, destination: NetworkEnd): "within" | "between" | "internet" {
  if (source.isInside === "no" || destination.isInside === "no") return "internet";
  return source.network === destination.network && source.vlan === destination.vlan ? "within" : "between";
}
