import { type FlowBatch, grown, RowIndex } from "../../flow/index.ts";

/** Words of a key: two addresses, two ports in one word, scope. */
const keyWords = 10;

/** What is known of a connection that has ended. */
export interface EndedConnection {
  bytesSent: number;
  bytesReceived: number;
  milliseconds: number;
}

/**
 * Adds up the records of each open TCP connection, so that it can be told whole when it ends. Bounded: of a connection beyond the
 * bound only its last record is known. One that never ends is forgotten when nothing was heard of it for so long.
 */
export class ConnectionTotals {
  readonly #index: RowIndex;
  #sent = new Float64Array(1024);
  #received = new Float64Array(1024);
  #started = new Float64Array(1024);
  /** Unix ms; 0 for a row that is over. */
  #lastSeen = new Float64Array(1024);
  #overCount = 0;
  readonly #ended: EndedConnection = { bytesSent: 0, bytesReceived: 0, milliseconds: 0 };

  constructor(connectionsMax: number) {
    this.#index = new RowIndex(keyWords, connectionsMax);
  }

  get count(): number {
    return this.#index.count - this.#overCount;
  }

  /** Adds a row whose source is the client. Answers with the connection when the row is its last one; valid until the next call. */
  add(batch: FlowBatch, row: number, isLast: boolean): EndedConnection | undefined {
    const { columns } = batch;
    this.#writeProbe(batch, row);
    const sent = columns.octetDeltaCount[row]!;
    const received = columns.reverseOctetDeltaCount[row]!;
    const start = columns.flowStartMilliseconds[row]!;
    const end = columns.flowEndMilliseconds[row]!;
    const known = isLast ? this.#index.find() : this.#enter(start);
    const isKnown = known >= 0 && this.#lastSeen[known]! > 0;
    if (!isLast) {
      if (known < 0) return undefined;
      this.#sent[known]! += sent;
      this.#received[known]! += received;
      this.#lastSeen[known] = end;
      return undefined;
    }
    this.#ended.bytesSent = sent + (isKnown ? this.#sent[known]! : 0);
    this.#ended.bytesReceived = received + (isKnown ? this.#received[known]! : 0);
    this.#ended.milliseconds = Math.max(0, end - (isKnown ? this.#started[known]! : start));
    if (isKnown) this.#forget(known);
    return this.#ended;
  }

  /** Closes the gaps of ended connections, and forgets those without news since `time` (unix ms). */
  sweep(time: number): void {
    this.#index.compact(
      (row) => this.#lastSeen[row]! > time,
      (from, to) => {
        for (const column of [this.#sent, this.#received, this.#started, this.#lastSeen])
          column[to] = column[from]!;
      },
    );
    this.#overCount = 0;
  }

  #enter(start: number): number {
    const before = this.#index.count;
    const row = this.#index.findOrAdd();
    if (row < 0) return row;
    if (row >= this.#sent.length) this.#grow();
    if (row === before || this.#lastSeen[row] === 0) {
      if (row !== before) this.#overCount--;
      this.#sent[row] = 0;
      this.#received[row] = 0;
      this.#started[row] = start;
    }
    return row;
  }

  #forget(row: number): void {
    this.#lastSeen[row] = 0;
    this.#overCount++;
  }

  #grow(): void {
    const length = this.#sent.length * 2;
    this.#sent = grown(this.#sent, length);
    this.#received = grown(this.#received, length);
    this.#started = grown(this.#started, length);
    this.#lastSeen = grown(this.#lastSeen, length);
  }

  #writeProbe({ columns, sourceWords, destinationWords }: FlowBatch, row: number): void {
    const { probe } = this.#index;
    for (let i = 0; i < 4; i++) {
      probe[i] = sourceWords[row * 4 + i]!;
      probe[4 + i] = destinationWords[row * 4 + i]!;
    }
    probe[8] = (columns.sourceTransportPort[row]! << 16) | columns.destinationTransportPort[row]!;
    probe[9] = columns.connectionScope[row]!;
  }
}
