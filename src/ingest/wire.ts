import { podFacts } from "../topology/index.ts";

/** Numbers of AgentBatch and of the messages in it: agent-batch.proto. */
export const batchField = {
  magic: 1,
  version: 2,
  node: 3,
  instance: 4,
  epoch: 5,
  sequence: 6,
  agentVersion: 7,
  startedMilliseconds: 8,
  sealedMilliseconds: 9,
  rowCount: 10,
  columns: 11,
  peers: 12,
  renamed: 13,
  names: 14,
  drops: 15,
  report: 16,
  translations: 17,
  machine: 18,
  isLast: 19,
  asked: 20,
} as const;

export const columnField = { field: 1, values: 2 } as const;
/** From field 1 on. */
export const peerFields = [
  "id",
  "kind",
  "name",
  "address",
  "node",
  "network",
  "process",
  "container",
  "podUid",
  ...podFacts,
] as const;
/** From field 1 on. */
export const renamedFields = ["id", "address", "name", ...podFacts] as const;
export const nameField = { address: 1, name: 2, ttlSeconds: 3 } as const;
/** `askedCounters` come after them. */
export const askedField = { peer: 1, name: 2 } as const;
export const dropField = { reason: 1, count: 2 } as const;
export const translationAddresses = 1;
/** From field 2 on. */
export const translationNumbers = [
  "originalSourcePort",
  "originalDestinationPort",
  "replySourcePort",
  "replyDestinationPort",
  "protocol",
  "networkNamespace",
  "endedMilliseconds",
] as const;
export const reportField = {
  parts: 1,
  sockets: 2,
  spoolBytes: 3,
  spoolMessages: 4,
  way: 5,
  limits: 6,
  dns: 7,
} as const;
export const limitField = { reason: 1, remedy: 2 } as const;
/** From field 1 on; `resolvers` come after them. */
export const lookupNumbers = [
  "nameCount",
  "waitingCount",
  "malformedCount",
  "unaskedCount",
  "unbelievedCount",
] as const;
export const lookupResolvers = 6;
export const resolverField = { address: 1, failures: 7 } as const;
/** From field 2 on. */
export const resolverNumbers = [
  "queryCount",
  "answerCount",
  "timedOutCount",
  "latencySumMicroseconds",
  "latencyMaxMicroseconds",
] as const;
export const failureField = { code: 1, count: 2 } as const;
export const partField = { name: 1, isOn: 2, reason: 3 } as const;

/** "PTLB", as a little-endian number. */
export const magic = 0x424c_5450;
export const formatVersion = 1;
export const idBytes = 16;

/** How a value is written (protobuf, "Message Structure"). */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** How many of the first `bytesMax` bytes make whole characters of UTF-8. */
export function wholeCharacters(bytes: Uint8Array, bytesMax: number): number {
  let end = bytesMax;
  for (let back = 0; back < 3 && (bytes[end]! & 0xc0) === 0x80; back++) end--;
  return end;
}
