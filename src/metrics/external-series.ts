import type { FlowBatch } from "../flow/index.ts";
import { clientEnd, type Peer, type PeerTable } from "../topology/index.ts";
import { type FindAddressPlace, isInside } from "./address-place.ts";
import { EndTable } from "./end-table.ts";
import type { Metric } from "./exposition.ts";
import type { SeriesLimits } from "./link-series.ts";
import { peerLabels } from "./peer-labels.ts";
import { otherLabels, samplesOf, type WrittenLabels, withText } from "./series-samples.ts";
import { SeriesTable } from "./series-table.ts";

const sent = 0;
const received = 1;
const connections = 2;
const failed = 3;
const counterCount = 4;
/** Words of a key: the end inside, the end outside, who opened it. */
const keyWords = 3;
const outbound = 0;
const inbound = 1;
/** What a connection weighs beside its bytes, so that one that only fails is seen. */
const connectionWeight = 1000;

type Side = { readonly side: "inside" | "outside" | "" };
type Inside = { readonly peer: string; readonly peer_namespace: string };
type Outside = {
  readonly host: string;
  readonly country: string;
  readonly asn: string;
  readonly as_name: string;
};

/**
 * What peers inside have with hosts outside, by country and autonomous system. A host that is called is told by its name; those that
 * call are countless and are told by where they are alone. What has both ends inside, or outside, is not here.
 */
export class ExternalSeries {
  readonly #table: SeriesTable<WrittenLabels>;
  readonly #sides: EndTable<Side>;
  readonly #insides: EndTable<Inside>;
  readonly #outsides: EndTable<Outside>;
  readonly #callers: EndTable<Outside>;

  constructor(limits: SeriesLimits, peers: PeerTable, findPlace: FindAddressPlace) {
    this.#table = new SeriesTable({ ...limits, keyWords, counters: counterCount });
    this.#sides = new EndTable(peers, (peer) => ({ side: sideOf(peer, findPlace) }));
    this.#insides = new EndTable(peers, (peer) => {
      const { name, namespace } = peerLabels(peer);
      return { peer: name, peer_namespace: namespace };
    });
    this.#outsides = new EndTable(peers, (peer) => ({ host: peer.name, ...systemOf(peer, findPlace) }));
    this.#callers = new EndTable(peers, (peer) => ({ host: "", ...systemOf(peer, findPlace) }));
  }

  get namedCount(): number {
    return this.#table.namedCount;
  }

  get hasOther(): boolean {
    return this.#table.hasOther;
  }

  fold({ columns, count }: FlowBatch, now: number): void {
    const [sides, insides, outsides, callers] = this.#refreshed();
    const table = this.#table;
    const { probe } = table;
    for (let row = 0; row < count; row++) {
      if (columns.isDuplicate[row] !== 0) continue;
      const sourceIsClient = columns.clientEnd[row] !== clientEnd.destination;
      const source = columns.sourcePeer[row]!;
      const destination = columns.destinationPeer[row]!;
      const sourceSide = sides.labels(sides.endOf(source)).side;
      const destinationSide = sides.labels(sides.endOf(destination)).side;
      if (sourceSide === destinationSide || sourceSide === "" || destinationSide === "") continue;
      const sourceIsInside = sourceSide === "inside";
      const isOutbound = sourceIsInside === sourceIsClient;
      probe[0] = insides.endOf(sourceIsInside ? source : destination);
      probe[1] = (isOutbound ? outsides : callers).endOf(sourceIsInside ? destination : source);
      probe[2] = isOutbound ? outbound : inbound;
      const factor = columns.samplingInterval[row]! || 1;
      const forward = columns.octetDeltaCount[row]! * factor;
      const backward = columns.reverseOctetDeltaCount[row]! * factor;
      const opened = columns.connectionCount[row]!;
      const failures = columns.failedConnectionCount[row]!;
      const at = table.enter(forward + backward + (opened + failures) * connectionWeight, now);
      const { values } = table;
      values[at + sent]! += sourceIsInside ? forward : backward;
      values[at + received]! += sourceIsInside ? backward : forward;
      if (opened > 0) values[at + connections]! += opened;
      if (failures > 0) values[at + failed]! += failures;
    }
  }

  tick(now: number): void {
    const table = this.#table;
    if (!table.isDue(now)) return;
    table.rank(now);
    const markWord = (word: number, direction?: number) => (mark: (end: number) => void) => {
      for (let row = 0; row < table.count; row++)
        if (direction === undefined || table.word(row, 2) === direction) mark(table.word(row, word));
    };
    this.#sides.sweep(() => {});
    this.#insides.sweep(markWord(0));
    this.#outsides.sweep(markWord(1, outbound));
    this.#callers.sweep(markWord(1, inbound));
  }

  metrics(): Metric[] {
    const counter = (name: string, help: string, index: number): Metric => ({
      ...{ name: `portolan_external_${name}_total`, type: "counter", help },
      samples: samplesOf(this.#table, { make: this.#makeLabels, other }, index),
    });
    return [
      counter("sent_bytes", "Bytes from peers inside to hosts outside.", sent),
      counter("received_bytes", "Bytes from hosts outside to peers inside.", received),
      counter("connections", "Connections opened between inside and outside.", connections),
      counter("failed_connections", "Connections that never opened, between inside and outside.", failed),
    ];
  }

  #refreshed() {
    const tables = [this.#sides, this.#insides, this.#outsides, this.#callers] as const;
    for (const table of tables) table.refresh();
    return tables;
  }

  readonly #makeLabels = (row: number) => {
    const isOutbound = this.#table.word(row, 2) === outbound;
    const { as_name, asn, country, host } = (isOutbound ? this.#outsides : this.#callers).labels(
      this.#table.word(row, 1),
    );
    const direction = isOutbound ? "outbound" : "inbound";
    return withText({
      as_name,
      asn,
      country,
      direction,
      host,
      ...this.#insides.labels(this.#table.word(row, 0)),
    });
  };
}

const other = otherLabels("as_name", "asn", "country", "direction", "host", "peer", "peer_namespace");

function sideOf(peer: Peer, findPlace: FindAddressPlace): Side["side"] {
  const answer = isInside(peer, findPlace(peer.address));
  return answer === undefined ? "" : answer ? "inside" : "outside";
}

function systemOf({ address }: Peer, findPlace: FindAddressPlace): Omit<Outside, "host"> {
  const { country = "", asNumber, asName = "" } = findPlace(address) ?? {};
  return { country, asn: asNumber == null ? "" : String(asNumber), as_name: asName };
}
