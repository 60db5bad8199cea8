/** What may stand behind a field, and how it is read. */
export type FilterValueKind =
  | "text"
  | "address"
  | "network"
  | "port"
  | "protocol"
  | "asn"
  | "vlan"
  | "interface"
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
    name: "namespace",
    values: "text",
    of: "end",
    description: "Kubernetes namespace of a pod or service.",
    example: "namespace:shop",
  },
  {
    name: "workload",
    values: "text",
    of: "end",
    description: "Name of what is at the top of a pod's owners: a Deployment, a DaemonSet, a Job.",
    example: "client.workload:checkout",
  },
  {
    name: "pod",
    values: "text",
    of: "end",
    description: "Name of the pod.",
    example: "pod:checkout-*",
  },
  {
    name: "service",
    values: "text",
    of: "end",
    description:
      "Kubernetes Service: the peer itself, one that sends its connections to the pod, or the one that the client called.",
    example: "server.service:cart",
  },
  {
    name: "label",
    values: "text",
    of: "end",
    description: "Value of the pod's label whose key stands behind the point; `label.KEY:*` for any value.",
    example: "label.app.kubernetes.io/name:cart",
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
    description:
      "Address of the peer, or the one that the client called in its place: one address or a range.",
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
    name: "country",
    values: "text",
    of: "end",
    description: "Country of the address: its code of two letters, or its English name.",
    example: "country:DE,France",
  },
  {
    name: "asn",
    values: "asn",
    of: "end",
    description: "Autonomous system of the address: its number, or its name.",
    example: "server.asn:AS15169",
  },
  {
    name: "domain",
    values: "text",
    of: "end",
    description: "The domain that somebody registered, of the name by which the peer was looked up.",
    example: "domain:example.com",
  },
  {
    name: "vlan",
    values: "vlan",
    of: "end",
    description: "VLAN of the own network that the peer is in; of a flow record also the one it was seen in.",
    example: "vlan:20",
  },
  {
    name: "site",
    values: "text",
    of: "end",
    description: "Site of the own network that the peer is in.",
    example: "client.site:berlin",
  },
  {
    name: "unresolved",
    values: "text",
    of: "end",
    description:
      "Why it is not known who of the cluster the peer is: pods_not_known_yet, no_pod_has_it, services_not_known_yet, no_service_has_it or pod_not_told; `*` for any of them.",
    example: "unresolved:*",
  },
  {
    name: "interface",
    values: "interface",
    of: "end",
    description:
      "Interface of an exporter (its ifIndex) by which a flow came in (source) or left (destination); of a link those on the client's and the server's side. 0 where nobody said.",
    example: "client.interface:3",
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
    name: "refused",
    values: "count",
    of: "measure",
    description: "Of the failed connections, those that the other side refused.",
    example: "refused>0",
  },
  {
    name: "timedOut",
    values: "count",
    of: "measure",
    description: "Of the failed connections, those that nobody answered.",
    example: "timedOut>0",
  },
  {
    name: "unreachable",
    values: "count",
    of: "measure",
    description:
      "Of the failed connections, those of which a router or firewall said that nobody gets there.",
    example: "unreachable>0",
  },
  {
    name: "reset",
    values: "count",
    of: "measure",
    description: "Connections that had opened and that the other side reset.",
    example: "reset>=10",
  },
  {
    name: "lost",
    values: "count",
    of: "measure",
    description: "Connections that had opened and whose other side answered no more.",
    example: "lost>0",
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
  asn: "a number with or without AS, or a name, such as AS15169, 15169 or google*",
  vlan: "a VLAN id from 0 to 4095",
  interface: "an interface's number from 0 to 4294967295",
  bytes: "a number with or without a unit of B kB MB GB TB KiB MiB GiB TiB, such as 10MB",
  count: "a number with or without k, M or G, such as 200k",
  duration: "a number with a unit of us, ms or s, such as 20ms; without a unit it is ms",
};

/** By the name in lower case. */
export const filterFieldByName: ReadonlyMap<string, (typeof filterFields)[number]> = new Map(
  filterFields.map((field) => [field.name.toLowerCase(), field]),
);

/** Bounds of a filter: beyond them it is an error, so that neither parsing nor matching can be made to take long. */
export const filterLimits = { textLength: 4096, terms: 200, wildcards: 200, nesting: 50 } as const;
