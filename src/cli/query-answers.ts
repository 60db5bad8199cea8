import type { Topology } from "../topology/index.ts";
import type { CellKind } from "./query-cells.ts";
import { formatCell } from "./query-cells.ts";
import type { Subject } from "./query-flags.ts";
import type { Column, PrintedTable } from "./query-table.ts";

/** The API's answers as tables for people. */
export const printAnswer: Readonly<Record<Subject, (answer: never) => PrintedTable>> = {
  links: printLinks,
  top: printTop,
  series: printSeries,
  flows: printFlows,
  diff: printDiff,
  names: printNames,
};

/** The path of each subject's request. */
export const pathOf: Readonly<Record<Subject, string>> = {
  ...{ links: "map", top: "top", series: "series", flows: "flows", diff: "diff" },
  names: "lookups",
};

const column = (title: string, kind: CellKind): Column => ({ title, kind });
const figureColumns = [
  column("sent", "bytes"),
  column("received", "bytes"),
  column("packets", "count"),
  column("connections", "count"),
  column("failed", "count"),
  column("retransmits", "count"),
  column("rtt", "milliseconds"),
];

interface Figures {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packets: number;
  readonly connections: number;
  readonly failed: number;
  readonly retransmits: number;
  readonly rttMs: number | null;
}

function figuresOf(of: Figures): unknown[] {
  const { bytesSent, bytesReceived, packets, connections, failed, retransmits, rttMs } = of;
  return [bytesSent, bytesReceived, packets, connections, failed, retransmits, rttMs];
}

interface Window {
  readonly from: number;
  readonly to: number;
}

const portsShown = 4;

const windowText = ({ from, to }: Window) => `${formatCell("time", from)} to ${formatCell("time", to)}`;

