import { type Field, fields, type InformationElement } from "../../flow/index.ts";
import type { Row } from "./decode.ts";

/** What another decoder says of a record: values by information element. */
export type Said = Readonly<Record<string, unknown>>;

interface Named {
  readonly field: Field;
  readonly element: InformationElement;
  readonly rank: number;
}

const elementsByName = new Map<string, Named>(
  (fields as readonly Field[]).flatMap((field) =>
    field.elements.map((element, position): [string, Named] => {
      const isPrefix = element.name.endsWith("Prefix");
      const rank = field.column === "address" ? Number(isPrefix) : position;
      return [element.name, { field, element, rank }];
    }),
  ),
);

/** Names of other decoders for elements: NetFlow v9's of logstash, and telegraf's. */
const aliases: Readonly<Record<string, string>> = {
  in_bytes: "octetDeltaCount",
  in_pkts: "packetDeltaCount",
  in_packets: "packetDeltaCount",
  out_bytes: "postOctetDeltaCount",
  out_pkts: "postPacketDeltaCount",
  protocol: "protocolIdentifier",
  tos: "ipClassOfService",
  src_tos: "ipClassOfService",
  tcp_flags: "tcpControlBits",
  l4_src_port: "sourceTransportPort",
  l4_dst_port: "destinationTransportPort",
  src_port: "sourceTransportPort",
  dst_port: "destinationTransportPort",
  ipv4_src_addr: "sourceIPv4Address",
  ipv4_dst_addr: "destinationIPv4Address",
  ipv6_src_addr: "sourceIPv6Address",
  ipv6_dst_addr: "destinationIPv6Address",
  ipv4_src_prefix: "sourceIPv4Prefix",
  ipv4_dst_prefix: "destinationIPv4Prefix",
  ipv4_next_hop: "ipNextHopIPv4Address",
  next_hop: "ipNextHopIPv4Address",
  bgp_ipv4_next_hop: "bgpNextHopIPv4Address",
  src_mask: "sourceIPv4PrefixLength",
  dst_mask: "destinationIPv4PrefixLength",
  input_snmp: "ingressInterface",
  output_snmp: "egressInterface",
  in_snmp: "ingressInterface",
  out_snmp: "egressInterface",
  src_as: "bgpSourceAsNumber",
  dst_as: "bgpDestinationAsNumber",
  bgp_src_as: "bgpSourceAsNumber",
  bgp_dst_as: "bgpDestinationAsNumber",
  direction: "flowDirection",
  first_switched: "flowStartMilliseconds",
  last_switched: "flowEndMilliseconds",
  src_vlan: "vlanId",
  dst_vlan: "postVlanId",
  in_src_mac: "sourceMacAddress",
  in_dst_mac: "destinationMacAddress",
  icmp_type: "icmpTypeCodeIPv4",
  sampling_interval: "samplingInterval",
  ipv4_ident: "fragmentIdentification",
  tcp_src_port: "tcpSourcePort",
  tcp_dst_port: "tcpDestinationPort",
  udp_src_port: "udpSourcePort",
  udp_dst_port: "udpDestinationPort",
  fw_event: "firewallEvent",
};

/** The columns that a record with these values fills, as the table of fields says; what has no column is left out. */
export function expectRow(said: Said): Map<string, number | string> {
  const named = Object.entries(said).flatMap(([name, value]) => {
    const found = elementsByName.get(aliases[name] ?? name);
    // A raw uptime is no column; where upstream made it a time, it has another name.
    return found === undefined || found.element.type === "sysUpTime"
      ? []
      : [{ ...found, value: asColumnValue(found, value) }];
  });
  const expected = new Map<string, number | string>();
  for (const { field, element, value } of named.sort((a, b) => a.rank - b.rank)) {
    const isBeside = named.some((other) => other.field === field && other.element.type !== "total");
    if (element.type === "total" && isBeside) continue;
    const isUnset = (one: unknown) => one === undefined || isEmpty(field, one);
    if (isUnset(expected.get(field.name))) expected.set(field.name, value);
  }
  if (named.some(({ element }) => initiatorElements.has(element.name))) expected.set("clientEnd", 1);
  moveIcmp(expected);
  return expected;
}

const initiatorElements = new Set(["initiatorOctets", "initiatorPackets", "responderOctets", "responderPackets"]);

function isEmpty({ empty = 0, column }: Field, value: unknown): boolean {
  return column === "address" ? value === "::" || value === "0.0.0.0" : value === empty;
}

/** What the row says of a column that may be empty. */
export function rowValue(row: Row, name: string): unknown {
  const field: Field = fields.find((one) => one.name === name)!;
  return row[name] ?? (field.column === "address" ? "::" : (field.empty ?? 0));
}

/** NetFlow v5, and many v9 exporters, put ICMP type and code into the destination port. */
function moveIcmp(expected: Map<string, number | string>): void {
  const protocol = expected.get("protocolIdentifier");
  if (protocol !== 1 && protocol !== 58) return;
  const port = expected.get("destinationTransportPort") ?? 0;
  if ((expected.get("icmpTypeCode") ?? 0) === 0) expected.set("icmpTypeCode", port);
  expected.set("destinationTransportPort", 0);
  expected.set("sourceTransportPort", 0);
}

const protocols: Readonly<Record<string, number>> = {
  icmp: 1,
  ipv4: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  ipv6icmp: 58,
  "ipv6-icmp": 58,
};
const flagNames = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
const statuses: Readonly<Record<string, number>> = { Unknown: 0, Forwarded: 64, Dropped: 128, Consumed: 192 };
const reasons: Readonly<Record<string, number>> = { Unknown: 0, Forus: 3 };

function asColumnValue({ field, element }: Named, value: unknown): number | string {
  if (typeof value === "number") return element.type === "dateTimeSeconds" ? value * 1000 : value;
  if (typeof value === "string") return asTextValue(field, element, value);
  const object = value as Readonly<Record<string, unknown>>;
  if (field.name === "tcpControlBits")
    return flagNames.reduce((bits, name, i) => bits | (object[name] === true ? 1 << i : 0), 0);
  if (field.name === "forwardingStatus" && "status" in object)
    return Number(object.status) * 64 + Number(object.reason);
  if (field.name === "forwardingStatus") {
    const [status, reason] = Object.entries(object)[0]!;
    return statuses[status]! + reasons[String(reason)]!;
  }
  return Number.NaN;
}

function asTextValue(field: Field, element: InformationElement, text: string): number | string {
  if (field.column === "address") return text;
  if (element.type.startsWith("dateTime")) return Date.parse(text);
  if (/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(text)) return Number.parseInt(text.replaceAll(":", ""), 16);
  if (field.name === "flowDirection") return text === "egress" ? 1 : 0;
  if (field.name === "protocolIdentifier") return protocols[text.toLowerCase()] ?? Number(text);
  if (field.name === "tcpControlBits")
    return [...text].reduce((bits, letter, i) => bits | (letter === "." ? 0 : 1 << (7 - i)), 0);
  return Number(text);
}

