import type { ElementName } from "./information-elements.ts";

/**
 * The one table of fields. Decoders, batch columns, the store's schema, the API and the page's labels are derived
 * from it: a new field is one row here, and whoever fills it.
 *
 * `elements` are the information elements (IANA IPFIX registry; NetFlow v9 numbers agree below 128) that a
 * decoder writes into the column, the best first: of those a record has, the first that says something counts. A field
 * without elements is ours, and `description` says who fills it.
 */

/**
 * How a decoder reads an element: the abstract data types of RFC 7012 §3.1 in as far as they differ for it, and what has
 * a meaning of its own: a `total` counts since the flow's start, not since its last record; `sysUpTime` is milliseconds
 * since the exporter's start, `deltaMicroseconds` before the export; `highOctet` and `lowOctet` are the halves of a
 * 16-bit column; `biflowDirection` says which end is the client (RFC 5103 §6.3); an `mplsLabel` is one entry of a list.
 */
export type ElementType =
  | "unsigned"
  | "total"
  | "highOctet"
  | "lowOctet"
  | "biflowDirection"
  | "mplsLabel"
  | "ipv4Address"
  | "ipv6Address"
  | "dateTimeSeconds"
  | "dateTimeMilliseconds"
  | "dateTimeMicroseconds"
  | "dateTimeNanoseconds"
  | "sysUpTime"
  | "deltaMicroseconds";

/**
 * How a column is kept: typed array element; 16 bytes per row for an address (IPv4 as ::ffff:a.b.c.d); for a list the
 * place of its values in the batch's `lists`.
 */
export type ColumnEncoding = "u8" | "u16" | "u32" | "f64" | "address" | "list";

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
  /** Kept only in batches that were made with details: for `collect`, not for the map and not for the store. */
  readonly isDetail?: true;
  readonly elements: readonly InformationElement[];
}

/**
 * The name is the registry's, held by the compiler; that id and type agree with it too is held by the test. The registry
 * itself is not read here: the page is built from this table, and need not carry 530 elements.
 */
const iana = <const N extends ElementName>(name: N, id: number, type: ElementType = "unsigned") =>
  ({ name, id, enterprise: 0, type }) as const;

/** RFC 5103 §6.1: the private enterprise number whose elements are the reverse direction of IANA's. */
export const reverseEnterpriseNumber = 29305;
const reverse = <const N extends string>(name: N, id: number, type: ElementType = "unsigned") =>
  ({ name, id, enterprise: reverseEnterpriseNumber, type }) as const;

