import { hostname } from "node:os";
import { recordsOf, told } from "./grafana-cluster.ts";
import type { Window } from "./grafana-rows.ts";
import {
  agentName,
  type Conversation,
  type End,
  everyRound,
  exporters,
  type FailureReason,
  openConnections,
  opening,
} from "./grafana-traffic.ts";

/** What a column has to hold: itself, a number between two, a text that fits, or any number. */
export type Cell =
  | string
  | number
  | null
  | readonly [least: number, most: number]
  | RegExp
  | typeof anyNumber
  | typeof anything;
export const anything = Symbol("anything");
/** A place on a map that is only drawn. */
export const anyNumber = Symbol("any number");
export type Row = Readonly<Record<string, Cell>>;

/** When it was asked, and since when the server runs and is sent traffic, in Unix milliseconds. */
export interface Asked {
  readonly begun: number;
  readonly now: number;
  /** By Prometheus, from before it was asked to after it. */
  readonly storeBytes: readonly [number, number];
}

type Told = Conversation & { readonly times: number };

const podOr = (name: string) => (end: End) =>
  end.kind === "Deployment" ? `${end.name}-1` : end[name as "address"];
const nameOf = podOr("name");
/** As groups by network have it: what runs in a cluster is in none of one's own. */
const networkOf = (end: End) => (end.kind === "Deployment" ? "pods" : end.network);
const idOf = (end: End) =>
  end.kind === "Deployment" ? `workload:${end.namespace}/${end.kind}/${end.name}` : `host:${end.address}`;
const sum = <T>(things: readonly T[], value: (thing: T) => number) =>
  things.reduce((total, thing) => total + value(thing), 0);
const bytes = ({ sent, received, times }: Told) => (sent + received) * times;
const opened = (one: Told) => one.opened * one.times;
const failed = (one: Told) => (one.opened > 0 ? 0 : one.failures.length * one.times);
const failedSo = (reason: FailureReason) => (one: Told) => (one.failures.includes(reason) ? one.times : 0);

function groupBy<T>(things: readonly T[], key: (thing: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const thing of things) groups.set(key(thing), [...(groups.get(key(thing)) ?? []), thing]);
  return [...groups.values()];
}

const rowsBy = (
  all: readonly Told[],
  labels: (one: Told) => Row,
  figures: (group: readonly Told[]) => Row,
): Row[] =>
  groupBy(all, (one) => JSON.stringify(labels(one))).map((group) => ({
    ...labels(group[0]!),
    ...figures(group),
  }));

const rttOf = (group: readonly Told[]) =>
  group.find(({ rttMilliseconds }) => rttMilliseconds > 0)?.rttMilliseconds ?? null;

