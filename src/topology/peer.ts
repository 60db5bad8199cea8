import { assert, identityKey, type ReportDrop } from "../flow/index.ts";
import type { UnresolvedReason } from "./unresolved.ts";

/** What a peer can be. Outside names join as their rooms appear. */
export const peerKinds = ["process", "unit", "container", "pod", "service", "node", "host", "other"] as const;
export type PeerKind = (typeof peerKinds)[number];

/** The kind that a text from another program names; "other" for one that is not known here. */
export function peerKindOf(text: string): PeerKind {
  return peerKinds.find((kind) => kind === text) ?? "other";
}

/** One end of a link, as seen at one address. Peers with the same `id` are one peer with several addresses. */
export interface Peer {
  /**
   * `process:NODE/NAME`, `unit:NODE/NAME`, `container:NODE/ID`, `pod:UID`, `service:NAMESPACE/NAME`, `host:ADDRESS`, `host:NODE`,
   * `other`. Stable over restarts.
   */
  readonly id: string;
  readonly kind: PeerKind;
  /** What is drawn. It may be learned later than the peer: see `PeerTable.rename`. */
  readonly name: string;
  /** Text of the address under which this row was seen. */
  readonly address: string;
  /** The machine the peer runs on, when an agent there said so; "" otherwise. */
  readonly node: string;
  /** Name of the user's network around it; else /24 or /64 of a private address, "internet" for a public one, "loopback". */
  readonly network: string;
  /** Process name, also for a unit's, a container's or a pod's peer: of whichever was seen first; "" when unknown. The command line, where that is asked for. */
  readonly process: string;
  /** Container id, 64 hex digits or what the runtime uses; "" when there is none. */
  readonly container: string;
  /** What its store key is made of, where that is not `id` and `address`: it was taken for another peer when it was first seen. */
  readonly storedAs?: string;
  /** Of a pod, also of a container that is a pod's: as the API has it, or as its control groups do. */
  readonly podUid?: string;
  /** Of a pod or a service. */
  readonly namespace?: string;
  /** Name of a pod. */
  readonly pod?: string;
  /** Name and kind of what is at the top of a pod's owners. */
  readonly workload?: string;
  readonly workloadKind?: string;
  /** Of a service its name; of a pod the services that send their connections to it, `, ` between. */
  readonly service?: string;
  /** Of a pod: `key=value`, `,` between. */
  readonly labels?: string;
  /** Why it is not known who this is, where it should be. */
  readonly unresolved?: UnresolvedReason;
}

/** All that is told of a peer, in texts. */
export const peerTexts = [
  "id",
  "kind",
  "name",
  "address",
  "node",
  "network",
  "process",
  "container",
  "podUid",
  "namespace",
  "pod",
  "workload",
  "workloadKind",
  "service",
  "labels",
  "unresolved",
] as const satisfies readonly (keyof Peer)[];

/** What an API server tells of a pod, and an agent may pass on. */
export const podFacts = [
  "namespace",
  "pod",
  "workload",
  "workloadKind",
] as const satisfies readonly (keyof Peer)[];
export type PodFacts = Pick<Peer, (typeof podFacts)[number]>;

/** All of them, or none. */
export function podFactsOf({ namespace, pod, workload, workloadKind }: PodFacts): PodFacts {
  if (namespace === undefined || pod === undefined || workload === undefined || workloadKind === undefined)
    return {};
  return { namespace, pod, workload, workloadKind };
}

/** Drawn in place of peers beyond the bound. */
export const otherPeer: Peer = {
  id: "other",
  kind: "other",
  name: "~other",
  address: "",
  node: "",
  network: "",
  process: "",
  container: "",
};

const otherRow = 1;
/** Characters of a peer's texts for which there is room, on average: some four times what a peer has. */
const peerCharactersMax = 512;

/** What one of several sources has made of the table: see `PeerTable.charge`. */
export interface PeerAccount {
  /** The source of its counted drops. */
  readonly name: string;
  rows: number;
  characters: number;
  /** Look-ups that found its share taken. */
  refusedCount: number;
}

/**
 * Rows for peers, so that batches and folds carry a number. Row 0 is "not known yet", row 1 is `otherPeer`, which
 * stands for every peer beyond `rowsMax`, or beyond 512 characters of text for each of them; each look-up that ends there is a counted drop (`peer_limit`).
 *
 * Rows that nobody refers to are freed by `sweep` and used again, so a cache of rows is valid only as long as
 * `generation` stays the same.
 */
export class PeerTable {
  readonly rowsMax: number;
  readonly #rows: (Peer | undefined)[] = [];
  readonly #keys: number[] = [];
  readonly #rowByIdentity = new Map<string, number>();
  readonly #freeRows: number[] = [];
  /** By row, who made it, where somebody is charged for it. */
  readonly #accountOf: (PeerAccount | undefined)[] = [];
  /** Those that are charged for a row. */
  readonly #accounts = new Set<PeerAccount>();
  #charged: PeerAccount | undefined;
  readonly #onRename: ((row: number) => void)[] = [];
  #identify: (peer: Peer) => Peer = (peer) => peer;
  readonly #drop: ReportDrop;
  #generation = 0;
  #characters = 0;

