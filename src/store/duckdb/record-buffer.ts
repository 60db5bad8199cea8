import type { FlowBatch } from "../../flow/index.ts";
import type { NamedRows } from "./named-rows.ts";
import { fieldColumns, flowRecordColumns, type NamedTable, type StoredColumn } from "./schema.ts";

/** Rows of a DuckDB data chunk. */
export const chunkRows = 2048;

/**
 * Up to `chunkRows` records in the form of DuckDB's vectors: one little-endian array per column. Where the table has a key, this has the
 * place of whom it is of among those whom the commit names (u32; 0 for nobody): the file gives keys when it is written.
 */
export interface RecordChunk {
  rowCount: number;
  readonly columns: readonly Uint8Array[];
}

/**
 * Records that wait for a commit, already in the form in which DuckDB takes them. Chunks are reused: `take` hands them
 * out, `recycle` gives them back.
 */
export class RecordBuffer {
  rowCount = 0;
  #chunks: RecordChunk[] = [];
  readonly #spare: RecordChunk[] = [];
  readonly #named: Readonly<Record<NamedTable, NamedRows<unknown>>>;

  constructor(named: Readonly<Record<NamedTable, NamedRows<unknown>>>) {
    this.#named = named;
  }

  /** Copies the first `rowCount` rows of the batch; the first of them gets `firstId`. */
  append(batch: FlowBatch, rowCount: number, firstId: number): void {
    for (let row = 0; row < rowCount; ) {
      const chunk = this.#chunkWithRoom();
      const count = Math.min(rowCount - row, chunkRows - chunk.rowCount);
      this.#copy(batch, row, chunk, count, firstId + row);
      chunk.rowCount += count;
      row += count;
    }
    this.rowCount += rowCount;
  }

  /** Everything that waits; the buffer is empty afterwards. */
  take(): RecordChunk[] {
    const taken = this.#chunks;
    this.#chunks = [];
    this.rowCount = 0;
    return taken;
  }

  recycle(chunks: readonly RecordChunk[]): void {
    for (const chunk of chunks) {
      if (this.#spare.length >= spareChunksMax) return;
      chunk.rowCount = 0;
      this.#spare.push(chunk);
    }
  }

  #chunkWithRoom(): RecordChunk {
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.rowCount < chunkRows) return last;
    const columns = () => flowRecordColumns.map((column) => new Uint8Array(waitingBytes(column) * chunkRows));
    const chunk = this.#spare.pop() ?? { rowCount: 0, columns: columns() };
    this.#chunks.push(chunk);
    return chunk;
  }

  #copy(batch: FlowBatch, from: number, chunk: RecordChunk, count: number, firstId: number): void {
    const at = chunk.rowCount;
    const ids = wordsOf(chunk.columns[0]!);
    for (let i = 0; i < count; i++) writeInteger(ids, at + i, firstId + i);
    for (const [i, { field, offset, keyOf }] of fieldColumns.entries()) {
      const target = chunk.columns[i + 1]!;
      const { name, column } = field;
      if (keyOf !== undefined) {
        // Nobody was called is 0; ends that are not known have a row, and so a key, of their own.
        const isOptional = name === "calledPeer";
        const rows = batch.columns[name] as Uint32Array;
        writePlaces(rows, from, target, at, count, this.#named[keyOf], isOptional);
      } else if (column === "address") {
        copyHalves(batch.columns[name], from, offset, target, at, count);
      } else if (column === "f64") copyIntegers(batch.columns[name], from, target, at, count);
      else copyBytes(batch.columns[name], from, target, at, count);
    }
  }
}

/** About 55 MB: what a commit of a second needs at 250,000 records a second. */
const spareChunksMax = 128;

/** Bytes of a value while it waits. */
function waitingBytes({ bytes, keyOf }: StoredColumn): number {
  return keyOf === undefined ? bytes : Uint32Array.BYTES_PER_ELEMENT;
}

function wordsOf(column: Uint8Array): Uint32Array {
  return new Uint32Array(column.buffer, column.byteOffset, column.byteLength >> 2);
}

/** A whole number from 0 to 2^53 as 64 bits, without bigint; anything else becomes 0. */
function writeInteger(words: Uint32Array, index: number, value: number): void {
  const whole = value > 0 && value <= 2 ** 53 ? value : 0;
  words[index * 2] = whole; // modulo 2^32, as typed arrays take it
  words[index * 2 + 1] = whole / 2 ** 32;
}

function writePlaces(
  rows: Uint32Array,
  from: number,
  target: Uint8Array,
  at: number,
  count: number,
  named: NamedRows<unknown>,
  isOptional: boolean,
): void {
  const words = wordsOf(target);
  for (let i = 0; i < count; i++) {
    const row = rows[from + i]!;
    words[at + i] = isOptional && row === 0 ? 0 : named.place(row);
  }
}

/** The keys of a column of places, as the table has them. Keys are two words each, by place; `target` has room for `rowCount`. */
export function writeKeys(
  places: Uint8Array,
  rowCount: number,
  keys: Uint32Array,
  target: Uint32Array,
): void {
  const words = wordsOf(places);
  for (let i = 0; i < rowCount; i++) {
    const place = words[i]!;
    target[i * 2] = keys[place * 2]!;
    target[i * 2 + 1] = keys[place * 2 + 1]!;
  }
}

/** Numbers as `writeKeys` takes them. */
export function keyWords(keys: Float64Array): Uint32Array {
  const words = new Uint32Array(keys.length * 2);
  for (let place = 0; place < keys.length; place++) writeInteger(words, place, keys[place]!);
  return words;
}

function copyIntegers(
  source: Float64Array,
  from: number,
  target: Uint8Array,
  at: number,
  count: number,
): void {
  const words = wordsOf(target);
  for (let i = 0; i < count; i++) writeInteger(words, at + i, source[from + i]!);
}

/** The half at `offset` of each address: network order becomes a little-endian 64-bit number. */
function copyHalves(
  source: Uint8Array,
  from: number,
  offset: number,
  target: Uint8Array,
  at: number,
  count: number,
): void {
  const end = (from + count) * 16;
  for (let first = from * 16 + offset, last = at * 8 + 7; first < end; first += 16, last += 8) {
    for (let i = 0; i < 8; i++) target[last - i] = source[first + i]!;
  }
}

function copyBytes(
  source: Uint8Array | Uint16Array | Uint32Array,
  from: number,
  target: Uint8Array,
  at: number,
  count: number,
): void {
  const width = source.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(source.buffer, source.byteOffset + from * width, count * width);
  target.set(bytes, at * width);
}
