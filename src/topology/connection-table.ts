import { assert } from "../flow/index.ts";

/** Words of a key: two addresses of four words, the two ports in one word, protocol, scope. */
const keyWords = 11;
const missing = 0xffffffff;

/** Bits of `state`. "Observed" means an agent read that end's socket at least once. */
export const connectionState = {
  clientObserved: 1,
  serverObserved: 2,
  clientOpen: 4,
  serverOpen: 8,
  /** The client is the end that stands first in the key. */
  clientIsFirst: 16,
} as const;

/** Addresses, ports, protocol and scope of a record, in its own order of source and destination. */
export interface ConnectionTuple {
  readonly source: Uint8Array;
  readonly sourceOffset: number;
  readonly destination: Uint8Array;
  readonly destinationOffset: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: number;
  readonly scope: number;
}

/**
 * Connections that agents know, so that other observers' records of them are recognised. Keys are stored with the
 * lower end first, so a record finds its connection whichever way it is written. Rows are columns; the hash slots are
 * rebuilt by `sweep` rather than carrying tombstones. Bounded by `rowsMax`; memory grows with use.
 */
export class ConnectionTable {
  readonly #rowsMax: number;
  #capacity = 1024;
  #keys = new Uint32Array(this.#capacity * keyWords);
  #hashes = new Uint32Array(this.#capacity);
  #slots = new Uint32Array(this.#capacity * 2).fill(missing);
  #rows = 0;
  readonly #probe = new Uint32Array(keyWords);
  #probeIsReversed = false;
  /** Row of the PeerTable, 0 when that end is not known. */
  clientPeer = new Uint32Array(this.#capacity);
  serverPeer = new Uint32Array(this.#capacity);
  state = new Uint8Array(this.#capacity);
  serverPort = new Uint16Array(this.#capacity);
  /** Unix seconds of the last record. */
  lastSeenSeconds = new Uint32Array(this.#capacity);

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  get count(): number {
    return this.#rows;
  }

  protocol(row: number): number {
    return this.#keys[row * keyWords + 9]!;
  }

  /** The row of a connection, or -1. */
  find(tuple: ConnectionTuple): number {
    if (this.#rows === 0) return -1;
    const hash = this.#writeProbe(tuple);
    const row = this.#slots[this.#slotOf(hash)]!;
    return row === missing ? -1 : row;
  }

  /** The row of a connection, made when it is new; -1 when the table is full. */
  findOrAdd(tuple: ConnectionTuple): number {
    const hash = this.#writeProbe(tuple);
    const slot = this.#slotOf(hash);
    const known = this.#slots[slot]!;
    if (known !== missing) return known;
    if (this.#rows >= this.#rowsMax) return -1;
    const row = this.#rows++;
    this.#keys.set(this.#probe, row * keyWords);
    this.#hashes[row] = hash;
    this.#clearRow(row);
    this.#slots[slot] = row;
    if (this.#rows === this.#capacity) this.#grow();
    return row;
  }

  /** Whether the tuple given to the last find or findOrAdd has the client as its source. */
  isClientSource(row: number): boolean {
    const clientIsFirst = (this.state[row]! & connectionState.clientIsFirst) !== 0;
    return clientIsFirst !== this.#probeIsReversed;
  }

  /** Says which end of the tuple last looked up is the client. */
  setClient(row: number, isSource: boolean): void {
    const clientIsFirst = isSource !== this.#probeIsReversed;
    if (clientIsFirst) this.state[row]! |= connectionState.clientIsFirst;
    else this.state[row]! &= ~connectionState.clientIsFirst;
  }

  isOpen(row: number): boolean {
    return (this.state[row]! & (connectionState.clientOpen | connectionState.serverOpen)) !== 0;
  }

  /** Forgets closed connections last seen before `seconds`. Rows move: none may be kept over this call. */
  sweep(seconds: number): void {
    let kept = 0;
    for (let row = 0; row < this.#rows; row++) {
      if (!this.isOpen(row) && this.lastSeenSeconds[row]! < seconds) continue;
      if (kept !== row) this.#moveRow(row, kept);
      kept++;
    }
    if (kept === this.#rows) return;
    this.#rows = kept;
    this.#rebuildSlots();
  }

  #writeProbe(t: ConnectionTuple): number {
    const reversed = isReversed(t);
    this.#probeIsReversed = reversed;
    const probe = this.#probe;
    writeWords(probe, reversed ? 4 : 0, t.source, t.sourceOffset);
    writeWords(probe, reversed ? 0 : 4, t.destination, t.destinationOffset);
    probe[8] = reversed ? (t.destinationPort << 16) | t.sourcePort : (t.sourcePort << 16) | t.destinationPort;
    probe[9] = t.protocol;
    probe[10] = t.scope;
    let hash = 0x811c9dc5;
    for (let i = 0; i < keyWords; i++) {
      hash = Math.imul(hash ^ probe[i]!, 0x85ebca6b);
      hash ^= hash >>> 13;
    }
    return hash >>> 0;
  }

  /** The slot that holds the probe, or the empty one where it would go. */
  #slotOf(hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot]!;
      if (row === missing || (this.#hashes[row] === hash && this.#isProbe(row))) return slot;
    }
  }

  #isProbe(row: number): boolean {
    const start = row * keyWords;
    for (let i = 0; i < keyWords; i++) if (this.#keys[start + i] !== this.#probe[i]) return false;
    return true;
  }

  #clearRow(row: number): void {
    this.clientPeer[row] = 0;
    this.serverPeer[row] = 0;
    this.state[row] = 0;
    this.serverPort[row] = 0;
    this.lastSeenSeconds[row] = 0;
  }

  #moveRow(from: number, to: number): void {
    this.#keys.copyWithin(to * keyWords, from * keyWords, (from + 1) * keyWords);
    this.#hashes[to] = this.#hashes[from]!;
    this.clientPeer[to] = this.clientPeer[from]!;
    this.serverPeer[to] = this.serverPeer[from]!;
    this.state[to] = this.state[from]!;
    this.serverPort[to] = this.serverPort[from]!;
    this.lastSeenSeconds[to] = this.lastSeenSeconds[from]!;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#keys = grown(this.#keys, new Uint32Array(this.#capacity * keyWords));
    this.#hashes = grown(this.#hashes, new Uint32Array(this.#capacity));
    this.clientPeer = grown(this.clientPeer, new Uint32Array(this.#capacity));
    this.serverPeer = grown(this.serverPeer, new Uint32Array(this.#capacity));
    this.state = grown(this.state, new Uint8Array(this.#capacity));
    this.serverPort = grown(this.serverPort, new Uint16Array(this.#capacity));
    this.lastSeenSeconds = grown(this.lastSeenSeconds, new Uint32Array(this.#capacity));
    this.#slots = new Uint32Array(this.#capacity * 2);
    this.#rebuildSlots();
  }

  #rebuildSlots(): void {
    this.#slots.fill(missing);
    const mask = this.#slots.length - 1;
    for (let row = 0; row < this.#rows; row++) {
      let slot = this.#hashes[row]! & mask;
      while (this.#slots[slot] !== missing) slot = (slot + 1) & mask;
      this.#slots[slot] = row;
    }
    assert(this.#rows < this.#slots.length, "slots are twice the rows");
  }
}

function grown<T extends Uint8Array | Uint16Array | Uint32Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}

/** Whether the destination sorts before the source, by address, then port. */
function isReversed(t: ConnectionTuple): boolean {
  for (let i = 0; i < 16; i++) {
    const difference = t.source[t.sourceOffset + i]! - t.destination[t.destinationOffset + i]!;
    if (difference !== 0) return difference > 0;
  }
  return t.sourcePort > t.destinationPort;
}

function writeWords(target: Uint32Array, at: number, bytes: Uint8Array, offset: number): void {
  for (let i = 0; i < 4; i++) {
    const from = offset + i * 4;
    target[at + i] =
      (bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!;
  }
}
