import { assert } from "./assert.ts";
import { type ColumnEncoding, type Field, type FieldName, fields } from "./fields.ts";

type ColumnArray<E extends ColumnEncoding> = E extends "u8" | "address"
  ? Uint8Array
  : E extends "u16"
    ? Uint16Array
    : E extends "u32" | "list"
      ? Uint32Array
      : Float64Array;

type FieldRow = (typeof fields)[number];

/**
 * One typed array per field, all of the batch's capacity; an address column has 16 bytes per row. A detail that the batch
 * was not made for has an array of length 0: what is written there vanishes, what is read is undefined.
 */
export type FlowColumns = {
  readonly [N in FieldName]: ColumnArray<Extract<FieldRow, { name: N }>["column"]>;
};

export interface FlowBatchOptions {
  /** Whether the details have columns too. */
  readonly hasDetails?: boolean;
  /** The memory of another batch of the same capacity and kind, empty rows: so that a batch can go to another thread. */
  readonly buffer?: ArrayBuffer;
}

/** A field's column, as it is copied and emptied: so many elements per row, of an address its words. A detail that the batch was not made for has none. */
interface Column {
  readonly array: ColumnArray<ColumnEncoding>;
  readonly width: number;
  readonly empty: number;
  readonly isList: boolean;
}

/** Words for lists that a batch with details has per row. */
const listWordsPerRow = 32;

/**
 * Flow records as columns, one row per record. The arrays are reused: whoever is handed a batch may read it until
 * it returns (or, if it is asynchronous, until its promise settles) and copies what it keeps.
 */
export class FlowBatch {
  readonly capacity: number;
  readonly hasDetails: boolean;
  /** All of the batch's memory: handed to another thread it is a batch there, and this one is no more. */
  readonly buffer: ArrayBuffer;
  readonly columns: FlowColumns;
  /** The addresses again, four 32-bit words per row in the machine's byte order: for keys of tables. */
  readonly sourceWords: Uint32Array;
  readonly destinationWords: Uint32Array;
  readonly calledWords: Uint32Array;
  /** Values of list columns: a length, then so many values. Place 0 holds the empty list. */
  readonly lists: Uint32Array;
  /** Rows filled so far. */
  count = 0;
  /** In the order of the fields, which is every batch's: copies go by place, since a name that changes with each turn of a loop is looked up each time. */
  readonly #columns: readonly Column[];
  #listsEnd = 1;

  constructor(capacity: number, { hasDetails = false, buffer }: FlowBatchOptions = {}) {
    this.capacity = capacity;
    this.hasDetails = hasDetails;
    const listWords = hasDetails ? capacity * listWordsPerRow + 1 : 1;
    this.buffer = buffer ?? new ArrayBuffer(columnBytes(capacity, hasDetails) + listWords * 4);
    const columns = {} as Record<string, ColumnArray<ColumnEncoding>>;
    const kept: Column[] = [];
    let offset = 0;
    for (const { name, column, isDetail, empty = 0 } of fields as readonly Field[]) {
      const rows = isDetail && !hasDetails ? 0 : capacity;
      const array = createColumn(column, this.buffer, offset, rows);
      columns[name] = array;
      const isAddress = column === "address";
      kept.push({
        array: isAddress ? wordsOf(array) : array,
        ...{ width: isAddress ? 4 : 1, empty, isList: column === "list" },
      });
      offset += paddedBytes(column, rows);
    }
    // A copy: an object that was filled name by name is a hash table to V8, and each `columns.x` a call.
    this.columns = { ...columns } as FlowColumns;
    this.sourceWords = wordsOf(this.columns.sourceAddress);
    this.destinationWords = wordsOf(this.columns.destinationAddress);
    this.calledWords = wordsOf(this.columns.originalDestinationAddress);
    this.#columns = kept;
    this.lists = new Uint32Array(this.buffer, offset, listWords);
    if (buffer === undefined) for (const { array, empty } of kept) if (empty !== 0) array.fill(empty);
  }

