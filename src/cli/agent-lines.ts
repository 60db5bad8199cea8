import type { Writable } from "node:stream";
import { coreFields, type FlowBatch, formatAddress, formatProtocol } from "../flow/index.ts";
import type { PeerTable } from "../topology/index.ts";

/** What waits for whoever reads; beyond it lines are given up. */
const waitingBytesMax = 8 * 2 ** 20;

export interface AgentLinesDependencies {
  readonly output: Writable;
  readonly node: string;
  readonly peers: PeerTable;
  /** So many records were given up: whoever reads is too slow. */
  onSlow(recordCount: number): void;
  /** Nobody reads any more. */
  onClosed(): void;
}

/** Fields that are not told by number, or that only a server fills. */
const skipped: readonly string[] = ["observer", "isDuplicate", "sourcePeer", "destinationPeer"];
const toldFields = coreFields.filter(({ name }) => !skipped.includes(name));

/** Records as lines of JSON: one object per record, by the field table's names; empty fields are left out. */
export function createAgentLines({ output, node, peers, onSlow, onClosed }: AgentLinesDependencies) {
  let isClosed = false;
  output.once("error", () => {
    isClosed = true;
    onClosed();
  });

  function line(batch: FlowBatch, row: number): string {
    const { columns } = batch;
    const record: Record<string, unknown> = { node };
    for (const field of toldFields) {
      const { name, column } = field;
      if (column === "address") record[name] = formatAddress(columns[name], row * 16);
      else if (name === "protocolIdentifier") record[name] = formatProtocol(columns[name][row]!);
      else if (columns[name][row] !== ("empty" in field ? field.empty : 0)) record[name] = columns[name][row];
    }
    for (const end of ["source", "destination"] as const) {
      const { id, kind, name, process, container } = peers.get(columns[`${end}Peer`][row]!);
      record[`${end}Peer`] = {
        id,
        kind,
        name,
        ...(process !== "" && { process }),
        ...(container !== "" && { container }),
      };
    }
    return JSON.stringify(record);
  }

  return {
    /** Peers of the rows are known. */
    write(batch: FlowBatch): void {
      if (isClosed || batch.count === 0) return;
      const lines: string[] = [];
      let bytes = output.writableLength;
      let row = 0;
      for (; row < batch.count && bytes < waitingBytesMax; row++) {
        const text = line(batch, row);
        bytes += text.length + 1;
        lines.push(text, "\n");
      }
      if (row < batch.count) onSlow(batch.count - row);
      output.write(lines.join(""));
    },
  };
}
