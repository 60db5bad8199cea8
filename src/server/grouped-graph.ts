import {
  emptyLayout,
  type LayoutState,
  layout,
  nodesByGroup,
  type Topology,
  type TopologyLink,
  type TopologyPeer,
} from "../topology/index.ts";

/** The panel shows 200 nodes, however many it is given. */
export const graphNodesMax = 200;
/** The heaviest links; the panel draws each as elements of the page. */
const edgesMax = 1000;
/** Groups whose lighter peers are a node of their own, `~other` of the group; those of more groups are one, `~other`. */
const otherGroupsMax = 40;
/** The map's steps between peers are made for smaller ones. */
const stretch = 1.7;
const radius = { least: 24, most: 56 };
const thickness = { least: 1, most: 10 };
/** Ports named on an edge. */
const portsMax = 4;
/** Questions whose layouts are remembered, so that peers stay where they were. */
const layoutsMax = 64;
const failingColor = "#F2495C";
const quietColor = "#8AB8FF";

/** Fields of the Node Graph panel. Rates are bytes per second over the window, both directions. */
export interface GroupedNode {
  readonly id: string;
  readonly title: string;
  readonly subTitle: string;
  readonly mainStat: number;
  readonly secondaryStat: number;
  /** Shares of connections that opened and that did not: they sum to 1. */
  readonly arc__ok: number;
  readonly arc__failed: number;
  readonly nodeRadius: number;
  readonly fixedX: number;
  readonly fixedY: number;
  readonly detail__kind: string;
  readonly detail__group: string;
  readonly detail__address: string;
  readonly detail__place: string;
  readonly detail__failed: number;
}

export interface GroupedEdge {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  readonly mainStat: number;
  readonly secondaryStat: string;
  readonly thickness: number;
  readonly color: string;
  readonly detail__sent: number;
  readonly detail__received: number;
  readonly detail__connections: number;
  readonly detail__failed: number;
  readonly detail__retransmits: number;
  /** Null when nobody measured. */
  readonly detail__rtt: number | null;
}

export interface GroupedGraph {
  readonly nodes: readonly GroupedNode[];
  readonly edges: readonly GroupedEdge[];
}

interface Totals {
  bytes: number;
  connections: number;
  failed: number;
}

/** Draws topologies as node graphs: the same question's peers stay where they were. */
export function createGroupedGraphs() {
  const layouts = new Map<string, LayoutState>();

  /** `question` tells layouts apart; the one not asked for longest is forgotten. */
  function place(question: string, topology: Pick<Topology, "peers" | "links">): LayoutState {
    const placed = layout(layouts.get(question) ?? emptyLayout, nodesByGroup(topology));
    layouts.delete(question);
    layouts.set(question, placed);
    for (const oldest of layouts.keys()) {
      if (layouts.size <= layoutsMax) break;
      layouts.delete(oldest);
    }
    return placed;
  }

  return {
    /** At most so many nodes, and 1000 edges; every edge's ends are among the nodes, and nodes count all their links. */
    draw(question: string, whole: Topology, nodesMax: number): GroupedGraph {
      const { peers, links } = joinLighter(whole, nodesMax);
      const { places } = place(question, { peers, links });
      const drawn = links.toSorted((a, b) => bytesOf(b) - bytesOf(a)).slice(0, edgesMax);
      const seconds = Math.max(1, (whole.to - whole.from) / 1000);
      const totals = totalsOf(links);
      const heaviest = Math.max(1, ...[...totals.values()].map(({ bytes }) => bytes)); // as many as nodes
      const heaviestLink = Math.max(1, ...drawn.map(bytesOf));
      return {
        nodes: peers.map((peer) => {
          const { x, y } = places.get(peer.id)!;
          const of = totals.get(peer.id) ?? { bytes: 0, connections: 0, failed: 0 };
          return drawNode(peer, of, seconds, {
            fixedX: Math.round(x * stretch),
            fixedY: Math.round(y * stretch),
            nodeRadius: Math.round(between(radius, of.bytes / heaviest)),
          });
        }),
        edges: drawn.map((link) => drawEdge(link, seconds, bytesOf(link) / heaviestLink)),
      };
    },
  };
}

const bytesOf = ({ bytesSent, bytesReceived }: TopologyLink) => bytesSent + bytesReceived;

/** By the square root, as areas are compared. */
const between = ({ least, most }: { least: number; most: number }, share: number) =>
  least + (most - least) * Math.sqrt(share);

function totalsOf(links: readonly TopologyLink[]): Map<string, Totals> {
  const totals = new Map<string, Totals>();
  for (const link of links) {
    for (const id of new Set([link.client, link.server])) {
      const of = totals.get(id) ?? { bytes: 0, connections: 0, failed: 0 };
      of.bytes += bytesOf(link);
      of.connections += link.connections;
      of.failed += link.failed;
      totals.set(id, of);
    }
  }
  return totals;
}

function drawNode(
  peer: TopologyPeer,
  { bytes, connections, failed }: Totals,
  seconds: number,
  drawn: Pick<GroupedNode, "fixedX" | "fixedY" | "nodeRadius">,
): GroupedNode {
  const tried = connections + failed;
  const failedShare = tried === 0 ? 0 : failed / tried;
  return {
    ...{ id: peer.id, title: peer.name, subTitle: peer.group },
    ...{ mainStat: bytes / seconds, secondaryStat: connections },
    ...{ arc__ok: 1 - failedShare, arc__failed: failedShare },
    ...drawn,
    detail__kind: peer.workloadKind ?? peer.kind,
    detail__group: peer.group,
    detail__address: peer.addresses.slice(0, 3).join(", "),
    detail__place: [peer.countryName, peer.asName].filter((text) => text !== undefined).join(", "),
    detail__failed: failed,
  };
}

