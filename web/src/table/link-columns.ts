import type { TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import { isSeenByAgent, portName } from "../details/describe.ts";
import { linkRate } from "../map/link-look.ts";
import { formatBytes, formatCount, formatMilliseconds, formatRate } from "../units/units.ts";

/** What a row of the links table shows and is sorted by. */
export interface LinkContext {
  readonly peers: ReadonlyMap<string, TopologyPeer>;
  readonly interval: { readonly from: number; readonly to: number };
  readonly isLive: boolean;
}

export interface LinkColumn {
  readonly key: string;
  readonly label: string;
  readonly isNumber: boolean;
  /** CSS grid width. */
  readonly width: string;
  readonly text: (link: TopologyLink, context: LinkContext) => string;
  readonly order: (link: TopologyLink, context: LinkContext) => string | number;
  readonly isWarning?: (link: TopologyLink) => boolean;
}

const peerName = (id: string, { peers }: LinkContext) => peers.get(id)?.name || id;

const text = (key: string, label: string, width: string, of: LinkColumn["text"]): LinkColumn => ({
  key,
  label,
  width,
  isNumber: false,
  text: of,
  order: (link, context) => of(link, context).toLowerCase(),
});

const number = (
  key: string,
  label: string,
  of: (link: TopologyLink, context: LinkContext) => number | null,
  format: (value: number) => string,
  width = "minmax(82px, 0.5fr)",
): LinkColumn => ({
  key,
  label,
  width,
  isNumber: true,
  text: (link, context) => {
    const value = of(link, context);
    return value === null ? "–" : format(value);
  },
  order: (link, context) => of(link, context) ?? -1,
});

const bytes = (key: "bytesSent" | "bytesReceived", label: string) =>
  number(key, label, (link) => link[key], formatBytes);
const count = (key: "packets", label: string) => number(key, label, (link) => link[key], formatCount);
/** What exporters do not tell is not nought but unknown. */
const agentCount = (key: "active" | "connections" | "failed" | "retransmits", label: string) =>
  number(
    key,
    label,
    (link) => (link[key] > 0 || isSeenByAgent(link) ? link[key] : null),
    formatCount,
    "minmax(68px, 0.4fr)",
  );

export const linkColumns: readonly LinkColumn[] = [
  text("client", "Client", "minmax(130px, 1.4fr)", (link, context) => peerName(link.client, context)),
  text("server", "Server", "minmax(130px, 1.4fr)", (link, context) => peerName(link.server, context)),
  text("ports", "Ports", "minmax(90px, 0.8fr)", (link) => portsText(link)),
  bytes("bytesSent", "Sent"),
  bytes("bytesReceived", "Received"),
  number("rate", "Rate", (link, { interval, isLive }) => linkRate(link, interval, isLive), formatRate),
  count("packets", "Packets"),
  agentCount("active", "Open"),
  agentCount("connections", "New"),
  { ...agentCount("failed", "Failed"), isWarning: ({ failed }) => failed > 0 },
  agentCount("retransmits", "Resent"),
  number("rtt", "RTT", ({ rttMs }) => rttMs, formatMilliseconds),
  text("observers", "Seen by", "minmax(130px, 1fr)", ({ observers }) =>
    observers.map(({ name }) => name).join(", "),
  ),
];

function portsText({ ports }: TopologyLink): string {
  const first = ports.slice(0, 3).map(portName).join(", ");
  return ports.length > 3 ? `${first} +${ports.length - 3}` : first;
}

export interface SortOrder {
  readonly key: string;
  readonly isDescending: boolean;
}

/** Sorted by one column; equals by id, so that rows do not jump. */
export function sortLinks(
  links: Iterable<TopologyLink>,
  { key, isDescending }: SortOrder,
  context: LinkContext,
): TopologyLink[] {
  const column = linkColumns.find((candidate) => candidate.key === key) ?? linkColumns[0]!;
  const keyed = [...links].map((link) => ({ link, order: column.order(link, context) }));
  const sign = isDescending ? -1 : 1;
  keyed.sort((a, b) => {
    if (a.order !== b.order) return a.order < b.order ? -sign : sign;
    return a.link.id < b.link.id ? -1 : 1;
  });
  return keyed.map(({ link }) => link);
}

/** A second click turns the order round; numbers start with the largest. */
export function nextOrder(current: SortOrder, column: LinkColumn): SortOrder {
  if (current.key !== column.key) return { key: column.key, isDescending: column.isNumber };
  return { key: column.key, isDescending: !current.isDescending };
}
