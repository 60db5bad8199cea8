import { formatProtocol } from "../flow/index.ts";
import { compileFilter, type Filter, type FilterPeer, type FilterSubject } from "../query/index.ts";
import { linkCounters, type Peer } from "../topology/index.ts";
import type { Dimension } from "./dimensions.ts";
import { type SampleRecord, sampleFacts } from "./sample-records.ts";
import type {
  AggregateQuery,
  AggregateRow,
  ComparedRow,
  CompareQuery,
  Comparison,
  Metric,
  ObserverTotals,
  Sampled,
  Totals,
} from "./store.ts";

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

function linkRow(record: SampleRecord, sampled: Sampled = "corrected"): LinkRow {
  const { source, destination, sourceIsClient } = record;
  const factor = sampled === "raw" ? 1 : Math.max(1, record.sampling);
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
  const links = chosenLinks(records, { ...query, from, to });
  const cells = Map.groupBy(links.flat(), (row) => {
    const minute = Math.floor(row.record.time / 60_000) * 60_000;
    const time = query.step === undefined ? from : minute - (minute % query.step);
    return JSON.stringify([time, ...query.by.map((dimension) => factOf(dimension, row))]);
  });
  const answer: AggregateRow[] = [];
  for (const [name, rows] of cells) {
    const [time, ...group] = JSON.parse(name) as [number, ...string[]];
    if (!query.by.includes("observer") && rows.every(({ record }) => record.isDuplicate)) continue;
    const totals = totalsOf(rows);
    answer.push({ group, time, ...(query.figures === "metric" ? onlyMetric(totals, query.metric) : totals) });
  }
  const groupOf = (row: LinkRow) => JSON.stringify(query.by.map((dimension) => factOf(dimension, row)));
  const groups = Map.groupBy(links.flat(), groupOf);
  const weights = new Map([...groups].map(([name, rows]) => [name, weightOf(totalsOf(rows), query.metric)]));
  const weight = ({ group }: AggregateRow) => weights.get(JSON.stringify(group))!;
  return answer.sort(
    (a, b) => weight(b) - weight(a) || compareGroups(a.group, b.group, query.by) || a.time - b.time,
  );
}

function onlyMetric(totals: Totals, metric: Metric): Totals {
  const names = metric === "bytes" ? ["bytesSent", "bytesReceived"] : [metric];
  const counted = linkCounters.map((name) => [name, names.includes(name) ? totals[name] : 0]);
  const rttMicroseconds = metric === "rtt" ? totals.rttMicroseconds : null;
  return {
    ...totals,
    ...Object.fromEntries(counted),
    rttMicroseconds,
    rttMinMicroseconds: null,
    firstSeen: 0,
    lastSeen: 0,
  };
}

/** The links of a window for which the filter holds. */
function chosenLinks(
  records: readonly SampleRecord[],
  { from, to, filter, sampled }: Pick<AggregateQuery, "from" | "to" | "filter" | "sampled">,
): LinkRow[][] {
  const inWindow = records
    .filter(({ time }) => time >= from && time < to)
    .map((record) => linkRow(record, sampled));
  return [...Map.groupBy(inWindow, linkName).values()].filter((rows) => holds(filter, rows));
}

/** Links by their ends at one address each, in no order; those that only duplicates speak of left out. */
export function obviousLinks(
  records: readonly SampleRecord[],
  query: Pick<AggregateQuery, "from" | "to" | "filter" | "sampled">,
) {
  return chosenLinks(records, query)
    .filter((rows) => rows.some(({ record }) => !record.isDuplicate))
    .map((rows) => {
      const { client, server, port, record } = rows[0]!;
      const { called, protocol } = record;
      return { ...totalsOf(rows), client, server, called, port, protocol, observers: observersOf(rows) };
    });
}

/** Each window by itself, side by side. */
export function obviousComparison(records: readonly SampleRecord[], query: CompareQuery): Comparison {
  const { by, metric, limit, from, to, baseFrom, baseTo } = query;
  const windows = [
    { from, to },
    { from: baseFrom, to: baseTo },
  ];
  const [now, base] = windows.map((window) => {
    const rows = obviousAggregate(records, { ...query, ...window, by });
    return new Map(rows.map((row) => [JSON.stringify(row.group), row]));
  }) as [Map<string, AggregateRow>, Map<string, AggregateRow>];
  const chosen = new Set(
    windows.flatMap((window) =>
      chosenLinks(records, { ...query, ...window }).map((rows) => linkName(rows[0]!)),
    ),
  );
  const remembered = records.map((record) => linkRow(record)).filter((row) => chosen.has(linkName(row)));
  const rows = [...new Set([...now.keys(), ...base.keys()])].map((name) => {
    const group = JSON.parse(name) as string[];
    const ofGroup = remembered.filter((row) => by.every((each, i) => factOf(each, row) === group[i]));
    return {
      group,
      now: totalsOnly(now.get(name)),
      base: totalsOnly(base.get(name)),
      firstSeen: Math.min(...ofGroup.map(({ record }) => record.time)),
    };
  });
  const weight = (totals: Totals | null) => (totals === null ? 0 : weightOf(totals, metric));
  const difference = (row: ComparedRow) => Math.abs(weight(row.now) - weight(row.base));
  rows.sort((a, b) => difference(b) - difference(a) || compareGroups(a.group, b.group, by));
  const count = (isCounted: (row: ComparedRow) => boolean) => rows.filter(isCounted).length;
  return {
    ...{ from, to, baseFrom, baseTo },
    rows: rows.slice(0, limit),
    newCount: count((row) => row.base === null),
    goneCount: count((row) => row.now === null),
    bothCount: count((row) => row.now !== null && row.base !== null),
  };
}

