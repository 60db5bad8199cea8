/**
 * The flow record: its fields, its columns, its addresses and protocols. Knows no I/O, no clock, and no other room.
 */
export {
  type Cidr,
  copyAddress,
  formatAddress,
  formatCidr,
  isInCidr,
  isLoopback,
  isMappedIPv4,
  isPrivateAddress,
  isUnspecified,
  maskAddress,
  parseAddress,
  parseCidr,
  writeMappedIPv4,
} from "./address.ts";
export { assert } from "./assert.ts";
export { BiflowSplitter } from "./biflow.ts";
export { cleanText } from "./clean-text.ts";
export {
  type DecodeSummary,
  exportFormat,
  type FlowSink,
  type InterfaceFact,
  type MessageReport,
  type MessageSource,
  type SamplingOrigin,
  samplingOrigins,
} from "./datagram.ts";
export { type DropReason, dropReasons, type ReportDrop } from "./drop-reason.ts";
export {
  type ColumnEncoding,
  type CoreField,
  coreFields,
  type ElementType,
  type Field,
  type FieldName,
  fields,
  type InformationElement,
  reverseEnterpriseNumber,
} from "./fields.ts";
export { FlowBatch, type FlowBatchOptions, type FlowColumns } from "./flow-batch.ts";
export { flowEndReason } from "./flow-end-reason.ts";
export { identityKey } from "./identity-key.ts";
export { findInformationElement, findInformationElementByName } from "./information-elements.ts";
export { type Observer, ObserverTable, observerOf, observersMax } from "./observer.ts";
export { formatProtocol, hasPorts, parseProtocol, protocolTcp, protocolUdp } from "./protocol.ts";
export { grown, RowIndex, writeAddressWords } from "./row-index.ts";
