import type { Peer, PeerTable } from "../../topology/index.ts";

/** Peers that got a new name or other facts: what the file says of them is to be replaced. Whom it does not have is written, too. */
export class RenamedPeers {
  readonly #peers = new Map<number, Peer>();

  constructor(table: PeerTable) {
    table.onRename((row) => this.#peers.set(table.key(row), table.get(row)));
  }

  get count(): number {
    return this.#peers.size;
  }

  /** By identity, as they are now. */
  take(): ReadonlyMap<number, Peer> {
    const taken = new Map(this.#peers);
    this.#peers.clear();
    return taken;
  }

  /** What was taken could not be written. Who was renamed again meanwhile stays so. */
  giveBack(taken: ReadonlyMap<number, Peer>): void {
    for (const [identity, peer] of taken) if (!this.#peers.has(identity)) this.#peers.set(identity, peer);
  }
}
