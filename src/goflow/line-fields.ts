import { exportFormat } from "../flow/index.ts";
import { appendIPv4, appendIPv6, appendIPv6Words, appendMac } from "./address-text.ts";
import {
  address,
  addressList,
  bytesOf,
  derived,
  endAddress,
  type LineField,
  named,
  number,
  numbers,
  texts,
  time,
} from "./line-field.ts";
import { protocolName } from "./protocol-names.ts";
import {
  etherTypeArp,
  etherTypeIPv4,
  etherTypeIPv6,
  etherTypeOf,
  familyOf,
  formatNames,
  icmpCode,
  icmpType,
  ipFlags,
  layerNames,
  mplsLabel,
  mplsTtl,
} from "./record-values.ts";

/** Go's text for a prefix that cannot be: of no address, or longer than the address. */
const invalidPrefix = "invalid Prefix";
const layerTexts = layerNames.map(bytesOf);
const familyTexts = { ipv4: bytesOf("IPv4"), ipv6: bytesOf("IPv6"), arp: bytesOf("ARP") };
const networkTexts = { invalid: bytesOf(invalidPrefix), ipv4: bytesOf("0.0.0.0/0"), ipv6: bytesOf("::/0") };

/** GoFlow2's fields, in the order of its lines. */
export const lineFields: readonly LineField[] = [
  named("type", "exportFormat", formatNames),
  time("time_received_ns", "collectionTimeMilliseconds"),
  number("sequence_num", "messageSequenceNumber"),
  number("sampling_rate", "samplingInterval"),
  address("sampler_address", "exporterAddress"),
  time("time_flow_start_ns", "flowStartMilliseconds"),
  time("time_flow_end_ns", "flowEndMilliseconds"),
  number("bytes", "octetDeltaCount"),
  number("packets", "packetDeltaCount"),
  endAddress("src_addr", "sourceAddress"),
  endAddress("dst_addr", "destinationAddress"),
  etherType("etype"),
  named(
    "proto",
    "protocolIdentifier",
    Array.from({ length: 256 }, (_, protocol) => protocolName(protocol)),
  ),
  number("src_port", "sourceTransportPort"),
  number("dst_port", "destinationTransportPort"),
  number("in_if", "ingressInterface"),
  number("out_if", "egressInterface"),
  mac("src_mac", "sourceMacAddress"),
  mac("dst_mac", "destinationMacAddress"),
  number("src_vlan", "vlanId"),
  number("dst_vlan", "postVlanId"),
  number("vlan_id", "vlanId"),
  number("ip_tos", "ipClassOfService"),
  number("forwarding_status", "forwardingStatus"),
  number("ip_ttl", "ipTTL"),
  derived("ip_flags", "fragmentFlags", ipFlags),
  number("tcp_flags", "tcpControlBits"),
  derived("icmp_type", "icmpTypeCode", icmpType),
  derived("icmp_code", "icmpTypeCode", icmpCode),
  number("ipv6_flow_label", "flowLabelIPv6"),
  number("fragment_id", "fragmentIdentification"),
  number("fragment_offset", "fragmentOffset"),
  number("src_as", "bgpSourceAsNumber"),
  number("dst_as", "bgpDestinationAsNumber"),
  address("next_hop", "ipNextHopAddress"),
  number("next_hop_as", "bgpNextAdjacentAsNumber"),
  network("src_net", "sourceAddress", "sourcePrefixLength"),
  network("dst_net", "destinationAddress", "destinationPrefixLength"),
  address("bgp_next_hop", "bgpNextHopAddress"),
  numbers("bgp_communities", "bgpCommunities"),
  numbers("as_path", "bgpAsPath"),
  mplsTtls("mpls_ttl"),
  numbers("mpls_label", "mplsLabelStack", mplsLabel),
  addressList("mpls_ip", "mplsTopLabelAddress"),
  number("observation_domain_id", "observationDomainId"),
  number("observation_point_id", "observationPointId"),
  texts("layer_stack", "layerStack", 1, (writer, lists, at) =>
    writer.appendBytes(layerTexts[lists[at]!] ?? layerTexts[layerTexts.length - 1]!),
  ),
  numbers("layer_size", "layerSizes"),
  texts("ipv6_routing_header_addresses", "ipv6RoutingHeaderAddresses", 4, appendIPv6Words),
  number("ipv6_routing_header_seg_left", "ipv6RoutingHeaderSegmentsLeft"),
];

function etherType(name: string): LineField {
  const bind: LineField["bind"] = ({ columns }, writer) => {
    return (row) => {
      const type = etherTypeOf(columns, row);
      if (type === etherTypeIPv4) writer.appendBytes(familyTexts.ipv4);
      else if (type === etherTypeIPv6) writer.appendBytes(familyTexts.ipv6);
      else if (type === etherTypeArp) writer.appendBytes(familyTexts.arp);
    };
  };
  const columns = ["ethernetType", "sourceAddress", "destinationAddress"] as const;
  return { name, kind: "text", columns, emptyText: "", bind };
}

function mac(name: string, column: "sourceMacAddress" | "destinationMacAddress"): LineField {
  const bind: LineField["bind"] = ({ columns: { [column]: values } }, writer) => {
    return (row) => appendMac(writer, values[row]!);
  };
  return { name, kind: "text", columns: [column], emptyText: "00:00:00:00:00:00", bind };
}

/** The route's prefix of an address, such as 10.1.0.0/16. */
function network(
  name: string,
  column: "sourceAddress" | "destinationAddress",
  lengthColumn: "sourcePrefixLength" | "destinationPrefixLength",
): LineField {
  const masked = new Uint8Array(16);
  const bind: LineField["bind"] = ({ columns }, writer) => {
    const { [column]: addresses, [lengthColumn]: lengths } = columns;
    return (row) => {
      const family = familyOf(columns, addresses, row);
      const length = lengths[row]!;
      const isIPv4 = family === etherTypeIPv4;
      if (family === 0 || length > (isIPv4 ? 32 : 128)) writer.appendBytes(networkTexts.invalid);
      else if (length === 0) writer.appendBytes(isIPv4 ? networkTexts.ipv4 : networkTexts.ipv6);
      else {
        writeMasked(masked, addresses, row * 16, isIPv4 ? length + 96 : length);
        if (isIPv4) appendIPv4(writer, masked, 12);
        else appendIPv6(writer, masked, 0);
        writer.appendByte(slash);
        writer.appendDecimal(length);
      }
    };
  };
  return {
    name,
    kind: "text",
    columns: [column, lengthColumn, "ethernetType"],
    emptyText: invalidPrefix,
    bind,
  };
}

const slash = 47;

/** As `maskAddress` of flow, into an array that is there already. */
function writeMasked(target: Uint8Array, source: Uint8Array, offset: number, prefixLength: number): void {
  for (let i = 0; i < 16; i++) {
    const bits = Math.min(8, Math.max(0, prefixLength - i * 8));
    target[i] = source[offset + i]! & (0xff << (8 - bits));
  }
}

/** Elements 70 to 79 have three octets of a label stack entry, without its TTL; a sampled frame has all four. */
function mplsTtls(name: string): LineField {
  const field = numbers(name, "mplsLabelStack", mplsTtl);
  const bind: LineField["bind"] = (batch, writer, quote) => {
    const append = field.bind(batch, writer, quote);
    const formats = batch.columns.exportFormat;
    return (row) => {
      if (formats[row] === exportFormat.sflow5) append(row);
    };
  };
  return { ...field, bind };
}
