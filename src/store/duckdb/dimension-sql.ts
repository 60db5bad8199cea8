import { formatProtocol } from "../../flow/index.ts";
import { type Dimension, endOfDimension, type LinkDimension } from "../dimensions.ts";
import { labelValue } from "./filter-sql.ts";
import { peerColumn } from "./peer-columns.ts";
import type { SqlParameters } from "./sql-parameters.ts";

const linkColumns: Readonly<Record<Exclude<LinkDimension, "called" | "observer">, string>> = {
  port: "l.server_port",
  protocol: "l.protocol",
  "client.interface": "l.client_interface",
  "server.interface": "l.server_interface",
};

/** SQL for what links `l`, joined with `dimensionJoins`, are grouped by: `d0`, `d1`; NULL where the file has no such peer or observer. */
export function dimensionColumns(by: readonly Dimension[]): string[] {
  return by.map((dimension, i) => {
    const end = endOf(dimension);
    const column = end === undefined ? linkColumns[dimension as keyof typeof linkColumns] : `${end}.d${i}`;
    return `${column} AS d${i}`;
  });
}

/** Of rows that have these columns: what is not known is in the group "". */
export function knownColumns(by: readonly Dimension[]): string[] {
  return by.map((dimension, i) =>
    endOf(dimension) === undefined ? `d${i}` : `coalesce(d${i}, '') AS d${i}`,
  );
}

/** The joins that the columns need. What a peer is grouped by is made once per peer, since there are many links to each. */
export function dimensionJoins(by: readonly Dimension[], parameters: SqlParameters): string {
  return (["client", "server", "called", "observer"] as const)
    .map((end) => {
      const facts = by.flatMap((dimension, i) =>
        endOf(dimension) === end ? [`${factColumn(dimension, parameters)} AS d${i}`] : [],
      );
      if (facts.length === 0) return "";
      const table = end === "observer" ? "observers" : "peers";
      return `LEFT JOIN (SELECT key, ${facts.join(", ")} FROM ${table}) ${end} ON ${end}.key = l.${end}_key`;
    })
    .join(" ");
}

/** Whose row tells the dimension; undefined for one of the link's own. */
function endOf(dimension: Dimension): "client" | "server" | "called" | "observer" | undefined {
  if (dimension === "called" || dimension === "observer") return dimension;
  return endOfDimension(dimension)?.end;
}

/** Of that row. */
function factColumn(dimension: Dimension, parameters: SqlParameters): string {
  const ofEnd = endOfDimension(dimension);
  if (ofEnd === undefined) return "id"; // of who was called, or of an observer
  switch (ofEnd.fact) {
    case "":
      return "id";
    case "label":
      return labelValue("labels", ofEnd.key, parameters);
    case "asn":
      return "as_number::VARCHAR";
    case "vlan":
      return "vlan::VARCHAR";
    default:
      return peerColumn(ofEnd.fact);
  }
}

export function readDimension(dimension: Dimension, value: unknown): string {
  if (dimension === "protocol") return formatProtocol(Number(value));
  return isInterface(dimension) && Number(value) === 0 ? "" : String(value);
}

function isInterface(dimension: Dimension): boolean {
  return dimension === "client.interface" || dimension === "server.interface";
}
