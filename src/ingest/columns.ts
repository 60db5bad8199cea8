import { type ColumnEncoding, type CoreField, coreFields, type FieldName } from "../flow/index.ts";

/** What the server decides itself, and rows of tables that are told in another way. */
type ServersField =
  | "observer"
  | "isDuplicate"
  | "collectionTimeMilliseconds"
  | "originalDestinationAddress"
  | "originalDestinationTransportPort"
  | "calledPeer";

export type IngestField = Exclude<CoreField["name"], ServersField>;

/** Numbers are part of the format: none is ever given to another field, or to the same one with another encoding. */
const columnNumbers: Readonly<Record<IngestField, number>> = {
  sourceAddress: 1,
  destinationAddress: 2,
  sourceTransportPort: 3,
  destinationTransportPort: 4,
  protocolIdentifier: 5,
  octetDeltaCount: 6,
  packetDeltaCount: 7,
  reverseOctetDeltaCount: 8,
  reversePacketDeltaCount: 9,
  flowStartMilliseconds: 10,
  flowEndMilliseconds: 11,
  tcpControlBits: 12,
  icmpTypeCode: 13,
  ipClassOfService: 14,
  ingressInterface: 15,
  egressInterface: 16,
  flowDirection: 17,
  flowEndReason: 18,
  vlanId: 19,
  bgpSourceAsNumber: 20,
  bgpDestinationAsNumber: 21,
  samplingInterval: 22,
  observationDomainId: 23,
  observedEnd: 24,
  connectionScope: 25,
  sourcePeer: 26,
  destinationPeer: 27,
  clientEnd: 28,
  connectionCount: 29,
  failedConnectionCount: 30,
  retransmittedSegmentCount: 31,
  roundTripTimeMicroseconds: 32,
  minimumRoundTripTimeMicroseconds: 33,
  connectTimeMicroseconds: 34,
  refusedConnectionCount: 35,
  timedOutConnectionCount: 36,
  unreachableConnectionCount: 37,
  resetConnectionCount: 38,
  lostConnectionCount: 39,
};

export interface IngestColumn {
  readonly name: IngestField;
  readonly number: number;
  readonly encoding: ColumnEncoding;
  /** Bytes of one value. */
  readonly width: number;
  readonly empty: number;
  /** The largest value that means something. */
  readonly max: number;
}

const widths: Readonly<Record<ColumnEncoding, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  f64: 8,
  address: 16,
  list: 4,
};
/** Enumerations; every other column may have any value of its encoding, and counts are exact up to 2^53. */
const maxima: Readonly<Partial<Record<FieldName, number>>> = {
  observedEnd: 2,
  clientEnd: 2,
  flowEndReason: 5,
};

export const ingestColumns: readonly IngestColumn[] = coreFields
  .filter((field): field is Extract<CoreField, { name: IngestField }> => field.name in columnNumbers)
  .map((field) => ({
    name: field.name,
    number: columnNumbers[field.name],
    encoding: field.column,
    width: widths[field.column],
    empty: "empty" in field ? field.empty : 0,
    max: maxima[field.name] ?? (field.column === "f64" ? 2 ** 53 : 2 ** 32),
  }));
