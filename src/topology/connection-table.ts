import { grown, RowIndex, writeAddressWords } from "../flow/index.ts";

/** Words of a key: two addresses of four words, the two ports in one word, protocol, scope. */
const keyWords = 11;
const portsWord = 8;
const protocolWord = 9;
const scopeWord = 10;

/** Bits of `state`. "Observed" means an agent read that end's socket at least once. */
export const connectionState = {
  clientObserved: 1,
  serverObserved: 2,
  clientOpen: 4,
  serverOpen: 8,
  /** The client is the end that stands first in the key. */
  clientIsFirst: 16,
  /** Whose figures count. Decided once, so that the other end, reported later, is not added. */
  clientCounts: 32,
  serverCounts: 64,
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
 * lower end first, so a record finds its connection whichever way it is written. Bounded by `rowsMax`; memory grows
 * with use.
 */
export class ConnectionTable {
  readonly #index: RowIndex;
  #probeIsReversed = false;
  /** Row of the PeerTable, 0 when that end is not known. */
  clientPeer = new Uint32Array(1024);
  serverPeer = new Uint32Array(1024);
  state = new Uint8Array(1024);
  /** Row of the ObserverTable: the best observer of the connection. */
  observer = new Uint32Array(1024);
  serverPort = new Uint16Array(1024);
  /** Unix seconds of the last record. */
  lastSeenSeconds = new Uint32Array(1024);

  constructor(rowsMax: number) {
    this.#index = new RowIndex(keyWords, rowsMax);
  }

  get count(): number {
    return this.#index.count;
  }

  protocol(row: number): number {
    return this.#index.word(row, protocolWord);
  }

  /** The row of a connection, or -1. */
  find(tuple: ConnectionTuple): number {
    if (this.count === 0) return -1;
    this.#writeProbe(tuple);
    return this.#index.find();
  }

  /** The row of a connection, made when it is new; -1 when the table is full. */
  findOrAdd(tuple: ConnectionTuple): number {
    this.#writeProbe(tuple);
    const before = this.count;
    const row = this.#index.findOrAdd();
    if (row === before) this.#clearRow(row);
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
    this.#index.compact(
      (row) => this.isOpen(row) || this.lastSeenSeconds[row]! >= seconds,
      (from, to) => {
        this.clientPeer[to] = this.clientPeer[from]!;
        this.serverPeer[to] = this.serverPeer[from]!;
        this.state[to] = this.state[from]!;
        this.observer[to] = this.observer[from]!;
        this.serverPort[to] = this.serverPort[from]!;
        this.lastSeenSeconds[to] = this.lastSeenSeconds[from]!;
      },
    );
  }

  #writeProbe(t: ConnectionTuple): void {
    const reversed = isReversed(t);
    this.#probeIsReversed = reversed;
    const { probe } = this.#index;
    writeAddressWords(probe, reversed ? 4 : 0, t.source, t.sourceOffset);
    writeAddressWords(probe, reversed ? 0 : 4, t.destination, t.destinationOffset);
    probe[portsWord] = reversed
      ? (t.destinationPort << 16) | t.sourcePort
      : (t.sourcePort << 16) | t.destinationPort;
    probe[protocolWord] = t.protocol;
    probe[scopeWord] = t.scope;
  }

  #clearRow(row: number): void {
    if (row >= this.state.length) this.#grow(this.state.length * 2);
    this.clientPeer[row] = 0;
    this.serverPeer[row] = 0;
    this.state[row] = 0;
    this.observer[row] = 0;
    this.serverPort[row] = 0;
    this.lastSeenSeconds[row] = 0;
  }

  #grow(capacity: number): void {
    this.clientPeer = grown(this.clientPeer, capacity);
    this.serverPeer = grown(this.serverPeer, capacity);
    this.state = grown(this.state, capacity);
    this.observer = grown(this.observer, capacity);
    this.serverPort = grown(this.serverPort, capacity);
    this.lastSeenSeconds = grown(this.lastSeenSeconds, capacity);
  }
}

/** Whether the destination sorts before the source, by address, then port. */
function isReversed(t: ConnectionTuple): boolean {
  for (let i = 0; i < 16; i++) {
    const difference = t.source[t.sourceOffset + i]! - t.destination[t.destinationOffset + i]!;
    if (difference !== 0) return difference > 0;
  }
  return t.sourcePort > t.destinationPort;
}
