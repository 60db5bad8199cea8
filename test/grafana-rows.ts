/** How figures of dashboards follow from what was sent: the same sums as the queries', over the tables of `grafana-traffic.ts`. */
import { told } from "./grafana-cluster.ts";
import { type Conversation, type End, everyRound, exporters, opening } from "./grafana-traffic.ts";

/** A value, or bounds where the figure is one of the machine's that others than Portolan can tell only before and after. */
export type Value = number | readonly [least: number, most: number];
export type Labels = Readonly<Record<string, string>>;
export type Rows = readonly (readonly [Labels, Value])[];

/** The time over which increases are taken, from one scrape to another, and what others than Portolan say of it. */
export interface Window {
  /** Between the two scrapes. */
  readonly seconds: number;
  /** Of the later one, in Unix seconds. */
  readonly end: number;
  /** Rounds of traffic that lie in it, whole. */
  readonly rounds: number;
  readonly version: string;
  /** When the exporters sent last, and the agents, in Unix seconds: before and after. */
  readonly lastSent: readonly [number, number];
  readonly lastHeard: readonly [number, number];
  /** What became of agents' messages in the window, by the answers. */
  readonly answered: Readonly<Record<"durable" | "duplicate" | "refused", number>>;
  /** By the kernel's count, in the window. */
  readonly kernelDrops: number;
  readonly garbageDatagrams: number;
  /** By the remote write's receiver: taken in the window, and not yet taken at its end. */
  readonly takenSamples: number;
  readonly waitingSamples: number;
  readonly receiver: string;
  /** Changes of pods told before the window's end. */
  readonly podChanges: number;
  readonly flowRecords: number;
  /** By the machine: /proc, the files, the file system; before and after the scrape. */
  readonly processorSeconds: readonly [number, number];
  readonly residentBytes: readonly [number, number];
  readonly fileBytes: readonly [number, number];
  readonly freeBytes: readonly [number, number];
  /** By the API. */
  readonly storeBytes: readonly [number, number];
  /** By Prometheus, of its last scrape. */
  readonly scrapeSeconds: number;
  readonly instance: string;
}

/** What is chosen in the dashboards' variables; undefined is all. */
export interface Choice {
  readonly namespace?: string;
  readonly exporter?: string;
  readonly direction?: "inbound" | "outbound";
}

/** A conversation, and how often it was told in the window. */
export type Told = Conversation & { readonly times: number };

/** Rows that share these labels, added up; an empty label is none. */
export function sum<T>(
  things: readonly T[],
  labels: (thing: T) => Labels,
  value: (thing: T) => number,
): Rows {
  const rows = new Map<string, [Labels, number]>();
  for (const thing of things) {
    const own = Object.fromEntries(Object.entries(labels(thing)).filter(([, text]) => text !== ""));
    const key = JSON.stringify(Object.entries(own).sort());
    const row = rows.get(key) ?? [own, 0];
    row[1] += value(thing);
    rows.set(key, row);
  }
  return [...rows.values()];
}

/** As `topk` does. */
export const top = (count: number, rows: Rows): Rows =>
  rows.toSorted(([, a], [, b]) => (b as number) - (a as number)).slice(0, count);
export const none = () => ({});
export const one = (value: Value): Rows => [[{}, value]];
const scaled = (rows: Rows, factor: number): Rows =>
  rows.map(([labels, value]) => [labels, (value as number) * factor]);
export const above0 = (rows: Rows): Rows => rows.filter(([, value]) => (value as number) > 0);

export const bothWays = ({ sent, received, times }: Told) => (sent + received) * times;
export const failed = ({ opened, failures, times }: Told) => (opened > 0 ? 0 : failures.length * times);
export const opened = (told: Told) => told.opened * told.times;
export const ofPair = ({ client, server }: Told) => ({
  ...{ client: client.name, client_namespace: client.namespace },
  ...{ server: server.name, server_namespace: server.namespace },
});
export const ofServer = ({ server }: Told) => ({ server: server.name, server_namespace: server.namespace });

/** A direction of a conversation that carries something. */
export interface Way {
  readonly from: End;
  readonly to: End;
  readonly told: Told;
  readonly port: string;
  readonly bytes: number;
  readonly packets: number;
}

export function waysOf(all: readonly Told[]): Way[] {
  return all.flatMap((told) => {
    const { client, server, times } = told;
    const forth = { from: client, to: server, told, port: String(told.port) };
    const back = { from: server, to: client, told, port: "dynamic" };
    return [
      ...(told.sent > 0 ? [{ ...forth, bytes: told.sent * times, packets: told.packetsSent * times }] : []),
      ...(told.received > 0
        ? [{ ...back, bytes: told.received * times, packets: told.packetsReceived * times }]
        : []),
    ];
  });
}

/** What an end inside has with one outside. */
export interface External {
  readonly told: Told;
  readonly peer: End;
  readonly other: End;
  readonly host: string;
  readonly direction: "outbound" | "inbound";
  readonly out: number;
  readonly in: number;
}

export function externalsOf(all: readonly Told[]): External[] {
  return all.flatMap((told): External[] => {
    const { client, server, sent, received, times } = told;
    if ((client.place === undefined) === (server.place === undefined)) return [];
    const isOutbound = client.place === undefined;
    const [peer, other] = isOutbound ? [client, server] : [server, client];
    const [out, into] = isOutbound ? [sent, received] : [received, sent];
    const direction = isOutbound ? "outbound" : "inbound";
    const host = isOutbound ? other.name : "";
    return [{ told, peer, other, host, direction, out: out * times, in: into * times }];
  });
}