export const fields = [
  {
    name: "sourceAddress",
    column: "address",
    label: "Source address",
    description: "Address that sent the octets; for a connection seen by an agent, the client's.",
    elements: [
      iana("sourceIPv4Address", 8, "ipv4Address"),
      iana("sourceIPv6Address", 27, "ipv6Address"),
      iana("sourceIPv4Prefix", 44, "ipv4Address"),
      iana("sourceIPv6Prefix", 170, "ipv6Address"),
    ],
  },
  {
    name: "destinationAddress",
    column: "address",
    label: "Destination address",
    description: "Address that received the octets; for a connection seen by an agent, the server's.",
    elements: [
      iana("destinationIPv4Address", 12, "ipv4Address"),
      iana("destinationIPv6Address", 28, "ipv6Address"),
      iana("destinationIPv4Prefix", 45, "ipv4Address"),
      iana("destinationIPv6Prefix", 169, "ipv6Address"),
    ],
  },
  {
    name: "sourceTransportPort",
    column: "u16",
    label: "Source port",
    description: "TCP, UDP or SCTP port of the source.",
    elements: [iana("sourceTransportPort", 7), iana("udpSourcePort", 180), iana("tcpSourcePort", 182)],
  },
  {
    name: "destinationTransportPort",
    column: "u16",
    label: "Destination port",
    description: "TCP, UDP or SCTP port of the destination.",
    elements: [
      iana("destinationTransportPort", 11),
      iana("udpDestinationPort", 181),
      iana("tcpDestinationPort", 183),
    ],
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
      "Octets from source to destination since the last record. Layer 3 octets, but payload octets of TCP from agents.",
    elements: [
      iana("octetDeltaCount", 1),
      iana("initiatorOctets", 231),
      iana("postOctetDeltaCount", 23),
      iana("octetTotalCount", 85, "total"),
      iana("layer2OctetDeltaCount", 352),
    ],
  },
  {
    name: "packetDeltaCount",
    column: "f64",
    label: "Packets",
    unit: "packets",
    description: "Packets from source to destination since the last record; TCP segments from agents.",
    elements: [
      iana("packetDeltaCount", 2),
      iana("initiatorPackets", 298),
      iana("postPacketDeltaCount", 24),
      iana("packetTotalCount", 86, "total"),
    ],
  },
  {
    name: "reverseOctetDeltaCount",
    column: "f64",
    label: "Bytes back",
    unit: "bytes",
    description: "Octets from destination to source since the last record (RFC 5103).",
    elements: [
      reverse("reverseOctetDeltaCount", 1),
      iana("responderOctets", 232),
      reverse("reversePostOctetDeltaCount", 23),
      reverse("reverseOctetTotalCount", 85, "total"),
      reverse("reverseLayer2OctetDeltaCount", 352),
    ],
  },
  {
    name: "reversePacketDeltaCount",
    column: "f64",
    label: "Packets back",
    unit: "packets",
    description: "Packets from destination to source since the last record (RFC 5103).",
    elements: [
      reverse("reversePacketDeltaCount", 2),
      iana("responderPackets", 299),
      reverse("reversePostPacketDeltaCount", 24),
      reverse("reversePacketTotalCount", 86, "total"),
    ],
  },
  {
    name: "flowStartMilliseconds",
    column: "f64",
    label: "Start",
    unit: "milliseconds",
    description: "Unix time of the flow's first packet.",
    elements: [
      iana("flowStartMilliseconds", 152, "dateTimeMilliseconds"),
      iana("flowStartMicroseconds", 154, "dateTimeMicroseconds"),
      iana("flowStartNanoseconds", 156, "dateTimeNanoseconds"),
      iana("flowStartSeconds", 150, "dateTimeSeconds"),
      iana("flowStartSysUpTime", 22, "sysUpTime"),
      iana("flowStartDeltaMicroseconds", 158, "deltaMicroseconds"),
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
      iana("flowEndMicroseconds", 155, "dateTimeMicroseconds"),
      iana("flowEndNanoseconds", 157, "dateTimeNanoseconds"),
      iana("flowEndSeconds", 151, "dateTimeSeconds"),
      iana("flowEndSysUpTime", 21, "sysUpTime"),
      iana("flowEndDeltaMicroseconds", 159, "deltaMicroseconds"),
      iana("observationTimeMilliseconds", 323, "dateTimeMilliseconds"),
      iana("observationTimeMicroseconds", 324, "dateTimeMicroseconds"),
      iana("observationTimeNanoseconds", 325, "dateTimeNanoseconds"),
      iana("observationTimeSeconds", 322, "dateTimeSeconds"),
    ],
  },
  {
    name: "collectionTimeMilliseconds",
    column: "f64",
    label: "Seen",
    unit: "milliseconds",
    description: "Unix time at which Portolan took the record. History is ordered by it.",
    elements: [],
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
    elements: [
      iana("icmpTypeCodeIPv4", 32),
      iana("icmpTypeCodeIPv6", 139),
      iana("icmpTypeIPv4", 176, "highOctet"),
      iana("icmpCodeIPv4", 177, "lowOctet"),
      iana("icmpTypeIPv6", 178, "highOctet"),
      iana("icmpCodeIPv6", 179, "lowOctet"),
    ],
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
    elements: [iana("vlanId", 58), iana("dot1qVlanId", 243)],
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
    elements: [iana("samplingInterval", 34), iana("samplerRandomInterval", 50)],
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
    description:
      "Which end is the client: 1 source, 2 destination. Filled by the agent, an exporter that says who began, or stitch.",
    elements: [iana("biflowDirection", 239, "biflowDirection")],
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
    description: "Connections that never opened, for whatever reason. Filled by the agent.",
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
  {
    name: "minimumRoundTripTimeMicroseconds",
    column: "u32",
    label: "Least round trip",
    unit: "microseconds",
    description:
      "Least TCP round trip time of the connection's last five minutes, 0 when not measured. Filled by the agent.",
    elements: [],
  },
  {
    name: "connectTimeMicroseconds",
    column: "u32",
    label: "Connect time",
    unit: "microseconds",
    description:
      "From the client's SYN to the answer, in the record that counts the connection as opened; 0 when not measured. Filled by the client's agent.",
    elements: [],
  },
  {
    name: "refusedConnectionCount",
    column: "u32",
    label: "Refused",
    unit: "connections",
    description:
      "Of the connections that never opened, those that a reset or ICMP's port unreachable answered. Filled by the agent.",
    elements: [],
  },
  {
    name: "timedOutConnectionCount",
    column: "u32",
    label: "Timed out",
    unit: "connections",
    description:
      "Of the connections that never opened, those that nobody answered: given up by the kernel, or by the application after 0.9 s or more. Filled by the agent.",
    elements: [],
  },
  {
    name: "unreachableConnectionCount",
    column: "u32",
    label: "Unreachable",
    unit: "connections",
    description:
      "Of the connections that never opened, those of which a router or firewall said that nobody gets there (ICMP). Filled by the agent.",
    elements: [],
  },
  {
    name: "resetConnectionCount",
    column: "u32",
    label: "Reset",
    unit: "connections",
    description:
      "Connections that had opened and that the other side ended by a reset while this side was still using them. Filled by the agent.",
    elements: [],
  },
  {
    name: "lostConnectionCount",
    column: "u32",
    label: "Lost",
    unit: "connections",
    description:
      "Connections that had opened and whose other side answered no more (time-out, keepalive, ICMP). Filled by the agent.",
    elements: [],
  },
  {
    name: "originalDestinationAddress",
    column: "address",
    label: "Called address",
    description:
      "Address that the client called, where translation led to another (a Service's, a published port's); :: where it did not, or where nobody here knows. In either direction of a record.",
    elements: [],
  },
  {
    name: "originalDestinationTransportPort",
    column: "u16",
    label: "Called port",
    description: "Port that belongs to the called address.",
    elements: [],
  },
  {
    name: "calledPeer",
    column: "u32",
    label: "Called",
    description:
      "Row of the PeerTable for the called address: the Service that led to the server. 0 where there is none. Filled by enrich.",
    elements: [],
  },
  {
    name: "reverseTcpControlBits",
    column: "u16",
    label: "TCP flags back",
    isDetail: true,
    description: "TCP flags seen from destination to source, or-ed (RFC 5103).",
    elements: [reverse("reverseTcpControlBits", 6)],
  },
  {
    name: "reverseIpClassOfService",
    column: "u8",
    label: "ToS back",
    isDetail: true,
    description: "Type of service or traffic class octet from destination to source (RFC 5103).",
    elements: [reverse("reverseIpClassOfService", 5)],
  },
  {
    name: "exportFormat",
    column: "u8",
    label: "Format",
    isDetail: true,
    description:
      "Protocol of the message that carried the record: 1 sFlow v5, 2 NetFlow v5, 3 NetFlow v9, 4 IPFIX. Filled by the decoder.",
    elements: [],
  },
  {
    name: "messageSequenceNumber",
    column: "u32",
    label: "Sequence",
    isDetail: true,
    description: "Sequence number of the message that carried the record. Filled by the decoder.",
    elements: [],
  },
  {
    name: "exporterAddress",
    column: "address",
    label: "Exporter",
    isDetail: true,
    description: "Address the datagram came from; in sFlow the agent's. Filled by the decoder.",
    elements: [],
  },
  {
    name: "observationPointId",
    column: "u32",
    label: "Observation point",
    isDetail: true,
    description: "Where in the observation domain the packets were seen.",
    elements: [iana("observationPointId", 138)],
  },
  {
    name: "ethernetType",
    column: "u16",
    label: "EtherType",
    isDetail: true,
    description: "EtherType of the packets' payload; from the addresses when the exporter does not say.",
    elements: [iana("ethernetType", 256)],
  },
  {
    name: "sourceMacAddress",
    column: "f64",
    label: "Source MAC",
    isDetail: true,
    description: "Source MAC address, 48 bits.",
    elements: [iana("sourceMacAddress", 56), iana("postSourceMacAddress", 81)],
  },
  {
    name: "destinationMacAddress",
    column: "f64",
    label: "Destination MAC",
    isDetail: true,
    description: "Destination MAC address, 48 bits.",
    elements: [iana("destinationMacAddress", 80), iana("postDestinationMacAddress", 57)],
  },
  {
    name: "postVlanId",
    column: "u16",
    label: "VLAN out",
    isDetail: true,
    description: "802.1Q VLAN of the packets on the egress side.",
    elements: [iana("postVlanId", 59), iana("postDot1qVlanId", 254)],
  },
  {
    name: "dot1qCustomerVlanId",
    column: "u16",
    label: "Customer VLAN",
    isDetail: true,
    description: "The inner VLAN of a frame with two (IEEE 802.1ad).",
    elements: [iana("dot1qCustomerVlanId", 245), iana("postDot1qCustomerVlanId", 255)],
  },
  {
    name: "forwardingStatus",
    column: "u8",
    label: "Forwarding",
    isDetail: true,
    description:
      "Status in the two highest bits (0 unknown, 1 forwarded, 2 dropped, 3 consumed), reason below (RFC 7270).",
    elements: [iana("forwardingStatus", 89)],
  },
  {
    name: "ipTTL",
    column: "u8",
    label: "TTL",
    isDetail: true,
    description: "Time to live or hop limit; the smallest seen when the exporter says that.",
    elements: [iana("ipTTL", 192), iana("minimumTTL", 52), iana("maximumTTL", 53)],
  },
  {
    name: "fragmentFlags",
    column: "u8",
    label: "Fragment flags",
    isDetail: true,
    description: "IPv4 flags: reserved, don't fragment, more fragments; as the exporter encodes them.",
    elements: [iana("fragmentFlags", 197)],
  },
  {
    name: "fragmentIdentification",
    column: "u32",
    label: "Fragment id",
    isDetail: true,
    description: "Identification field of IPv4, or of IPv6's fragment header.",
    elements: [iana("fragmentIdentification", 54)],
  },
  {
    name: "fragmentOffset",
    column: "u16",
    label: "Fragment offset",
    isDetail: true,
    description: "Fragment offset, in units of 8 octets.",
    elements: [iana("fragmentOffset", 88)],
  },
  {
    name: "flowLabelIPv6",
    column: "u32",
    label: "Flow label",
    isDetail: true,
    description: "IPv6 flow label.",
    elements: [iana("flowLabelIPv6", 31)],
  },
  {
    name: "ipNextHopAddress",
    column: "address",
    label: "Next hop",
    isDetail: true,
    description: "Address of the next router.",
    elements: [
      iana("ipNextHopIPv4Address", 15, "ipv4Address"),
      iana("ipNextHopIPv6Address", 62, "ipv6Address"),
    ],
  },
  {
    name: "bgpNextHopAddress",
    column: "address",
    label: "BGP next hop",
    isDetail: true,
    description: "Address of the next router in BGP.",
    elements: [
      iana("bgpNextHopIPv4Address", 18, "ipv4Address"),
      iana("bgpNextHopIPv6Address", 63, "ipv6Address"),
    ],
  },
  {
    name: "bgpNextAdjacentAsNumber",
    column: "u32",
    label: "Next AS",
    isDetail: true,
    description: "First autonomous system on the path to the destination.",
    elements: [iana("bgpNextAdjacentAsNumber", 128)],
  },
  {
    name: "bgpAsPath",
    column: "list",
    label: "AS path",
    isDetail: true,
    description:
      "Autonomous systems on the path to the destination, nearest first. Filled from sFlow's gateway records.",
    elements: [],
  },
  {
    name: "bgpCommunities",
    column: "list",
    label: "BGP communities",
    isDetail: true,
    description: "BGP communities of the route. Filled from sFlow's gateway records.",
    elements: [],
  },
  {
    name: "sourcePrefixLength",
    column: "u8",
    label: "Source prefix",
    isDetail: true,
    description: "Length of the route's prefix for the source.",
    elements: [iana("sourceIPv4PrefixLength", 9), iana("sourceIPv6PrefixLength", 29)],
  },
  {
    name: "destinationPrefixLength",
    column: "u8",
    label: "Destination prefix",
    isDetail: true,
    description: "Length of the route's prefix for the destination.",
    elements: [iana("destinationIPv4PrefixLength", 13), iana("destinationIPv6PrefixLength", 30)],
  },
  {
    name: "mplsLabelStack",
    column: "list",
    label: "MPLS labels",
    isDetail: true,
    description:
      "Label stack entries, the top first, 32 bits each (RFC 3032 §2.1): label, traffic class, bottom of stack, TTL (0 when not said). Filled by the decoder from elements 70 to 79 or the frame.",
    elements: [
      iana("mplsTopLabelStackSection", 70, "mplsLabel"),
      iana("mplsLabelStackSection2", 71, "mplsLabel"),
      iana("mplsLabelStackSection3", 72, "mplsLabel"),
      iana("mplsLabelStackSection4", 73, "mplsLabel"),
      iana("mplsLabelStackSection5", 74, "mplsLabel"),
      iana("mplsLabelStackSection6", 75, "mplsLabel"),
      iana("mplsLabelStackSection7", 76, "mplsLabel"),
      iana("mplsLabelStackSection8", 77, "mplsLabel"),
      iana("mplsLabelStackSection9", 78, "mplsLabel"),
      iana("mplsLabelStackSection10", 79, "mplsLabel"),
    ],
  },
  {
    name: "mplsTopLabelType",
    column: "u8",
    label: "MPLS label from",
    isDetail: true,
    description:
      "What gave out the top label: 1 traffic engineering, 2 pseudowire, 3 VPN, 4 BGP, 5 LDP (IANA).",
    elements: [iana("mplsTopLabelType", 46)],
  },
  {
    name: "mplsTopLabelAddress",
    column: "address",
    label: "MPLS next hop",
    isDetail: true,
    description: "Address of the router that the top label leads to.",
    elements: [
      iana("mplsTopLabelIPv4Address", 47, "ipv4Address"),
      iana("mplsTopLabelIPv6Address", 140, "ipv6Address"),
    ],
  },
  {
    name: "postNATSourceAddress",
    column: "address",
    label: "Source after NAT",
    isDetail: true,
    description: "Source address behind network address translation.",
    elements: [
      iana("postNATSourceIPv4Address", 225, "ipv4Address"),
      iana("postNATSourceIPv6Address", 281, "ipv6Address"),
    ],
  },
  {
    name: "postNATDestinationAddress",
    column: "address",
    label: "Destination after NAT",
    isDetail: true,
    description: "Destination address behind network address translation.",
    elements: [
      iana("postNATDestinationIPv4Address", 226, "ipv4Address"),
      iana("postNATDestinationIPv6Address", 282, "ipv6Address"),
    ],
  },
  {
    name: "postNAPTSourceTransportPort",
    column: "u16",
    label: "Source port after NAT",
    isDetail: true,
    description: "Source port behind network address and port translation.",
    elements: [iana("postNAPTSourceTransportPort", 227)],
  },
  {
    name: "postNAPTDestinationTransportPort",
    column: "u16",
    label: "Destination port after NAT",
    isDetail: true,
    description: "Destination port behind network address and port translation.",
    elements: [iana("postNAPTDestinationTransportPort", 228)],
  },
  {
    name: "natEvent",
    column: "u8",
    label: "NAT event",
    isDetail: true,
    description:
      "What happened to a translation: 1 created, 2 deleted, 3 addresses exhausted, and more (IANA natEvent).",
    elements: [iana("natEvent", 230)],
  },
  {
    name: "firewallEvent",
    column: "u8",
    label: "Firewall event",
    isDetail: true,
    description: "1 flow created, 2 deleted, 3 denied, 4 alert, 5 update (RFC 7270).",
    elements: [iana("firewallEvent", 233)],
  },
  {
    name: "ingressVRFID",
    column: "u32",
    label: "VRF in",
    isDetail: true,
    description: "Routing table in which the packets arrived.",
    elements: [iana("ingressVRFID", 234)],
  },
  {
    name: "egressVRFID",
    column: "u32",
    label: "VRF out",
    isDetail: true,
    description: "Routing table in which the packets left.",
    elements: [iana("egressVRFID", 235)],
  },
  {
    name: "layerStack",
    column: "list",
    label: "Layers",
    isDetail: true,
    description:
      "Headers of a sampled frame from the outside in, by GoFlow2's LayerStack numbers: 0 Ethernet, 1 IPv4, 2 IPv6, 3 TCP, 4 UDP, 5 MPLS, 6 802.1Q, 7 ICMP, 8 ICMPv6, 9 GRE, 10 IPv6 routing, 11 IPv6 fragment, 12 Geneve, 13 Teredo, 14 VXLAN, 99 other. Filled from sampled frames.",
    elements: [],
  },
  {
    name: "layerSizes",
    column: "list",
    label: "Layer sizes",
    isDetail: true,
    description: "Octets of each of those headers.",
    elements: [],
  },
  {
    name: "ipv6RoutingHeaderAddresses",
    column: "list",
    label: "Routing header",
    isDetail: true,
    description: "Addresses of an IPv6 routing header, four 32-bit words each. Filled from sampled frames.",
    elements: [],
  },
  {
    name: "ipv6RoutingHeaderSegmentsLeft",
    column: "u8",
    label: "Segments left",
    isDetail: true,
    description: "Segments left of an IPv6 routing header. Filled from sampled frames.",
    elements: [],
  },
] as const satisfies readonly Field[];

export type FieldName = (typeof fields)[number]["name"];

type DetailField = Extract<(typeof fields)[number], { isDetail: true }>;
export type CoreField = Exclude<(typeof fields)[number], DetailField>;

/** The fields of every batch and of the store: all but the details. */
export const coreFields: readonly CoreField[] = fields.filter(
  (field): field is CoreField => !("isDetail" in field),
);
