import { formatProtocol } from "../../flow/index.ts";
import { type Dimension, type EndFact, endOfDimension, type LinkDimension } from "../dimensions.ts";
import { labelValue } from "./filter-sql.ts";
import { peerColumn } from "./peer-columns.ts";
import type { SqlParameters } from "./sql-parameters.ts";

const linkColumns: Readonly<Record<LinkDimension, string>> = {
  port: "l.server_port",
  protocol: "l.protocol",
  called: "coalesce(k.id, '')",
  observer: "coalesce(o.id, '')",
  "client.interface": "l.client_interface",
  "server.interface": "l.server_interface",
};

/** SQL for what links `l` with their peers `c` (client), `s` (server), `k` (called) and observer `o` are grouped by. */
export function dimensionColumn(dimension: Dimension, parameters: SqlParameters): string {
  const ofEnd = endOfDimension(dimension);
  if (ofEnd === undefined) return linkColumns[dimension as LinkDimension];
  const { end, fact, key } = ofEnd;
  const alias = end === "client" ? "c" : "s";
  if (fact === "label") return `coalesce(${labelValue(`${alias}.labels`, key, parameters)}, '')`;
  return `coalesce(${factColumn(alias, fact)}, '')`;
}

function factColumn(alias: string, fact: EndFact): string {
  switch (fact) {
    case "":
      return `${alias}.id`;
    case "asn":
      return `${alias}.as_number::VARCHAR`;
    case "vlan":
      return `${alias}.vlan::VARCHAR`;
    default:
      return `${alias}.${peerColumn(fact)}`;
  }
}

/** The joins that the columns of these dimensions need. */
export function dimensionJoins(by: readonly Dimension[]): string {
  const ofPeers = by.filter((dimension) => endOfDimension(dimension) !== undefined || dimension === "called");
  const isNeeded = (start: string) => ofPeers.some((dimension) => dimension.startsWith(start));
  return [
    isNeeded("client") ? "LEFT JOIN peers c ON c.key = l.client_key" : "",
    isNeeded("server") ? "LEFT JOIN peers s ON s.key = l.server_key" : "",
    isNeeded("called") ? "LEFT JOIN peers k ON k.key = l.called_key" : "",
  ].join(" ");
}

export function readDimension(dimension: Dimension, value: unknown): string {
  if (dimension === "protocol") return formatProtocol(Number(value));
  return isInterface(dimension) && Number(value) === 0 ? "" : String(value);
}

function isInterface(dimension: Dimension): boolean {
  return dimension === "client.interface" || dimension === "server.interface";
}