function drawEdge(link: TopologyLink, seconds: number, share: number): GroupedEdge {
  const ports = link.ports.slice(0, portsMax).map(({ port, protocol }) => `${port}/${protocol}`);
  const more = link.ports.length - ports.length;
  return {
    ...{ id: link.id, source: link.client, target: link.server },
    mainStat: bytesOf(link) / seconds,
    secondaryStat: more > 0 ? `${ports.join(", ")}, ${more} more` : ports.join(", "),
    thickness: Number(between(thickness, share).toFixed(1)),
    color: link.failed > 0 ? failingColor : quietColor,
    detail__sent: link.bytesSent / seconds,
    detail__received: link.bytesReceived / seconds,
    detail__connections: link.connections,
    detail__failed: link.failed,
    detail__retransmits: link.retransmits,
    detail__rtt: link.rttMs,
  };
}

/** The heaviest peers as they are, the rest of each group as one. */
function joinLighter(topology: Topology, nodesMax: number): Pick<Topology, "peers" | "links"> {
  if (topology.peers.length <= nodesMax) return topology;
  const weights = totalsOf(topology.links);
  const weightOf = ({ id }: TopologyPeer) => weights.get(id)?.bytes ?? 0;
  const byWeight = topology.peers.toSorted((a, b) => weightOf(b) - weightOf(a) || (a.id < b.id ? -1 : 1));
  const groups = [...new Set(byWeight.map(({ group }) => group))];
  const ownOther = new Set(groups.slice(0, Math.min(otherGroupsMax, Math.floor(nodesMax / 4))));
  const kept = byWeight.slice(0, nodesMax - ownOther.size - 1);
  const peers = new Map(kept.map((peer) => [peer.id, peer]));
  const drawnAs = new Map<string, string>();
  for (const peer of byWeight.slice(kept.length)) {
    const other = ownOther.has(peer.group) ? otherOf(peer.group) : otherOf("");
    drawnAs.set(peer.id, other.id);
    peers.set(other.id, other);
  }
  const idOf = (id: string) => drawnAs.get(id) ?? id;
  const links = new Map<string, TopologyLink>();
  for (const link of topology.links) {
    const [client, server] = [idOf(link.client), idOf(link.server)];
    const id = `${client}>${server}`;
    const known = links.get(id);
    links.set(id, known === undefined ? { ...link, id, client, server } : joinLinks(known, link));
  }
  return { peers: [...peers.values()], links: [...links.values()] };
}

function otherOf(group: string): TopologyPeer {
  return {
    ...{
      id: group === "" ? "other" : `other:${group}`,
      kind: "other",
      name: "~other",
      group: group || "~other",
    },
    ...{ addresses: [], node: "", process: "", container: "" },
  };
}

function joinLinks(one: TopologyLink, two: TopologyLink): TopologyLink {
  const ports = new Map(one.ports.map((port) => [`${port.port}/${port.protocol}`, port]));
  for (const port of two.ports) {
    const known = ports.get(`${port.port}/${port.protocol}`);
    if (known === undefined) ports.set(`${port.port}/${port.protocol}`, port);
  }
  return {
    ...one,
    bytesSent: one.bytesSent + two.bytesSent,
    bytesReceived: one.bytesReceived + two.bytesReceived,
    connections: one.connections + two.connections,
    failed: one.failed + two.failed,
    retransmits: one.retransmits + two.retransmits,
    rttMs: one.rttMs === null ? two.rttMs : Math.max(one.rttMs, two.rttMs ?? 0),
    ports: [...ports.values()],
  };
}

/** What the fields are called, as the Node Graph API has it. */
export function groupedFields() {
  const text = (field_name: string) => ({ field_name, type: "string" });
  const number = (field_name: string) => ({ field_name, type: "number" });
  const detail = (name: string, displayName: string, type = "string") => ({
    ...{ field_name: `detail__${name}`, type, displayName },
  });
  return {
    nodes_fields: [
      ...["id", "title", "subTitle"].map(text),
      { ...number("mainStat"), displayName: "Bytes per second" },
      { ...number("secondaryStat"), displayName: "Connections" },
      { ...number("arc__ok"), color: "green", displayName: "Opened" },
      { ...number("arc__failed"), color: "red", displayName: "Failed" },
      ...["nodeRadius", "fixedX", "fixedY"].map(number),
      detail("kind", "Kind"),
      detail("group", "Group"),
      detail("address", "Address"),
      detail("place", "Place"),
      detail("failed", "Failed connections", "number"),
    ],
    edges_fields: [
      ...["id", "source", "target"].map(text),
      { ...number("mainStat"), displayName: "Bytes per second" },
      { ...text("secondaryStat"), displayName: "Ports" },
      number("thickness"),
      text("color"),
      detail("sent", "Sent per second", "number"),
      detail("received", "Received per second", "number"),
      detail("connections", "Connections", "number"),
      detail("failed", "Failed connections", "number"),
      detail("retransmits", "Retransmits", "number"),
      detail("rtt", "Round trip, ms", "number"),
    ],
  };
}