/** What every question of the dashboards over Infinity has to be answered: all rows, and every column of them. */
export function infinityFiguresOf(
  window: Window,
  { begun, now, storeBytes }: Asked,
): Readonly<Record<string, readonly Row[]>> {
  const times = window.rounds + 1;
  const all: Told[] = [
    ...everyRound.map((one) => ({ ...one, times })),
    { ...opening, opened: openConnections, times: 1 },
  ];
  const inBytes = (group: readonly Told[]) => ({ Bytes: sum(group, bytes) });
  const ends = ({ client, server }: Told) => ({ Client: nameOf(client), Server: nameOf(server) });
  const outside = [...new Set(all.flatMap(({ client, server }) => [client, server]))].filter(
    ({ place }) => place !== undefined,
  );
  const places = outside.map(({ address, place }) => ({
    ...{
      Host: address,
      Kind: "host",
      Network: "internet",
      country: place!.country,
      Country: place!.countryName,
    },
    ...{ City: place!.city, latitude: place!.latitude, longitude: place!.longitude },
    ...{ AS: place!.asNumber, System: place!.asName },
  }));
  const heard = ([before]: readonly [number, number]) => [before * 1000 - 1, window.end * 1000] as const;
  return {
    "topology 10 nodes": nodesOf(all),
    "topology 10 edges": edgesOf(all),
    "topology 11 A": rowsBy(all, ends, inBytes),
    "topology 12 A": rowsBy(
      all,
      ({ port, protocol }) => ({ Port: String(port), Protocol: protocol }),
      inBytes,
    ),
    "topology 20 A": rowsBy(
      all,
      (one) => ({ ...ends(one), Port: String(one.port), Protocol: one.protocol }),
      (group) => ({
        ...{
          Sent: sum(group, (one) => one.sent * one.times),
          Received: sum(group, (one) => one.received * one.times),
        },
        ...{ Connections: sum(group, opened), Retransmits: sum(group, (one) => one.retransmits * one.times) },
        "Round trip": rttOf(group),
      }),
    ),
    "topology 21 A": rowsBy(
      all.filter((one) => failed(one) > 0),
      (one) => ({ ...ends(one), Port: String(one.port) }),
      (group) => ({
        ...{ Failed: sum(group, failed), Refused: sum(group, failedSo("refused")) },
        ...{
          "Timed out": sum(group, failedSo("timed_out")),
          Unreachable: sum(group, failedSo("unreachable")),
        },
      }),
    ),
    "flows 10 A": rowsBy(
      all,
      ({ client, server }) => ({ Client: client.address, Server: server.address }),
      inBytes,
    ),
    "flows 11 A": rowsBy(all, ({ protocol }) => ({ Protocol: protocol }), inBytes),
    "flows 12 A": rowsBy(
      all,
      ({ client, server }) => ({ From: networkOf(client), To: networkOf(server) }),
      inBytes,
    ),
    "flows 20 A": recordsOfAll(all, [begun, now]),
    "flows 30 A": (["router", "tap", "sampled"] as const).map((name) => {
      const records = recordsOf[name] * times;
      const lost = name === "sampled" ? 0 : sum(Object.values(told.lost[name]), (count) => count);
      // Of v9 it is datagrams that are numbered: the one with the template, and the one without, too.
      const received = name === "tap" ? times + 2 : records;
      const isRecent = now - begun < 45_000;
      const skew = told.clockAhead[name] * 1000;
      return {
        ...{ Exporter: exporters[name], "Last seen": heard(window.lastSent) },
        ...{ Templates: name === "tap" ? 1 : 0, "Templates missing": name === "tap" ? 1 : 0 },
        "Sampling, 1 in": name === "sampled" ? 100 : 0,
        // The rest is of the last minute: on a machine so slow that the sending takes longer, nobody can say.
        Health: isRecent ? "problem" : anything,
        // In steps of ten seconds.
        Records: isRecent
          ? [records / ((now - begun) / 1000 + 10), records / (window.seconds - 1)]
          : anything,
        Lost: isRecent ? (100 * lost) / (lost + received) : anything,
        "Clock ahead by": isRecent ? [skew - 2000, skew + 100] : anything,
      };
    }),
    "flows 31 A": [{ ...told.agent, name: agentName }, told.idleAgent].map(({ name, sockets }) => ({
      ...{ Agent: name, Version: "0.1.0", Health: "warning", "Last seen": heard(window.lastHeard) },
      Connections: sockets,
    })),
    "external 10 A": places,
    "external 20 A": places,
    "external 11 A": rowsBy(
      all.filter(({ server }) => server.place !== undefined),
      ({ server }) => ({ Host: server.address }),
      inBytes,
    ),
    "itself 10 A": [
      {
        ...{ Version: window.version, Machine: hostname(), Started: [begun - 120_000, begun] },
        ...{
          Exporters: Object.keys(exporters).length,
          Records: sum(Object.values(recordsOf), (count) => count * times),
        },
      },
    ],
    "itself 11 A": [
      {
        TCP: "off",
        "UDP and others": "off",
        DNS: "off",
        NAT: "off",
        Connections: 0,
        Why: /without the agent/,
      },
    ],
    "itself 12 A": [
      {
        ...{ State: "on", "In use": storeBytes, "Flow records": window.flowRecords },
        "Records since": [begun, now],
        // Nothing yet, or the minute in which it began.
        "Links since": [0, now],
      },
    ],
    "itself 13 A": [{ State: "partly", Why: /denies nodes/ }],
    "itself 14 A": ["country", "city", "asn"].map((kind) => ({
      ...{ Of: kind, State: "on", Why: "", Type: `Pretend-${kind}`, Built: told.databaseBuilt * 1000 },
    })),
  };
}

/** The window that is asked for, which everything lies in. */
const graphSeconds = 900;
const between = (least: number, most: number, share: number) => least + (most - least) * Math.sqrt(share);

