/**
 * The one table of fields. Decoders, batch columns, the store's schema, the API and the page's labels are derived
 * from it: a new field is one row here, and whoever fills it.
 *
 * `elements` are the information elements (IANA IPFIX registry; NetFlow v9 numbers agree below 128) that a
 * decoder writes into the column; a field without elements is ours, and `description` says who fills it.
 */

/** Abstract data types of RFC 7012 §3.1 that a decoder knows, and `sysUpTime`: milliseconds since the exporter's start. */
export type ElementType =
  | "unsigned"
  | "ipv4Address"
  | "ipv6Address"
  | "dateTimeSeconds"
  | "dateTimeMilliseconds"
  | "dateTimeMicroseconds"
  | "dateTimeNanoseconds"
  | "sysUpTime";

/** How a column is kept: typed array element, or 16 bytes per row for an address (IPv4 as ::ffff:a.b.c.d). */
export type ColumnEncoding = "u8" | "u16" | "u32" | "f64" | "address";

export interface InformationElement {
  readonly name: string;
  readonly id: number;
  /** Private enterprise number, 0 for the IANA registry; 29305 marks the reverse direction (RFC 5103). */
  readonly enterprise: number;
  readonly type: ElementType;
}

export interface Field {
  readonly name: string;
  readonly column: ColumnEncoding;
  readonly label: string;
  readonly description: string;
  readonly unit?: "bytes" | "packets" | "milliseconds" | "microseconds" | "connections" | "segments";
  /** The value of a row that nobody filled; 0 when not given. */
  readonly empty?: number;
  readonly elements: readonly InformationElement[];
}

const iana = <const N extends string>(name: N, id: number, type: ElementType = "unsigned") =>
  ({ name, id, enterprise: 0, type }) as const;

/** RFC 5103 §6.1: the private enterprise number whose elements are the reverse direction of IANA's. */
export const reverseEnterpriseNumber = 29305;
const reverse = <const N extends string>(name: N, id: number) =>
  ({ name, id, enterprise: reverseEnterpriseNumber, type: "unsigned" }) as const;

