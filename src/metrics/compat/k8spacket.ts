import { type FlowBatch, flowEndReason, protocolTcp } from "../../flow/index.ts";
import { observedEnd, type PeerTable } from "../../topology/index.ts";
import { EndTable } from "../end-table.ts";
import type { Metric, Sample } from "../exposition.ts";
import type { SeriesLimits } from "../link-series.ts";
import { type LabelledPeer, podOf } from "../peer-labels.ts";
import { otherLabels, type WrittenLabels, withText } from "../series-samples.ts";
import { SeriesTable } from "../series-table.ts";
import { readAddress, writeWords } from "./address-words.ts";
import { ConnectionTotals } from "./connection-totals.ts";

/** k8spacket's default of `K8S_PACKET_TCP_PERSISTENT_DURATION`. */
const persistentMilliseconds = 10_000;
const connectionsMax = 262_144;
const forgetMilliseconds = 3_600_000;

/** Words of a key: addresses, ends, server port with whether the connection was persistent. */
const keyWords = 11;
const persistentBit = 1 << 16;
const counters = { sent: 0, received: 1, seconds: 2, count: 3 } as const;

/** How k8spacket names an end. */
interface PacketEnd {
  readonly name: string;
  readonly namespace: string;
}

/**
 * k8spacket's metrics of TCP connections, each told when the connection ends. `_duration_seconds` holds seconds; k8spacket writes
 * milliseconds under that name.
 */
export class K8spacketSeries {
  readonly #table: SeriesTable<WrittenLabels>;
  readonly #ends: EndTable<PacketEnd>;
  readonly #connections = new ConnectionTotals(connectionsMax);

  constructor(limits: SeriesLimits, peers: PeerTable) {
    this.#table = new SeriesTable({ ...limits, keyWords, counters: 4 });
    this.#ends = new EndTable(peers, packetEnd);
  }

  fold(batch: FlowBatch, now: number): void {
    const { columns, count, sourceWords, destinationWords } = batch;
    this.#ends.refresh();
    const table = this.#table;
    const { probe } = table;
    for (let row = 0; row < count; row++) {
      if (columns.isDuplicate[row] !== 0 || columns.observedEnd[row] === observedEnd.neither) continue;
      if (columns.protocolIdentifier[row] !== protocolTcp || columns.failedConnectionCount[row]! > 0)
        continue;
      const ended = this.#connections.add(batch, row, columns.flowEndReason[row] === flowEndReason.endOfFlow);
      if (ended === undefined) continue;
      writeWords(probe, 0, sourceWords, row);
      writeWords(probe, 4, destinationWords, row);
      probe[8] = this.#ends.endOf(columns.sourcePeer[row]!);
      probe[9] = this.#ends.endOf(columns.destinationPeer[row]!);
      const persistent = ended.milliseconds > persistentMilliseconds ? persistentBit : 0;
      probe[10] = columns.destinationTransportPort[row]! | persistent;
      const at = table.enter(ended.bytesSent + ended.bytesReceived + 1000, now);
      table.values[at + counters.sent]! += ended.bytesSent;
      table.values[at + counters.received]! += ended.bytesReceived;
      table.values[at + counters.seconds]! += ended.milliseconds / 1000;
      table.values[at + counters.count]!++;
    }
  }

  tick(now: number): void {
    if (!this.#table.isDue(now)) return;
    this.#connections.sweep(now - forgetMilliseconds);
    this.#table.rank(now);
    this.#ends.sweep((mark) => {
      for (let row = 0; row < this.#table.count; row++) {
        mark(this.#table.word(row, 8));
        mark(this.#table.word(row, 9));
      }
    });
  }

  metrics(): Metric[] {
    const summary = (name: string, help: string, sum: number): Metric => ({
      ...{ name: `k8s_packet_${name}`, type: "summary", help },
      samples: this.#samples(sum),
    });
    return [
      summary("bytes_sent", "Kubernetes packet bytes sent", counters.sent),
      summary("bytes_received", "Kubernetes packet bytes received", counters.received),
      summary("duration_seconds", "Kubernetes packet duration seconds", counters.seconds),
    ];
  }

  *#samples(sum: number): Generator<Sample> {
    const table = this.#table;
    const pair = function* (labels: { labels: Readonly<Record<string, string>>; text: string }, at: number) {
      yield { ...labels, suffix: "_sum", value: table.values[at + sum]! };
      yield { ...labels, suffix: "_count", value: table.values[at + counters.count]! };
    };
    if (table.hasOther) yield* pair(otherText, 0);
    for (let row = 0, end = table.count; row < end; row++)
      if (table.isNamed(row)) yield* pair(table.labels(row, this.#makeLabels), table.placeOf(row));
  }

  readonly #makeLabels = (row: number) => {
    const word = (index: number) => this.#table.word(row, index);
    const [client, server] = [this.#ends.labels(word(8)), this.#ends.labels(word(9))];
    return withText({
      ns: client.namespace,
      src: readAddress(word, 0),
      src_name: client.name,
      src_port: "dynamic",
      dst: readAddress(word, 4),
      dst_name: server.name,
      dst_port: String(word(10) & 0xffff),
      persistent: word(10) >= persistentBit ? "true" : "false",
    });
  };
}

const otherText = withText({
  ...otherLabels("ns", "src", "src_name", "dst", "dst_name", "dst_port", "persistent").labels,
  src_port: "dynamic",
});

/** `pod.NAME`; `svc.NAME`; `node.NAME` for what runs on a machine itself; an outside name, or `N/A` for an address without one. */
function packetEnd(peer: LabelledPeer): PacketEnd {
  const pod = podOf(peer);
  const { namespace = "", service, name, node, address } = peer;
  const kind: string = peer.kind;
  if (pod !== undefined) return { name: `pod.${pod.name}`, namespace: pod.namespace };
  if (kind === "service") return { name: `svc.${service ?? name}`, namespace };
  if (kind === "container") return { name: `pod.${name}`, namespace };
  if (node !== "") return { name: `node.${node}`, namespace: "N/A" };
  return { name: name === address ? "N/A" : name, namespace: "N/A" };
}
