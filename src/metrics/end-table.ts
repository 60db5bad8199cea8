import { grown } from "../flow/index.ts";
import type { Peer, PeerTable } from "../topology/index.ts";
import { cleanText } from "./exposition.ts";

/**
 * Rows for what ends of links are told by in labels: peers of the same labels are one end, so that no two series are alike. An end
 * is looked up by the peer's row, which costs a load; labels are read again when a peer gets another name.
 */
export class EndTable<L extends { readonly [name in keyof L]: string }> {
  readonly #peers: PeerTable;
  readonly #labelsOf: (peer: Peer) => L;
  #endByPeer = new Uint32Array(1024);
  #generation = 0;
  /** Row 0 is nobody. */
  readonly #labels: (L | undefined)[] = [undefined];
  readonly #endByText = new Map<string, number>();
  readonly #freeEnds: number[] = [];

  constructor(peers: PeerTable, labelsOf: (peer: Peer) => L) {
    this.#peers = peers;
    this.#labelsOf = labelsOf;
    this.#generation = peers.generation;
    peers.onRename((row) => {
      if (row < this.#endByPeer.length) this.#endByPeer[row] = 0;
    });
  }

  get count(): number {
    return this.#endByText.size;
  }

  /** To be called before a batch: rows of peers may have been used again. */
  refresh(): void {
    if (this.#generation !== this.#peers.generation) this.#endByPeer.fill(0);
    this.#generation = this.#peers.generation;
  }

  endOf(peerRow: number): number {
    return this.#endByPeer[peerRow] || this.#read(peerRow);
  }

  labels(end: number): L {
    return this.#labels[end]!;
  }

  /** Frees every end that `markUsed` does not mark. */
  sweep(markUsed: (mark: (end: number) => void) => void): void {
    const used = new Uint8Array(this.#labels.length);
    markUsed((end) => {
      used[end] = 1;
    });
    for (const [text, end] of this.#endByText) {
      if (used[end] === 1) continue;
      this.#endByText.delete(text);
      this.#labels[end] = undefined;
      this.#freeEnds.push(end);
    }
    this.#endByPeer.fill(0);
  }

  #read(peerRow: number): number {
    const given = this.#labelsOf(this.#peers.get(peerRow));
    const text = JSON.stringify(Object.values<string>(given).map(cleanText)); // two that are written alike are one
    let end = this.#endByText.get(text);
    if (end === undefined) {
      end = this.#freeEnds.pop() ?? this.#labels.length;
      this.#labels[end] = given;
      this.#endByText.set(text, end);
    }
    if (peerRow >= this.#endByPeer.length) {
      this.#endByPeer = grown(this.#endByPeer, Math.max(peerRow + 1, this.#endByPeer.length * 2));
    }
    this.#endByPeer[peerRow] = end;
    return end;
  }
}