export const fields = [
  {
    name: "sourceAddress",
    column: "address",
    label: "Source address",
    description: "Address that sent the octets; for a connection seen by an agent, the client's.",
    elements: [iana("sourceIPv4Address", 8, "ipv4Address"), iana("sourceIPv6Address", 27, "ipv6Address")],
  },
  {
    name: "destinationAddress",
    column: "address",
    label: "Destination address",
    description: "Address that received the octets; for a connection seen by an agent, the server's.",
    elements: [
      iana("destinationIPv4Address", 12, "ipv4Address"),
      iana("destinationIPv6Address", 28, "ipv6Address"),
    ],
  },
  {
    name: "sourceTransportPort",
    column: "u16",
    label: "Source port",
    description: "TCP, UDP or SCTP port of the source.",
    elements: [iana("sourceTransportPort", 7)],
  },
  {
    name: "destinationTransportPort",
    column: "u16",
    label: "Destination port",
    description: "TCP, UDP or SCTP port of the destination.",
    elements: [iana("destinationTransportPort", 11)],
  },
  {
    name: "protocolIdentifier",
    column: "u8",
    label: "Protocol",
    description: "IANA protocol number.",
    elements: [iana("protocolIdentifier", 4)],
  },
  {
    name: "octetDeltaCount",
    column: "f64",
    label: "Bytes",
    unit: "bytes",
    description:
      "Octets from source to destination since the last record. Layer 3 octets from exporters, payload octets from agents.",
    elements: [iana("octetDeltaCount", 1)],
  },
  {
    name: "packetDeltaCount",
    column: "f64",
    label: "Packets",
    unit: "packets",
    description: "Packets from source to destination since the last record; TCP segments from agents.",
    elements: [iana("packetDeltaCount", 2)],
  },
  {
    name: "reverseOctetDeltaCount",
    column: "f64",
    label: "Bytes back",
    unit: "bytes",
    description: "Octets from destination to source since the last record (RFC 5103).",
    elements: [reverse("reverseOctetDeltaCount", 1)],
  },
  {
    name: "reversePacketDeltaCount",
    column: "f64",
    label: "Packets back",
    unit: "packets",
    description: "Packets from destination to source since the last record (RFC 5103).",
    elements: [reverse("reversePacketDeltaCount", 2)],
  },
  {
    name: "flowStartMilliseconds",
    column: "f64",
    label: "Start",
    unit: "milliseconds",
    description: "Unix time of the flow's first packet.",
    elements: [
      iana("flowStartMilliseconds", 152, "dateTimeMilliseconds"),
      iana("flowStartSysUpTime", 22, "sysUpTime"),
      iana("flowStartSeconds", 150, "dateTimeSeconds"),
      iana("flowStartMicroseconds", 154, "dateTimeMicroseconds"),
      iana("flowStartNanoseconds", 156, "dateTimeNanoseconds"),
    ],
  },
  {
    name: "flowEndMilliseconds",
    column: "f64",
    label: "End",
    unit: "milliseconds",
    description: "Unix time of the flow's last packet.",
    elements: [
      iana("flowEndMilliseconds", 153, "dateTimeMilliseconds"),
      iana("flowEndSysUpTime", 21, "sysUpTime"),
      iana("flowEndSeconds", 151, "dateTimeSeconds"),
      iana("flowEndMicroseconds", 155, "dateTimeMicroseconds"),
      iana("flowEndNanoseconds", 157, "dateTimeNanoseconds"),
    ],
  },
  {
    name: "collectionTimeMilliseconds",
    column: "f64",
    label: "Seen",
    unit: "milliseconds",
    description: "Unix time at which Portolan took the record. History is ordered by it.",
    elements: [iana("collectionTimeMilliseconds", 258, "dateTimeMilliseconds")],
  },
  {
    name: "tcpControlBits",
    column: "u16",
    label: "TCP flags",
    description: "TCP flags seen in the flow, or-ed.",
    elements: [iana("tcpControlBits", 6)],
  },
  {
    name: "icmpTypeCode",
    column: "u16",
    label: "ICMP type and code",
    description: "ICMP type * 256 + code.",
    elements: [iana("icmpTypeCodeIPv4", 32), iana("icmpTypeCodeIPv6", 139)],
  },
  {
    name: "ipClassOfService",
    column: "u8",
    label: "ToS",
    description: "Type of service or traffic class octet.",
    elements: [iana("ipClassOfService", 5)],
  },
  {
    name: "ingressInterface",
    column: "u32",
    label: "Interface in",
    description: "The exporter's ifIndex on which the packets arrived.",
    elements: [iana("ingressInterface", 10)],
  },
  {
    name: "egressInterface",
    column: "u32",
    label: "Interface out",
    description: "The exporter's ifIndex on which the packets left.",
    elements: [iana("egressInterface", 14)],
  },
  {
    name: "flowDirection",
    column: "u8",
    label: "Direction",
    empty: 255,
    description: "0 ingress, 1 egress, 255 not said.",
    elements: [iana("flowDirection", 61)],
  },
  {
    name: "flowEndReason",
    column: "u8",
    label: "End reason",
    description: "1 idle, 2 active timeout (the flow goes on), 3 end of flow, 4 forced, 5 lack of resources.",
    elements: [iana("flowEndReason", 136)],
  },
  {
    name: "vlanId",
    column: "u16",
    label: "VLAN",
    description: "802.1Q VLAN of the packets on the ingress side.",
    elements: [iana("vlanId", 58)],
  },
  {
    name: "bgpSourceAsNumber",
    column: "u32",
    label: "Source AS",
    description: "Autonomous system of the source, as the exporter knows it.",
    elements: [iana("bgpSourceAsNumber", 16)],
  },
  {
    name: "bgpDestinationAsNumber",
    column: "u32",
    label: "Destination AS",
    description: "Autonomous system of the destination, as the exporter knows it.",
    elements: [iana("bgpDestinationAsNumber", 17)],
  },
  {
    name: "samplingInterval",
    column: "u32",
    label: "Sampling",
    description:
      "One packet in this many was looked at; 0 when unknown. Counts are as exported, not multiplied.",
    elements: [iana("samplingInterval", 34)],
  },
  {
    name: "observationDomainId",
    column: "u32",
    label: "Observation domain",
    description: "The exporter's id space for templates: source id in NetFlow v9, engine type and id in v5.",
    elements: [iana("observationDomainId", 149)],
  },
  {
    name: "observer",
    column: "u32",
    label: "Observer",
    description:
      "Row of the ObserverTable: the agent or exporter that saw the record. Filled by whoever makes the batch.",
    elements: [],
  },
  {
    name: "observedEnd",
    column: "u8",
    label: "Observed end",
    description: "Whose socket was read: 1 the client's, 2 the server's, 0 neither. Filled by the agent.",
    elements: [],
  },
  {
    name: "connectionScope",
    column: "u32",
    label: "Connection scope",
    description:
      "Network namespace of a loopback connection, else 0: addresses mean the same everywhere. Filled by the agent.",
    elements: [],
  },
  {
    name: "sourcePeer",
    column: "u32",
    label: "Source",
    description:
      "Row of the PeerTable for the source, 0 when not yet known. The agent fills its own end, enrich the rest.",
    elements: [],
  },
  {
    name: "destinationPeer",
    column: "u32",
    label: "Destination",
    description: "Row of the PeerTable for the destination, 0 when not yet known.",
    elements: [],
  },
  {
    name: "clientEnd",
    column: "u8",
    label: "Client",
    description: "Which end is the client: 1 source, 2 destination. Filled by the agent or by stitch.",
    elements: [],
  },
  {
    name: "isDuplicate",
    column: "u8",
    label: "Duplicate",
    description:
      "1 when a better observer reports the same connection: kept, but not added to totals. Filled by stitch.",
    elements: [],
  },
  {
    name: "connectionCount",
    column: "u32",
    label: "Connections",
    unit: "connections",
    description: "Connections opened since the last record. Filled by the agent.",
    elements: [],
  },
  {
    name: "failedConnectionCount",
    column: "u32",
    label: "Failed",
    unit: "connections",
    description: "Connections that never opened (refused, timed out). Filled by the agent.",
    elements: [],
  },
  {
    name: "retransmittedSegmentCount",
    column: "u32",
    label: "Retransmits",
    unit: "segments",
    description: "TCP segments sent again since the last record. Filled by the agent.",
    elements: [],
  },
  {
    name: "roundTripTimeMicroseconds",
    column: "u32",
    label: "Round trip",
    unit: "microseconds",
    description: "Smoothed TCP round trip time, 0 when not measured. Filled by the agent.",
    elements: [],
  },
] as const satisfies readonly Field[];

export type FieldName = (typeof fields)[number]["name"];
