import { formatProtocol } from "../flow/index.ts";
import { compileFilter, type Filter, type FilterPeer, type FilterSubject } from "../query/index.ts";
import type { Peer } from "../topology/index.ts";
import type { SampleRecord } from "./sample-records.ts";
import type { AggregateQuery, AggregateRow, Dimension, Metric, Totals } from "./store.ts";

/** The store's answers computed the slow and obvious way, record by record: the oracle of the store's tests. */

interface LinkRow {
  readonly record: SampleRecord;
  readonly client: Peer;
  readonly server: Peer;
  readonly port: number;
  readonly sent: number;
  readonly received: number;
  readonly packets: number;
}

function linkRow(record: SampleRecord): LinkRow {
  const { source, destination, sourceIsClient } = record;
  const factor = Math.max(1, record.sampling);
  const [forward, backward] = [record.octets * factor, record.reverseOctets * factor];
  return {
    record,
    client: sourceIsClient ? source : destination,
    server: sourceIsClient ? destination : source,
    port: sourceIsClient ? record.destinationPort : record.sourcePort,
    sent: sourceIsClient ? forward : backward,
    received: sourceIsClient ? backward : forward,
    packets: (record.packets + record.reversePackets) * factor,
  };
}

/** What is grouped: without the limit, in the order in which the store gives it. */
export function obviousAggregate(records: readonly SampleRecord[], query: AggregateQuery): AggregateRow[] {
  const from = Math.floor(query.from / 60_000) * 60_000;
  const to = Math.ceil(query.to / 60_000) * 60_000;
  const inWindow = records.filter(({ time }) => time >= from && time < to).map(linkRow);
  const links = [...Map.groupBy(inWindow, linkName).values()].filter((rows) => holds(query.filter, rows));
  const cells = Map.groupBy(links.flat(), (row) => {
    const minute = Math.floor(row.record.time / 60_000) * 60_000;
    const time = query.step === undefined ? from : minute - (minute % query.step);
    return JSON.stringify([time, ...query.by.map((dimension) => factOf(dimension, row))]);
  });
  const answer: AggregateRow[] = [];
  for (const [name, rows] of cells) {
    const [time, ...group] = JSON.parse(name) as [number, ...string[]];
    if (!query.by.includes("observer") && rows.every(({ record }) => record.isDuplicate)) continue;
    answer.push({ group, time, ...totalsOf(rows), observers: observersOf(rows) });
  }
  return inOrder(answer, query.metric);
}

function inOrder(rows: AggregateRow[], metric: Metric): AggregateRow[] {
  const weights = new Map<string, number>();
  const nameOf = ({ group }: AggregateRow) => JSON.stringify(group);
  for (const row of rows) weights.set(nameOf(row), (weights.get(nameOf(row)) ?? 0) + weightOf(row, metric));
  return rows.sort(
    (a, b) => weights.get(nameOf(b))! - weights.get(nameOf(a))! || compareGroups(a, b) || a.time - b.time,
  );
}

function compareGroups(a: AggregateRow, b: AggregateRow): number {
  for (const [i, left] of a.group.entries()) {
    const right = b.group[i]!;
    if (left === right) continue;
    return /^\d+$/.test(left + right) ? Number(left) - Number(right) : left < right ? -1 : 1; // ports
  }
  return 0;
}

export function weightOf(row: Totals, metric: Metric): number {
  return metric === "bytes" ? row.bytesSent + row.bytesReceived : row[metric];
}

function linkName({ client, server, port, record }: LinkRow): string {
  return JSON.stringify([client.id, client.address, server.id, server.address, port, record.protocol]);
}

