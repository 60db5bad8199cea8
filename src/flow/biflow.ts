import { assert } from "./assert.ts";
import { type Field, type FieldName, fields } from "./fields.ts";
import { FlowBatch } from "./flow-batch.ts";

/** What a packet on its way back has the other way round: each name is the other's in the reverse record. */
const swappedFields = [
  ["sourceAddress", "destinationAddress"],
  ["sourceTransportPort", "destinationTransportPort"],
  ["sourcePrefixLength", "destinationPrefixLength"],
  ["sourceMacAddress", "destinationMacAddress"],
  ["ingressInterface", "egressInterface"],
  ["vlanId", "postVlanId"],
  ["bgpSourceAsNumber", "bgpDestinationAsNumber"],
  ["ingressVRFID", "egressVRFID"],
  ["sourcePeer", "destinationPeer"],
] as const satisfies readonly (readonly [FieldName, FieldName])[];

/** What a biflow says of its way back, and of which field there. */
const reverseFields = {
  octetDeltaCount: "reverseOctetDeltaCount",
  packetDeltaCount: "reversePacketDeltaCount",
  tcpControlBits: "reverseTcpControlBits",
  ipClassOfService: "reverseIpClassOfService",
} as const satisfies Partial<Record<FieldName, FieldName>>;

/** Fields whose values name an end or a direction, and each value's opposite. */
const oppositeValues: Partial<Record<FieldName, readonly number[]>> = {
  clientEnd: [0, 2, 1],
  // The exporter looks at the same place: what comes in there goes out there on its way back.
  flowDirection: [1, 0],
};

/** Said of the packets that went forward, or of the record as such: not repeated, and the reverse record's when it is alone. */
const fieldsSaidOnce = new Set<FieldName>([
  ...(["ipTTL", "flowLabelIPv6", "forwardingStatus"] as const),
  ...(["fragmentFlags", "fragmentIdentification", "fragmentOffset"] as const),
  ...(["layerStack", "layerSizes", "ipv6RoutingHeaderAddresses", "ipv6RoutingHeaderSegmentsLeft"] as const),
  ...(["natEvent", "firewallEvent"] as const),
  ...(["connectionCount", "failedConnectionCount", "retransmittedSegmentCount"] as const),
  ...(["refusedConnectionCount", "timedOutConnectionCount", "unreachableConnectionCount"] as const),
  ...(["resetConnectionCount", "lostConnectionCount", "connectTimeMicroseconds"] as const),
]);

const translationFields = [
  ...(["postNATSourceAddress", "postNATDestinationAddress"] as const),
  ...(["postNAPTSourceTransportPort", "postNAPTDestinationTransportPort"] as const),
];

/** The way to the destination, and what became of the addresses on it: nobody said how the way back is. */
const fieldsOfWayForward = new Set<FieldName>([
  ...translationFields,
  ...(["ipNextHopAddress", "bgpNextHopAddress", "bgpNextAdjacentAsNumber"] as const),
  ...(["bgpAsPath", "bgpCommunities"] as const),
  ...(["mplsLabelStack", "mplsTopLabelType", "mplsTopLabelAddress"] as const),
]);

/** What a row of the answer is. */
const forward = 0;
const reverse = 1;
const reverseAlone = 2;

/**
 * Makes records of one direction out of those of two (RFC 5103), for formats that know one: a record with reverse counters
 * is written as itself without them, and right behind as a record of the way back. Where nothing went forward, only
 * the way back is written: a record of no packets says that there was a flow which nobody saw (softflowd -b names the lower address
 * as source, whoever sent). Such a record with translated addresses is written all the same: they are in no other.
 */
export class BiflowSplitter {
  #target: FlowBatch | undefined;
  /** For each row of the answer, the batch's row and what is made of it. */
  #rows = new Uint32Array(0);
  #kinds = new Uint8Array(0);

  /** Of a batch with details: the batch itself when no row has reverse counters, else another, valid until the next call. */
  split(batch: FlowBatch): FlowBatch {
    if (!hasReverse(batch)) return batch;
    const target = this.#emptyTarget(batch);
    target.append(this.#plan(batch));
    for (const field of fields) this.#copyField(field, batch, target);
    return target;
  }

  #emptyTarget({ capacity, hasDetails }: FlowBatch): FlowBatch {
    assert(hasDetails, "details are split with the rest: the VLAN on the way back is one");
    if (this.#target?.capacity !== capacity * 2) {
      this.#target = new FlowBatch(capacity * 2, { hasDetails });
      this.#rows = new Uint32Array(capacity * 2);
      this.#kinds = new Uint8Array(capacity * 2);
    }
    this.#target.clear();
    return this.#target;
  }

