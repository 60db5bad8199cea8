import { spawnSync } from "node:child_process";
import { configOf } from "../src/cli/probe-config.ts";
import { type FieldName, FlowBatch, formatAddress } from "../src/flow/index.ts";
import { FlowDecoder } from "../src/netflow/index.ts";
import {
  CaptureFeed,
  type ExportInterface,
  Probe,
  parseProbeFlags,
  readCapture,
} from "../src/probe/index.ts";

/** A record as our own decoder reads it; fields that are 0 are left out. */
export type Row = Partial<Record<FieldName, number | string>>;

export interface Trial {
  readonly probe: Probe;
  readonly messages: readonly Uint8Array[];
  readonly feed: CaptureFeed;
}

/** Runs the probe on a capture in this process, with the flags a user would give. Destinations only keep what is sent. */
export async function probeCapture(path: string, flagText: string, destinationCount = 1): Promise<Trial> {
  const parsed = parseProbeFlags([...flagText.split(" ").filter((word) => word !== ""), "-r", path]);
  if (parsed.kind !== "run") throw new Error(`flags: ${JSON.stringify(parsed)}`);
  const messages: Uint8Array[] = [];
  const interfaces: ExportInterface[] = [];
  const probe = new Probe(
    configOf(
      parsed.flags,
      () => false,
      () => {},
    ),
    {
      destinations: Array.from({ length: destinationCount }, (_, i) => ({
        text: String(i),
        send: (message) => messages.push(message.slice()) > 0,
      })),
      interfaces,
      now: () => 1_790_000_000_000,
    },
  );
  const feed = new CaptureFeed(
    { onInterface: ({ name }) => interfaces.push({ index: interfaces.length, name: name ?? "" }) },
    (batch) => probe.add(batch),
  );
  await readCapture(path, feed, { onProgress() {}, isStopped: () => false });
  probe.expireAll();
  return { probe, messages, feed };
}

/** Records of messages of one exporter, in their order. */
export function decodeMessages(messages: readonly Uint8Array[], hasDetails = true): Row[] {
  const drops: string[] = [];
  const decoder = new FlowDecoder((reason) => drops.push(reason));
  const rows: Row[] = [];
  const batch = new FlowBatch(64, { hasDetails });
  const flush = () => {
    for (let row = 0; row < batch.count; row++) rows.push(readRow(batch, row));
    batch.clear();
  };
  const source = { addressText: "192.0.2.1", port: 2055, observerRow: 1 };
  for (const message of messages) decoder.decode(message, source, 1_790_000_000_000, { batch, flush });
  flush();
  if (drops.length > 0) throw new Error(`dropped: ${drops.join(", ")}`);
  return rows;
}

export function sum(rows: readonly Row[], ...names: (keyof Row)[]): number {
  return rows.reduce(
    (total, row) => total + names.reduce((part, name) => part + Number(row[name] ?? 0), 0),
    0,
  );
}

/** Why a test that needs a program is skipped; false when it is there. */
export function missing(command: string): string | false {
  const isThere = spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;
  return isThere ? false : `${command} is not installed`;
}

const notCompared = new Set<string>([
  ...["messageSequenceNumber", "collectionTimeMilliseconds", "exporterAddress", "observer", "exportFormat"],
]);

function readRow(batch: FlowBatch, row: number): Row {
  const read: Record<string, number | string> = {};
  for (const [name, column] of Object.entries(batch.columns)) {
    if (notCompared.has(name) || column.length === 0) continue;
    if (name.endsWith("Address") && column.length === batch.capacity * 16) {
      const text = formatAddress((column as Uint8Array).subarray(row * 16, row * 16 + 16));
      if (text !== "::") read[name] = text;
    } else if (name === "mplsLabelStack") {
      if (column[row]! !== 0) read[name] = batch.listAt(column[row]!).join(" ");
    } else if (column[row] !== 0) read[name] = column[row]!;
  }
  return read as Row;
}
