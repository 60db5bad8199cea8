import { type FlowBatch, formatProtocol } from "../flow/index.ts";
import { clientEnd, type PeerTable, type VisitOpen } from "../topology/index.ts";
import { EndTable } from "./end-table.ts";
import type { Metric, Sample } from "./exposition.ts";
import { type PeerLabels, peerLabels } from "./peer-labels.ts";
import { otherLabels, type WrittenLabels, withText } from "./series-samples.ts";
import { SeriesTable } from "./series-table.ts";

/**
 * Upper bounds of the histogram's buckets, seconds: from within a machine to around the world. None is a whole number, which the two
 * formats would write differently, and Prometheus take for two series.
 */
export const rttBuckets = [0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5] as const;

const sent = 0;
const received = 1;
const connections = 2;
const failed = 3;
const retransmits = 4;
const rttSum = 5;
const failureFirst = 6;
/** Why connections failed, and the columns that count it. The last two had opened. */
const failureReasons = [
  ["refused", "refusedConnectionCount"],
  ["timed_out", "timedOutConnectionCount"],
  ["unreachable", "unreachableConnectionCount"],
  ["reset", "resetConnectionCount"],
  ["lost", "lostConnectionCount"],
] as const;
const rttFirst = failureFirst + failureReasons.length;
const counterCount = rttFirst + rttBuckets.length + 1;
/** Words of a key: client's end, server's end, port and protocol. */
const keyWords = 3;
/** What a connection weighs beside its bytes, so that a link that only fails is seen. */
const connectionWeight = 1000;

export interface SeriesLimits {
  readonly limit: number;
  readonly staleMilliseconds: number;
}

/** A link's figures, for drop-ins that tell them by other names. */
export interface LinkTotals {
  readonly client: PeerLabels;
  readonly server: PeerLabels;
  readonly port: string;
  readonly protocol: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly active: number;
}

const other: PeerLabels = { name: "~other", namespace: "~other", kind: "~other" };

/** Counters per link: client → server on a port. Rows that count once are added, sampling corrected. */
export class LinkSeries {
  readonly #table: SeriesTable<WrittenLabels>;
  readonly #ends: EndTable<PeerLabels>;
  #active = new Uint32Array(1024);
  #otherActive = 0;

  constructor(limits: SeriesLimits, peers: PeerTable) {
    this.#table = new SeriesTable({ ...limits, keyWords, counters: counterCount });
    this.#ends = new EndTable(peers, peerLabels);
  }

  get namedCount(): number {
    return this.#table.namedCount;
  }

  get hasOther(): boolean {
    return this.#table.hasOther;
  }

  fold({ columns, count }: FlowBatch, now: number): void {
    this.#ends.refresh();
    const table = this.#table;
    const { probe } = table;
    for (let row = 0; row < count; row++) {
      if (columns.isDuplicate[row] !== 0) continue;
      const sourceIsClient = columns.clientEnd[row] !== clientEnd.destination;
      const source = this.#ends.endOf(columns.sourcePeer[row]!);
      const destination = this.#ends.endOf(columns.destinationPeer[row]!);
      const port = sourceIsClient
        ? columns.destinationTransportPort[row]!
        : columns.sourceTransportPort[row]!;
      probe[0] = sourceIsClient ? source : destination;
      probe[1] = sourceIsClient ? destination : source;
      probe[2] = (port << 8) | columns.protocolIdentifier[row]!;
      const factor = columns.samplingInterval[row]! || 1;
      const forward = columns.octetDeltaCount[row]! * factor;
      const backward = columns.reverseOctetDeltaCount[row]! * factor;
      const opened = columns.connectionCount[row]!;
      const failures = columns.failedConnectionCount[row]!;
      const at = table.enter(forward + backward + (opened + failures) * connectionWeight, now);
      const { values } = table;
      values[at + sent]! += sourceIsClient ? forward : backward;
      values[at + received]! += sourceIsClient ? backward : forward;
      if (opened > 0) values[at + connections]! += opened;
      if (failures > 0) values[at + failed]! += failures;
      // Most records tell of neither.
      if (failures > 0 || columns.resetConnectionCount[row] !== 0 || columns.lostConnectionCount[row] !== 0)
        for (const [i, [, column]] of failureReasons.entries())
          values[at + failureFirst + i]! += columns[column][row]!;
      values[at + retransmits]! += columns.retransmittedSegmentCount[row]!;
      const rtt = columns.roundTripTimeMicroseconds[row]!;
      if (rtt > 0) observeRtt(values, at, rtt / 1e6);
    }
  }

