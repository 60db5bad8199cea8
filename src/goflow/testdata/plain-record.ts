import { type FieldName, type FlowBatch, formatAddress, formatCidr, isMappedIPv4, isUnspecified, maskAddress } from "../../flow/index.ts";
import { protocolName } from "../protocol-names.ts";

/** A record as GoFlow2 shows it, as a plain object: the clear, slow counterpart of the writers. Numbers of 64 bits are bigint. */
export type PlainRecord = Record<string, number | bigint | string | (number | string)[]>;

export function readPlainRecord(batch: FlowBatch, row: number): PlainRecord {
  const { columns } = batch;
  const number = (name: FieldName) => columns[name][row]!;
  const bytes = (name: FieldName) => columns[name].slice(row * 16, row * 16 + 16) as Uint8Array;
  const list = (name: FieldName) => [...batch.listAt(number(name))];
  const isSet = (name: FieldName) => bytes(name).some((byte) => byte !== 0);
  const text = (name: FieldName) => (isSet(name) ? formatAddress(bytes(name)) : "");
  const nanoseconds = (name: FieldName) => {
    const whole = Math.floor(number(name));
    return BigInt(whole) * 1_000_000n + BigInt(Math.round((number(name) - whole) * 1e6));
  };
  const end = (name: FieldName) => (number("ethernetType") === 0x86dd && !isSet(name) ? "::" : text(name));
  const family = (name: FieldName) => (end(name) === "" ? 0 : isMappedIPv4(bytes(name)) ? 0x0800 : 0x86dd);
  const etherType = number("ethernetType") || family("sourceAddress") || family("destinationAddress");
  const net = (name: FieldName, length: number) => {
    const isIPv4 = family(name) === 0x0800;
    if (family(name) === 0 || length > (isIPv4 ? 32 : 128)) return "invalid Prefix";
    const prefixLength = isIPv4 ? length + 96 : length;
    const address = maskAddress(bytes(name), 0, prefixLength);
    return isUnspecified(address) && !isIPv4 ? `::/${length}` : formatCidr({ address, prefixLength });
  };
  const octets = (value: number) => value.toString(16).padStart(12, "0").match(/../g)!.join(":");
  const words = list("ipv6RoutingHeaderAddresses");
  const routing = Array.from({ length: words.length / 4 }, (_, i) => {
    const view = new DataView(new ArrayBuffer(16));
    for (let word = 0; word < 4; word++) view.setUint32(word * 4, words[i * 4 + word]!);
    return formatAddress(new Uint8Array(view.buffer));
  });
  const layers = "Ethernet IPv4 IPv6 TCP UDP MPLS Dot1Q ICMP ICMPv6 GRE IPv6HeaderRouting IPv6HeaderFragment Geneve Teredo".split(" ");
  return {
    type: ["", "SFLOW_5", "NETFLOW_V5", "NETFLOW_V9", "IPFIX"][number("exportFormat")]!,
    time_received_ns: nanoseconds("collectionTimeMilliseconds"),
    sequence_num: number("messageSequenceNumber"),
    sampling_rate: number("samplingInterval"),
    sampler_address: text("exporterAddress"),
    time_flow_start_ns: nanoseconds("flowStartMilliseconds"),
    time_flow_end_ns: nanoseconds("flowEndMilliseconds"),
    bytes: BigInt(number("octetDeltaCount")),
    packets: BigInt(number("packetDeltaCount")),
    src_addr: end("sourceAddress"),
    dst_addr: end("destinationAddress"),
    etype: { 0x0800: "IPv4", 0x86dd: "IPv6", 0x0806: "ARP" }[etherType] ?? "",
    proto: protocolName(number("protocolIdentifier")),
    src_port: number("sourceTransportPort"),
    dst_port: number("destinationTransportPort"),
    in_if: number("ingressInterface"),
    out_if: number("egressInterface"),
    src_mac: octets(number("sourceMacAddress")),
    dst_mac: octets(number("destinationMacAddress")),
    src_vlan: number("vlanId"),
    dst_vlan: number("postVlanId"),
    vlan_id: number("vlanId"),
    ip_tos: number("ipClassOfService"),
    forwarding_status: number("forwardingStatus"),
    ip_ttl: number("ipTTL"),
    ip_flags: Math.floor(number("fragmentFlags") / 32),
    tcp_flags: number("tcpControlBits"),
    icmp_type: Math.floor(number("icmpTypeCode") / 256),
    icmp_code: number("icmpTypeCode") % 256,
    ipv6_flow_label: number("flowLabelIPv6"),
    fragment_id: number("fragmentIdentification"),
    fragment_offset: number("fragmentOffset"),
    src_as: number("bgpSourceAsNumber"),
    dst_as: number("bgpDestinationAsNumber"),
    next_hop: text("ipNextHopAddress"),
    next_hop_as: number("bgpNextAdjacentAsNumber"),
    src_net: net("sourceAddress", number("sourcePrefixLength")),
    dst_net: net("destinationAddress", number("destinationPrefixLength")),
    bgp_next_hop: text("bgpNextHopAddress"),
    bgp_communities: list("bgpCommunities"),
    as_path: list("bgpAsPath"),
    mpls_ttl: number("exportFormat") === 1 ? list("mplsLabelStack").map((entry) => entry % 256) : [],
    mpls_label: list("mplsLabelStack").map((entry) => Math.floor(entry / 4096)),
    mpls_ip: isSet("mplsTopLabelAddress") ? [text("mplsTopLabelAddress")] : [],
    observation_domain_id: number("observationDomainId"),
    observation_point_id: number("observationPointId"),
    layer_stack: list("layerStack").map((layer) => layers[layer] ?? "Custom"),
    layer_size: list("layerSizes"),
    ipv6_routing_header_addresses: routing,
    ipv6_routing_header_seg_left: number("ipv6RoutingHeaderSegmentsLeft"),
  };
}
