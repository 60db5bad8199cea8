import { Reader, type Response } from "maxmind";
import { type GeoKind, isOfKind, readGeoRecord } from "./geo-facts.ts";

/** Pointers followed within one record; MaxMind's largest have some hundred. Beyond, a file makes much of little. */
const pointersPerRecordMax = 2000;

/**
 * Reads a MaxMind DB whole, every node and every record, and says in words what is wrong with it; undefined when nothing is.
 * An address is then looked up only in files in which no look-up can go wrong. Takes seconds for large files, and what a
 * file that is made to harm wants of memory and time: to be called in a thread that can be ended.
 */
export function checkMmdb(bytes: Buffer, kind: GeoKind): string | undefined {
  if (bytes.length === 0) return "is empty";
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return "is packed by gzip; unpack it first";
  let pointerCount = 0;
  const cache = {
    // Called for each pointer, before it is followed.
    get() {
      if (++pointerCount > pointersPerRecordMax) throw new Error("a record has more pointers than any needs");
      return undefined;
    },
    set() {},
  };
  try {
    const reader = new Reader<Response>(bytes, { cache: cache as never });
    const { nodeCount, searchTreeSize, ipVersion, recordSize, databaseType } = reader.metadata;
    if (!Number.isInteger(nodeCount) || nodeCount < 1 || searchTreeSize + 16 > bytes.length)
      return "is cut off: its search tree runs over the end";
    if (ipVersion !== 4 && ipVersion !== 6) return `is of IP version ${ipVersion}, neither 4 nor 6`;
    const fields = new Set<string>();
    let isUseful = false;
    for (const pointer of dataPointers(bytes, nodeCount, recordSize)) {
      pointerCount = 0;
      const record = (reader as unknown as RecordReader).resolveDataPointer(pointer);
      isUseful ||= isOfKind(kind, readGeoRecord(record));
      if (!isUseful && fields.size < 20) for (const name of Object.keys(record ?? {})) fields.add(name);
    }
    if (isUseful) return undefined;
    return `has no ${wanted[kind]}: its type is ${String(databaseType)}, its fields ${[...fields].join(", ") || "none"}`;
  } catch (error) {
    return `is no MaxMind database, or a damaged one: ${(error as Error).message}`;
  }
}

/** What the reader's own look-up ends with; it offers no other way to read a record that one has found oneself. */
interface RecordReader {
  resolveDataPointer(pointer: number): unknown;
}

const wanted: Readonly<Record<GeoKind, string>> = {
  country: "country code",
  city: "city and no coordinates",
  asn: "AS number",
};

/** Where the tree's leaves point to, each once. A node is two records; one above `nodeCount` points to data. */
function dataPointers(bytes: Buffer, nodeCount: number, recordBits: number): Set<number> {
  const pointers = new Set<number>();
  const nodeBytes = recordBits / 4;
  for (let at = 0; at < nodeCount * nodeBytes; at += nodeBytes) {
    const [left, right] = readNode(bytes, at, recordBits);
    if (left > nodeCount) pointers.add(left);
    if (right > nodeCount) pointers.add(right);
  }
  return pointers;
}

/**
 *     24 bits   llllll rrrrrr
 *     28 bits   llllll Lr rrrrrr, with the high four bits of left and of right in the middle byte
 *     32 bits   llllllll rrrrrrrr
 */
function readNode(bytes: Buffer, at: number, recordBits: number): readonly [number, number] {
  switch (recordBits) {
    case 24:
      return [bytes.readUIntBE(at, 3), bytes.readUIntBE(at + 3, 3)];
    case 28: {
      const middle = bytes[at + 3]!;
      return [
        (middle >> 4) * 2 ** 24 + bytes.readUIntBE(at, 3),
        (middle & 15) * 2 ** 24 + bytes.readUIntBE(at + 4, 3),
      ];
    }
    default:
      return [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)];
  }
}