function totalsOf(rows: readonly LinkRow[]): Totals {
  const counting = rows.filter(({ record }) => !record.isDuplicate);
  const sum = (value: (row: LinkRow) => number) => counting.reduce((total, row) => total + value(row), 0);
  const rttMins = counting.map(({ record }) => record.rttMinMicroseconds).filter((least) => least > 0);
  const rttCount = sum(({ record }) => Number(record.rttMicroseconds > 0));
  return {
    bytesSent: sum(({ sent }) => sent),
    bytesReceived: sum(({ received }) => received),
    packets: sum(({ packets }) => packets),
    connections: sum(({ record }) => record.connections),
    failed: sum(({ record }) => record.failed),
    retransmits: sum(({ record }) => record.retransmits),
    refused: sum(({ record }) => record.refused),
    timedOut: sum(({ record }) => record.timedOut),
    unreachable: sum(({ record }) => record.unreachable),
    reset: sum(({ record }) => record.reset),
    lost: sum(({ record }) => record.lost),
    connectMicroseconds: sum(({ record }) => record.connectMicroseconds),
    connectCount: sum(({ record }) => Number(record.connectMicroseconds > 0)),
    rttMicroseconds: rttCount === 0 ? null : sum(({ record }) => record.rttMicroseconds) / rttCount,
    rttMinMicroseconds: rttMins.length === 0 ? null : Math.min(...rttMins),
    lastSeen: Math.max(...rows.map(({ record }) => record.time)),
  };
}

function observersOf(rows: readonly LinkRow[]): AggregateRow["observers"] {
  const seen = [...Map.groupBy(rows, ({ record }) => record.observer.id)].map(([id, byObserver]) => {
    const sum = (value: (row: LinkRow) => number) =>
      [...Map.groupBy(byObserver, linkName).values()].reduce((total, link) => total + seenOf(link, value), 0);
    return {
      id,
      bytesSent: sum(({ sent }) => sent),
      bytesReceived: sum(({ received }) => received),
      packets: sum(({ packets }) => packets),
    };
  });
  return seen.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function seenOf(rows: readonly LinkRow[], value: (row: LinkRow) => number): number {
  const sum = (isDuplicate: boolean) =>
    rows
      .filter(({ record }) => record.isDuplicate === isDuplicate)
      .reduce((total, row) => total + value(row), 0);
  return rows[0]!.record.observer.kind === "agent" ? Math.max(sum(false), sum(true)) : sum(false) + sum(true);
}

function holds(filter: Filter | undefined, rows: readonly LinkRow[]): boolean {
  const [first] = rows;
  const totals = totalsOf(rows);
  return compileFilter(filter)({
    client: filterPeer(first!.client),
    server: filterPeer(first!.server),
    port: first!.port,
    protocol: first!.record.protocol,
    observers: rows.map(({ record }) => record.observer),
    bytes: totals.bytesSent + totals.bytesReceived,
    packets: totals.packets,
    connections: totals.connections,
    failed: totals.failed,
    retransmits: totals.retransmits,
    rttMilliseconds: totals.rttMicroseconds === null ? null : totals.rttMicroseconds / 1000,
  });
}

/** Of one record: both ports, and figures as they came. */
export function recordSubject(record: SampleRecord): FilterSubject {
  const { client, server, port } = linkRow(record);
  return {
    client: filterPeer(client),
    server: filterPeer(server),
    sourceIsClient: record.sourceIsClient,
    port,
    clientPort: record.sourceIsClient ? record.sourcePort : record.destinationPort,
    protocol: record.protocol,
    observers: [record.observer],
    bytes: record.octets + record.reverseOctets,
    packets: record.packets + record.reversePackets,
    connections: record.connections,
    failed: record.failed,
    retransmits: record.retransmits,
    rttMilliseconds: record.rttMicroseconds === 0 ? null : record.rttMicroseconds / 1000,
  };
}

function filterPeer(peer: Peer): FilterPeer {
  return { ...peer, addresses: [peer.address] };
}

function factOf(dimension: Dimension, { client, server, port, record }: LinkRow): string {
  if (dimension === "port") return String(port);
  if (dimension === "protocol") return formatProtocol(record.protocol);
  if (dimension === "observer") return record.observer.id;
  const [end, fact = "id"] = dimension.split(".");
  return (end === "client" ? client : server)[fact as keyof Peer] ?? "";
}
