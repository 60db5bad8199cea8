import { readdirSync, readFileSync } from "node:fs";
import {
  type DropReason,
  FlowBatch,
  fields,
  formatAddress,
  type InterfaceFact,
  type MessageReport,
} from "../../flow/index.ts";
import { type DecoderLimits, FlowDecoder } from "../index.ts";

export type Row = Record<string, number | string | number[]>;

/** Ours, not the exporter's: said in every row, so left out of the expected ones. */
const ownFields = new Set(["observer", "collectionTimeMilliseconds"]);

/** A row's filled fields, addresses as text; of details only those that say something. */
export function readRow(batch: FlowBatch, row: number): Row {
  const result: Row = {};
  for (const field of fields) {
    const column = batch.columns[field.name];
    const empty = "empty" in field ? field.empty : 0;
    if (ownFields.has(field.name) || column.length === 0) continue;
    if (field.column === "address") {
      const text = formatAddress(column as Uint8Array, row * 16);
      if (text !== "::" || field.elements.length > 0 && !("isDetail" in field)) result[field.name] = text;
    } else if (field.column === "list") {
      const list = Array.from(batch.listAt(column[row]!));
      if (list.length > 0) result[field.name] = list;
    }
    else if (column[row] !== empty) result[field.name] = column[row]!;
  }
  return result;
}

/** A decoder with a sink that keeps rows as objects, and the drops by reason. */
export function createTrial(batchRows = 7, limits: Partial<DecoderLimits> = {}, hasDetails = false) {
  const rows: Row[] = [];
  const drops: Partial<Record<DropReason, number>> = {};
  const decoder = new FlowDecoder((reason, _source, count = 1) => {
    drops[reason] = (drops[reason] ?? 0) + count;
  }, limits);
  const messages: MessageReport[] = [];
  const interfaces: InterfaceFact[] = [];
  const batch = new FlowBatch(batchRows, { hasDetails });
  const sink = {
    batch,
    flush() {
      for (let row = 0; row < batch.count; row++) rows.push(readRow(batch, row));
      batch.clear();
    },
    takeMessage(message: Readonly<MessageReport>) {
      messages.push({ ...message });
    },
    takeInterface(fact: Readonly<InterfaceFact>) {
      interfaces.push({ ...fact });
    },
  };
  let receivedMilliseconds = 1_760_000_001_000;
  return {
    decoder,
    rows,
    drops,
    messages,
    interfaces,
    batch,
    sink,
    /** Decodes one datagram, a millisecond after the one before. */
    send(message: Uint8Array, { port = 1, addressText = "192.0.2.1", waited = 1 } = {}) {
      receivedMilliseconds += waited;
      const summary = decoder.decode(message, { addressText, port, observerRow: 1 }, receivedMilliseconds, sink);
      sink.flush();
      return { ...summary };
    },
    /** When the last datagram was received. */
    get receivedMilliseconds() {
      return receivedMilliseconds;
    },
  };
}

export type Trial = ReturnType<typeof createTrial>;

export interface Fixture {
  readonly name: string;
  readonly datagrams: readonly Uint8Array[];
}

export function readFixtures(): Fixture[] {
  return readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith(".hex"))
    .sort()
    .map((name) => ({
      name: name.slice(0, -4),
      datagrams: readFileSync(`${import.meta.dirname}/${name}`, "utf8")
        .trim()
        .split("\n")
        .map((line) => new Uint8Array(Buffer.from(line, "hex"))),
    }));
}

/** mulberry32: the same numbers for the same seed, everywhere. */
export function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}