  /** Decides what becomes of each row; answers with how many rows that makes. */
  #plan(batch: FlowBatch): number {
    const { octetDeltaCount, packetDeltaCount, reverseOctetDeltaCount, reversePacketDeltaCount } =
      batch.columns;
    const rows = this.#rows;
    const kinds = this.#kinds;
    let count = 0;
    for (let row = 0; row < batch.count; row++) {
      const hasReverse = reverseOctetDeltaCount[row]! > 0 || reversePacketDeltaCount[row]! > 0;
      const hasForward = octetDeltaCount[row]! > 0 || packetDeltaCount[row]! > 0;
      const isAlone = hasReverse && !hasForward && !isTranslated(batch, row);
      if (!isAlone) {
        rows[count] = row;
        kinds[count++] = forward;
      }
      if (hasReverse) {
        rows[count] = row;
        kinds[count++] = isAlone ? reverseAlone : reverse;
      }
    }
    return count;
  }

  #copyField(field: Field & { name: FieldName }, batch: FlowBatch, target: FlowBatch): void {
    const { name, column, empty } = field;
    if (isOfReverse(name)) return;
    // Most columns are empty, as the answer's rows are.
    if (empty === undefined && isZero(batch, name) && isZero(batch, sourceOf(name))) return;
    if (column === "list") this.#copyLists(name, batch, target);
    else if (column === "address") {
      const words = wordsOf(target, name);
      this.#copyValues(name, 4, words, wordsOf(batch, name), wordsOf(batch, sourceOf(name)));
    } else {
      const { [name]: own, [sourceOf(name)]: other } = batch.columns;
      this.#copyValues(name, 1, target.columns[name], own, other);
    }
  }

  #copyValues(name: FieldName, width: number, values: Values, own: Values, other: Values): void {
    const opposites = oppositeValues[name];
    // What is said once may be said of the way back alone, in either place.
    const isSaidInEither = name === "tcpControlBits" || name === "ipClassOfService";
    const isLeftOut = leftOut(name);
    const { count } = this.#target!;
    for (let i = 0; i < count; i++) {
      const kind = this.#kinds[i]!;
      if (isLeftOut[kind]) continue;
      const source = kind === forward ? own : other;
      const from = this.#rows[i]! * width;
      for (let word = 0; word < width; word++) values[i * width + word] = source[from + word]!;
      if (kind === reverseAlone && isSaidInEither && values[i] === 0) values[i] = own[from]!;
      if (kind !== forward && opposites !== undefined) values[i] = opposites[values[i]!] ?? values[i]!;
    }
  }

  #copyLists(name: FieldName, batch: FlowBatch, target: FlowBatch): void {
    const isLeftOut = leftOut(name);
    const places = batch.columns[name];
    for (let i = 0; i < target.count; i++) {
      const place = places[this.#rows[i]!]!;
      if (place !== 0 && !isLeftOut[this.#kinds[i]!])
        target.columns[name][i] = target.appendList(batch.listAt(place));
    }
  }
}

type Values = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** Whether a row says anything of a way back. */
function hasReverse(batch: FlowBatch): boolean {
  return Object.values(reverseFields).some((name) => !isZero(batch, name));
}

function isTranslated({ columns }: FlowBatch, row: number): boolean {
  return translationFields.some((name) => {
    const values = columns[name];
    if (!name.endsWith("Address")) return values[row]! > 0;
    return values.subarray(row * 16, row * 16 + 16).some((byte) => byte !== 0);
  });
}

const swappedWith = new Map<FieldName, FieldName>([
  ...swappedFields,
  ...swappedFields.map(([a, b]) => [b, a] as const),
  ...(Object.entries(reverseFields) as [FieldName, FieldName][]),
]);

/** Where the reverse record has a field from. */
function sourceOf(name: FieldName): FieldName {
  return swappedWith.get(name) ?? name;
}

const isOfReverse = (name: FieldName) => (Object.values(reverseFields) as FieldName[]).includes(name);

/** By kind of row, whether the field stays empty. */
function leftOut(name: FieldName): readonly boolean[] {
  const isOfWay = fieldsOfWayForward.has(name);
  return [false, isOfWay || fieldsSaidOnce.has(name), isOfWay];
}

/** Whether a column is 0 in all rows. Looks at 32 bits at once: rows behind the last are empty. */
function isZero(batch: FlowBatch, name: FieldName): boolean {
  const { byteLength, byteOffset, buffer } = batch.columns[name];
  const words = new Uint32Array(
    buffer,
    byteOffset,
    Math.ceil(((byteLength / batch.capacity) * batch.count) / 4),
  );
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  return true;
}

function wordsOf({ columns }: FlowBatch, name: FieldName): Uint32Array {
  const { buffer, byteOffset, byteLength } = columns[name];
  return new Uint32Array(buffer, byteOffset, byteLength >> 2);
}
