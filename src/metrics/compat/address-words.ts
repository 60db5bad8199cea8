import { type FlowBatch, formatAddress } from "../../flow/index.ts";

/** Writes one address of a row into a key, as the batch has it: four words. */
export function writeWords(
  probe: Uint32Array,
  at: number,
  words: FlowBatch["sourceWords"],
  row: number,
): void {
  for (let i = 0; i < 4; i++) probe[at + i] = words[row * 4 + i]!;
}

/** The text of the address whose four words begin at `first` of a key. */
export function readAddress(word: (index: number) => number, first: number): string {
  return formatAddress(new Uint8Array(Uint32Array.from({ length: 4 }, (_, i) => word(first + i)).buffer));
}
