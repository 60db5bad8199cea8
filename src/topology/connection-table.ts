import { grown, RowIndex } from "../flow/index.ts";

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
  /** That end's opening was reported. */
  clientOpened: 128,
  serverOpened: 256,
} as const;

/** Two claims of four words, of which the last is not used: a row lies in one cache line. */
const claimsWords = 8;

/** One report of a flow. Times in unix seconds; those of the flow by the reporter's clock. */
export interface Claim {
  claimant: number;
  seconds: number;
  startSeconds: number;
  endSeconds: number;
  /** How far the clocks of two claimants may differ, in seconds. */
  slackTo(holder: number): number;
}

const observed = connectionState.clientObserved | connectionState.serverObserved;

/** Addresses, ports, protocol and scope of a record, in its own order of source and destination. */
export interface ConnectionTuple {
  /** Four words each, as FlowBatch has them, from `at` on. */
  readonly source: Uint32Array;
  readonly destination: Uint32Array;
  readonly at: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: number;
  readonly scope: number;
}

/**
 * Connections that agents know, so that other observers' records of them are recognised; and flows that only exporters
 * report, with who reported each direction first. Keys are stored with the lower end first, so a record finds its row
 * whichever way it is written. Each kind has its own bound; memory grows with use.
 */
export class ConnectionTable {
  readonly #index: RowIndex;
  #probeIsReversed = false;
  /** Row of the PeerTable, 0 when that end is not known. */
  clientPeer = new Uint32Array(1024);
  serverPeer = new Uint32Array(1024);
  state = new Uint16Array(1024);
  /** Rows of the ObserverTable: the agent that reports that end; 0 for none. */
  clientObserver = new Uint32Array(1024);
  serverObserver = new Uint32Array(1024);
  /** Unix ms, by whoever reported it first; 0 when no agent has. */
  startedMilliseconds = new Float64Array(1024);
  serverPort = new Uint16Array(1024);
  /** Unix seconds of the last record. */
  lastSeenSeconds = new Uint32Array(1024);
  /**
   * Two claims a row, the key's own direction first: who reports the figures, the unix second of its last report, and the second until
   * which its reports tell of the flow, by its own clock.
   */
  #claims = new Uint32Array(1024 * claimsWords);
  readonly #connectionsMax: number;
  readonly #claimsMax: number;
  #connectionCount = 0;

  constructor(connectionsMax: number, claimsMax: number) {
    this.#connectionsMax = connectionsMax;
    this.#claimsMax = claimsMax;
    this.#index = new RowIndex(keyWords, connectionsMax + claimsMax);
  }

  /** Rows of both kinds. */
  get count(): number {
    return this.#index.count;
  }

  /** Those that an agent knows. */
  get connectionCount(): number {
    return this.#connectionCount;
  }

  get claimCount(): number {
    return this.#index.count - this.#connectionCount;
  }