function totalsOnly(row: AggregateRow | undefined): Totals | null {
  if (row === undefined) return null;
  const { group: _group, time: _time, ...totals } = row;
  return totals;
}

const numericDimensions: ReadonlySet<Dimension> = new Set(["port", "client.interface", "server.interface"]);

export function compareGroups(a: readonly string[], b: readonly string[], by: readonly Dimension[]): number {
  for (const [i, left] of a.entries()) {
    const right = b[i]!;
    if (left === right) continue;
    return numericDimensions.has(by[i]!) ? Number(left) - Number(right) : left < right ? -1 : 1;
  }
  return 0;
}

export function weightOf(totals: Totals, metric: Metric): number {
  if (metric === "bytes") return totals.bytesSent + totals.bytesReceived;
  return metric === "rtt" ? (totals.rttMicroseconds ?? 0) : totals[metric];
}

function linkName({ client, server, port, record }: LinkRow): string {
  const ends = [client, server, record.called].map((peer) => [peer?.id, peer?.address]);
  return JSON.stringify([...ends, port, record.protocol]);
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
    firstSeen: Math.min(...rows.map(({ record }) => record.time)),
    lastSeen: Math.max(...rows.map(({ record }) => record.time)),
  };
}

function observersOf(rows: readonly LinkRow[]): ObserverTotals[] {
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
    called: first!.record.called && filterPeer(first!.record.called),
    port: first!.port,
    protocol: first!.record.protocol,
    observers: rows.map(({ record }) => record.observer),
    interfaces: rows.map(({ record }) => interfacesOf(record)),
    bytes: totals.bytesSent + totals.bytesReceived,
    packets: totals.packets,
    connections: totals.connections,
    failed: totals.failed,
    retransmits: totals.retransmits,
    refused: totals.refused,
    timedOut: totals.timedOut,
    unreachable: totals.unreachable,
    reset: totals.reset,
    lost: totals.lost,
    rttMilliseconds: totals.rttMicroseconds === null ? null : totals.rttMicroseconds / 1000,
  });
}

/** Of one record: both ports, and figures as they came. */
export function recordSubject(record: SampleRecord): FilterSubject {
  const { client, server, port } = linkRow(record);
  return {
    client: filterPeer(client),
    server: filterPeer(server),
    called: record.called && filterPeer(record.called),
    sourceIsClient: record.sourceIsClient,
    interfaces: [interfacesOf(record)],
    vlanId: record.vlan,
    port,
    clientPort: record.sourceIsClient ? record.sourcePort : record.destinationPort,
    protocol: record.protocol,
    observers: [record.observer],
    bytes: record.octets + record.reverseOctets,
    packets: record.packets + record.reversePackets,
    connections: record.connections,
    failed: record.failed,
    retransmits: record.retransmits,
    refused: record.refused,
    timedOut: record.timedOut,
    unreachable: record.unreachable,
    reset: record.reset,
    lost: record.lost,
    rttMilliseconds: record.rttMicroseconds === 0 ? null : record.rttMicroseconds / 1000,
  };
}

function interfacesOf({ sourceIsClient, ingressInterface, egressInterface }: SampleRecord) {
  return sourceIsClient
    ? { client: ingressInterface, server: egressInterface }
    : { client: egressInterface, server: ingressInterface };
}

function filterPeer(peer: Peer): FilterPeer {
  return { ...peer, ...sampleFacts(peer), addresses: [peer.address] };
}

function factOf(dimension: Dimension, { client, server, port, record }: LinkRow): string {
  if (dimension === "port") return String(port);
  if (dimension === "protocol") return formatProtocol(record.protocol);
  if (dimension === "observer") return record.observer.id;
  if (dimension === "called") return record.called?.id ?? "";
  const [end, fact = "id", ...key] = dimension.split(".");
  if (fact === "interface") return String(interfacesOf(record)[end as "client" | "server"] || "");
  const peer = end === "client" ? client : server;
  if (fact === "label") {
    const labels = (peer.labels ?? "").split(",").map((label) => label.split("="));
    return labels.find(([name]) => name === key.join("."))?.[1] ?? "";
  }
  const facts = { ...peer, ...sampleFacts(peer) };
  return String(facts[(fact === "asn" ? "asNumber" : fact) as keyof typeof facts] ?? "");
}
