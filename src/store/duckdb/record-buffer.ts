import type { FieldName, FlowBatch, ObserverTable } from "../../flow/index.ts";
import type { PeerTable } from "../../topology/index.ts";
import { fieldColumns, flowRecordColumns, type keyColumns } from "./schema.ts";

/** Rows of a DuckDB data chunk. */
export const chunkRows = 2048;

/** Up to `chunkRows` records in the form of DuckDB's vectors: one little-endian array per column. */
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
  readonly #peers: PeerTable;
  readonly #observers: ObserverTable;

  constructor(peers: PeerTable, observers: ObserverTable) {
    this.#peers = peers;
    this.#observers = observers;
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
    const columns = () => flowRecordColumns.map(({ bytes }) => new Uint8Array(bytes * chunkRows));
    const chunk = this.#spare.pop() ?? { rowCount: 0, columns: columns() };
    this.#chunks.push(chunk);
    return chunk;
  }

  #copy(batch: FlowBatch, from: number, chunk: RecordChunk, count: number, firstId: number): void {
    const at = chunk.rowCount;
    const ids = wordsOf(chunk.columns[0]!);
    for (let i = 0; i < count; i++) writeInteger(ids, at + i, firstId + i);
    for (const [i, { field, offset }] of fieldColumns.entries()) {
      const target = chunk.columns[i + 1]!;
      const { name, column } = field;
      if (name === "observer") copyKeys(batch, name, from, target, at, count, this.#observers);
      else if (name === "sourcePeer" || name === "destinationPeer" || name === "calledPeer") {
        copyKeys(batch, name, from, target, at, count, this.#peers);
      } else if (column === "address") {
        copyHalves(batch.columns[name], from, offset, target, at, count);
      } else if (column === "f64") copyIntegers(batch.columns[name], from, target, at, count);
      else copyBytes(batch.columns[name], from, target, at, count);
    }
  }
}

/** About 45 MB: what a commit of a second needs at 250,000 records a second. */
const spareChunksMax = 128;

function wordsOf(column: Uint8Array): Uint32Array {
  return new Uint32Array(column.buffer, column.byteOffset, column.byteLength >> 2);
}

/** A whole number from 0 to 2^53 as 64 bits, without bigint; anything else becomes 0. */
function writeInteger(words: Uint32Array, index: number, value: number): void {
  const whole = value > 0 && value <= 2 ** 53 ? value : 0;
  words[index * 2] = whole; // modulo 2^32, as typed arrays take it
  words[index * 2 + 1] = whole / 2 ** 32;
}

function copyKeys(
  batch: FlowBatch,
  name: FieldName & keyof typeof keyColumns,
  from: number,
  target: Uint8Array,
  at: number,
  count: number,
  table: { key(row: number): number },
): void {
  const rows = batch.columns[name];
  const words = wordsOf(target);
  // Nobody was called is 0; ends that are not known have a row, and so a key, of their own.
  const isOptional = name === "calledPeer";
  for (let i = 0; i < count; i++) {
    const row = rows[from + i]!;
    writeInteger(words, at + i, isOptional && row === 0 ? 0 : table.key(row));
  }
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