function noteOf(window: Window, shown: number, what: string, leftOut: number): string {
  const counted =
    leftOut > 0 ? `${shown} of ${countOf(shown + leftOut, what)}; -n shows more` : countOf(shown, what);
  return `${windowText(window)}: ${counted}`;
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function printLinks({ peers, links, truncated, ...window }: Topology): PrintedTable {
  const nameOf = new Map(
    peers.map(({ id, name, namespace }) => [id, namespace ? `${namespace}/${name}` : name]),
  );
  return {
    columns: [column("client", "text"), column("server", "text"), column("ports", "text"), ...figureColumns],
    rows: links.map((link) => [
      nameOf.get(link.client),
      nameOf.get(link.server),
      formatPorts(link.ports),
      ...figuresOf(link),
    ]),
    note: noteOf(window, links.length, "link", truncated.links),
  };
}

/** The heaviest, and how many more there are: a machine may be called at hundreds. CSV and JSON have them all. */
export function formatPorts(ports: readonly { readonly port: number; readonly protocol: string }[]): string {
  const named = ports.slice(0, portsShown).map(({ port, protocol }) => `${port}/${protocol}`);
  return (ports.length > portsShown ? [...named, `+${ports.length - portsShown}`] : named).join(" ");
}

interface Top extends Window {
  readonly by: readonly string[];
  readonly metric: string;
  readonly groupsLeftOut: number;
  readonly rows: readonly (Figures & { readonly group: readonly string[] })[];
}

function printTop({ by, rows, groupsLeftOut, ...window }: Top): PrintedTable {
  return {
    columns: [...by.map((name) => column(name, "text")), ...figureColumns],
    rows: rows.map((row) => [...row.group, ...figuresOf(row)]),
    note: noteOf(window, rows.length, "group", groupsLeftOut),
  };
}

interface Series extends Window {
  readonly metric: string;
  readonly step: number;
  readonly times: readonly number[];
  readonly series: readonly {
    readonly group: readonly string[];
    readonly sent: readonly (number | null)[];
    readonly received?: readonly number[];
  }[];
}

function printSeries({ metric, step, times, series, ...window }: Series): PrintedTable {
  const kind: CellKind = metric === "bytes" ? "bytes" : metric === "rtt" ? "milliseconds" : "count";
  const groups = series[0]?.group.map((_, i) => column(i === 0 ? "group" : "", "text")) ?? [];
  const values = metric === "bytes" ? ["sent", "received"] : [metric];
  return {
    columns: [column("time", "time"), ...groups, ...values.map((name) => column(name, kind))],
    rows: series.flatMap(({ group, sent, received }) =>
      times.map((time, i) => [time, ...group, sent[i], ...(received === undefined ? [] : [received[i]])]),
    ),
    note: `${windowText(window)}, in steps of ${step / 60_000} min`,
  };
}

type FlowRecord = Readonly<Record<string, string | number | boolean>>;

function printFlows(records: readonly FlowRecord[]): PrintedTable {
  const end = (name: unknown, address: unknown, port: unknown) =>
    `${name || address}${Number(port) === 0 ? "" : `:${port}`}`;
  const text = (title: string) => column(title, "text");
  return {
    columns: [
      ...[column("time", "time"), text("source"), text("destination"), text("protocol")],
      ...[column("octets", "bytes"), column("back", "bytes"), column("packets", "count")],
      ...[text("seen by"), text("duplicate")],
    ],
    rows: records.map((record) => [
      record.collectionTimeMilliseconds,
      end(record.sourcePeerName, record.sourceAddress, record.sourceTransportPort),
      end(record.destinationPeerName, record.destinationAddress, record.destinationTransportPort),
      record.protocolIdentifier,
      record.octetDeltaCount,
      record.reverseOctetDeltaCount,
      Number(record.packetDeltaCount) + Number(record.reversePacketDeltaCount),
      record.observerName,
      record.isDuplicate === true ? "yes" : "",
    ]),
    note: `${countOf(records.length, "record")} as they came, newest first`,
  };
}

interface Diff extends Window {
  readonly baseFrom: number;
  readonly baseTo: number;
  readonly metric: string;
  readonly links: readonly Readonly<Record<string, unknown>>[];
  readonly peers: readonly { readonly change: string; readonly name: string }[];
  readonly counts: { readonly newLinks: number; readonly goneLinks: number; readonly linksInBoth: number };
}

function printDiff({ baseFrom, baseTo, metric, links, peers, counts, ...window }: Diff): PrintedTable {
  const kind: CellKind = metric === "bytes" ? "bytes" : "count";
  const list = (change: string) => peers.filter((peer) => peer.change === change).map(({ name }) => name);
  const named = (what: string, names: readonly string[]) =>
    names.length === 0
      ? ""
      : `\n${what}: ${formatCell("text", names.slice(0, 10).join(", "))}${names.length > 10 ? `, and ${names.length - 10} more` : ""}`;
  return {
    columns: [
      ...[column("change", "text"), column("client", "text"), column("server", "text")],
      ...[column("before", kind), column("now", kind), column("per second", "factor")],
      column("first seen", "time"),
    ],
    rows: links.map((link) => [
      ...[link.change, link.clientName || link.client, link.serverName || link.server],
      ...[link.baseValue, link.value, link.factor, link.firstSeen],
    ]),
    note:
      `${windowText(window)} after ${windowText({ from: baseFrom, to: baseTo })}: ` +
      `${countOf(counts.newLinks, "link")} new, ${counts.goneLinks} gone, ${counts.linksInBoth} in both` +
      named("new peers", list("new")) +
      named("gone peers", list("gone")),
  };
}

interface Names extends Window {
  readonly names: readonly {
    readonly name: string;
    readonly queries: number;
    readonly failureCounts: Readonly<Record<string, number>>;
    readonly timedOut: number;
    readonly latencyMeanMs: number | null;
    readonly latencyMaxMs: number | null;
    readonly lastSeen: number;
    readonly peers: number;
    readonly searchOf?: string;
  }[];
  readonly namesLeftOut: number;
}

function printNames({ names, namesLeftOut, ...window }: Names): PrintedTable {
  return {
    columns: [
      ...[column("name", "text"), column("asked", "count"), column("failed", "text")],
      ...[column("mean", "milliseconds"), column("longest", "milliseconds"), column("peers", "count")],
      ...[column("last", "time"), column("search list of", "text")],
    ],
    rows: names.map((each) => [
      ...[each.name, each.queries, formatFailures(each), each.latencyMeanMs, each.latencyMaxMs, each.peers],
      ...[each.lastSeen, each.searchOf ?? ""],
    ]),
    note: noteOf(window, names.length, "name", namesLeftOut),
  };
}

function formatFailures({ failureCounts, timedOut }: Names["names"][number]): string {
  const codes = Object.entries(failureCounts).map(([code, count]) => `${count} ${code}`);
  return (timedOut > 0 ? [...codes, `${timedOut} timed out`] : codes).join(", ");
}
