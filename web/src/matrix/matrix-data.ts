import type { TopologyPeer } from "../../../src/topology/topology.ts";
import { type Metric, metricOf } from "../metric.ts";
import type { ComparedLink } from "../nest/chart-link.ts";
import { nestPath } from "../nest/nest-path.ts";
import type { MatrixBy } from "../view.ts";

/** Who talks to whom: clients as rows, servers as columns. The answer where a map would be a hairball. */
export interface MatrixData {
  readonly members: readonly MatrixMember[];
  /** Numbers of those members that are clients, and of those that are servers. */
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  /** By `ROW COLUMN`, numbers of members. */
  readonly cells: ReadonlyMap<string, MatrixCell>;
  readonly largest: number;
  /** Members for which there is no row. */
  readonly leftOut: number;
}

export interface MatrixMember {
  /** Of a group or a peer, as the map has it. */
  readonly id: string;
  readonly name: string;
  /** The group around it, "" for an outermost one. */
  readonly around: string;
  readonly value: number;
}

export interface MatrixCell {
  readonly value: number;
  readonly linkCount: number;
  readonly failed: number;
}

interface Flat {
  readonly peers: ReadonlyMap<string, TopologyPeer>;
  readonly links: ReadonlyMap<string, ComparedLink>;
}

export function buildMatrix(
  { peers, links }: Flat,
  by: MatrixBy,
  metric: Metric,
  membersMax: number,
): MatrixData {
  const memberOf = new Map<string, Omit<MatrixMember, "value">>();
  for (const peer of peers.values()) memberOf.set(peer.id, memberFor(peer, by));
  const values = new Map<string, number>();
  const known = new Map<string, Omit<MatrixMember, "value">>();
  const add = (member: Omit<MatrixMember, "value">, value: number) => {
    known.set(member.id, member);
    values.set(member.id, (values.get(member.id) ?? 0) + value);
  };
  for (const link of links.values()) {
    const [client, server] = [memberOf.get(link.client), memberOf.get(link.server)];
    if (client === undefined || server === undefined) continue;
    const value = metricOf(link, metric);
    add(client, value);
    if (server.id !== client.id) add(server, value);
  }
  const heaviest = [...known.values()]
    .map((member) => ({ ...member, value: values.get(member.id)! }))
    .sort((a, b) => b.value - a.value || (a.id < b.id ? -1 : 1));
  // What stands together is found together.
  const members = heaviest
    .slice(0, membersMax)
    .sort((a, b) => compare(a.around, b.around) || compare(a.name, b.name));
  const numberOf = new Map(members.map(({ id }, number) => [id, number]));
  const cells = new Map<string, MatrixCell>();
  let largest = 0;
  for (const link of links.values()) {
    const row = numberOf.get(memberOf.get(link.client)?.id ?? "");
    const column = numberOf.get(memberOf.get(link.server)?.id ?? "");
    if (row === undefined || column === undefined) continue;
    const key = `${row} ${column}`;
    const before = cells.get(key) ?? { value: 0, linkCount: 0, failed: 0 };
    const value = before.value + metricOf(link, metric);
    cells.set(key, { value, linkCount: before.linkCount + 1, failed: before.failed + link.failed });
    largest = Math.max(largest, value);
  }
  const isUsed = (side: 0 | 1) => {
    const used = new Set([...cells.keys()].map((key) => Number(key.split(" ")[side])));
    return members.map((_, number) => number).filter((number) => used.has(number));
  };
  return {
    members,
    rows: isUsed(0),
    columns: isUsed(1),
    cells,
    largest,
    leftOut: heaviest.length - members.length,
  };
}

function memberFor(peer: TopologyPeer, by: MatrixBy): Omit<MatrixMember, "value"> {
  const path = nestPath(peer);
  const name = peer.name || peer.id;
  const outermost = path[0];
  if (by === "group") {
    if (outermost === undefined) return { id: peer.id, name, around: "" };
    return { id: outermost.id, name: outermost.name, around: "" };
  }
  const inner = path.find(({ kind }) => kind === "workload" || kind === "country");
  if (inner !== undefined) return { id: inner.id, name: inner.name, around: outermost!.name };
  return { id: peer.id, name, around: outermost?.name ?? "" };
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Shades of a cell, from faint to full, by orders of magnitude below the largest. */
export const shades = 7;

export function shadeOf(value: number, largest: number): number {
  if (value <= 0 || largest <= 0) return 0;
  const below = Math.log10(largest / value);
  return Math.max(1, Math.min(shades, shades - Math.floor(below * 1.6)));
}
