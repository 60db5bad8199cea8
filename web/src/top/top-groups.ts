import { formatFilterTerm } from "../../../src/query/index.ts";
import type { TopBy } from "../view.ts";

/** What the API is asked to group by, what that is called, and how a group is put into the filter. */
export interface TopGrouping {
  readonly label: string;
  readonly by: readonly string[];
  readonly heads: readonly string[];
  /** The filter's term under which only this group is left. */
  readonly term: (group: readonly string[]) => string;
}

type FieldName = Parameters<typeof formatFilterTerm>[0];

const field = (name: FieldName) => (group: readonly string[]) => formatFilterTerm(name, group[0] ?? "");

export const topGroupings: Readonly<Record<TopBy, TopGrouping>> = {
  pair: {
    label: "Pairs",
    by: ["client.name", "server.name"],
    heads: ["Client", "Server"],
    term: ([client = "", server = ""]) =>
      `${formatFilterTerm("client.name", client)} ${formatFilterTerm("server.name", server)}`,
  },
  client: { label: "Clients", by: ["client.name"], heads: ["Client"], term: field("client.name") },
  server: { label: "Servers", by: ["server.name"], heads: ["Server"], term: field("server.name") },
  port: { label: "Ports", by: ["port", "protocol"], heads: ["Port", "Protocol"], term: portTerm },
  protocol: { label: "Protocols", by: ["protocol"], heads: ["Protocol"], term: field("protocol") },
  namespace: ends("Namespaces", "namespace"),
  workload: ends("Workloads", "workload"),
  network: ends("Networks", "network"),
  country: ends("Countries", "country"),
  system: ends("Systems (AS)", "asn"),
  domain: ends("Domains", "domain"),
  observer: { label: "Observers", by: ["observer"], heads: ["Observer"], term: field("observer") },
  interface: {
    label: "Interfaces",
    by: ["observer", "client.interface", "server.interface"],
    heads: ["Observer", "Client's side", "Server's side"],
    term: interfaceTerm,
  },
};

/** Who asks whom, by a fact of both ends. */
function ends(
  label: string,
  fact: "namespace" | "workload" | "network" | "country" | "asn" | "domain",
): TopGrouping {
  return {
    label,
    by: [`client.${fact}`, `server.${fact}`],
    heads: ["From", "To"],
    term: ([client = "", server = ""]) =>
      [
        client === "" ? "" : formatFilterTerm(`client.${fact}`, client),
        server === "" ? "" : formatFilterTerm(`server.${fact}`, server),
      ]
        .filter(Boolean)
        .join(" "),
  };
}

/** Where an observer said no interface, its number is 0. */
function interfaceTerm([observer = "", client = "", server = ""]: readonly string[]): string {
  return [
    formatFilterTerm("observer", observer),
    formatFilterTerm("client.interface", client || "0"),
    formatFilterTerm("server.interface", server || "0"),
  ].join(" ");
}

function portTerm([port = "", protocol = ""]: readonly string[]): string {
  const ofProtocol = formatFilterTerm("protocol", protocol);
  return port === "0" ? ofProtocol : `${formatFilterTerm("port", port)} ${ofProtocol}`;
}
