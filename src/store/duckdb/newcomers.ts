import { type FlowBatch, identityKey, type Observer, type ObserverTable } from "../../flow/index.ts";
import { type Peer, type PeerTable, peerKey } from "../../topology/index.ts";

/** What the next commit writes beside records. */
export interface Newcome {
  readonly peers: readonly Peer[];
  readonly observers: readonly Observer[];
  /** Keys of peers whose facts in the file are to be replaced. */
  readonly renamed: ReadonlySet<number>;
}

/**
 * Peers and observers that records name and that may not be in the file yet. Each is collected once; one that the file
 * already has, from an earlier run, is found out when it is written. A peer that got a new name or other facts since is collected again.
 */
export class Newcomers {
  readonly #peerTable: PeerTable;
  readonly #observerTable: ObserverTable;
  readonly #peers = new Map<number, Peer>();
  readonly #observers = new Map<number, Observer>();
  /** Those of the peers whose facts in the file are to be replaced. */
  readonly #renamed = new Set<number>();
  /** Per row of the table 1 when it was collected. */
  #knownPeers = new Uint8Array(1024);
  #knownObservers = new Uint8Array(64);
  #generation: number;

  constructor(peerTable: PeerTable, observerTable: ObserverTable) {
    this.#peerTable = peerTable;
    this.#generation = peerTable.generation;
    this.#observerTable = observerTable;
    peerTable.onRename((row) => this.#rename(row));
  }

  collect({ columns }: FlowBatch, rowCount: number): void {
    this.#follow();
    this.#knownObservers = grown(this.#knownObservers, this.#observerTable.count);
    for (const rows of [columns.sourcePeer, columns.destinationPeer]) {
      for (let i = 0; i < rowCount; i++) if (this.#knownPeers[rows[i]!] === 0) this.#addPeer(rows[i]!);
    }
    for (let i = 0; i < rowCount; i++) {
      const called = columns.calledPeer[i]!;
      if (called !== 0 && this.#knownPeers[called] === 0) this.#addPeer(called);
    }
    for (let i = 0; i < rowCount; i++) {
      const row = columns.observer[i]!;
      if (this.#knownObservers[row] !== 0) continue;
      this.#knownObservers[row] = 1;
      this.#observers.set(this.#observerTable.key(row), this.#observerTable.get(row));
    }
  }

  /** A peer that is named elsewhere than in records. */
  collectPeer(row: number): void {
    this.#follow();
    if (this.#knownPeers[row] === 0) this.#addPeer(row);
  }

  #follow(): void {
    if (this.#generation !== this.#peerTable.generation) {
      this.#generation = this.#peerTable.generation;
      this.#knownPeers.fill(0); // a row may be another peer's now
    }
    this.#knownPeers = grown(this.#knownPeers, this.#peerTable.rowsEnd);
  }

  /** Whether there is anything to write but for what records that wait name. */
  get hasRenamed(): boolean {
    return this.#renamed.size > 0;
  }

  take(): Newcome {
    const taken = {
      peers: [...this.#peers.values()],
      observers: [...this.#observers.values()],
      renamed: new Set(this.#renamed),
    };
    this.#peers.clear();
    this.#observers.clear();
    this.#renamed.clear();
    return taken;
  }

  /** What was taken could not be written: records that came meanwhile may rely on it. */
  giveBack({ peers, observers, renamed }: Newcome): void {
    for (const peer of peers) {
      const key = peerKey(peer);
      if (!this.#peers.has(key)) this.#peers.set(key, peer); // it may have got a name meanwhile
    }
    for (const key of renamed) this.#renamed.add(key);
    for (const observer of observers) this.#observers.set(identityKey(observer.id), observer);
  }

  /** Collects everything anew as it is named. */
  forget(): void {
    this.#knownPeers.fill(0);
    this.#knownObservers.fill(0);
  }

  /** A peer that was never collected is not in the file, or will be replaced when it is. */
  #rename(row: number): void {
    this.#renamed.add(this.#peerTable.key(row));
    this.#knownPeers = grown(this.#knownPeers, row + 1);
    this.#addPeer(row);
  }

  #addPeer(row: number): void {
    this.#knownPeers[row] = 1;
    this.#peers.set(this.#peerTable.key(row), this.#peerTable.get(row));
  }
}

function grown(flags: Uint8Array<ArrayBuffer>, count: number): Uint8Array<ArrayBuffer> {
  if (count <= flags.length) return flags;
  const larger = new Uint8Array(2 ** Math.ceil(Math.log2(count)));
  larger.set(flags);
  return larger;
}
