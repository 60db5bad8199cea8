import { exportFormat, type FlowBatch } from "../flow/index.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { type AppendValue, bytesOf } from "./line-field.ts";
import {
  addressBytes,
  addressWords,
  type MessageField,
  packedVarints,
  timeVarint,
  varint,
  varintLength,
} from "./message-field.ts";
import {
  customLayer,
  etherTypeIPv6,
  etherTypeOf,
  icmpCode,
  icmpType,
  ipFlags,
  isColumnEmpty,
  layerNames,
  mplsLabel,
  mplsTtl,
} from "./record-values.ts";

/**
 * Prepares for a batch; the answer appends one row as GoFlow2's `flowpb.FlowMessage` behind its length: fields in the
 * order of their numbers, those with their default left out, as protobuf's own writers do.
 */
export function prepareMessages(separator: string, batch: FlowBatch, writer: ByteWriter): AppendValue {
  const last = bytesOf(separator);
  const values = messageFields
    .filter(({ columns }) => !columns.every((column) => isColumnEmpty(batch, column)))
    .map((field) => field.bind(batch, writer));
  return (row) => {
    // The length is known afterwards. It nearly always has two bytes.
    const start = writer.position;
    const body = start + 2;
    writer.position = body;
    for (let i = 0; i < values.length; i++) values[i]!(row);
    const end = writer.position;
    const shift = varintLength(end - body) - 2;
    if (shift !== 0) writer.bytes.copyWithin(body + shift, body, end);
    writer.position = start;
    writer.appendVarint(end - body);
    writer.position = end + shift;
    writer.appendBytes(last);
  };
}

/** 39, 40 and 42 are what GoFlow2's example mapping uses; from 1010 on they are ours. */
const messageFields: readonly MessageField[] = [
  varint(1, "exportFormat"),
  varint(3, "samplingInterval"),
  varint(4, "messageSequenceNumber"),
  addressBytes(6, "sourceAddress", isIPv6),
  addressBytes(7, "destinationAddress", isIPv6),
  varint(9, "octetDeltaCount"),
  varint(10, "packetDeltaCount"),
  addressBytes(11, "exporterAddress"),
  addressBytes(12, "ipNextHopAddress"),
  varint(13, "bgpNextAdjacentAsNumber"),
  varint(14, "bgpSourceAsNumber"),
  varint(15, "bgpDestinationAsNumber"),
  varint(16, "sourcePrefixLength"),
  varint(17, "destinationPrefixLength"),
  varint(18, "ingressInterface"),
  varint(19, "egressInterface"),
  varint(20, "protocolIdentifier"),
  varint(21, "sourceTransportPort"),
  varint(22, "destinationTransportPort"),
  varint(23, "ipClassOfService"),
  varint(24, "forwardingStatus"),
  varint(25, "ipTTL"),
  varint(26, "tcpControlBits"),
  varint(27, "sourceMacAddress"),
  varint(28, "destinationMacAddress"),
  varint(29, "vlanId"),
  etherType(30),
  varint(31, "icmpTypeCode", icmpType),
  varint(32, "icmpTypeCode", icmpCode),
  varint(33, "vlanId"),
  varint(34, "postVlanId"),
  varint(35, "fragmentIdentification"),
  varint(36, "fragmentOffset"),
  varint(37, "flowLabelIPv6"),
  varint(38, "fragmentFlags", ipFlags),
  varint(39, "ingressVRFID"),
  varint(40, "egressVRFID"),
  varint(42, "flowDirection", (direction) => (direction === 1 ? 1 : 0)),
  varint(70, "observationDomainId"),
  varint(71, "observationPointId"),
  packedVarints(80, "mplsLabelStack", mplsTtl, isSampledFrame),
  packedVarints(81, "mplsLabelStack", mplsLabel),
  addressBytes(82, "mplsTopLabelAddress"),
  addressBytes(100, "bgpNextHopAddress"),
  packedVarints(101, "bgpCommunities"),
  packedVarints(102, "bgpAsPath"),
  packedVarints(103, "layerStack", (layer) => (layer < layerNames.length - 1 ? layer : customLayer)),
  packedVarints(104, "layerSizes"),
  addressWords(105, "ipv6RoutingHeaderAddresses"),
  varint(106, "ipv6RoutingHeaderSegmentsLeft"),
  timeVarint(110, "collectionTimeMilliseconds"),
  timeVarint(111, "flowStartMilliseconds"),
  timeVarint(112, "flowEndMilliseconds"),
  addressBytes(1010, "postNATSourceAddress"),
  addressBytes(1011, "postNATDestinationAddress"),
  varint(1012, "postNAPTSourceTransportPort"),
  varint(1013, "postNAPTDestinationTransportPort"),
  varint(1014, "natEvent"),
  varint(1015, "firewallEvent"),
  varint(1016, "flowEndReason"),
];

function isIPv6({ columns }: FlowBatch, row: number): boolean {
  return columns.ethernetType[row] === etherTypeIPv6;
}

function isSampledFrame({ columns }: FlowBatch, row: number): boolean {
  return columns.exportFormat[row] === exportFormat.sflow5;
}

function etherType(fieldNumber: number): MessageField {
  const bind: MessageField["bind"] = ({ columns }, writer) => {
    return (row) => {
      const type = etherTypeOf(columns, row);
      if (type === 0) return;
      writer.appendVarint(fieldNumber * 8);
      writer.appendVarint(type);
    };
  };
  return { columns: ["ethernetType", "sourceAddress", "destinationAddress"], bind };
}
