import { type FlowBatch, protocolTcp } from "../../flow/index.ts";
import { clientEnd, observedEnd, type Peer, type PeerTable } from "../../topology/index.ts";
import { EndTable } from "../end-table.ts";
import type { Metric, Sample } from "../exposition.ts";
import type { SeriesLimits } from "../link-series.ts";
import { podOf } from "../peer-labels.ts";
import { samplesOf, type WrittenLabels, withText } from "../series-samples.ts";
import { SeriesTable } from "../series-table.ts";
import { readAddress, writeWords } from "./address-words.ts";

/** Words of a key: local and remote address, local end, remote port where the remote end is the server. */
const keyWords = 10;
const clientsPort = 1 << 16;
const rx = 0;
const tx = 1;

/** The local side of a connection, as Convis tells it. */
interface LocalEnd {
  /** Empty for who is not on a machine with an agent. */
  readonly source_host: string;
  readonly process_cmd: string;
  readonly container_id: string;
  readonly container_name: string;
  readonly k8s_pod: string;
  readonly k8s_namespace: string;
}

/** What is left of it in the sums. */
type SumEnd = Pick<LocalEnd, "source_host" | "container_name" | "k8s_pod" | "k8s_namespace">;

/** Bytes between a local end and an address elsewhere: what `geo_ip` is made of too. */
export interface RemoteTotals {
  readonly address: string;
  readonly pod: string;
  readonly namespace: string;
  readonly bytesSent: number;
}

/**
 * Convis' `bytes_rx` and `bytes_tx`, as counters per local end and remote address: Convis sends the amount of each connection when
 * it closes, and what was received in place of what was sent. Connections that are open count too. A process' number and a client's
 * port are other ones each time and stay empty.
 */
export class ConvisSeries {
  readonly #table: SeriesTable<WrittenLabels>;
  readonly #sums: SeriesTable<WrittenLabels>;
  readonly #ends: EndTable<LocalEnd>;
  readonly #sumEnds: EndTable<SumEnd>;

  constructor(limits: SeriesLimits, peers: PeerTable) {
    this.#table = new SeriesTable({ ...limits, keyWords, counters: 2 });
    this.#sums = new SeriesTable({ ...limits, keyWords: 1, counters: 2 });
    this.#ends = new EndTable(peers, localEnd);
    this.#sumEnds = new EndTable(peers, (peer) => sumEnd(localEnd(peer)));
  }

  fold(batch: FlowBatch, now: number): void {
    const { columns, count, sourceWords, destinationWords } = batch;
    this.#ends.refresh();
    this.#sumEnds.refresh();
    for (let row = 0; row < count; row++) {
      if (columns.isDuplicate[row] !== 0 || columns.observedEnd[row] === observedEnd.neither) continue;
      if (columns.protocolIdentifier[row] !== protocolTcp) continue;
      const sourceIsClient = columns.clientEnd[row] !== clientEnd.destination;
      const { octetDeltaCount, reverseOctetDeltaCount } = columns;
      const [forward, backward] = [octetDeltaCount[row]!, reverseOctetDeltaCount[row]!];
      const ports = [columns.sourceTransportPort[row]!, columns.destinationTransportPort[row]!] as const;
      for (const isSource of [true, false]) {
        const peer = (isSource ? columns.sourcePeer : columns.destinationPeer)[row]!;
        const end = this.#ends.endOf(peer);
        if (this.#ends.labels(end).source_host === "") continue;
        const { probe } = this.#table;
        writeWords(probe, 0, isSource ? sourceWords : destinationWords, row);
        writeWords(probe, 4, isSource ? destinationWords : sourceWords, row);
        probe[8] = end;
        probe[9] = isSource === sourceIsClient ? ports[isSource ? 1 : 0] : clientsPort;
        const received = isSource ? backward : forward;
        const sent = isSource ? forward : backward;
        this.#sums.probe[0] = this.#sumEnds.endOf(peer);
        for (const table of [this.#table, this.#sums]) {
          const at = table.enter(received + sent, now);
          table.values[at + rx]! += received;
          table.values[at + tx]! += sent;
        }
      }
    }
  }

  tick(now: number): void {
    if (!this.#table.isDue(now)) return;
    this.#table.rank(now);
    this.#sums.rank(now);
    this.#ends.sweep((mark) => {
      for (let row = 0; row < this.#table.count; row++) mark(this.#table.word(row, 8));
    });
    this.#sumEnds.sweep((mark) => {
      for (let row = 0; row < this.#sums.count; row++) mark(this.#sums.word(row, 0));
    });
  }

  metrics(): Metric[] {
    const metric = (name: string, help: string, samples: Iterable<Sample>): Metric => ({
      ...{ name, type: "untyped", help, samples },
    });
    const sum = "Summed over addresses and ports.";
    const single = { make: this.#makeLabels, other };
    const summed = { make: this.#makeSumLabels, other };
    return [
      metric("bytes_rx", "Bytes received.", samplesOf(this.#table, single, rx)),
      metric("bytes_tx", "Bytes sent.", samplesOf(this.#table, single, tx)),
      metric("bytes_rx:sum", `Bytes received. ${sum}`, samplesOf(this.#sums, summed, rx)),
      metric("bytes_tx:sum", `Bytes sent. ${sum}`, samplesOf(this.#sums, summed, tx)),
    ];
  }

  /** What each local end sent to each address: the query that prometheus-geoip is run with. */
  *remotes(): Generator<RemoteTotals> {
    const table = this.#table;
    for (let row = 0; row < table.count; row++) {
      if (!table.isNamed(row)) continue;
      const { k8s_pod: pod, k8s_namespace: namespace } = this.#ends.labels(table.word(row, 8));
      const address = readAddress((index) => table.word(row, index), 4);
      yield { address, pod, namespace, bytesSent: table.values[table.placeOf(row) + tx]! };
    }
  }

  readonly #makeLabels = (row: number) => {
    const word = (index: number) => this.#table.word(row, index);
    const { source_host, process_cmd, ...ofContainer } = this.#ends.labels(word(8));
    return withText({
      event: "Close",
      source_ip: readAddress(word, 0),
      source_port: "",
      source_host,
      destination_ip: readAddress(word, 4),
      destination_port: word(9) === clientsPort ? "" : String(word(9)),
      process_pid: "",
      process_cmd,
      ...ofContainer,
    });
  };

  readonly #makeSumLabels = (row: number) => {
    return withText({ event: "Close", process_pid: "", ...this.#sumEnds.labels(this.#sums.word(row, 0)) });
  };
}

const other = withText({
  event: "Close",
  source_host: "~other",
  container_name: "~other",
  k8s_pod: "~other",
  k8s_namespace: "~other",
});

const sumEnd = ({ source_host, container_name, k8s_pod, k8s_namespace }: LocalEnd): SumEnd => ({
  ...{ source_host, container_name, k8s_pod, k8s_namespace },
});

function localEnd(peer: Peer): LocalEnd {
  const pod = podOf(peer);
  const isContainer = peer.kind === "container";
  return {
    source_host: peer.node,
    process_cmd: peer.process,
    container_id: peer.container,
    container_name: pod?.container ?? (isContainer ? peer.name : ""),
    k8s_pod: pod?.name ?? "",
    k8s_namespace: pod?.namespace ?? "",
  };
}