  /** Whether an agent knows the row's connection. */
  isConnection(row: number): boolean {
    return (this.state[row]! & observed) !== 0;
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

  /** The row of an agent's connection, made when it is new; -1 when there are too many. `end` is whose socket was read. */
  enter(tuple: ConnectionTuple, end: number): number {
    this.#writeProbe(tuple);
    const isFull = this.#connectionCount >= this.#connectionsMax;
    const row = isFull ? this.#index.find() : this.#findOrAdd();
    if (row < 0 || (isFull && !this.isConnection(row))) return -1;
    if (!this.isConnection(row)) this.#connectionCount++;
    this.state[row]! |= end;
    return row;
  }

  /** The row of a connection or flow, made when it is new; -1 when there are too many flows. */
  findOrClaim(tuple: ConnectionTuple): number {
    this.#writeProbe(tuple);
    return this.claimCount >= this.#claimsMax ? this.#index.find() : this.#findOrAdd();
  }

  /**
   * Who reports the figures of the tuple last looked up, in its own direction or the other: `claim.claimant`, if nobody else has within
   * `claimSeconds`, or if its report tells of a time after the holder's. Anybody who reports keeps what is theirs.
   */
  claim(row: number, claim: Claim, claimSeconds: number, isReverse = false): number {
    const { claimant, seconds, startSeconds, endSeconds } = claim;
    const claims = this.#claims;
    const at = row * claimsWords + (this.#probeIsReversed === isReverse ? 0 : claimsWords / 2);
    const holder = claims[at]!;
    if (holder !== claimant && holder !== 0 && claims[at + 1]! + claimSeconds >= seconds) {
      const heldUntil = claims[at + 2]!;
      const slack = claim.slackTo(holder);
      if (startSeconds < heldUntil - slack || endSeconds <= heldUntil + 2 * slack) return holder;
    }
    claims[at] = claimant;
    claims[at + 1] = seconds;
    claims[at + 2] = Math.max(endSeconds, holder === claimant ? claims[at + 2]! : 0);
    return claimant;
  }

  /** The second, by its claimants' clocks, until which figures of a flow were claimed; 0 when they never were. */
  heldUntil(row: number): number {
    const at = row * claimsWords;
    return Math.max(this.#claims[at + 2]!, this.#claims[at + claimsWords / 2 + 2]!);
  }

  #findOrAdd(): number {
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

  /** The agent whose figures count, or that of the server's end while that is not decided. */
  countingObserver(row: number): number {
    const clientCounts = (this.state[row]! & connectionState.clientCounts) !== 0;
    return (clientCounts ? this.clientObserver : this.serverObserver)[row]!;
  }

  /** Begins another connection of the same addresses and ports, of which one end is known. */
  forget(row: number, end: number): void {
    this.state[row] = end;
    this.clientPeer[row] = 0;
    this.serverPeer[row] = 0;
    this.clientObserver[row] = 0;
    this.serverObserver[row] = 0;
    this.startedMilliseconds[row] = 0;
  }

  /** The ends that this agent reported are open no more, and any other may report them. */
  forgetObserver(row: number, observer: number): void {
    if (this.clientObserver[row] === observer) {
      this.clientObserver[row] = 0;
      this.state[row]! &= ~connectionState.clientOpen;
    }
    if (this.serverObserver[row] === observer) {
      this.serverObserver[row] = 0;
      this.state[row]! &= ~connectionState.serverOpen;
    }
  }

  isOpen(row: number): boolean {
    return (this.state[row]! & (connectionState.clientOpen | connectionState.serverOpen)) !== 0;
  }

  /**
   * Forgets closed connections last seen before `seconds`, and flows before `claimSeconds`. Rows move: none may be kept
   * over this call.
   */
  sweep(seconds: number, claimSeconds: number): void {
    this.#connectionCount = 0;
    this.#index.compact(
      (row) => {
        const isConnection = this.isConnection(row);
        const isKept =
          this.isOpen(row) || this.lastSeenSeconds[row]! >= (isConnection ? seconds : claimSeconds);
        if (isKept && isConnection) this.#connectionCount++;
        return isKept;
      },
      (from, to) => {
        this.clientPeer[to] = this.clientPeer[from]!;
        this.serverPeer[to] = this.serverPeer[from]!;
        this.state[to] = this.state[from]!;
        this.clientObserver[to] = this.clientObserver[from]!;
        this.serverObserver[to] = this.serverObserver[from]!;
        this.startedMilliseconds[to] = this.startedMilliseconds[from]!;
        this.serverPort[to] = this.serverPort[from]!;
        this.lastSeenSeconds[to] = this.lastSeenSeconds[from]!;
        this.#claims.copyWithin(to * claimsWords, from * claimsWords, (from + 1) * claimsWords);
      },
    );
  }

  #writeProbe(t: ConnectionTuple): void {
    const reversed = isReversed(t);
    this.#probeIsReversed = reversed;
    const { probe } = this.#index;
    const first = reversed ? t.destination : t.source;
    const second = reversed ? t.source : t.destination;
    for (let i = 0; i < 4; i++) {
      probe[i] = first[t.at + i]!;
      probe[4 + i] = second[t.at + i]!;
    }
    probe[portsWord] = reversed
      ? (t.destinationPort << 16) | t.sourcePort
      : (t.sourcePort << 16) | t.destinationPort;
    probe[protocolWord] = t.protocol;
    probe[scopeWord] = t.scope;
  }

  #clearRow(row: number): void {
    if (row >= this.state.length) this.#grow(this.state.length * 2);
    this.forget(row, 0);
    this.serverPort[row] = 0;
    this.lastSeenSeconds[row] = 0;
    this.#claims.fill(0, row * claimsWords, (row + 1) * claimsWords);
  }

  #grow(capacity: number): void {
    this.clientPeer = grown(this.clientPeer, capacity);
    this.serverPeer = grown(this.serverPeer, capacity);
    this.state = grown(this.state, capacity);
    this.clientObserver = grown(this.clientObserver, capacity);
    this.serverObserver = grown(this.serverObserver, capacity);
    this.startedMilliseconds = grown(this.startedMilliseconds, capacity);
    this.serverPort = grown(this.serverPort, capacity);
    this.lastSeenSeconds = grown(this.lastSeenSeconds, capacity);
    this.#claims = grown(this.#claims, capacity * claimsWords);
  }
}

/** Whether the destination sorts before the source, by the words of the address, then port. */
export function isReversed(t: ConnectionTuple): boolean {
  for (let i = t.at + 3; i >= t.at; i--) {
    const difference = t.source[i]! - t.destination[i]!;
    if (difference !== 0) return difference > 0;
  }
  return t.sourcePort > t.destinationPort;
}
