import type { LinkEnd, PortLink } from "../topology/index.ts";
import { graphNodesMax } from "./grouped-graph.ts";

/** What the Node Graph panel shows of a node or an edge. */
export const statsTypes = ["connection", "bytes", "duration"] as const;
export type StatsType = (typeof statsTypes)[number];

export interface GraphNode {
  readonly id: string;
  readonly title: string;
  readonly subTitle: string;
  readonly mainStat: string;
  readonly secondaryStat: string;
  readonly arc__1: number;
  readonly arc__2: number;
  readonly arc__3: number;
}

export interface GraphEdge {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  readonly mainStat: string;
  readonly secondaryStat: string;
}

export interface NodeGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/** An address, as k8spacket's nodes are; of a peer without one, its id. */
export function nodeId({ id, addresses }: LinkEnd): string {
  return addresses[0] ?? id;
}

interface Totals {
  connections: number;
  open: number;
  bytesSent: number;
  bytesReceived: number;
}

interface NodeTotals extends Totals {
  readonly title: string;
}

/** Every edge's ends are among the nodes: the panel shows nothing at all otherwise. */
export function buildNodeGraph(links: readonly PortLink[], type: StatsType, seconds: number): NodeGraph {
  const nodes = new Map<string, NodeTotals>();
  const edges = new Map<string, Totals & { readonly source: string; readonly target: string }>();
  const shown = heaviestNodes(links);
  const idOf = (end: LinkEnd) => (shown.has(nodeId(end)) ? nodeId(end) : "~other");
  const node = (id: string, title: string) => entry(nodes, id, () => ({ ...noTotals(), title }));
  for (const link of links) {
    const [source, target] = [idOf(link.client), idOf(link.server)];
    // As k8spacket has it: the server's node counts the connections; each counts bytes from where it stands.
    const client = node(source, source === "~other" ? source : link.client.name);
    const server = node(target, target === "~other" ? target : link.server.name);
    client.bytesSent += link.bytesSent;
    client.bytesReceived += link.bytesReceived;
    server.bytesSent += link.bytesReceived;
    server.bytesReceived += link.bytesSent;
    server.connections += link.connections;
    server.open += link.active;
    const edge = entry(edges, `${source}-${target}`, () => ({ ...noTotals(), source, target }));
    edge.bytesSent += link.bytesSent;
    edge.bytesReceived += link.bytesReceived;
    edge.connections += link.connections;
    edge.open += link.active;
  }
  return {
    nodes: [...nodes].map(([id, totals]) => ({
      ...{ id, title: totals.title, subTitle: id },
      ...nodeStats(totals, type, seconds),
    })),
    edges: [...edges].map(([id, totals]) => ({
      ...{ id, source: totals.source, target: totals.target },
      ...edgeStats(totals, type, seconds),
    })),
  };
}

const noTotals = (): Totals => ({ connections: 0, open: 0, bytesSent: 0, bytesReceived: 0 });

function entry<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

/** Ends of the heaviest links, while there is room; what is lighter is one more node, `~other`. */
function heaviestNodes(links: readonly PortLink[]): ReadonlySet<string> {
  const weight = ({ bytesSent, bytesReceived, connections }: PortLink) =>
    bytesSent + bytesReceived + connections;
  const chosen = new Set<string>();
  for (const { client, server } of links.toSorted((a, b) => weight(b) - weight(a))) {
    for (const end of [client, server]) if (chosen.size < graphNodesMax - 1) chosen.add(nodeId(end));
  }
  return chosen;
}

type Stats = Pick<GraphNode, "mainStat" | "secondaryStat">;
const notKnown = "N/A";

function nodeStats(
  totals: Totals,
  type: StatsType,
  seconds: number,
): Omit<GraphNode, "id" | "title" | "subTitle"> {
  const { connections, open, bytesSent, bytesReceived } = totals;
  if (type === "connection") {
    const all = Math.max(connections, open);
    return { ...connectionStats(totals), ...arcs(open, all - open) };
  }
  if (type === "duration" || bytesSent + bytesReceived === 0)
    return { mainStat: notKnown, secondaryStat: notKnown, ...arcs(0, 0) };
  return {
    mainStat: `recv: ${formatRate(bytesReceived, seconds)}`,
    secondaryStat: `resp: ${formatRate(bytesSent, seconds)}`,
    ...arcs(bytesReceived, bytesSent),
  };
}

function edgeStats(totals: Totals, type: StatsType, seconds: number): Stats {
  if (type === "connection") return connectionStats(totals);
  if (type === "duration") return { mainStat: notKnown, secondaryStat: notKnown };
  return {
    mainStat: `sent: ${formatRate(totals.bytesSent, seconds)}`,
    secondaryStat: `recv: ${formatRate(totals.bytesReceived, seconds)}`,
  };
}

/** Connections that are open now are what k8spacket calls persistent. One opened before the window counts too. */
function connectionStats({ connections, open }: Totals): Stats {
  const all = Math.max(connections, open);
  return {
    mainStat: all === 0 ? notKnown : `all: ${all}`,
    secondaryStat: open === 0 ? notKnown : `persistent: ${open}`,
  };
}

/** Shares of the ring: they sum to 1, or are all 0. */
function arcs(first: number, second: number) {
  const sum = first + second;
  return { arc__1: sum === 0 ? 0 : first / sum, arc__2: sum === 0 ? 0 : second / sum, arc__3: 0 };
}

const units = ["B", "KB", "MB", "GB", "TB", "PB"];

/** `1.23KB/s`, by 1024. */
export function formatRate(bytes: number, seconds: number): string {
  let value = bytes / seconds;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value.toFixed(2)}${units[unit]}/s`;
}

const fieldsByType = {
  connection: [
    "All connections ",
    "Persistent connections ",
    "green",
    "Persistent connections",
    "red",
    "Short-lived connections",
  ],
  bytes: ["Bytes received ", "Bytes responded ", "blue", "Bytes received", "yellow", "Bytes responded"],
  duration: ["Average duration ", "Max duration ", "purple", "Average duration", "white", "Max duration"],
} as const satisfies Record<StatsType, readonly string[]>;

/** What the fields of the data are called, as the Node Graph API has it. */
export function graphFields(type: StatsType) {
  const [main, secondary, firstColor, first, secondColor, second] = fieldsByType[type];
  const text = (field_name: string) => ({ field_name, type: "string" });
  return {
    edges_fields: ["id", "source", "target", "mainStat", "secondaryStat"].map(text),
    nodes_fields: [
      ...["id", "title", "subTitle"].map(text),
      { ...text("mainStat"), displayName: main },
      { ...text("secondaryStat"), displayName: secondary },
      { field_name: "arc__1", type: "number", color: firstColor, displayName: first },
      { field_name: "arc__2", type: "number", color: secondColor, displayName: second },
    ],
  };
}
