import type { FlowBatch } from "../flow/index.ts";
import { observedEnd } from "./observed-end.ts";

const turned = [
  ["sourceTransportPort", "destinationTransportPort"],
  ["octetDeltaCount", "reverseOctetDeltaCount"],
  ["packetDeltaCount", "reversePacketDeltaCount"],
  ["sourcePeer", "destinationPeer"],
] as const;

/** An agent's row, whose source is the client, turns out to be of the server's end: source and destination change places. */
export function turnRound({ columns, sourceWords, destinationWords }: FlowBatch, row: number): void {
  for (let at = row * 4; at < row * 4 + 4; at++) {
    const word = sourceWords[at]!;
    sourceWords[at] = destinationWords[at]!;
    destinationWords[at] = word;
  }
  for (const [one, other] of turned) {
    const value = columns[one][row]!;
    columns[one][row] = columns[other][row]!;
    columns[other][row] = value;
  }
  const isClient = columns.observedEnd[row] === observedEnd.client;
  columns.observedEnd[row] = isClient ? observedEnd.server : observedEnd.client;
}