  get free(): number {
    return this.capacity - this.count;
  }

  /** Takes the next rows, all fields empty, and returns the first. The caller has made room. */
  append(rows = 1): number {
    assert(rows <= this.free, "the caller makes room before it appends");
    const first = this.count;
    this.count += rows;
    return first;
  }

  /** Keeps a list and returns its place, for a list column; 0, the empty list, when there is no room for it. */
  appendList(values: ArrayLike<number>, count = values.length): number {
    const place = this.#listsEnd;
    if (count === 0 || place + 1 + count > this.lists.length) return 0;
    this.lists[place] = count;
    for (let i = 0; i < count; i++) this.lists[place + 1 + i] = values[i]!;
    this.#listsEnd = place + 1 + count;
    return place;
  }

  /** The list at a place; valid until the batch is cleared. */
  listAt(place: number): Uint32Array {
    return this.lists.subarray(place + 1, place + 1 + this.lists[place]!);
  }

  /** Copies a row, of this batch or another, over one of this batch: every field that both have. */
  copyRow(from: number, to: number, source: FlowBatch = this): void {
    for (let i = 0; i < this.#columns.length; i++) {
      const { array, width, isList } = this.#columns[i]!;
      const values = source.#columns[i]!.array;
      if (array.length === 0 || values.length === 0) continue;
      if (isList && source !== this) array[to] = this.appendList(source.listAt(values[from]!));
      else for (let k = 0; k < width; k++) array[to * width + k] = values[from * width + k]!;
    }
  }

  /** Copies so many rows, of this batch or another, over as many of this one; the two may overlap. Column by column: what takes time is the columns, not the rows. */
  copyRows(from: number, to: number, count: number, source: FlowBatch = this): void {
    for (const [i, { array, width, isList }] of this.#columns.entries()) {
      const values = source.#columns[i]!.array;
      if (array.length === 0 || values.length === 0) continue;
      if (isList && source !== this)
        for (let k = 0; k < count; k++) array[to + k] = this.appendList(source.listAt(values[from + k]!));
      else array.set(values.subarray(from * width, (from + count) * width), to * width);
    }
  }

  /** Gives back the rows from `count` on; every field of them is empty again. */
  truncate(count: number): void {
    this.#fillEmpty(count, this.count);
    this.count = count;
    if (count === 0) this.#listsEnd = 1;
  }

  clear(): void {
    this.truncate(0);
  }

  #fillEmpty(first: number, end: number): void {
    if (first === end) return;
    for (const { array, width, empty } of this.#columns) array.fill(empty, first * width, end * width);
  }
}

function wordsOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint32Array {
  return new Uint32Array(buffer, byteOffset, byteLength >> 2);
}

const bytesPerRow: Readonly<Record<ColumnEncoding, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  f64: 8,
  address: 16,
  list: 4,
};

/** Columns start at multiples of 8, as a Float64Array has to. */
function paddedBytes(encoding: ColumnEncoding, rows: number): number {
  return Math.ceil((bytesPerRow[encoding] * rows) / 8) * 8;
}

function columnBytes(capacity: number, hasDetails: boolean): number {
  let bytes = 0;
  for (const { column, isDetail } of fields as readonly Field[])
    if (hasDetails || !isDetail) bytes += paddedBytes(column, capacity);
  return bytes;
}

function createColumn(
  encoding: ColumnEncoding,
  buffer: ArrayBuffer,
  offset: number,
  rows: number,
): ColumnArray<ColumnEncoding> {
  switch (encoding) {
    case "u8":
      return new Uint8Array(buffer, offset, rows);
    case "u16":
      return new Uint16Array(buffer, offset, rows);
    case "u32":
    case "list":
      return new Uint32Array(buffer, offset, rows);
    case "f64":
      return new Float64Array(buffer, offset, rows);
    case "address":
      return new Uint8Array(buffer, offset, rows * 16);
  }
}
