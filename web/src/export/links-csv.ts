import type { TopologyPeer } from "../../../src/topology/topology.ts";
import type { ComparedLink } from "../nest/chart-link.ts";

/** The links that are shown as CSV (RFC 4180): a line of names, then one per link; bytes and milliseconds as plain numbers. */
export function linksCsv(links: Iterable<ComparedLink>, peers: ReadonlyMap<string, TopologyPeer>): string {
  const lines = [columns.map(([name]) => name).join(",")];
  for (const link of links) lines.push(columns.map(([, value]) => csvCell(value(link, peers))).join(","));
  return `${lines.join("\r\n")}\r\n`;
}

type Cell = string | number | null | undefined;
type Column = readonly [string, (link: ComparedLink, peers: ReadonlyMap<string, TopologyPeer>) => Cell];

const end = (which: "client" | "server"): readonly Column[] => [
  [which, (link, peers) => peers.get(link[which])?.name || link[which]],
  [`${which}_id`, (link) => link[which]],
  [`${which}_kind`, (link, peers) => peers.get(link[which])?.kind],
  [`${which}_group`, (link, peers) => peers.get(link[which])?.group],
];

const columns: readonly Column[] = [
  ...end("client"),
  ...end("server"),
  [
    "ports",
    ({ ports }) =>
      ports.map(({ port, protocol }) => (port === 0 ? protocol : `${port}/${protocol}`)).join(" "),
  ],
  ["bytes_sent", ({ bytesSent }) => bytesSent],
  ["bytes_received", ({ bytesReceived }) => bytesReceived],
  ["packets", ({ packets }) => packets],
  ["connections", ({ connections }) => connections],
  ["failed", ({ failed }) => failed],
  ["retransmits", ({ retransmits }) => retransmits],
  ["rtt_ms", ({ rttMs }) => rttMs],
  ["observers", ({ observers }) => observers.map(({ id }) => id).join(" ")],
  ["bytes_per_second_compared", ({ baseRate }) => baseRate],
];

/** Text that a spreadsheet would take for a formula starts with an apostrophe: names come from the network. */
export function csvCell(value: Cell): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
