import { assert } from "./assert.ts";
import { type ColumnEncoding, type FieldName, fields } from "./fields.ts";

type ColumnArray<E extends ColumnEncoding> = E extends "u8" | "address"
  ? Uint8Array
  : E extends "u16"
    ? Uint16Array
    : E extends "u32"
      ? Uint32Array
      : Float64Array;

type FieldRow = (typeof fields)[number];

/** One typed array per field, all of the batch's capacity; an address column has 16 bytes per row. */
export type FlowColumns = {
  readonly [N in FieldName]: ColumnArray<Extract<FieldRow, { name: N }>["column"]>;
};

/**
 * Flow records as columns, one row per record. The arrays are reused: whoever is handed a batch may read it until
 * it returns (or, if it is asynchronous, until its promise settles) and copies what it keeps.
 */
export class FlowBatch {
  readonly capacity: number;
  readonly columns: FlowColumns;
  /** Rows filled so far. */
  count = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    const columns = {} as Record<string, ColumnArray<ColumnEncoding>>;
    for (const field of fields) columns[field.name] = createColumn(field.column, capacity);
    this.columns = columns as FlowColumns;
    for (const field of fields) if ("empty" in field) this.columns[field.name].fill(field.empty);
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

  /** Copies a row, of this batch or another, over one of this batch: every field. */
  copyRow(from: number, to: number, source: FlowBatch = this): void {
    for (const { name, column } of fields) {
      const width = column === "address" ? 16 : 1;
      const values = source.columns[name];
      if (width === 1) this.columns[name][to] = values[from]!;
      else this.columns[name].set(values.subarray(from * width, (from + 1) * width), to * width);
    }
  }

  /** Gives back the rows from `count` on; every field of them is empty again. */
  truncate(count: number): void {
    this.#fillEmpty(count, this.count);
    this.count = count;
  }

  clear(): void {
    this.truncate(0);
  }

  #fillEmpty(first: number, end: number): void {
    if (first === end) return;
    for (const field of fields) {
      const width = field.column === "address" ? 16 : 1;
      this.columns[field.name].fill("empty" in field ? field.empty : 0, first * width, end * width);
    }
  }
}

function createColumn(encoding: ColumnEncoding, capacity: number): ColumnArray<ColumnEncoding> {
  switch (encoding) {
    case "u8":
      return new Uint8Array(capacity);
    case "u16":
      return new Uint16Array(capacity);
    case "u32":
      return new Uint32Array(capacity);
    case "f64":
      return new Float64Array(capacity);
    case "address":
      return new Uint8Array(capacity * 16);
  }
}