export const external = {
  country: ({ other }: External) => ({ country: other.place!.country }),
  system: ({ other }: External) => ({ asn: String(other.place!.asNumber), as_name: other.place!.asName }),
  peer: ({ peer }: External) => ({ peer: peer.name, peer_namespace: peer.namespace }),
  host: ({ host, other }: External) => ({
    ...{ host, country: other.place!.country, as_name: other.place!.asName },
  }),
  both: (one: External) => one.out + one.in,
};

/** Upper bounds in seconds, as docs/reference/metrics.md has the histogram's. */
export const buckets = [
  0.0002,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  Number.POSITIVE_INFINITY,
];
export const isMeasured = ({ rttMilliseconds }: Told) => rttMilliseconds > 0;

export const bucketsOf = (all: readonly Told[]) =>
  buckets.map((bound) =>
    all
      .filter(({ rttMilliseconds }) => rttMilliseconds / 1000 <= bound)
      .reduce((count, { times }) => count + times, 0),
  );

/** As Prometheus documents `histogram_quantile`: within its bucket a value may be anywhere, evenly. */
export function quantile(share: number, all: readonly Told[]): number {
  const counts = bucketsOf(all);
  const rank = share * counts.at(-1)!;
  const at = counts.findIndex((count) => count >= rank);
  const [low, below] = at === 0 ? [0, 0] : [buckets[at - 1]!, counts[at - 1]!];
  return low + (buckets[at]! - low) * ((rank - below) / (counts[at]! - below));
}

/** Links as edges and their ends as nodes, of bytes a second; at least 1. */
export function graphOf(all: readonly Told[], seconds: number, name: (end: End) => Labels & { id: string }) {
  const links = sum(
    all,
    ({ client, server }) => ({ source: name(client).id, target: name(server).id }),
    (one) => bothWays(one) / seconds,
  ).map(([labels, value]) => [labels, Math.max(1, value as number)] as const);
  const failing = new Set(
    all
      .filter((one) => failed(one) > 0)
      .map(({ client, server }) => `${name(client).id} > ${name(server).id}`),
  );
  const labelsOf = new Map(
    all.flatMap(({ client, server }) => [client, server]).map((end) => [name(end).id, name(end)]),
  );
  return {
    /** Beside the labels that its ends are made of. */
    edges: links.map(([{ source, target }, value]) => {
      const id = `${source} > ${target}`;
      const color = failing.has(id) ? "#F2495C" : "#8AB8FF";
      return [{ id, source: source!, target: target!, color }, value] as const;
    }),
    nodes: sum(
      links.flatMap(([{ source, target }, value]) => [source!, target!].map((id) => ({ id, value }))),
      ({ id }) => labelsOf.get(id)!,
      ({ value }) => value,
    ),
  };
}

export const asWorkload = ({ namespace, kind, name }: End) => ({
  ...{ id: `${namespace}|${kind}|${name}`, title: name, subtitle: namespace, detail__kind: kind },
});
export const asNamespace = ({ namespace }: End) => ({
  id: namespace || "(none)",
  title: namespace || "(none)",
});

export const added = (numbers: Iterable<number>) => [...numbers].reduce((sum, number) => sum + number, 0);
export const exporterNames = ["router", "tap", "sampled"] as const;
export const byExporter = (value: (name: keyof typeof exporters) => Value): Rows =>
  exporterNames.map((name) => [{ exporter: exporters[name] }, value(name)]);

/** What was sent in a window, as far as it is chosen. */
export interface Scene {
  readonly window: Window;
  /** Everything, also what was told only before. */
  readonly all: readonly Told[];
  /** Of the namespace. */
  readonly links: readonly Told[];
  /** Of the exporter. */
  readonly ways: readonly Way[];
  readonly networks: readonly Way[];
  /** Whatever is chosen; of the namespace; and of the direction too. */
  readonly outside: readonly External[];
  readonly inNamespace: readonly External[];
  readonly externals: readonly External[];
  /** By the seconds of the window; in bits too. */
  each(rows: Rows): Rows;
  bits(rows: Rows): Rows;
  /** What is told so often each round, per second. */
  perRound(value: number): number;
}

export function sceneOf(window: Window, { namespace, exporter, direction }: Choice): Scene {
  const { seconds, rounds } = window;
  const all: Told[] = [...everyRound.map((one) => ({ ...one, times: rounds })), { ...opening, times: 0 }];
  const isIn = (...ends: readonly End[]) =>
    namespace === undefined || ends.some((end) => end.namespace === namespace);
  const outside = externalsOf(all);
  const inNamespace = outside.filter(({ peer }) => isIn(peer));
  return {
    ...{ window, all, outside, inNamespace },
    links: all.filter(({ client, server }) => isIn(client, server)),
    ways: waysOf(all.filter(({ observer }) => exporter === undefined || observer === exporter)),
    networks: waysOf(all),
    externals: inNamespace.filter((one) => direction === undefined || one.direction === direction),
    each: (rows) => scaled(rows, 1 / seconds),
    bits: (rows) => scaled(rows, 8 / seconds),
    perRound: (value) => (value * rounds) / seconds,
  };
}

/** Seconds since somebody was heard, who was heard between two times. */
export const silent = ({ end }: Window, [before, after]: readonly [number, number]): Value => [
  end - after,
  end - before,
];

/** Numbers of an exporter that are missing in the window. */
export const lostBy = (name: keyof typeof exporters) =>
  name === "sampled" ? 0 : added(Object.values(told.lost[name]));

/** What is given up, by reason: datagrams that are no flows, and what agents tell of. */
export function dropsOf({ rounds, seconds, garbageDatagrams }: Window): Rows {
  const counts = {
    version_unknown: garbageDatagrams,
    connection_limit: told.drops.connection_limit * rounds,
    dns_lost: told.drops.dns_lost * rounds,
  };
  return Object.entries(counts).map(([reason, count]) => [{ reason }, count / seconds]);
}
