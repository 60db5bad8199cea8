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
    this.#fillEmpty(capacity);
  }

  get free(): number {
    return this.capacity - this.count;
  }

  /** Takes the next row, all fields empty. The caller has made room. */
  append(): number {
    assert(this.count < this.capacity, "the caller makes room before it appends");
    return this.count++;
  }

  /** Empties the batch; every field of the used rows is empty again. */
  clear(): void {
    const used = this.count;
    this.count = 0;
    this.#fillEmpty(used);
  }

  #fillEmpty(used: number): void {
    for (const field of fields) {
      const { name, column } = field;
      this.columns[name].fill("empty" in field ? field.empty : 0, 0, column === "address" ? used * 16 : used);
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
