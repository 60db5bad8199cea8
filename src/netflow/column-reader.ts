import { isUnspecified, writeMappedIPv4 } from "../flow/index.ts";
import { readNtpMilliseconds, readUnsigned } from "./bytes.ts";
import type { ElementTarget } from "./element.ts";

export type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/**
 * Reads one field of `count` records, the first at `offset`, each `stride` bytes behind the one before, into
 * `count` rows of a column from `row` on. The caller has checked that all of them are there.
 */
export type ReadColumn = (
  bytes: Uint8Array,
  offset: number,
  stride: number,
  count: number,
  column: Column,
  row: number,
) => void;

/**
 * The tight loop for a field in a usual width, or undefined when `readEach` has to do. One function per width and
 * column type, so that each sees a single kind of array and the compiler can keep the loop bare.
 */
export function findColumnReader(target: ElementTarget, width: number): ReadColumn | undefined {
  if (target.column === "address") return width === 4 ? readMappedAddress : readAddress;
  return plainTypes.has(target.type) ? columnReaders[`${target.column}:${width}`] : undefined;
}

/** Types whose values go into the column as they are. */
const plainTypes: ReadonlySet<string> = new Set(["unsigned", "total", "sysUpTime", "dateTimeMilliseconds"]);

const columnReaders: Readonly<Record<string, ReadColumn>> = {
  "u8:1": (bytes, offset, stride, count, column, row) => {
    for (let i = 0, at = offset; i < count; i++, at += stride) column[row + i] = bytes[at]!;
  },
  "u16:1": (bytes, offset, stride, count, column, row) => {
    for (let i = 0, at = offset; i < count; i++, at += stride) column[row + i] = bytes[at]!;
  },
  "u16:2": (bytes, offset, stride, count, column, row) => {
    for (let i = 0, at = offset; i < count; i++, at += stride) {
      column[row + i] = (bytes[at]! << 8) | bytes[at + 1]!;
    }
  },
  "u32:2": (bytes, offset, stride, count, column, row) => {
    for (let i = 0, at = offset; i < count; i++, at += stride) {
      column[row + i] = (bytes[at]! << 8) | bytes[at + 1]!;
    }
  },
  "u32:4": (bytes, offset, stride, count, column, row) => {
    for (let i = 0, at = offset; i < count; i++, at += stride) {
      column[row + i] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
    }
  },
  "f64:4": (bytes, offset, stride, count, column, row) => {
    for (let i = 0, at = offset; i < count; i++, at += stride) {
      column[row + i] =
        ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
    }
  },
  "f64:8": (bytes, offset, stride, count, column, row) => {
    for (let i = 0, at = offset; i < count; i++, at += stride) {
      const high =
        ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
      const low =
        ((bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!) >>> 0;
      column[row + i] = high * 0x100000000 + low;
    }
  },
};

const readMappedAddress: ReadColumn = (bytes, offset, stride, count, column, row) => {
  // The ten zero bytes in front are there: a row that nobody filled is empty.
  for (let i = 0, at = offset, to = row * 16 + 10; i < count; i++, at += stride, to += 16) {
    column[to] = 0xff;
    column[to + 1] = 0xff;
    column[to + 2] = bytes[at]!;
    column[to + 3] = bytes[at + 1]!;
    column[to + 4] = bytes[at + 2]!;
    column[to + 5] = bytes[at + 3]!;
  }
};

const readAddress: ReadColumn = (bytes, offset, stride, count, column, row) => {
  for (let i = 0, at = offset, to = row * 16; i < count; i++, at += stride, to += 16) {
    for (let k = 0; k < 16; k++) column[to + k] = bytes[at + k]!;
  }
};

/**
 * Reads a field in any width, and only into rows whose column is still empty: when a template names a column twice
 * (both address families, Juniper's repeated counters, ng_netflow's OUT bytes of 0) the first value that says
 * something stays.
 */
export function readEach(
  bytes: Uint8Array,
  offset: number,
  width: number,
  stride: number,
  count: number,
  column: Column,
  row: number,
  target: ElementTarget,
): void {
  for (let i = 0, at = offset; i < count; i++, at += stride) {
    if (target.column === "address")
      readAddressIfEmpty(bytes, at, width, column as Uint8Array, (row + i) * 16);
    else if (target.type === "highOctet") column[row + i]! |= readUnsigned(bytes, at, width) << 8;
    else if (target.type === "lowOctet") column[row + i]! |= readUnsigned(bytes, at, width);
    else if (column[row + i] === target.empty) column[row + i] = readScalar(bytes, at, width, target);
  }
}

function readAddressIfEmpty(
  bytes: Uint8Array,
  offset: number,
  width: number,
  column: Uint8Array,
  at: number,
): void {
  if (!isUnspecified(column, at)) return;
  if (width === 4) writeMappedIPv4(column, at, bytes, offset);
  // An unset IPv6 address beside an unset IPv4 one must not undo its form.
  else if (width === 16 && !isUnspecified(bytes, offset)) column.set(bytes.subarray(offset, offset + 16), at);
}

function readScalar(bytes: Uint8Array, offset: number, width: number, target: ElementTarget): number {
  switch (target.type) {
    case "biflowDirection":
      return readBiflowDirection(bytes, offset, width);
    case "dateTimeSeconds":
      return readUnsigned(bytes, offset, width) * 1000;
    case "dateTimeMicroseconds":
    case "dateTimeNanoseconds":
      return width === 8 ? readNtpMilliseconds(bytes, offset) : target.empty;
    default:
      return width === 0 ? target.empty : readUnsigned(bytes, offset, width);
  }
}

/** RFC 5103 §6.3: 1 the source began, 2 the destination did; 0 arbitrary and 3 perimeter say nothing of it. */
function readBiflowDirection(bytes: Uint8Array, offset: number, width: number): number {
  const direction = readUnsigned(bytes, offset, width);
  return direction === 1 || direction === 2 ? direction : 0;
}
