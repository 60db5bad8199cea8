import type { ReportDrop } from "../../flow/index.ts";
import type { Peer, PeerTable } from "../../topology/index.ts";

/** So much more than there is room for may wait before the oldest go, so that they go many at a time. */
const slack = 1 / 8;

/**
 * Peers that got a new name or other facts: what the file says of them is to be replaced. Whom it does not have is written, too. As many as
 * the table has rows wait for a commit; beyond that, as when none succeeds and peers come and go, those that wait longest are given up.
 */
export class RenamedPeers {
  /** By identity, the longest renamed first. */
  #peers = new Map<number, Peer>();
  readonly #waitingMax: number;
  readonly #drop: ReportDrop;

  constructor(table: PeerTable, drop: ReportDrop) {
    this.#waitingMax = table.rowsMax;
    this.#drop = drop;
    table.onRename((row) => {
      this.#peers.set(table.key(row), table.get(row));
      if (this.#peers.size > this.#waitingMax * (1 + slack)) this.#giveUpOldest();
    });
  }

  get count(): number {
    return this.#peers.size;
  }

  /** By identity, as they are now. */
  take(): ReadonlyMap<number, Peer> {
    const taken = this.#peers;
    this.#peers = new Map();
    return taken;
  }

  /** What was taken could not be written. Who was renamed again meanwhile stays so. */
  giveBack(taken: ReadonlyMap<number, Peer>): void {
    this.#peers = new Map([...taken, ...this.#peers]);
    this.#giveUpOldest();
  }

  #giveUpOldest(): void {
    const excess = this.#peers.size - this.#waitingMax;
    if (excess <= 0) return;
    this.#peers = new Map([...this.#peers].slice(excess));
    this.#drop("rename_limit", "store", excess);
  }
}
