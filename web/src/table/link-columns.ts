import { formatFilterTerm } from "../../../src/query/index.ts";
import type { TopologyPeer } from "../../../src/topology/topology.ts";
import { isSeenByAgent, portName } from "../details/describe.ts";
import { pinTerm } from "../details/group-terms.ts";
import { linkRate } from "../map/link-look.ts";
import type { ComparedLink } from "../nest/chart-link.ts";
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
  readonly text: (link: ComparedLink, context: LinkContext) => string;
  readonly order: (link: ComparedLink, context: LinkContext) => string | number;
  /** The filter's term for what the cell says; of other cells the link's. */
  readonly term?: (link: ComparedLink, context: LinkContext) => string;
  readonly isWarning?: (link: ComparedLink) => boolean;
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
  of: (link: ComparedLink, context: LinkContext) => number | null,
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

/** Bytes per second, mean of the window. */
const rateNow = ({ bytesSent, bytesReceived }: ComparedLink, { interval }: LinkContext) =>
  (bytesSent + bytesReceived) / Math.max(1, (interval.to - interval.from) / 1000);
const rateChange = (link: ComparedLink, context: LinkContext) =>
  rateNow(link, context) - (link.baseRate ?? 0);

/** What is new, by its bytes or none, before what grew; what is gone last. */
function factorOrder(link: ComparedLink, context: LinkContext): number {
  if (link.seenIn === "this") return Number.POSITIVE_INFINITY;
  if (link.seenIn === "base") return -1;
  const [now, before] = [rateNow(link, context), link.baseRate ?? 0];
  return now === before ? 1 : now / before;
}

/** `new`, `gone`, `×2.5`, `÷3.1`; `–` where one of two windows that both have the link has no bytes of it. */
function factorText(link: ComparedLink, context: LinkContext): string {
  if (link.seenIn === "base") return "gone";
  if (link.seenIn === "this") return "new";
  const [now, before] = [rateNow(link, context), link.baseRate ?? 0];
  if (now === 0 || before === 0) return now === before ? "same" : "–";
  const factor = now >= before ? now / before : before / now;
  if (factor < 1.05) return "same";
  return `${now >= before ? "×" : "÷"}${factor < 9.95 ? factor.toFixed(1) : formatCount(factor)}`;
}

export const linkColumns: readonly LinkColumn[] = [
  {
    ...text("client", "Client", "minmax(130px, 1.4fr)", (link, context) => peerName(link.client, context)),
    term: ({ client }, context) => endTerm("client", client, context),
  },
  {
    ...text("server", "Server", "minmax(130px, 1.4fr)", (link, context) => peerName(link.server, context)),
    term: ({ server }, context) => endTerm("server", server, context),
  },
  { ...text("ports", "Ports", "minmax(90px, 0.8fr)", (link) => portsText(link)), term: portTerm },
  bytes("bytesSent", "Sent"),
  bytes("bytesReceived", "Received"),
  number("rate", "Rate", (link, { interval, isLive }) => linkRate(link, interval, isLive), formatRate),
  count("packets", "Packets"),
  agentCount("active", "Open"),
  agentCount("connections", "New"),
  { ...agentCount("failed", "Failed"), isWarning: ({ failed }) => failed > 0 },
  agentCount("retransmits", "Resent"),
  number("rtt", "RTT", ({ rttMs }) => rttMs, formatMilliseconds),
  {
    ...text("observers", "Seen by", "minmax(130px, 1fr)", ({ observers }) =>
      observers.map(({ name }) => name).join(", "),
    ),
    term: ({ observers: [first] }) => (first === undefined ? "" : formatFilterTerm("observer", first.id)),
  },
];

/** What a cell is filtered by. */
export function cellTerm(link: ComparedLink, { term }: LinkColumn, context: LinkContext): string {
  if (term !== undefined) return term(link, context);
  return [endTerm("client", link.client, context), endTerm("server", link.server, context)]
    .filter(Boolean)
    .join(" ");
}

function endTerm(end: "client" | "server", id: string, { peers }: LinkContext): string {
  const peer = peers.get(id);
  return peer === undefined ? "" : pinTerm(peer, end);
}

/** Of the heaviest, which stands first. */
function portTerm({ ports: [port] }: ComparedLink): string {
  if (port === undefined) return "";
  const protocol = formatFilterTerm("protocol", port.protocol);
  return port.port === 0 ? protocol : `${formatFilterTerm("port", port.port)} ${protocol}`;
}

const always = ["client", "server", "ports", "failed", "rtt", "observers"];

/** While two windows are compared: what was, what is, and how far that is apart. */
export const comparedColumns: readonly LinkColumn[] = linkColumns
  .filter(({ key }) => always.includes(key))
  .toSpliced(
    3,
    0,
    number("before", "Before", ({ baseRate = 0 }) => baseRate, formatRate),
    number("now", "Now", rateNow, formatRate),
    {
      ...number(
        "change",
        "Change",
        rateChange,
        (change) => `${change < 0 ? "−" : "+"}${formatRate(Math.abs(change))}`,
        "minmax(104px, 0.6fr)",
      ),
      order: rateChange,
    },
    {
      ...text("factor", "Factor", "minmax(82px, 0.5fr)", factorText),
      isNumber: true,
      order: factorOrder,
    },
  );

function portsText({ ports }: ComparedLink): string {
  const first = ports.slice(0, 3).map(portName).join(", ");
  return ports.length > 3 ? `${first} +${ports.length - 3}` : first;
}

export interface SortOrder {
  readonly key: string;
  readonly isDescending: boolean;
}

/** Sorted by one column; equals by id, so that rows do not jump. */
export function sortLinks(
  links: Iterable<ComparedLink>,
  { key, isDescending }: SortOrder,
  context: LinkContext,
  columns: readonly LinkColumn[] = linkColumns,
): ComparedLink[] {
  const column = columns.find((candidate) => candidate.key === key) ?? columns[0]!;
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
