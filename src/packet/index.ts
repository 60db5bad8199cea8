/**
 * The headers of a sampled packet, as sFlow and IPFIX (elements 313 and 315) carry them, into a row of a flow batch; those of captured
 * packets, as columns, into keys of flows; and what a DNS message says. Knows no flow protocol, and nothing of what becomes of the row.
 */
export { readMacAddress, readUnsigned16, readUnsigned32 } from "./bytes.ts";
export { type DnsAddress, type DnsMessage, dnsType, parseDnsMessage } from "./dns.ts";
export {
  type FlowKeyOptions,
  FlowKeyReader,
  fragmentKind,
  isIPv6Bit,
  keyWord,
  keyWords,
  mplsLabelsMax,
  type PacketKind,
  packetKind,
} from "./flow-key.ts";
export { headerProtocol } from "./header-protocol.ts";
export { ipLength } from "./ip-length.ts";
export { layerNumber } from "./layers.ts";
export { isLinkTypeKnown, linkType, usedLinkType } from "./link-type.ts";
export { PacketBatch, packetDirection } from "./packet-batch.ts";
export { writePacketRow } from "./packet-row.ts";
