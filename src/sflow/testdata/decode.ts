import { readdirSync, readFileSync } from "node:fs";
import {
  type DropReason,
  FlowBatch,
  fields,
  formatAddress,
  type InterfaceFact,
  type MessageReport,
} from "../../flow/index.ts";
import { SflowDecoder, type SflowLimits } from "../index.ts";

export type Row = Record<string, number | string | readonly number[]>;

/** Ours, not the exporter's: said in every row, so left out of the expected ones. */
const ownFields = new Set([
  "observer",
  "collectionTimeMilliseconds",
  "flowStartMilliseconds",
  "flowEndMilliseconds",
  "exportFormat",
]);

/** A row's filled fields, addresses as text, MAC addresses in hexadecimal. */
export function readRow(batch: FlowBatch, row: number): Row {
  const result: Row = {};
  for (const field of fields) {
    const values = batch.columns[field.name];
    const value = values[row];
    if (ownFields.has(field.name) || values.length === 0) continue;
    if (field.column === "address") {
      const text = formatAddress(values as Uint8Array, row * 16);
      if (text !== "::") result[field.name] = text;
    } else if (value !== ("empty" in field ? field.empty : 0)) {
      if (field.column === "list") result[field.name] = [...batch.listAt(value!)];
      else result[field.name] = field.name.endsWith("MacAddress") ? value!.toString(16).padStart(12, "0") : value!;
    }
  }
  return result;
}

/** A decoder with a sink that keeps rows as objects, and the drops by reason. */
export function createTrial({ batchRows = 7, hasDetails = true, limits = {} as Partial<SflowLimits> } = {}) {
  const rows: Row[] = [];
  const drops: Partial<Record<DropReason, number>> = {};
  const messages: MessageReport[] = [];
  const interfaces: InterfaceFact[] = [];
  const decoder = new SflowDecoder((reason, _source, count = 1) => {
    drops[reason] = (drops[reason] ?? 0) + count;
  }, limits);
  const batch = new FlowBatch(batchRows, { hasDetails });
  const sink = {
    batch,
    flush() {
      for (let row = 0; row < batch.count; row++) rows.push(readRow(batch, row));
      batch.clear();
    },
    takeMessage: (message: Readonly<MessageReport>) => void messages.push({ ...message }),
    takeInterface: (fact: Readonly<InterfaceFact>) => void interfaces.push({ ...fact }),
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
    wait(milliseconds: number) {
      receivedMilliseconds += milliseconds;
    },
    /** Decodes one datagram, a millisecond after the one before. */
    send(message: Uint8Array, { port = 1, addressText = "192.0.2.1" } = {}) {
      receivedMilliseconds++;
      const summary = decoder.decode(message, { addressText, port, observerRow: 1 }, receivedMilliseconds, sink);
      sink.flush();
      return { ...summary };
    },
  };
}

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