  /** Looks at the time: who is heaviest, who had no news. Not while somebody reads. */
  tick(now: number, forEachOpen: (visit: VisitOpen) => void): void {
    if (!this.#table.isDue(now)) return;
    this.countActive(forEachOpen);
    this.#table.rank(now, (row) => this.#active[row]! > 0);
    this.#ends.sweep((mark) => {
      for (let row = 0; row < this.#table.count; row++) {
        mark(this.#table.word(row, 0));
        mark(this.#table.word(row, 1));
      }
    });
  }

  /** Counts the connections open now. */
  countActive(forEachOpen: (visit: VisitOpen) => void): void {
    const table = this.#table;
    if (this.#active.length < table.count) this.#active = new Uint32Array(table.count * 2);
    else this.#active.fill(0);
    this.#otherActive = 0;
    this.#ends.refresh();
    const { probe } = table;
    forEachOpen((client, server, port, protocol) => {
      probe[0] = this.#ends.endOf(client);
      probe[1] = this.#ends.endOf(server);
      probe[2] = (port << 8) | protocol;
      const row = table.find();
      if (row >= 0) this.#active[row]!++;
      if (row < 0 || !table.isNamed(row)) this.#otherActive++;
    });
  }

  /** The metrics, as of when they are read; nothing may be ranked until they were. */
  metrics(): Metric[] {
    const counter = (name: string, help: string, index: number): Metric => ({
      name: `portolan_link_${name}_total`,
      type: "counter",
      help,
      samples: this.#samples((at) => this.#table.values[at + index]!),
    });
    return [
      counter("sent_bytes", "Bytes from client to server.", sent),
      counter("received_bytes", "Bytes from server to client.", received),
      counter("connections", "Connections opened.", connections),
      counter("failed_connections", "Connections that never opened.", failed),
      {
        name: "portolan_link_failures_total",
        type: "counter",
        help: `Connections that failed, by reason: ${failureReasons.map(([reason]) => reason).join(", ")}; reset and lost had opened.`,
        samples: this.#failureSamples(),
      },
      counter("retransmits", "TCP segments sent again.", retransmits),
      {
        name: "portolan_link_active_connections",
        type: "gauge",
        help: "Connections open now.",
        samples: this.#samples((_at, row) => (row < 0 ? this.#otherActive : this.#active[row]!)),
      },
      {
        name: "portolan_link_rtt_seconds",
        type: "histogram",
        help: "TCP round trip time, smoothed by the kernel, once per connection and poll in which it was used.",
        samples: this.#rttSamples(),
      },
    ];
  }

  /** Links told by name, and the rest as one. */
  *links(): Generator<LinkTotals> {
    const { values } = this.#table;
    for (const [row, at] of this.#places()) {
      const portAndProtocol = row < 0 ? 0 : this.#table.word(row, 2);
      yield {
        client: row < 0 ? other : this.#ends.labels(this.#table.word(row, 0)),
        server: row < 0 ? other : this.#ends.labels(this.#table.word(row, 1)),
        port: row < 0 ? "~other" : String(portAndProtocol >>> 8),
        protocol: row < 0 ? "~other" : formatProtocol(portAndProtocol & 0xff),
        bytesSent: values[at + sent]!,
        bytesReceived: values[at + received]!,
        active: row < 0 ? this.#otherActive : this.#active[row]!,
      };
    }
  }

  /** Rows with a series, and where their counters are; -1 is `~other`. */
  *#places(): Generator<readonly [row: number, at: number]> {
    const table = this.#table;
    if (table.hasOther) yield [-1, 0];
    for (let row = 0, end = table.count; row < end; row++)
      if (table.isNamed(row)) yield [row, table.placeOf(row)];
  }

  *#samples(read: (at: number, row: number) => number): Generator<Sample> {
    for (const [row, at] of this.#places()) yield { ...this.#labels(row), value: read(at, row) };
  }

  /** Only of links that failed so: most never do. */
  *#failureSamples(): Generator<Sample> {
    for (const [row, at] of this.#places()) {
      for (const [i, [reason]] of failureReasons.entries()) {
        const value = this.#table.values[at + failureFirst + i]!;
        if (value === 0) continue;
        const { labels, text } = this.#labels(row);
        yield { labels: { ...labels, reason }, text: `${text},reason="${reason}"`, value };
      }
    }
  }

  *#rttSamples(): Generator<Sample> {
    for (const [row, at] of this.#places()) {
      const { values } = this.#table;
      let count = 0;
      for (let i = at + rttFirst; i < at + counterCount; i++) count += values[i]!;
      if (count === 0) continue; // nobody measured: a router's link
      const { labels, text } = this.#labels(row);
      let below = 0;
      for (const [i, bound] of rttBuckets.entries()) {
        below += values[at + rttFirst + i]!;
        yield { labels, text, suffix: "_bucket", le: String(bound), value: below };
      }
      yield { labels, text, suffix: "_bucket", le: "+Inf", value: count };
      yield { labels, text, suffix: "_sum", value: values[at + rttSum]! };
      yield { labels, text, suffix: "_count", value: count };
    }
  }

  #labels(row: number): WrittenLabels {
    return row < 0 ? otherText : this.#table.labels(row, this.#makeLabels);
  }

  readonly #makeLabels = (row: number) => {
    const client = this.#ends.labels(this.#table.word(row, 0));
    const server = this.#ends.labels(this.#table.word(row, 1));
    const portAndProtocol = this.#table.word(row, 2);
    return withText({
      client: client.name,
      client_kind: client.kind,
      client_namespace: client.namespace,
      protocol: formatProtocol(portAndProtocol & 0xff),
      server: server.name,
      server_kind: server.kind,
      server_namespace: server.namespace,
      server_port: String(portAndProtocol >>> 8),
    });
  };
}

const otherText = otherLabels(
  ...["client", "client_kind", "client_namespace", "protocol"],
  ...["server", "server_kind", "server_namespace", "server_port"],
);

function observeRtt(values: Float64Array, at: number, seconds: number): void {
  let bucket = 0;
  while (bucket < rttBuckets.length && seconds > rttBuckets[bucket]!) bucket++;
  values[at + rttFirst + bucket]!++;
  values[at + rttSum]! += seconds;
}