  constructor(rowsMax: number, drop: ReportDrop) {
    this.rowsMax = rowsMax;
    this.#drop = drop;
    this.#add({ ...otherPeer, id: "", name: "" });
    this.#add(otherPeer);
  }

  /** Changes whenever rows were freed, or stand for other peers than before. */
  get generation(): number {
    return this.#generation;
  }

  /** Peers held now. */
  get count(): number {
    return this.#rows.length - this.#freeRows.length;
  }

  /** How much of the room is taken, from 0 to 1: of rows, or of text where that is more, or of an account's share where that is more yet. */
  get takenShare(): number {
    let share = Math.max(this.count / this.rowsMax, this.#characters / this.#charactersMax);
    const free = this.#free;
    for (const { rows, characters } of this.#accounts)
      share = Math.max(share, rows / Math.max(1, free.rows), characters / Math.max(1, free.characters));
    return Math.min(1, share);
  }

  /**
   * Rows that are made while `work` runs are on the account, until they are freed. It may hold as much as it leaves free: one alone gets
   * half of the table, and whoever comes next finds room, however many hold their share. Beyond it the account's new peers are `otherPeer`.
   */
  charge<T>(account: PeerAccount, work: () => T): T {
    this.#charged = account;
    try {
      return work();
    } finally {
      this.#charged = undefined;
    }
  }

  get #charactersMax(): number {
    return this.rowsMax * peerCharactersMax;
  }

  get #free(): { readonly rows: number; readonly characters: number } {
    return { rows: this.rowsMax - this.count, characters: this.#charactersMax - this.#characters };
  }

  /** One more than the highest row in use. */
  get rowsEnd(): number {
    return this.#rows.length;
  }

  /** A peer with a `storedAs` of its own gets a row of its own, unless there is such a row already. */
  intern(peer: Peer): number {
    const identity = identityOf(peer);
    const known = this.#rowByIdentity.get(identity);
    if (known !== undefined && (peer.storedAs === undefined || this.#rows[known]!.storedAs !== undefined))
      return known;
    const identified = this.#identify(peer);
    const row = identified === peer ? this.#addIfRoom(peer) : this.#internIdentified(identified);
    if (row !== otherRow) this.#rowByIdentity.set(identity, row);
    return row;
  }

  #internIdentified(peer: Peer): number {
    return this.#rowByIdentity.get(identityOf(peer)) ?? this.#addIfRoom(peer);
  }

  #addIfRoom(peer: Peer): number {
    const account = this.#charged;
    const free = this.#free;
    const characters = charactersOf(peer);
    const isShareLeft =
      account === undefined ||
      (account.rows < free.rows && account.characters + characters <= free.characters);
    if (free.rows > 0 && characters <= free.characters && isShareLeft) return this.#add(peer);
    if (!isShareLeft) account.refusedCount++;
    this.#drop("peer_limit", isShareLeft ? "peers" : account.name);
    return otherRow;
  }

  /** Asks, of each peer that is new, which peer it is: another one's row is then its row too. One at a time answers. */
  identifyBy(identify: (peer: Peer) => Peer): void {
    this.#identify = identify;
  }

  /**
   * Asks of every peer what it is now. The same object leaves it as it is. Otherwise row and key stay, so that what was recorded of the
   * peer is the other's from then on, in the store too; whoever asked to be told is told.
   * A peer that may become another one and come again as itself needs a `storedAs` of its own, else the two share a key. Of the rows from
   * `from` up to, not including, `to`, where not all are asked about.
   */
  revise(revised: (peer: Peer) => Peer, from = 0, to = this.#rows.length): void {
    const end = Math.min(to, this.#rows.length);
    for (let row = Math.max(otherRow + 1, from); row < end; row++) {
      const before = this.#rows[row];
      const now = before === undefined ? undefined : revised(before);
      if (before !== undefined && now !== undefined && now !== before && !isSame(before, now))
        this.#become(row, before, now);
    }
  }

  #become(row: number, before: Peer, now: Peer): void {
    const identity = identityOf(before);
    if (identity === identityOf(now)) this.#rows[row] = now;
    else {
      this.#rows[row] = { ...now, storedAs: before.storedAs ?? identity };
      if (this.#rowByIdentity.get(identity) === row) this.#rowByIdentity.delete(identity);
      if (!this.#rowByIdentity.has(identityOf(now))) this.#rowByIdentity.set(identityOf(now), row);
      this.#generation++; // who remembers rows by what they were has to ask again
    }
    this.#count(row, charactersOf(this.#rows[row]!) - charactersOf(before));
    for (const tell of this.#onRename) tell(row);
  }

  get(row: number): Peer {
    const peer = this.#rows[row];
    assert(peer !== undefined, "peer rows come from intern and are not kept over a sweep");
    return peer;
  }

  /** The row of a peer at an address; 0 when it is not in the table. */
  find(peer: Pick<Peer, "id" | "address">): number {
    return this.#rowByIdentity.get(identityOf(peer)) ?? 0;
  }

  /** Gives a peer at an address, if it is in the table, another name to be shown by. Row and key stay; whoever asked to be told is told. */
  rename(peer: Pick<Peer, "id" | "address">, name: string): void {
    const row = this.#rowByIdentity.get(identityOf(peer));
    // A container's row may be its pod's, which has a name of its own.
    if (row !== undefined && this.#rows[row]!.id === peer.id) this.#setName(row, name);
  }

  /** Gives these peers, by id, their new names at all their addresses. */
  renameAll(nameById: ReadonlyMap<string, string>): void {
    if (nameById.size === 0) return;
    for (let row = otherRow + 1; row < this.#rows.length; row++) {
      const name = nameById.get(this.#rows[row]?.id ?? "");
      if (name !== undefined) this.#setName(row, name);
    }
  }

  #setName(row: number, name: string): void {
    const peer = this.get(row);
    if (name === peer.name) return;
    this.#count(row, name.length - peer.name.length);
    this.#rows[row] = { ...peer, name };
    for (const tell of this.#onRename) tell(row);
  }

  /**
   * Gives a peer at an address, if it is in the table and of no pod that has a name yet, what was told of its pod, and asks anew which peer it is: who
   * answers knows the pod better perhaps.
   */
  learnPod(peer: Pick<Peer, "id" | "address"> & PodFacts): void {
    const row = this.find(peer);
    const before = this.#rows[row];
    const facts = podFactsOf(peer);
    if (row <= otherRow || before === undefined || before.pod !== undefined || facts.pod === undefined)
      return;
    const now = this.#identify({ ...before, ...facts });
    this.#become(row, before, now);
    // Under either identity it is one peer from now on.
    this.#rowByIdentity.set(identityOf(peer), this.#rowByIdentity.get(identityOf(now))!);
  }

  /** Calls back with each row that gets a new name, or other facts, for as long as the table lives. */
  onRename(tell: (row: number) => void): void {
    this.#onRename.push(tell);
  }

  /** A number for this peer at this address, the same in every process: the store finds it again by that. */
  key(row: number): number {
    return this.#keys[row]!;
  }

  /** Frees every row that `markUsed` does not mark. */
  sweep(markUsed: (mark: (row: number) => void) => void): void {
    const used = new Uint8Array(this.#rows.length);
    const before = this.count;
    markUsed((row) => {
      used[row] = 1;
    });
    for (let row = otherRow + 1; row < used.length; row++) {
      const peer = this.#rows[row];
      if (used[row] === 1 || peer === undefined) continue;
      this.#count(row, -charactersOf(peer));
      this.#discharge(row);
      this.#rows[row] = undefined;
      this.#freeRows.push(row);
    }
    if (this.count === before) return;
    for (const [identity, row] of this.#rowByIdentity)
      if (this.#rows[row] === undefined) this.#rowByIdentity.delete(identity);
    this.#generation++;
  }

  #add(peer: Peer): number {
    const row = this.#freeRows.pop() ?? this.#rows.length;
    const account = this.#charged;
    if (account !== undefined) {
      account.rows++;
      this.#accounts.add(account);
      this.#accountOf[row] = account;
    }
    this.#count(row, charactersOf(peer));
    this.#rows[row] = peer;
    this.#keys[row] = peerKey(peer);
    this.#rowByIdentity.set(identityOf(peer), row);
    return row;
  }

  #count(row: number, characters: number): void {
    this.#characters += characters;
    const account = this.#accountOf[row];
    if (account !== undefined) account.characters += characters;
  }

  #discharge(row: number): void {
    const account = this.#accountOf[row];
    if (account === undefined) return;
    this.#accountOf[row] = undefined;
    if (--account.rows === 0) this.#accounts.delete(account);
  }
}

/** A 53-bit number for a peer at an address, the same in every process. */
export function peerKey(peer: Pick<Peer, "id" | "address" | "storedAs">): number {
  return identityKey(peer.storedAs ?? identityOf(peer));
}

function isSame(a: Peer, b: Peer): boolean {
  const names = Object.keys(b) as (keyof Peer)[];
  return names.length === Object.keys(a).length && names.every((name) => a[name] === b[name]);
}

/** The identity is kept beside the peer. */
function charactersOf(peer: Peer): number {
  let count = peer.id.length + peer.address.length;
  for (const name of peerTexts) count += peer[name]?.length ?? 0;
  return count;
}

function identityOf({ id, address }: Pick<Peer, "id" | "address">): string {
  return `${id}@${address}`;
}
