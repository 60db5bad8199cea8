import { agentRows, recordsOf, told } from "./grafana-cluster.ts";
import {
  agentName,
  type Conversation,
  type End,
  everyRound,
  exporters,
  late,
  openConnections,
  opening,
} from "./grafana-traffic.ts";

/** A value, or bounds where the figure is one of the machine's that others than Portolan can tell only before and after. */
export type Value = number | readonly [least: number, most: number];
type Labels = Readonly<Record<string, string>>;
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
type Told = Conversation & { readonly times: number };

/** Rows that share these labels, added up; an empty label is none. */
function sum<T>(things: readonly T[], labels: (thing: T) => Labels, value: (thing: T) => number): Rows {
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
const top = (count: number, rows: Rows): Rows =>
  rows.toSorted(([, a], [, b]) => (b as number) - (a as number)).slice(0, count);
const none = () => ({});
const one = (value: Value): Rows => [[{}, value]];
const scaled = (rows: Rows, factor: number): Rows =>
  rows.map(([labels, value]) => [labels, (value as number) * factor]);
const above0 = (rows: Rows): Rows => rows.filter(([, value]) => (value as number) > 0);

const bothWays = ({ sent, received, times }: Told) => (sent + received) * times;
const failed = ({ opened, failures, times }: Told) => (opened > 0 ? 0 : failures.length * times);
const opened = (told: Told) => told.opened * told.times;
const ofPair = ({ client, server }: Told) => ({
  ...{ client: client.name, client_namespace: client.namespace },
  ...{ server: server.name, server_namespace: server.namespace },
});
const ofServer = ({ server }: Told) => ({ server: server.name, server_namespace: server.namespace });

/** A direction of a conversation that carries something. */
interface Way {
  readonly from: End;
  readonly to: End;
  readonly told: Told;
  readonly port: string;
  readonly bytes: number;
  readonly packets: number;
}

function waysOf(all: readonly Told[]): Way[] {
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
interface External {
  readonly told: Told;
  readonly peer: End;
  readonly other: End;
  readonly host: string;
  readonly direction: "outbound" | "inbound";
  readonly out: number;
  readonly in: number;
}

function externalsOf(all: readonly Told[]): External[] {
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

const external = {
  country: ({ other }: External) => ({ country: other.place!.country }),
  system: ({ other }: External) => ({ asn: String(other.place!.asNumber), as_name: other.place!.asName }),
  peer: ({ peer }: External) => ({ peer: peer.name, peer_namespace: peer.namespace }),
  host: ({ host, other }: External) => ({
    ...{ host, country: other.place!.country, as_name: other.place!.asName },
  }),
  both: (one: External) => one.out + one.in,
};

/** Upper bounds in seconds, as docs/reference/metrics.md has the histogram's. */
const buckets = [
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
const isMeasured = ({ rttMilliseconds }: Told) => rttMilliseconds > 0;

const bucketsOf = (all: readonly Told[]) =>
  buckets.map((bound) =>
    all
      .filter(({ rttMilliseconds }) => rttMilliseconds / 1000 <= bound)
      .reduce((count, { times }) => count + times, 0),
  );

/** As Prometheus documents `histogram_quantile`: within its bucket a value may be anywhere, evenly. */
function quantile(share: number, all: readonly Told[]): number {
  const counts = bucketsOf(all);
  const rank = share * counts.at(-1)!;
  const at = counts.findIndex((count) => count >= rank);
  const [low, below] = at === 0 ? [0, 0] : [buckets[at - 1]!, counts[at - 1]!];
  return low + (buckets[at]! - low) * ((rank - below) / (counts[at]! - below));
}

/** Links as edges and their ends as nodes, of bytes a second; at least 1. */
function graphOf(all: readonly Told[], seconds: number, name: (end: End) => Labels & { id: string }) {
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

const asWorkload = ({ namespace, kind, name }: End) => ({
  ...{ id: `${namespace}|${kind}|${name}`, title: name, subtitle: namespace, detail__kind: kind },
});
const asNamespace = ({ namespace }: End) => ({ id: namespace || "(none)", title: namespace || "(none)" });

/** By the name of an exporter. */
const byExporter = (value: (name: keyof typeof exporters) => Value): Rows =>
  (["router", "tap", "sampled"] as const).map((name) => [{ exporter: exporters[name] }, value(name)]);
const added = (numbers: Iterable<number>) => [...numbers].reduce((sum, number) => sum + number, 0);
const lostBy = (name: keyof typeof exporters) =>
  name === "sampled" ? 0 : added(Object.values(told.lost[name]));
const agents = [{ ...told.agent, name: agentName }, told.idleAgent] as const;

/**
 * What every query of the dashboards over Prometheus has to answer: all rows, with all labels, and figures of what was sent alone. By dashboard, panel and
 * query.
 */
export function figuresOf(
  window: Window,
  { namespace, exporter, direction }: Choice = {},
): Readonly<Record<string, Rows | undefined>> {
  const { seconds, rounds, end } = window;
  const all: Told[] = [...everyRound.map((one) => ({ ...one, times: rounds })), { ...opening, times: 0 }];
  const links = all.filter(
    ({ client, server }) =>
      namespace === undefined || client.namespace === namespace || server.namespace === namespace,
  );
  const ways = waysOf(all.filter(({ observer }) => exporter === undefined || observer === exporter));
  const networks = waysOf(all);
  const outside = externalsOf(all);
  const inNamespace = outside.filter(({ peer }) => namespace === undefined || peer.namespace === namespace);
  const externals = inNamespace.filter((one) => direction === undefined || one.direction === direction);
  const called = externals.filter(({ host }) => host !== "");
  const each = (rows: Rows) => scaled(rows, 1 / seconds);
  const bits = (rows: Rows) => scaled(rows, 8 / seconds);
  const perRound = (value: number): Value => (value * rounds) / seconds;

  const failures = links.flatMap((one) => one.failures.map((reason) => ({ one, reason })));
  const opens = [{ ...opening, times: openConnections }].filter((one) =>
    links.some(({ port }) => port === one.port),
  );
  const active = (labels: (one: Told) => Labels) =>
    sum([...links.map((one) => ({ ...one, times: 0 })), ...opens], labels, ({ times }) => times);
  const shown = graphOf(links, seconds, asWorkload);
  const spaces = graphOf(links, seconds, asNamespace);
  const measured = links.filter(isMeasured);
  const servers = [...new Set(measured.map(({ server }) => server))];
  const shareFailed = added(links.map(failed)) / (added(links.map(failed)) + added(links.map(opened)));
  const port = ({ port, protocol }: Told) => ({ server_port: String(port), protocol });
  const between = networks.filter(
    ({ from, to }) => from.place === undefined && to.place === undefined && from.network !== to.network,
  );
  const records = recordsOf.router + recordsOf.tap + recordsOf.sampled;
  const lost = (name: keyof typeof exporters) => {
    const units = name === "tap" ? 1 : recordsOf[name]; // v9 numbers datagrams, v5 records
    return lostBy(name) / (lostBy(name) + units * rounds);
  };
  const lostEver = added((["router", "tap", "sampled"] as const).map(lostBy));
  const receivedUnits = (recordsOf.router + 1 + recordsOf.sampled) * rounds;
  const ofReason = {
    version_unknown: window.garbageDatagrams,
    connection_limit: told.drops.connection_limit * rounds,
    dns_lost: told.drops.dns_lost * rounds,
  };
  const drops: Rows = Object.entries(ofReason).map(([reason, count]) => [{ reason }, count / seconds]);
  const silent = ([before, after]: readonly [number, number]): Value => [end - after, end - before];

  return {
    "topology 1 A": each(sum(links, none, bothWays)),
    "topology 2 A": active(none),
    "topology 3 A": each(sum(links, none, opened)),
    "topology 4 A": one(shareFailed),
    "topology 5 A": each(sum(links, none, ({ retransmits, times }) => retransmits * times)),
    "topology 6 A": one(quantile(0.9, measured)),
    "topology 10 nodes": shown.nodes,
    "topology 10 edges": shown.edges,
    "topology 11 nodes": spaces.nodes,
    "topology 11 edges": spaces.edges,
    "topology 12 A": each(sum(links, ofPair, bothWays)),
    "topology 20 A": each(sum(links, ofServer, bothWays)),
    "topology 21 A": active(ofServer),
    "topology 22 A": above0(each(sum(links, port, bothWays))),
    "topology 23 sent": each(
      sum(
        links,
        (one) => ({ ...ofPair(one), ...port(one) }),
        ({ sent, times }) => sent * times,
      ),
    ),
    "topology 23 received": each(
      sum(
        links,
        (one) => ({ ...ofPair(one), ...port(one) }),
        ({ received, times }) => received * times,
      ),
    ),
    "topology 30 A": each(
      sum(
        failures,
        ({ reason }) => ({ reason }),
        ({ one }) => one.times,
      ),
    ),
    "topology 31 A": sum(
      failures,
      ({ one, reason }) => ({ ...ofPair(one), server_port: String(one.port), reason }),
      ({ one }) => one.times,
    ),
    "topology 32 A": bucketsOf(measured).map((count, i) => [
      { le: buckets[i] === Number.POSITIVE_INFINITY ? "+Inf" : String(buckets[i]) },
      count / seconds,
    ]),
    "topology 33 A": servers.map((server) => [
      sum([{ server } as Told], ofServer, () => 0)[0]![0],
      quantile(
        0.9,
        measured.filter((one) => one.server === server),
      ),
    ]),
    "topology 34 A": each(sum(links, ofPair, ({ retransmits, times }) => retransmits * times)),
    // A server hears of no questions; an agent on this machine does: see grafana-agent.ts.
    ...{ "topology 40 A": [], "topology 41 A": [], "topology 41 B": [], "topology 42 A": [] },

    "flows 1 A": bits(sum(ways, none, ({ bytes }) => bytes)),
    "flows 2 A": each(sum(ways, none, ({ packets }) => packets)),
    "flows 3 A": one(perRound(records)),
    "flows 4 A": one(lostEver / (lostEver + receivedUnits)),
    "flows 10 A": top(
      10,
      bits(
        sum(
          ways,
          ({ from, to }) => ({ src_addr: from.address, dst_addr: to.address }),
          ({ bytes }) => bytes,
        ),
      ),
    ),
    "flows 11 A": bits(
      sum(
        ways,
        ({ from }) => ({ src_addr: from.address }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 12 A": bits(
      sum(
        ways,
        ({ to }) => ({ dst_addr: to.address }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 20 A": bits(
      sum(
        ways,
        ({ told }) => ({ proto: told.protocol }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 21 A": each(
      sum(
        ways,
        ({ told }) => ({ proto: told.protocol }),
        ({ packets }) => packets,
      ),
    ),
    "flows 22 A": bits(
      sum(
        ways,
        ({ told }) => ({ proto: told.protocol }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 23 A": bits(
      sum(
        ways,
        ({ told, port }) => ({ dst_port: port, proto: told.protocol }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 24 A": bits(
      sum(
        ways,
        ({ told }) => ({ exporter: told.observer }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 30 A": bits(
      sum(
        between,
        ({ from, to }) => ({
          src_network: from.network,
          src_vlan: from.vlan,
          dst_network: to.network,
          dst_vlan: to.vlan,
        }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 31 A": bits(
      sum(
        between,
        ({ from, to }) => ({ src_network: from.network, dst_network: to.network }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 32 A": bits(
      sum(
        networks.filter(({ to }) => to.place !== undefined),
        ({ from }) => ({ src_network: from.network }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 32 B": bits(
      sum(
        networks.filter(({ from }) => from.place !== undefined),
        ({ to }) => ({ dst_network: to.network }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 33 A": bits(
      sum(
        outside.filter(({ host }) => host !== ""),
        ({ host }) => ({ host }),
        external.both,
      ),
    ),
    "flows 40 packets": byExporter(
      (name) => (rounds + (name === "router" ? window.garbageDatagrams : 0)) / seconds,
    ),
    "flows 40 records": byExporter((name) => perRound(recordsOf[name])),
    "flows 40 lost": byExporter(lost),
    "flows 40 silent": byExporter(() => silent(window.lastSent)),
    "flows 40 templates": byExporter((name) => (name === "tap" ? 1 : 0)),
    "flows 40 missing": byExporter((name) => (name === "tap" ? 1 : 0)),
    // Who does not say is not known to look at every packet.
    "flows 40 sampling": byExporter((name) => (name === "sampled" ? 100 : 0)),
    // Both clocks count whole seconds.
    "flows 40 skew": byExporter((name) => [told.clockAhead[name] - 2, told.clockAhead[name] + 0.1]),
    "flows 41 A": byExporter((name) => perRound(recordsOf[name])),
    "flows 42 A": byExporter((name) => lostBy(name) / seconds),
    "flows 43 A": one(window.kernelDrops / seconds),
    "flows 43 B": drops.filter(([{ reason }]) => reason === "version_unknown"),

    "external 1 A": bits(sum(externals, none, ({ out }) => out)),
    "external 2 A": bits(sum(externals, none, (one) => one.in)),
    "external 3 A": each(sum(externals, none, ({ told }) => opened(told))),
    "external 4 A": one(
      new Set(externals.filter((one) => external.both(one) > 0).map(({ other }) => other.place!.country))
        .size,
    ),
    "external 10 A": above0(bits(sum(externals, external.country, external.both))),
    "external 11 A": bits(sum(externals, external.country, external.both)),
    "external 12 A": bits(sum(externals, external.system, external.both)),
    "external 20 A": bits(sum(externals, external.country, external.both)),
    "external 21 A": bits(sum(externals, external.peer, ({ out }) => out)),
    "external 21 B": bits(sum(externals, external.peer, (one) => one.in)),
    "external 30 traffic": bits(sum(called, external.host, external.both)),
    "external 30 connections": each(sum(called, external.host, ({ told }) => opened(told))),
    "external 30 failed": each(sum(called, external.host, ({ told }) => failed(told))),
    // Whoever was called in the window was called before it: the newcomer comes later.
    "external 31 A": [],
    "external 32 A": bits(
      sum(
        inNamespace.filter((one) => one.direction === "inbound"),
        (one) => ({
          ...external.peer(one),
          country: one.other.place!.country,
          as_name: one.other.place!.asName,
        }),
        external.both,
      ),
    ),
    "external 33 A": above0(
      each(
        sum(
          called,
          ({ host }) => ({ host }),
          ({ told }) => failed(told),
        ),
      ),
    ),

    "itself 1 A": [[{ version: window.version }, 1]],
    // Of a server without an agent of its own nothing is off.
    ...{ "itself 2 A": [], "itself 3 A": [], "itself 4 A": [] },
    "itself 5 A": one(1),
    "itself 6 A": one(Object.keys(exporters).length),
    "itself 7 A": one(agents.length),
    "itself 8 A": one(added(drops.map(([, value]) => value as number))),
    "itself 10 A": one(0),
    "itself 10 B": one(0),
    "itself 11 A": one(perRound(records)),
    "itself 11 B": one(perRound(agentRows.round)),
    "itself 12 A": drops,
    // Each end, the pod's container beside its pod's address, and the two rows that stand for nobody.
    "itself 13 A": one(new Set(all.flatMap(({ client, server }) => [client, server])).size + 2),
    "itself 13 B": one(
      new Set(
        all.map(({ observer, client, server, port, protocol }) =>
          [observer, client.address, server.address, port, protocol].join(),
        ),
      ).size,
    ),
    "itself 14 A": [
      [
        { of: "links" },
        sum(
          all,
          (one) => ({ ...ofPair(one), ...port(one) }),
          () => 1,
        ).length / told.seriesLimit,
      ],
      [
        { of: "flows" },
        sum(
          networks,
          ({ from, to, port, told }) => ({
            from: from.address,
            to: to.address,
            port,
            proto: told.protocol,
            by: told.observer,
          }),
          () => 1,
        ).length / told.seriesLimit,
      ],
      [
        { of: "external" },
        sum(
          outside,
          (one) => ({ ...external.peer(one), ...external.host(one), direction: one.direction }),
          () => 1,
        ).length / told.seriesLimit,
      ],
      [
        { of: "networks" },
        sum(
          networks,
          ({ from, to }) => ({ from: from.network, to: to.network }),
          () => 1,
        ).length / told.seriesLimit,
      ],
    ],
    "itself 15 A": Object.entries({
      durable: 2 * rounds,
      duplicate: rounds,
      refused: rounds,
      busy: 0,
      unauthorized: 0,
      conflict: 0,
    }).map(([outcome, count]) => [{ outcome }, count / seconds]),
    "itself 20 A": one(window.storeBytes),
    "itself 20 B": one(told.storeBytesMax),
    "itself 20 C": one(window.fileBytes),
    "itself 21 A": one(window.freeBytes),
    "itself 22 A": one(window.flowRecords),
    // What is told of a minute is added up when it is over, or the program starts again: see the test.
    "itself 22 B": undefined,
    "itself 30 A": [
      [
        { job: "cluster", instance: window.instance },
        window.processorSeconds.map((one) => one / seconds) as [number, number],
      ],
    ],
    "itself 31 A": [
      [
        { __name__: "portolan_resident_memory_bytes", job: "cluster", instance: window.instance },
        window.residentBytes,
      ],
    ],
    "itself 32 A": [
      [
        { __name__: "scrape_duration_seconds", job: "cluster", instance: window.instance },
        window.scrapeSeconds,
      ],
    ],
    "itself 40 up": agents.map(({ name }) => [{ agent: name }, 1]),
    "itself 40 silent": agents.map(({ name }) => [{ agent: name }, silent(window.lastHeard)]),
    "itself 40 sockets": agents.map(({ name, sockets }) => [{ agent: name }, sockets]),
    "itself 40 records": agents.map(({ name }) => [
      { agent: name },
      name === agentName ? perRound(agentRows.round) : 0,
    ]),
    "itself 40 waiting": agents.map(({ name, spoolMessages }) => [{ agent: name }, spoolMessages]),
    "itself 40 clock": agents.map(({ name }) => [{ agent: name }, told.clockAhead.agent]),
    "itself 41 A": Object.entries(told.drops).map(([reason, count]) => [
      { agent: agentName, reason },
      perRound(count),
    ]),
    "itself 50 A": one(1),
    "itself 51 A": Object.entries({
      pods: 2,
      services: 0,
      endpointSlices: 0,
      nodes: 0,
      namespaces: 0,
      owners: 2,
    }).map(([kind, count]) => [{ kind }, count]),
    "itself 52 up": watched((name) => (name === "nodes" ? 0 : 1)),
    "itself 52 denied": watched((name) => (name === "nodes" ? 1 : 0)),
    "itself 52 events": watched((name) => (name === "pods" ? window.podChanges : 0)),
    "itself 60 A": [[{ receiver: `0 ${window.receiver}` }, window.takenSamples / seconds]],
    "itself 61 A": [[{ receiver: `0 ${window.receiver}` }, window.waitingSamples]],
  };
}

const watched = (value: (name: string) => number): Rows =>
  ["pods", "services", "nodes", "namespaces", "endpointslices", "servicecidrs"].map((resource) => [
    { resource },
    value(resource),
  ]);

/** When the agent has called the newcomer: who is new. */
export const newcomers: Rows = [
  [
    {
      ...{ peer: late.client.name, peer_namespace: late.client.namespace, host: late.server.name },
      ...{ country: late.server.place!.country, as_name: late.server.place!.asName },
    },
    late.sent,
  ],
];

/** What the dashboards' variables have to offer, of the cluster. */
export const variableValues: Readonly<Record<string, readonly string[]>> = {
  ...{ "topology job": ["cluster", "pushed"], "flows job": ["cluster", "pushed"] },
  ...{ "external job": ["cluster", "pushed"], "itself job": ["cluster", "pushed"] },
  ...{ "topology namespace": ["shop"], "external namespace": ["shop"] },
  "flows exporter": [...new Set(everyRound.map(({ observer }) => observer))],
};

/** Of an agent on this machine: see grafana-agent.ts. */
export const agentQueries = [
  ...["topology 40 A", "topology 41 A", "topology 41 B", "topology 42 A"],
  ...["itself 2 A", "itself 3 A", "itself 4 A", "itself 10 A", "itself 10 B"],
] as const;
