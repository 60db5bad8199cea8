import type { Writable } from "node:stream";
import { coreFields, type FlowBatch, formatAddress, formatProtocol } from "../flow/index.ts";
import { type PeerTable, podFactsOf } from "../topology/index.ts";

/** What waits for whoever reads; beyond it lines are given up. */
const waitingBytesMax = 8 * 2 ** 20;
/** What is handed over at once. */
const sliceLength = 64 * 1024;

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
const skipped: readonly string[] = ["observer", "isDuplicate", "sourcePeer", "destinationPeer", "calledPeer"];
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
      if (column === "address") {
        const text = formatAddress(columns[name], row * 16);
        if (text !== "::") record[name] = text;
      } else if (name === "protocolIdentifier") record[name] = formatProtocol(columns[name][row]!);
      else if (columns[name][row] !== ("empty" in field ? field.empty : 0)) record[name] = columns[name][row];
    }
    for (const end of ["source", "destination"] as const) {
      const peer = peers.get(columns[`${end}Peer`][row]!);
      const { id, kind, name, process, container } = peer;
      record[`${end}Peer`] = {
        id,
        kind,
        name,
        ...(process !== "" && { process }),
        ...(container !== "" && { container }),
        ...podFactsOf(peer),
      };
    }
    return JSON.stringify(record);
  }

  return {
    /** Peers of the rows are known. */
    write(batch: FlowBatch): void {
      if (isClosed || batch.count === 0) return;
      let slice = "";
      for (let row = 0; row < batch.count; row++) {
        slice += `${line(batch, row)}\n`;
        if (slice.length < sliceLength && row + 1 < batch.count) continue;
        // A file, and a pipe that is read, have taken all of it before the next slice.
        output.write(slice);
        slice = "";
        if (output.writableLength < waitingBytesMax || row + 1 === batch.count) continue;
        onSlow(batch.count - row - 1);
        return;
      }
    },
  };
}