function nodesOf(all: readonly Told[]): Row[] {
  const ends = [...new Set(all.flatMap(({ client, server }) => [client, server]))];
  const of = (end: End) => all.filter(({ client, server }) => client === end || server === end);
  const heaviest = Math.max(...ends.map((end) => sum(of(end), bytes)));
  return ends.map((end) => {
    const [carried, connections, failures] = [
      sum(of(end), bytes),
      sum(of(end), opened),
      sum(of(end), failed),
    ];
    const share = failures === 0 ? 0 : failures / (failures + connections);
    return {
      ...{
        id: idOf(end),
        title: end.name,
        subtitle: end.namespace || end.network,
        mainstat: carried / graphSeconds,
      },
      ...{ secondarystat: connections, arc__ok: 1 - share, arc__failed: share },
      ...{
        noderadius: Math.round(between(24, 56, carried / heaviest)),
        fixedx: anyNumber,
        fixedy: anyNumber,
      },
      ...{
        detail__kind: end.kind,
        detail__group: end.namespace || end.network,
        detail__address: end.address,
      },
      detail__place: end.place === undefined ? "" : `${end.place.countryName}, ${end.place.asName}`,
      detail__failed: failures,
    };
  });
}

function edgesOf(all: readonly Told[]): Row[] {
  const links = groupBy(all, ({ client, server }) => `${idOf(client)}>${idOf(server)}`);
  const heaviest = Math.max(...links.map((link) => sum(link, bytes)));
  return links.map((link) => {
    const { client, server } = link[0]!;
    const failures = sum(link, failed);
    return {
      ...{ id: `${idOf(client)}>${idOf(server)}`, source: idOf(client), target: idOf(server) },
      mainstat: sum(link, bytes) / graphSeconds,
      secondarystat: link
        .toSorted((a, b) => bytes(b) - bytes(a))
        .map(({ port, protocol }) => `${port}/${protocol}`)
        .join(", "),
      thickness: Number(between(1, 10, sum(link, bytes) / heaviest).toFixed(1)),
      color: failures > 0 ? "#F2495C" : "#8AB8FF",
      detail__sent: sum(link, (one) => one.sent * one.times) / graphSeconds,
      detail__received: sum(link, (one) => one.received * one.times) / graphSeconds,
      ...{ detail__connections: sum(link, opened), detail__failed: failures },
      ...{ detail__retransmits: sum(link, (one) => one.retransmits * one.times), detail__rtt: rttOf(link) },
    };
  });
}

/** Agents tell both directions in a record; exporters each in one of its own, the tap a record for each of two flows. */
function recordsOfAll(all: readonly Told[], sent: readonly [number, number]): Row[] {
  const anyPort = [1024, 65_535] as const;
  return all.flatMap((one) => {
    const record = (
      from: End,
      to: End,
      ports: readonly [Cell, Cell],
      bytes: number,
      back: number,
      packets: number,
    ): Row => ({
      ...{ Seen: sent, Source: from.address, "Source peer": nameOf(from), "Source port": ports[0] },
      ...{ Destination: to.address, "Destination peer": nameOf(to), "Destination port": ports[1] },
      ...{ Protocol: one.protocol, Bytes: bytes, "Bytes back": back, Packets: packets },
      "Seen by": one.observer.replace("agent:", ""),
    });
    const { client, server, port, sampling } = one;
    const copies = (count: number, row: Row) => Array.from({ length: count }, () => row);
    if (one.observer === exporters.tap)
      return [1500, 2000].flatMap((size) =>
        copies(one.times, record(client, server, [anyPort, port], size, 0, 3)),
      );
    if (one.observer === opening.observer) {
      const parts = port === opening.port ? openConnections : 1;
      return copies(
        one.times * parts,
        record(client, server, [anyPort, port], one.sent / parts, one.received / parts, one.packetsSent),
      );
    }
    return [
      ...copies(
        one.times,
        record(client, server, [anyPort, port], one.sent / sampling, 0, one.packetsSent / sampling),
      ),
      ...copies(
        one.times,
        record(server, client, [port, anyPort], one.received / sampling, 0, one.packetsReceived / sampling),
      ),
    ];
  });
}
