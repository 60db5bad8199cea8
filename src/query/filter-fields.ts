/** What may stand behind a field, and how it is read. */
export type FilterValueKind =
  | "text"
  | "address"
  | "network"
  | "port"
  | "protocol"
  | "bytes"
  | "count"
  | "duration";

export interface FilterFieldInfo {
  readonly name: string;
  readonly values: FilterValueKind;
  /** `end`: of one peer, can be pinned by a prefix. `link`: of the whole link. `measure`: of its totals. */
  readonly of: "end" | "link" | "measure";
  readonly description: string;
  readonly example: string;
}

/** Every field of the filter language, once: checking, the reference page and completion are derived from it. */
export const filterFields = [
  {
    name: "name",
    values: "text",
    of: "end",
    description: "Name of the peer, as drawn on the map.",
    example: "name:nginx",
  },
  {
    name: "id",
    values: "text",
    of: "end",
    description: "Identity of the peer, as the API gives it.",
    example: 'id:"host:10.1.2.3"',
  },
  {
    name: "kind",
    values: "text",
    of: "end",
    description:
      "What the peer is: process, unit (of systemd), container, pod, service, node, host or other.",
    example: "kind:container",
  },
  {
    name: "process",
    values: "text",
    of: "end",
    description: "Process name of the peer, where an agent saw it.",
    example: "process:postgres",
  },
  {
    name: "container",
    values: "text",
    of: "end",
    description: "Container id of the peer.",
    example: "container:4f1c*",
  },
  {
    name: "node",
    values: "text",
    of: "end",
    description: "Machine the peer runs on, where an agent said so.",
    example: "node:web-1",
  },
  {
    name: "address",
    values: "address",
    of: "end",
    description: "Address of the peer: one address or a range.",
    example: "address:10.0.0.0/8",
  },
  {
    name: "network",
    values: "network",
    of: "end",
    description: "Network of the peer: its name (`internet`, `loopback`), or a range its address lies in.",
    example: "server.network:internet",
  },
  {
    name: "port",
    values: "port",
    of: "end",
    description: "Server port of a link; either port of a flow record. Only flow records know the client's.",
    example: "port:80,443",
  },
  {
    name: "protocol",
    values: "protocol",
    of: "link",
    description: "IP protocol, by name or number.",
    example: "protocol:udp",
  },
  {
    name: "observer",
    values: "text",
    of: "link",
    description: "Name or id of an agent or exporter that saw the link.",
    example: "observer:web-1",
  },
  {
    name: "exporter",
    values: "text",
    of: "link",
    description: "Name or address of an exporter that saw the link.",
    example: "exporter:192.0.2.1",
  },
  {
    name: "bytes",
    values: "bytes",
    of: "measure",
    description: "Bytes of the link in the window, both directions.",
    example: "bytes>10MB",
  },
  {
    name: "packets",
    values: "count",
    of: "measure",
    description: "Packets of the link in the window, both directions.",
    example: "packets>=10k",
  },
  {
    name: "connections",
    values: "count",
    of: "measure",
    description: "Connections opened in the window.",
    example: "connections>100",
  },
  {
    name: "failed",
    values: "count",
    of: "measure",
    description: "Connections that never opened.",
    example: "failed>0",
  },
  {
    name: "retransmits",
    values: "count",
    of: "measure",
    description: "TCP segments sent again.",
    example: "retransmits>1k",
  },
  {
    name: "rtt",
    values: "duration",
    of: "measure",
    description: "Mean TCP round trip time; a link that nobody measured matches no comparison.",
    example: "rtt>=50ms",
  },
] as const satisfies readonly FilterFieldInfo[];

/** What each kind of value accepts, in words: for errors and the reference page. */
export const filterValueKinds: Readonly<Record<FilterValueKind, string>> = {
  text: "a text, `a,b` for any of them, `*` for any characters",
  address: "an address or a range, such as 10.1.2.3, 10.0.0.0/8, 10.1.* or 2001:db8::/32",
  network: "a network's name or a range, such as internet or 10.0.0.0/8",
  port: "a port from 0 to 65535",
  protocol: "a protocol name or a number from 0 to 255, such as tcp, udp or 6",
  bytes: "a number with or without a unit of B kB MB GB TB KiB MiB GiB TiB, such as 10MB",
  count: "a number with or without k, M or G, such as 200k",
  duration: "a number with a unit of us, ms or s, such as 20ms; without a unit it is ms",
};

export const filterFieldByName: ReadonlyMap<string, (typeof filterFields)[number]> = new Map(
  filterFields.map((field) => [field.name, field]),
);

/** Bounds of a filter: beyond them it is an error, so that neither parsing nor matching can be made to take long. */
export const filterLimits = { textLength: 4096, terms: 200, nesting: 50 } as const;
