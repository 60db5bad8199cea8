import { type FlowBatch, isMappedIPv4 } from "../../flow/index.ts";
import { readPlainRecord } from "./plain-record.ts";

/** A message by field number: numbers, packed numbers, or byte strings as hex. What is not there has its default. */
export type Message = Record<number, bigint | bigint[] | string | string[]>;

const packed = new Set([80, 81, 101, 102, 103, 104]);
const repeatedBytes = 105;

/** Reads messages behind their lengths, with nothing between them: the clear opposite of the writer. */
export function readMessages(bytes: Uint8Array): Message[] {
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const messages: Message[] = [];
  while (at < bytes.length) {
    const end = Number(varint()) + at;
    const message: Message = {};
    let last = 0;
    while (at < end) {
      const tag = Number(varint());
      const number = tag >> 3;
      if (number < last || (number === last && number !== repeatedBytes))
        throw new Error(`field ${number} stands behind ${last}`);
      last = number;
      if ((tag & 7) === 0) message[number] = varint();
      else if ((tag & 7) !== 2) throw new Error(`field ${number} has wire type ${tag & 7}`);
      else {
        const until = Number(varint()) + at;
        if (packed.has(number)) {
          const values: bigint[] = [];
          while (at < until) values.push(varint());
          message[number] = values;
        } else {
          const hex = Buffer.from(bytes.subarray(at, until)).toString("hex");
          at = until;
          if (number === repeatedBytes) message[number] = [...((message[number] as string[]) ?? []), hex];
          else message[number] = hex;
        }
      }
    }
    if (at !== end) throw new Error("a field runs over the message's end");
    messages.push(message);
  }
  return messages;
}

const numbersByName = {
  ...{ sampling_rate: 3, sequence_num: 4, bytes: 9, packets: 10, next_hop_as: 13, src_as: 14, dst_as: 15, in_if: 18 },
  ...{ out_if: 19, src_port: 21, dst_port: 22, ip_tos: 23, forwarding_status: 24, ip_ttl: 25, tcp_flags: 26 },
  ...{ vlan_id: 29, icmp_type: 31, icmp_code: 32, src_vlan: 33, dst_vlan: 34, fragment_id: 35, fragment_offset: 36 },
  ...{ ipv6_flow_label: 37, ip_flags: 38, observation_domain_id: 70, observation_point_id: 71, mpls_ttl: 80 },
  ...{ mpls_label: 81, bgp_communities: 101, as_path: 102, layer_size: 104, ipv6_routing_header_seg_left: 106 },
  ...{ time_received_ns: 110, time_flow_start_ns: 111, time_flow_end_ns: 112 },
};

/** What a row's message holds: from its plain record where that is the same, else from its columns. */
export function expectedMessage(batch: FlowBatch, row: number): Message {
  const { columns } = batch;
  const record = readPlainRecord(batch, row);
  const message: Message = {};
  const put = (number: number, value: Message[number] | number | undefined) => {
    const isDefault = value === undefined || value === "" || Number(value) === 0 && !Array.isArray(value) && typeof value !== "string";
    if (isDefault || (Array.isArray(value) && value.length === 0)) return;
    message[number] = typeof value === "number" ? BigInt(value) : value;
  };
  for (const [name, number] of Object.entries(numbersByName)) {
    const value = record[name]!;
    put(number, Array.isArray(value) ? value.map((item) => BigInt(item)) : BigInt(value as number));
  }
  const address = (column: Uint8Array, isThere = false) => {
    const bytes = column.subarray(row * 16, row * 16 + 16);
    if (bytes.every((byte) => byte === 0) && !isThere) return "";
    return Buffer.from(isMappedIPv4(bytes) ? bytes.subarray(12) : bytes).toString("hex");
  };
  const isIPv6 = columns.ethernetType[row] === 0x86dd;
  put(1, columns.exportFormat[row]);
  put(6, address(columns.sourceAddress, isIPv6));
  put(7, address(columns.destinationAddress, isIPv6));
  put(11, address(columns.exporterAddress));
  put(12, address(columns.ipNextHopAddress));
  put(16, columns.sourcePrefixLength[row]);
  put(17, columns.destinationPrefixLength[row]);
  put(20, columns.protocolIdentifier[row]);
  put(27, columns.sourceMacAddress[row]);
  put(28, columns.destinationMacAddress[row]);
  const family = { IPv4: 0x0800, IPv6: 0x86dd, ARP: 0x0806 }[record.etype as string] ?? 0;
  put(30, columns.ethernetType[row] || family);
  put(39, columns.ingressVRFID[row]);
  put(40, columns.egressVRFID[row]);
  put(42, columns.flowDirection[row] === 1 ? 1 : 0);
  put(82, address(columns.mplsTopLabelAddress));
  put(100, address(columns.bgpNextHopAddress));
  put(103, [...batch.listAt(columns.layerStack[row]!)].map((layer) => BigInt(layer > 13 ? 99 : layer)));
  const words = [...batch.listAt(columns.ipv6RoutingHeaderAddresses[row]!)];
  const hex = words.map((word) => word.toString(16).padStart(8, "0")).join("");
  put(105, hex.match(/.{32}/g) ?? []);
  put(1010, address(columns.postNATSourceAddress));
  put(1011, address(columns.postNATDestinationAddress));
  put(1012, columns.postNAPTSourceTransportPort[row]);
  put(1013, columns.postNAPTDestinationTransportPort[row]);
  put(1014, columns.natEvent[row]);
  put(1015, columns.firewallEvent[row]);
  put(1016, columns.flowEndReason[row]);
  return message;
}
