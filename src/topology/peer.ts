import { assert, identityKey, type ReportDrop } from "../flow/index.ts";

/** What a peer can be. Kubernetes kinds and outside names join as their rooms appear. */
export type PeerKind = "process" | "container" | "host" | "other";

/** One end of a link, as seen at one address. Peers with the same `id` are one peer with several addresses. */
export interface Peer {
  /** `process:NODE/NAME`, `container:NODE/ID`, `host:ADDRESS`, `host:NODE`, `other`. Stable over restarts. */
  readonly id: string;
  readonly kind: PeerKind;
  readonly name: string;
  /** Text of the address under which this row was seen. */
  readonly address: string;
  /** The machine the peer runs on, when an agent there said so; "" otherwise. */
  readonly node: string;
  /** /24 or /64 around a private address, "internet" for a public one, "loopback". */
  readonly network: string;
  /** Process name, also for a container's peer; "" when unknown. */
  readonly process: string;
  /** Container id, 64 hex digits or what the runtime uses; "" when there is none. */
  readonly container: string;
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

/**
 * Rows for peers, so that batches and folds carry a number. Row 0 is "not known yet", row 1 is `otherPeer`, which
 * stands for every peer beyond `rowsMax`; each such peer is a counted drop (`peer_limit`).
 */
export class PeerTable {
  readonly #rows: Peer[] = [];
  readonly #keys: number[] = [];
  readonly #rowByIdentity = new Map<string, number>();
  readonly #rowsMax: number;
  readonly #drop: ReportDrop;

  constructor(rowsMax: number, drop: ReportDrop) {
    this.#rowsMax = rowsMax;
    this.#drop = drop;
    this.#add({ ...otherPeer, id: "", name: "" });
    this.#add(otherPeer);
  }

  intern(peer: Peer): number {
    const identity = identityOf(peer);
    const known = this.#rowByIdentity.get(identity);
    if (known !== undefined) return known;
    if (this.#rows.length >= this.#rowsMax) {
      this.#drop("peer_limit", "peers");
      return 1;
    }
    return this.#add(peer);
  }

  get(row: number): Peer {
    const peer = this.#rows[row];
    assert(peer !== undefined, "peer rows come from intern");
    return peer;
  }

  /** The key under which the store keeps this peer at this address: the same in every process. */
  key(row: number): number {
    return this.#keys[row]!;
  }

  get count(): number {
    return this.#rows.length;
  }

  #add(peer: Peer): number {
    const row = this.#rows.push(peer) - 1;
    this.#keys.push(peerKey(peer));
    this.#rowByIdentity.set(identityOf(peer), row);
    return row;
  }
}

/** 53-bit store key of a peer at an address. */
export function peerKey(peer: Pick<Peer, "id" | "address">): number {
  return identityKey(identityOf(peer));
}

function identityOf({ id, address }: Pick<Peer, "id" | "address">): string {
  return `${id}@${address}`;
}
